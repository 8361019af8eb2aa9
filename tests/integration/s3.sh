#!/bin/sh
# source/s3-file and `flag upload` against a server that checks signatures: the whole object, killed and gone on with,
# replaced and deleted meanwhile, each refusal in words; a list of users uploaded, clicked and seen by a worker.
# services: moto retailer
. "$(dirname "$0")/lib.sh"

bucket=$(unique bucket | tr 'A-Z' 'a-z' | cut -c 1-60)
key_id=$MOTO_ACCESS_KEY_ID
secret=$MOTO_SECRET
export AWS_EC2_METADATA_DISABLED=true AWS_SHARED_CREDENTIALS_FILE="$work/credentials" AWS_CONFIG_FILE="$work/config"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION || true
cat >"$work/credentials" <<END
[default]
aws_access_key_id = $key_id
aws_secret_access_key = $secret
[wrong]
aws_access_key_id = $key_id
aws_secret_access_key = canary-$secret
[stranger]
aws_access_key_id = AKIASTRANGER
aws_secret_access_key = $secret
END
printf '[default]\nregion = us-east-1\n[profile wrong]\nregion = us-east-1\n[profile stranger]\nregion = us-east-1\n' >"$work/config"

# s3 STATEMENT: Python of an independent client.
s3() {
    PYTHONPATH=$MOTO_PYTHONPATH python3 - "$AWS_ENDPOINT" "$bucket" "$work" 2>"$work/boto.log" <<END || fail "boto3: $1" "$work/boto.log"
import boto3, sys
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
bucket, work = sys.argv[2], sys.argv[3]
$1
END
}

users=60000
awk -v n=$users 'BEGIN { for (i = 0; i < n; i++) printf "%08x-1b2c-4d5e-8f60-%012x\n", i * 2654435761 % 4294967296, i }' >"$work/ids"
{ echo user_id; cat "$work/ids"; } | sed 's/$/\r/' >"$work/users.csv"
gzip -c "$work/users.csv" >"$work/users.csv.gz"
s3 's3.create_bucket(Bucket=bucket)
for name in ("users.csv", "users.csv.gz"):
    s3.upload_file(work + "/" + name, bucket, "lists/of users/" + name)'

# config KEY [OPTION...]: a pipeline of that object, so slow if told that it can be disturbed.
slow=
config() {
    key=$1
    shift
    {
        echo "state_dir: $work/state"
        echo "pipelines:"
        echo "  p:"
        echo "    source:"
        echo "      plugin: s3-file"
        echo "      url: \"s3://$bucket/$key\""
        echo "      aws_endpoint: $AWS_ENDPOINT"
        for line; do echo "      $line"; done
        echo "    decoder: { plugin: lines, field: user_id }"
        echo "    sink: { plugin: file, path: $work/out.jsonl }"
        [ -z "$slow" ] || printf '    rate_limit: %s\n    commit_interval: 20ms\n' "$slow"
    } >"$work/s3.yaml"
}
fresh() { rm -rf "$work/state" "$work/out.jsonl"; }
ids_out() { jq -r .user_id "$work/out.jsonl"; }

for key in "lists/of users/users.csv" "lists/of users/users.csv.gz"; do
    config "$key" "range: 256KiB"
    fresh
    sluice run -c "$work/s3.yaml" --json >"$work/run.json" 2>"$work/run.log" || fail "run ended with $?" "$work/run.log"
    ids_out | cmp -s - "$work/ids" || fail "$key: what came is not the object"
    same "written of $key" $users "$(jq -r '.pipelines[0].written' "$work/run.json")"
done
say "$users users out of a plain and a gzip object, range by range, signed"

slow=20000
config "lists/of users/users.csv" "range: 64KiB"
fresh
kills=0
while [ $kills -lt 5 ]; do
    had=$(lines "$work/out.jsonl")
    start killed -c "$work/s3.yaml"
    more() { [ "$(lines "$work/out.jsonl")" -gt $((had + 3000)) ]; }
    wait_until 30 "more users" more
    kill -9 "$pid"
    finished "$pid" 10
    kills=$((kills + 1))
done
start killed -c "$work/s3.yaml"
finished "$pid" 60
same "exit code after $kills kills" 0 "$code"
grep -q 'going on after record' "$work/killed.log" || fail "it did not go on where it was" "$work/killed.log"
ids_out | sort -u >"$work/once"
sort "$work/ids" | cmp -s - "$work/once" || fail "users were lost over $kills kills"
twice=$(($(lines "$work/out.jsonl") - users))
[ "$twice" -lt $((kills * 5000)) ] || fail "$twice users were delivered twice"
say "$kills kills: no user lost, $twice delivered twice"

# --- replaced and deleted meanwhile -------------------------------------------------------
slow=4000
config "lists/of users/users.csv" "range: 64KiB"
fresh
start changed -c "$work/s3.yaml"
some() { [ "$(lines "$work/out.jsonl")" -gt 3000 ]; }
wait_until 30 "some users" some
s3 's3.put_object(Bucket=bucket, Key="lists/of users/users.csv", Body=b"another\n")'
finished "$pid" 60
same "exit code of an object that is replaced" 1 "$code"
grep -q 'was replaced by another object after' "$work/changed.log" || fail "it is not told that the object was replaced" "$work/changed.log"
ids_out | cmp -s - "$work/ids" && fail "it was over before the object was replaced"
! ids_out | grep -q another || fail "the other object was taken for the rest of the first"
code=0
sluice run -c "$work/s3.yaml" >"$work/again.out" 2>"$work/again.log" || code=$?
same "exit code of the next run" 1 "$code"
grep -q 'is not the object that was read up to byte' "$work/again.log" || fail "the next run does not say why" "$work/again.log"
slow=
config "lists/of users/users.csv" "on_change: restart"
sluice run -c "$work/s3.yaml" >"$work/again.out" 2>"$work/again.log" || fail "on_change: restart" "$work/again.log"
same "the other object" another "$(ids_out | tail -n 1)"
s3 's3.upload_file(work + "/users.csv", bucket, "lists/of users/users.csv")'
slow=4000
config "lists/of users/users.csv" "range: 64KiB"
fresh
start deleted -c "$work/s3.yaml"
wait_until 30 "some users" some
s3 's3.delete_object(Bucket=bucket, Key="lists/of users/users.csv")'
finished "$pid" 60
same "exit code of an object that is deleted" 1 "$code"
grep -q 'was deleted after a part of its' "$work/deleted.log" || fail "it is not told that the object was deleted" "$work/deleted.log"
say "an object that is replaced or deleted meanwhile is noticed, and told"

