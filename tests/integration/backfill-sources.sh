#!/bin/sh
# services: moto valkey
# Where the users of a backfill come from: an object of S3, from the command line and over HTTP; and
# enrolment, which sets the key that the gate looks for and loads a user at first contact.
. "$(dirname "$0")/lib.sh"

cd "$work"
export AWS_ACCESS_KEY_ID="$MOTO_ACCESS_KEY_ID" AWS_SECRET_ACCESS_KEY="$MOTO_SECRET" AWS_REGION=us-east-1 \
    AWS_EC2_METADATA_DISABLED=true TMPDIR="$work"
unset AWS_PROFILE AWS_SESSION_TOKEN || true

bucket=$(unique users | tr 'A-Z_' 'a-z-')
seq -f 'user-%04.0f' 1000 >users.txt
{ echo user_id; cat users.txt; echo user-0007; echo 'bad id'; echo; } >list.txt
python3 - "$bucket" <<'END' 2>python.log || fail "the object can't be made" python.log
import os, sys
sys.path.insert(0, os.environ["MOTO_PYTHONPATH"])
import boto3
s3 = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT"], region_name="us-east-1")
s3.create_bucket(Bucket=sys.argv[1])
s3.put_object(Bucket=sys.argv[1], Key="lists/users.txt", Body=open("list.txt", "rb").read())
END
prefix=$(unique enrolled)
cat >worker.yaml <<END
state_dir: state
http: { listen: "127.0.0.1:0" }
jobs: {}
backfill:
  queue: { plugin: file, path: queue.jsonl }
  s3: { aws_endpoint: "$AWS_ENDPOINT" }
pipelines:
  idle:
    source: { plugin: file, path: in.jsonl, follow: true }
    stages:
      - gate: { plugin: valkey-enrollment, address: "$VALKEY_ADDRESS", key: "$prefix:{user_id}" }
    sink: { plugin: file, path: out.jsonl }
END
: >in.jsonl
users_of() { jq -r .user_id "$1" | sort; }

code=0
sluice backfill -c worker.yaml --s3-uri "s3://$bucket/lists/users.txt" --rate-limit 0 --json >s3.out 2>s3.log </dev/null || code=$?
[ "$code" -eq 3 ] || fail "exit code of a list with an invalid id: $code" s3.log
same "what was sent" "1000 1 1" "$(jq -r '"\(.sent) \(.duplicates) \(.invalid)"' s3.out)"
users_of queue.jsonl | cmp -s users.txt - || fail "the messages are not those of the object"
code=0
sluice backfill -c worker.yaml --s3-uri "s3://$bucket/lists/gone.txt" --dry-run >gone.out 2>gone.log </dev/null || code=$?
same "exit code without the object" 1 "$code"
contains gone.log "gone.txt"
rm queue.jsonl
say "users from S3, from the command line"

start worker -c worker.yaml
listening() { grep -q event=http_listening worker.log; }
wait_until 20 "the listener" listening
url=http://127.0.0.1:$(sed -n 's/.*event=http_listening.* port=\([0-9]*\).*/\1/p' worker.log)
ask() { status=$(curl -sS -m 30 -o answer.json -w '%{http_code}' "$@") || fail "no answer to $*"; }
job_is() {
    curl -sS -m 30 -o answer.json "$url/admin/backfill/$1"
    [ "$(jq -r .status answer.json)" = "$2" ]
}
ask -X POST "$url/admin/backfill" -d "{\"s3_uri\": \"s3://$bucket/lists/users.txt\", \"rate_limit\": 0}"
same "status of a backfill from S3" 202 "$status"
job=$(jq -r .job_id answer.json)
wait_until 60 "the job to be sent" job_is "$job" waiting
same "users of the job" "1000 1000" "$(jq -r '"\(.users.total) \(.users.sent)"' answer.json)"
users_of queue.jsonl | cmp -s users.txt - || fail "the messages are not those of the object"
ask -X POST "$url/admin/backfill" -d "{\"s3_uri\": \"s3://$bucket/lists/gone.txt\"}"
job=$(jq -r .job_id answer.json)
wait_until 60 "the job to be broken" job_is "$job" broken
jq -e '.error | contains("gone.txt")' answer.json >/dev/null || fail "the job does not say what is wrong" answer.json
say "users from S3, over HTTP; a list that is not there breaks the job in words"

# --- enrolment ------------------------------------------------------------------------------------
rm queue.jsonl
echo '{"user_id":"newcomer","n":1}' >>in.jsonl
denied() { curl -sS -m 10 "$url/pipelines" | jq -e '.pipelines[0].gated == 1' >/dev/null; }
wait_until 20 "the user to be denied" denied
ask -X POST "$url/consumer-graph-worker/enroll" -d '{"user_id": "newcomer"}'
same "first contact" "202 true" "$status $(jq -r .first_contact answer.json)"
wait_until 30 "the job to be sent" job_is "$(jq -r .job_id answer.json)" waiting
same "the message" "newcomer enrollment" "$(jq -r '"\(.user_id) \(.reason)"' queue.jsonl)"
same "the key" 1 "$(valkey EXISTS "$prefix:newcomer")"
ask -X POST "$url/consumer-graph-worker/enroll" -d '{"user_id": "newcomer"}'
same "the second time" "200 false null" "$status $(jq -r '"\(.first_contact) \(.job_id)"' answer.json)"
admitted() {
    echo '{"user_id":"newcomer","n":2}' >>in.jsonl
    [ "$(lines out.jsonl)" -ge 1 ]
}
wait_until 20 "the gate to admit the user" admitted
for bad in '{"user_id": ""}' '{"user_id": 7}' '{}' '{"user_id": "a b"}' '{"user": "a"}' 'x'; do
    ask -X POST "$url/consumer-graph-worker/enroll" -d "$bad"
    same "enrolment of $bad" 400 "$status"
done
same "messages" 1 "$(lines queue.jsonl)"
kill "$pid"
finished "$pid" 30
same "exit code" 0 "$code"
say "an enrolled user is loaded once and admitted from then on"
