#!/bin/sh
# services: moto
# `sluice backfill` to SQS, as the operators type it: the messages of the queue are those of the list,
# each once; a queue that is not there leaves a resume file, and its command sends the rest.
. "$(dirname "$0")/lib.sh"

mkdir "$work/bin"
ln -s "$top_builddir/sluice-dev" "$work/bin/sluice"
ln -s "$top_builddir/sluice-dev" "$work/bin/backfill"
PATH=$work/bin:$PATH
TMPDIR=$work
export PATH TMPDIR
cd "$work"
export AWS_ACCESS_KEY_ID="$MOTO_ACCESS_KEY_ID" AWS_SECRET_ACCESS_KEY="$MOTO_SECRET" AWS_REGION=us-east-1 \
    AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_SESSION_TOKEN || true

# An independent client makes, reads and deletes queues: sqs COMMAND QUEUE; a body a line.
cat >sqs.py <<'END'
import os, sys
sys.path.insert(0, os.environ["MOTO_PYTHONPATH"])
import boto3
sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT"], region_name="us-east-1")
command, name = sys.argv[1:3]
if command == "create":
    print(sqs.create_queue(QueueName=name)["QueueUrl"])
elif command == "take":
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    while True:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            break
        for m in messages:
            print(m["Body"])
        sqs.delete_message_batch(QueueUrl=url, Entries=[
            {"Id": str(i), "ReceiptHandle": m["ReceiptHandle"]} for i, m in enumerate(messages)])
END
queue_client() { python3 sqs.py "$@" 2>>python.log || fail "the queue's other client fails" python.log; }

# take QUEUE FILE: all messages, which are then gone.
take() { queue_client take "$1" >"$2"; }
users_of() { jq -r .user_id "$1" | sort; }

queue=$(unique backfill | tr -c 'A-Za-z0-9_\n-' '-')
url=$(queue_client create "$queue")

# --- the two commands of the procedure -----------------------------------------------------------
seq -f 'user-%04.0f' 120 >users.txt
echo user-0007 >>users.txt
backfill --user-file users.txt --queue-url "$url" --rate-limit 10 --lookback-days 365 --dry-run >dry.out 2>dry.log ||
    fail "the dry run fails" dry.log
contains dry.out "users       120, from users.txt"
contains dry.out "1 duplicates"
contains dry.out "10 users a second: 0:12 in all"
contains dry.out "account     123456789012"
take "$queue" taken
same "messages after a dry run" 0 "$(lines taken)"
backfill --user-file users.txt --queue-url "$url" --rate-limit 10 --lookback-days 365 >run.out 2>run.log </dev/null ||
    fail "the run fails" run.log
contains run.out "sent 120 of 120 users"
seconds=$(sed -n 's/.* in \([0-9.]*\) s .*/\1/p' run.out)
awk -v s="$seconds" 'BEGIN { exit !(s >= 120 / 10 * 0.98 && s <= 120 / 10 * 1.02 + 0.2) }' ||
    fail "120 users at 10/s took $seconds s"
take "$queue" taken
users_of taken >got
sort -u users.txt | cmp -s - got || fail "the messages are not those of the list"
same "a message's members" "event_type job_id lookback_days priority reason request_id requested_at user_id" \
    "$(jq -r 'keys | join(" ")' taken | sort -u)"
say "a dry run sends nothing; the run sends each user once, 120 users at 10/s in $seconds s"

# --- without a limit, and Ctrl-C -----------------------------------------------------------------
seq -f 'user-%05.0f' 500 >many.txt
backfill --user-file many.txt --queue-url "$url" --rate-limit 0 --json >fast.out 2>fast.log </dev/null ||
    fail "the run without a limit fails" fast.log
say "500 users to moto without a limit: $(jq '.sent / .seconds | floor' fast.out)/s"
take "$queue" taken
users_of taken | cmp -s many.txt - || fail "without a limit the messages are not those of the list"
head -n 400 many.txt >list.txt
env --default-signal=INT backfill --user-file list.txt --queue-url "$url" --rate-limit 5 >stop.out 2>stop.log </dev/null &
pid=$!
running="$running $pid"
: >taken
some() {
    queue_client take "$queue" >>taken
    [ "$(lines taken)" -ge 20 ]
}
wait_until 60 "20 messages" some
kill -INT "$pid"
finished "$pid" 30
same "exit code after Ctrl-C" 130 "$code"
queue_client take "$queue" >>taken
users_of taken >got
sort list.txt.resume >left
same "users that are sent and left" 0 "$(comm -12 got left | wc -l)"
sort -u got left | cmp -s list.txt - || fail "sent and left are not all users"
tail -n 1 stop.log | sed 's/.*to go on: //; s/--rate-limit 5/--rate-limit 0/' >go-on
sh -eu ./go-on >go-on.out 2>go-on.log || fail "the command of the last line fails" go-on.log
queue_client take "$queue" >>taken
users_of taken | cmp -s list.txt - || fail "after going on not every user was sent exactly once"
same "jobs of all messages" 1 "$(jq -r .job_id taken | sort -u | wc -l)"
say "after Ctrl-C $(lines left) users were left, and sent by the command of the last line"

# --- a queue that is not there, and credentials that are wrong ----------------------------------------
printf 'backfill: { give_up: 1s, queue: { plugin: sqs, queue_url: "%s-gone" } }\n' "$url" >gone.yaml
head -n 5 list.txt >few.txt
code=0
sluice backfill -c gone.yaml --user-file few.txt --rate-limit 0 >gone.out 2>gone.log </dev/null || code=$?
same "exit code without a queue" 1 "$code"
cmp -s few.txt few.txt.resume || fail "the resume file does not hold all users" gone.log
queue_client create "$queue-gone" >/dev/null
tail -n 1 gone.log | sed 's/.*to go on: //' >go-on
sh -eu ./go-on >go-on.out 2>go-on.log || fail "the command of the last line fails" go-on.log
take "$queue-gone" taken
users_of taken | cmp -s few.txt - || fail "the users were not sent once the queue was there"
code=0
AWS_SECRET_ACCESS_KEY=canary-of-a-secret sluice backfill -c gone.yaml --user-file few.txt >bad.out 2>bad.log </dev/null || code=$?
same "exit code with a wrong secret" 1 "$code"
same "users that are left" 5 "$(lines few.txt.resume-2)"
lacks bad.log canary-of-a-secret
say "a missing queue and wrong credentials leave all users in a resume file: $(grep -m 1 'gave up' bad.log | cut -c1-160)"