slow=
# --- refusals -------------------------------------------------------------------------------
# says WORDS KEY [OPTION...]: check --online fails and says so.
says() {
    words=$1
    shift
    config "$@"
    ! sluice check --online -c "$work/s3.yaml" >"$work/check.log" 2>&1 || fail "check --online is content: $words" "$work/check.log"
    grep -q "$words" "$work/check.log" || fail "check --online does not say '$words'" "$work/check.log"
    ! grep -q "canary\|$secret" "$work/check.log" || fail "check --online shows a secret"
}
says 'the secret does not belong to the access key id' "lists/of users/users.csv.gz" 'aws_profile: wrong'
says 'AWS does not know these credentials' "lists/of users/users.csv.gz" 'aws_profile: stranger'
says 'there is no profile nobody' "lists/of users/users.csv.gz" 'aws_profile: nobody'
says 'there is no such thing under this key' none.csv
bucket=no-$bucket
says 'there is no such bucket' users.csv
bucket=${bucket#no-}
config "lists/of users/users.csv.gz"
sluice check --online -c "$work/s3.yaml" >"$work/check.log" 2>&1 || fail "check --online finds fault" "$work/check.log"
s3 's3.put_object(Bucket=bucket, Key="some.csv", Body=open(work + "/users.csv", "rb").read(40000))'
sluice plugin test --set "url=s3://$bucket/some.csv" --set "aws_endpoint=$AWS_ENDPOINT" \
    "$top_builddir/plugins/source-s3-file/.libs/source-s3-file.so" >"$work/conformance.log" 2>&1 ||
    fail "source/s3-file fails its conformance test" "$work/conformance.log"
say "each refusal in words; conformance: $(tail -n 1 "$work/conformance.log" | sed 's/.*: //')"

# --- flag upload ------------------------------------------------------------------------------
flag=$(unique flag)
echo '{"enabled": true, "segments": [{"name": "inline", "allowedIDs": "u1", "rollout": 100}]}' >"$RETAILER_FLAGS/$flag.json"
: >"$work/in.jsonl"
cat >"$work/worker.yaml" <<END
state_dir: $work/worker
http: { listen: "127.0.0.1:0" }
pipelines:
  p:
    source: { plugin: file, path: $work/in.jsonl, follow: true }
    stages:
      - gate: { plugin: feature-flipper, flag: $flag, url: "$RETAILER_URL", lists: "s3://$bucket/segments/", aws_endpoint: "$AWS_ENDPOINT", interval: 200ms }
    sink: { plugin: "null" }
END
start worker -c "$work/worker.yaml"
wait_until 20 "the server to listen" listening "$work/worker.log"
upload() {
    code=0
    sluice flag upload -c "$work/worker.yaml" --flag "$flag" --user-file "$work/users.csv" --name wave-1.csv "$@" \
        >"$work/upload.json" 2>"$work/upload.log" || code=$?
}
upload --dry-run
same "exit code of a dry run" 0 "$code"
grep -q "dry run: $users users would be put at s3://$bucket/segments/wave-1.csv" "$work/upload.log" || fail "the dry run does not say where" "$work/upload.log"
upload --wait --timeout 1s --worker "http://$address"
same "exit code before somebody clicked" 3 "$code"
grep -q "to do: in the page of the flag $flag add a segment with allowedS3IDs = wave-1.csv and rollout 100" "$work/upload.log" ||
    fail "it is not told what to click" "$work/upload.log"
s3 's3.download_file(bucket, "segments/wave-1.csv", work + "/wave-1")'
cmp -s "$work/wave-1" "$work/ids" || fail "what is in the bucket are not the users"
# The click, while the command waits.
(
    wait_until 30 "the command to wait" grep -q '^waiting: ' "$work/upload.log"
    echo '{"enabled": true, "segments": [{"name": "inline", "allowedIDs": "u1", "rollout": 100},
        {"name": "wave 1", "allowedS3IDs": "wave-1.csv", "rollout": 100}]}' >"$RETAILER_FLAGS/$flag.new"
    mv "$RETAILER_FLAGS/$flag.new" "$RETAILER_FLAGS/$flag.json"
) &
clicking=$!
: >"$work/upload.log"
upload --wait --timeout 60s --worker "http://$address"
wait $clicking
same "exit code once the worker has it" 0 "$code"
version=$(sed -n 's/^version \([0-9a-f]*\) lets all .* users through, here and in each worker$/\1/p' "$work/upload.log")
same "the version of the worker" "$version" "$(curl -sS -m 10 "http://$address/pipelines" | jq -r '.pipelines[0].flags[0].version')"
AWS_PROFILE=wrong upload
same "exit code with a wrong secret" 1 "$code"
grep -q 'the secret does not belong to the access key id' "$work/upload.log" || fail "the wrong secret is not told" "$work/upload.log"
kill -TERM "$pid"
finished "$pid" 20
say "uploaded, clicked, and seen by the worker at version $version"
