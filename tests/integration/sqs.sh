#!/bin/sh
# source/sqs, sink/sqs and `sluice queue depth` against a server that checks signatures (moto), and against one
# whose visibility timeouts are those of AWS (ElasticMQ): nothing is lost, whoever dies in the middle, and what
# is in work stays with who works on it.
# services: moto elasticmq
. "$(dirname "$0")/lib.sh"

export AWS_EC2_METADATA_DISABLED=true AWS_SHARED_CREDENTIALS_FILE="$work/credentials" AWS_CONFIG_FILE="$work/config"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION AWS_PROFILE || true
cat >"$work/credentials" <<END
[default]
aws_access_key_id = $MOTO_ACCESS_KEY_ID
aws_secret_access_key = $MOTO_SECRET
[wrong]
aws_access_key_id = $MOTO_ACCESS_KEY_ID
aws_secret_access_key = canary-$MOTO_SECRET
[stranger]
aws_access_key_id = AKIASTRANGER
aws_secret_access_key = $MOTO_SECRET
END
for profile in default 'profile wrong' 'profile stranger'; do
    printf '[%s]\nregion = us-east-1\n' "$profile"
done >"$work/config"

# boto ENDPOINT STATEMENT: Python of an independent client; `name` is the queue.
boto() {
    PYTHONPATH=$MOTO_PYTHONPATH python3 - "$1" "$queue" 2>"$work/boto.log" <<END || fail "boto3 failed" "$work/boto.log"
import boto3, json, sys
sqs = boto3.client("sqs", endpoint_url=sys.argv[1], region_name="us-east-1")
name = sys.argv[2]
$2
END
}

# make_users N: the users that are sent from now on.
make_users() {
    seq 1 "$1" | sed 's/.*/{"user_id":"u&","request_id":"r&"}/' >"$work/users.jsonl"
    users=$1
}

# sender ENDPOINT [LINE...]: a config that sends the users.
sender() {
    to=$1
    shift
    cat >"$work/send.yaml" <<END
state_dir: $work/send.state
pipelines:
  send:
    source: { plugin: file, path: $work/users.jsonl }
    sink:
      plugin: sqs
      queue_url: $to/$account/$queue
END
    for line; do echo "      $line" >>"$work/send.yaml"; done
    rm -rf "$work/send.state"
}

# worker NAME RATE [LINE...]: a config that receives them into NAME.jsonl, RATE a second (0: as they come).
worker() {
    name=$1 rate=$2
    shift 2
    cat >"$work/$name.yaml" <<END
state_dir: $work/$name.state
pipelines:
  work:
    source:
      plugin: sqs
      queue_url: $endpoint/$account/$queue
END
    for line; do echo "      $line" >>"$work/$name.yaml"; done
    echo "    batch: { records: 5, linger: 5ms }" >>"$work/$name.yaml"
    echo "    sink: { plugin: file, path: $work/$name.jsonl$([ "$rate" = 0 ] || echo ", rate_limit: $rate") }" >>"$work/$name.yaml"
}

send() {
    sender "$endpoint" "$@"
    sluice run -c "$work/send.yaml" --json >"$work/send.json" 2>"$work/send.log" || fail "the sender ended with $?" "$work/send.log"
    same "sent" "$users" "$(count "$work/send.json" send written)"
}

# depth WHAT: of the queue now.
depth() {
    code=0
    sluice queue depth --queue-url "$endpoint/$account/$queue" --region us-east-1 --json >"$work/depth.json" 2>"$work/depth.log" || code=$?
    [ "$code" = 0 ] || [ "$code" = 3 ] || fail "queue depth ended with $code" "$work/depth.log" "$work/depth.json"
    jq -r ".queues[0].$1" "$work/depth.json"
}
depth_is() { [ "$(depth "$1")" = "$2" ]; }
at_work() { [ "$(depth in_work)" -gt 0 ]; }
has_lines() { [ "$(lines "$1")" -ge "$2" ]; }

# all_there FILE...: every user is in one of the files.
all_there() {
    cat "$@" | LC_ALL=C sort -u >"$work/there"
    LC_ALL=C sort "$work/users.jsonl" | cmp -s - "$work/there" || fail "not the users that were sent: $(lines "$work/there") of $users" "$work"/*.log
}

# --- signatures -------------------------------------------------------------------------------
# So few that no two calls delete at once: moto's threads write over each other's list of messages, and
# what one deleted is back.
make_users 10
endpoint=$AWS_ENDPOINT account=123456789012 queue=$(unique users)
boto "$endpoint" 'dead = sqs.create_queue(QueueName=name + "-dead")["QueueUrl"]
arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})})
sqs.send_message(QueueUrl=dead, MessageBody="dead")'
sender "$endpoint"
sluice check --online -c "$work/send.yaml" >"$work/check.log" 2>&1 || fail "check --online finds fault" "$work/check.log"
send 'attributes: { request: request_id }'
same "waiting" "$users" "$(depth waiting)"
same "dead letters" 1 "$(depth dead_letters.waiting)"
worker signed 0 'until_empty: true' 'wait: 1s'
sluice check --online -c "$work/signed.yaml" >"$work/check.log" 2>&1 || fail "check --online finds fault" "$work/check.log"
same "waiting after check --online, which receives nothing" "$users" "$(depth waiting)"
code=0
sluice queue depth -c "$work/signed.yaml" >"$work/depth.out" 2>"$work/depth.log" || code=$?
same "exit code of queue depth" 3 "$code"
contains "$work/depth.out" "dead letters: $queue-dead, 1 waiting"
sluice run -c "$work/signed.yaml" --json >"$work/signed.json" 2>"$work/signed.log" || fail "the worker ended with $?" "$work/signed.log"
same "received" "$users" "$(count "$work/signed.json" work written)"
all_there "$work/signed.jsonl"
sluice queue depth -c "$work/signed.yaml" --watch --interval 100ms --timeout 30s >"$work/depth.out" 2>"$work/depth.log" || fail "queue depth --watch ended with $?" "$work/depth.out"
say "$users messages sent, received and deleted, each call signed; depth and dead letters told"

# The commands of docs/how-to/sqs.md, on the queue that is empty now.
mkdir "$work/bin"
ln -s "$top_builddir/sluice-dev" "$work/bin/sluice"
awk '/^```sh live$/ { on = 1; next } /^```/ { on = 0 } on' "$top_srcdir/docs/how-to/sqs.md" >"$work/page"
at_least "commands of the page" 2 "$(lines "$work/page")"
PATH=$work/bin:$PATH AWS_REGION=us-east-1 SQS_QUEUE_URL=$endpoint/$account/$queue sh -eu "$work/page" >"$work/page.log" 2>&1 ||
    fail "a command of docs/how-to/sqs.md ended with $?" "$work/page.log"

# says WORDS LINE: both plugins say so to check --online, and no secret with it.
says() {
    sender "$endpoint" "$2"
    worker told 0 "$2"
    for config in send told; do
        ! sluice check --online -c "$work/$config.yaml" >"$work/check.log" 2>&1 || fail "check --online is content: $1" "$work/check.log"
        contains "$work/check.log" "$1"
        lacks "$work/check.log" "$MOTO_SECRET"
    done
}
says 'the secret does not belong to the access key id' 'aws_profile: wrong'
says 'AWS does not know these credentials' 'aws_profile: stranger'
says 'there is no profile nobody' 'aws_profile: nobody'
there=$queue queue=$queue-gone
says 'there is no such thing' 'aws_region: us-east-1'
queue=$there
say "trouble is told in words"

# --- visibility ----------------------------------------------------------------------------------
make_users 400
endpoint=$ELASTICMQ_URL account=000000000000
new_queue() {
    queue=$(unique "$1")
    boto "$endpoint" 'sqs.create_queue(QueueName=name)'
}

# Two workers, slower than the visibility of one second is long: no message is worked on twice.
new_queue kept
send
for name in a b; do
    worker $name 60 'visibility: 1s' 'wait: 1s'
    start $name -c "$work/$name.yaml"
done
wait_until 60 "the queue to run empty" depth_is empty true
for pid in $running; do
    kill -TERM "$pid"
    finished "$pid" 20
done
same "messages worked on twice" "" "$(cat "$work/a.jsonl" "$work/b.jsonl" | sort | uniq -d)"
all_there "$work/a.jsonl" "$work/b.jsonl"
say "in work for seconds under a visibility of one: each message once"

# SIGTERM gives back what is not done, at once, though it would be invisible for an hour.
new_queue returned
send
worker first 20 'visibility: 1h'
start first -c "$work/first.yaml" --json
wait_until 30 "work" has_lines "$work/first.jsonl" 10
wait_until 30 "messages in work" at_work
kill -TERM "$pid"
finished "$pid" 30
done_now=$(lines "$work/first.jsonl")
same "in work after SIGTERM" 0 "$(depth in_work)"
same "waiting after SIGTERM" "$((users - done_now))" "$(depth waiting)"
say "SIGTERM: $done_now done, the rest is visible again at once"

# kill -9 in the middle: what it held comes again, and nothing is lost.
new_queue killed
send
worker killed 100 'visibility: 2s' 'wait: 1s'
for at in 40 90 150; do
    start killed -c "$work/killed.yaml"
    wait_until 30 "$at lines" has_lines "$work/killed.jsonl" "$at"
    kill -9 "$pid"
    finished "$pid" 10
done
worker killed 0 'visibility: 2s' 'wait: 1s'
start killed -c "$work/killed.yaml"
wait_until 60 "the queue to run empty" depth_is empty true
kill -TERM "$pid"
finished "$pid" 20
all_there "$work/killed.jsonl"
say "kill -9 three times: nothing lost, $(($(lines "$work/killed.jsonl") - users)) done twice"

# A worker that is stopped for longer than the visibility: others take over, and it does no harm when it goes on.
new_queue stopped
send
worker frozen 40 'visibility: 1s' 'wait: 1s'
worker other 0 'visibility: 5s' 'wait: 1s'
start frozen -c "$work/frozen.yaml"
frozen=$pid
wait_until 30 "work" has_lines "$work/frozen.jsonl" 10
kill -STOP "$frozen"
start other -c "$work/other.yaml"
other=$pid
wait_until 60 "the other to take over" depth_is empty true
kill -CONT "$frozen"
for pid in $frozen $other; do
    kill -TERM "$pid"
    finished "$pid" 30
done
all_there "$work/frozen.jsonl" "$work/other.jsonl"
same "left in the queue" true "$(depth empty)"
say "visibility expired in the middle of the work: nothing lost"
