#!/bin/sh
# Backfills that are asked for over HTTP, with the very lines that operators type: each is a job that
# survives a kill -9 without losing anybody or sending the sent again, can be watched and cancelled, and
# what cannot be is refused with a code.
. "$(dirname "$0")/lib.sh"

cd "$work"
cat >worker.yaml <<'END'
state_dir: state
http: { listen: "127.0.0.1:0" }
jobs: {}
backfill: { queue: { plugin: file, path: queue.jsonl } }
pipelines:
  idle:
    source: { plugin: file, path: in.jsonl, follow: true }
    sink: { plugin: "null" }
END
: >in.jsonl

# worker NAME CONFIG...: starts it and waits for its address; $url is where it listens.
worker() {
    start "$@"
    listening() { grep -q event=http_listening "$work/$name.log"; }
    wait_until 20 "the listener" listening
    url=http://127.0.0.1:$(sed -n 's/.*event=http_listening.* port=\([0-9]*\).*/\1/p' "$work/$name.log")
}
# ask CURL-ARGUMENT...: the body in answer.json, the status in $status.
ask() { status=$(curl -sS -m 30 -o answer.json -w '%{http_code}' "$@") || fail "no answer to $*"; }
value() { jq -r "$1" answer.json; }
sent() { if [ -f queue.jsonl ]; then jq -r .user_id queue.jsonl | sort; fi; }
job_is() {
    ask "$url/admin/backfill/$1"
    [ "$(value .status)" = "$2" ]
}

worker first -c worker.yaml

# --- the lines of the procedure ------------------------------------------------------------------
ask -X POST "$url/admin/backfill" -d '{"user_ids": ["user1", "user2", "user1"], "rate_limit": 10, "lookback_days": 365}'
same "status of a backfill" 202 "$status"
job=$(value .job_id)
same "what was accepted" "2 1 10 365" "$(value '"\(.users) \(.duplicates) \(.rate_limit) \(.lookback_days)"' | sed 's/10\.0/10/')"
wait_until 30 "the job to be sent" job_is "$job" waiting
curl -sS -m 30 "$url/admin/backfill/$job" >answer.json
same "what is known of the job" "2 0 2" "$(value '"\(.users.sent) \(.users.pending) \(.users.total)"')"
same "the queue" "user1 user2" "$(sent | tr '\n' ' ' | sed 's/ $//')"
same "the job of the messages" "$job" "$(jq -r .job_id queue.jsonl | sort -u)"
ask -X POST "$url/admin/backfill" -H 'Content-Type:' -d '{"user_ids": ["user3"], "force": true}'
same "status without a content type" 202 "$status"
wait_until 30 "the job to be sent" job_is "$(value .job_id)" waiting
same "a forced message" true "$(jq -r 'select(.user_id == "user3").force' queue.jsonl)"
ask -X POST "$url/admin/backfill" -H 'Content-Type: text/csv' -d '{"user_ids": ["slow1", "slow2", "slow3"], "rate_limit": 0.01}'
slow=$(value .job_id)
first_slow() { sent | grep -q slow; }
wait_until 30 "the first of the slow ones" first_slow
ask -X POST "$url/admin/backfill/$slow/cancel"
same "status of a cancelled job" "200 cancelled" "$status $(value .status)"
ask -X POST "$url/admin/backfill/$slow/cancel"
same "cancelled twice" "409 not_possible" "$status $(value .error.code)"
say "the lines of the procedure work as they are typed"

# --- kill -9 in the middle -------------------------------------------------------------------------
rm queue.jsonl
seq -f '"u%05.0f"' 3000 | paste -sd, | sed 's/^/{"rate_limit": 600, "user_ids": [/; s/$/]}/' >big.json
ask -X POST "$url/admin/backfill" -d @big.json
job=$(value .job_id)
at=300
for round in 1 2 3; do
    some() { [ "$(lines queue.jsonl)" -ge "$at" ]; }
    wait_until 60 "$at messages" some
    kill -9 "$pid"
    finished "$pid" 20
    worker "round$round" -c worker.yaml
    at=$((at + 500))
done
wait_until 60 "the job to be sent" job_is "$job" waiting
same "users after three kills" 3000 "$(sent | uniq | wc -l)"
same "users of the ledger" "3000 0" "$(value '"\(.users.sent) \(.users.pending)"')"
same "requests of 3000 users" 3000 "$(jq -r .request_id queue.jsonl | sort -u | wc -l)"
twice=$(($(lines queue.jsonl) - 3000))
[ "$twice" -le 600 ] || fail "$twice messages were sent again after three kills"
say "three kills: nobody lost, $twice of 3000 messages sent again with the same request id"

# A stop gives the rest back, and the next start sends it, nobody twice.
rm queue.jsonl
ask -X POST "$url/admin/backfill" -d "$(sed 's/"u0/"v0/g' big.json)"
job=$(value .job_id)
at=300
wait_until 60 "$at messages" some
kill "$pid"
finished "$pid" 30
same "exit code of a stop" 0 "$code"
[ "$(lines queue.jsonl)" -lt 3000 ] || fail "it was stopped too late to show anything"
worker again -c worker.yaml
wait_until 60 "the job to be sent" job_is "$job" waiting
same "messages after a stop" 3000 "$(lines queue.jsonl)"
same "users after a stop" 3000 "$(sent | uniq | wc -l)"
no_folder() { [ -z "$(ls -d state/sluice-backfill.* 2>/dev/null)" ]; }
wait_until 10 "the folders of the jobs to be gone, those of killed workers too" no_folder
say "a stop in the middle costs no repetition"

# --- what is refused ----------------------------------------------------------------------------------
# refused STATUS CODE BODY: of POST /admin/backfill
refused() {
    printf '%s' "$3" >body
    ask -X POST "$url/admin/backfill" --data-binary @body
    same "answer to $(printf '%.80s' "$3")" "$1 $2" "$status $(value .error.code)"
}
refused 400 empty_body ''
refused 400 bad_json 'user1'
refused 400 bad_json '{"user_ids": ["a"]'
refused 400 bad_json '{"user_ids": ["a"], "user_ids": ["b"]}'
refused 400 bad_json '{"user_ids": ["\ud800"]}'
refused 400 not_an_object '["user1"]'
refused 400 bad_request '{}'
refused 400 bad_request '{"user_ids": null}'
refused 400 bad_request '{"user_ids": []}'
refused 400 bad_request '{"user_ids": "user1"}'
refused 400 bad_request '{"user_ids": {"a": 1}}'
refused 400 invalid_id '{"user_ids": ["a", 7]}'
refused 400 invalid_id '{"user_ids": ["a", ""]}'
refused 400 invalid_id '{"user_ids": ["a", "b c"]}'
refused 400 invalid_id '{"user_ids": ["../etc"]}'
refused 400 invalid_id "{\"user_ids\": [\"$(printf '%0129d' 0)\"]}"
refused 400 invalid_id '{"user_ids": [["a"]]}'
refused 400 bad_request '{"user_ids": ["a"], "source": "neo4j"}'
refused 400 bad_request '{"source": "kafka"}'
refused 400 bad_request '{"source": 1}'
refused 400 bad_request '{"s3_uri": "http://bucket/key"}'
refused 400 bad_request '{"s3_uri": "s3://bucket"}'
refused 400 bad_request '{"s3_uri": "s3:///key"}'
refused 400 bad_request '{"s3_uri": ""}'
refused 400 bad_request '{"user_ids": ["a"], "rate_limit": -1}'
refused 400 bad_request '{"user_ids": ["a"], "rate_limit": "10"}'
refused 400 bad_request '{"user_ids": ["a"], "rate_limit": 1e99}'
refused 400 bad_request '{"user_ids": ["a"], "lookback_days": 0}'
refused 400 bad_request '{"user_ids": ["a"], "lookback_days": 1.5}'
refused 400 bad_request '{"user_ids": ["a"], "lookback_days": 1e9}'
refused 400 bad_request '{"user_ids": ["a"], "force": "yes"}'
refused 400 unknown_member '{"user_ids": ["a"], "rate_limits": 1}'
refused 400 too_deep "$(printf '[%.0s' $(seq 40))"
head -c 1100000 /dev/zero | tr '\0' ' ' >body
ask -X POST "$url/admin/backfill" --data-binary @body
same "a body above 1 MiB" "413 body_too_large" "$status $(value .error.code)"
ask "$url/admin/backfill/backfill-00000000-0000-4000-8000-000000000000"
same "a job that is not there" "404 no_such_job" "$status $(value .error.code)"
ask "$url/admin/backfill/%2e%2e%2fx"
same "a job that cannot be" 404 "$status"
ask -X POST "$url/admin/backfill/$job/delete"
same "what jobs do not do" "404 not_found" "$status $(value .error.code)"
ask "$url/admin/backfill"
same "another method" "405 method_not_allowed" "$status $(value .error.code)"
ask -X POST -H 'Origin: http://example.com' "$url/admin/backfill" -d '{"user_ids": ["a"]}'
same "a write from a web page" "403 origin_refused" "$status $(value .error.code)"
ask -X POST "$url/consumer-graph-worker/enroll" -d '{"user_id": "u"}'
same "enrolment without a gate for it" "501 not_configured" "$status $(value .error.code)"
same "messages after all that" 3000 "$(lines queue.jsonl)"
contains again.log "event=admin_refused"
contains round3.log "what=user_ids"
kill "$pid"
finished "$pid" 30
say "what cannot be is refused, by code, and sends nothing"

# --- who may ask ---------------------------------------------------------------------------------------
echo the-secret-token >token
chmod 600 token
printf 'http: { listen: "127.0.0.1:0", token_file: token }\n' >token.yaml
worker token -c worker.yaml -c token.yaml
ask -X POST "$url/admin/backfill" -d '{"user_ids": ["a"]}'
same "without the token" "401 unauthorized" "$status $(value .error.code)"
ask -X POST -H 'Authorization: Bearer the-secret-tokem' "$url/admin/backfill" -d '{"user_ids": ["a"]}'
same "with another token" 401 "$status"
ask -X POST -H 'Authorization: Bearer the-secret-token' "$url/admin/backfill" -d '{"user_ids": ["a"]}'
same "with the token" 202 "$status"
kill "$pid"
finished "$pid" 30
lacks token.log the-secret-token
printf 'http: { listen: "0.0.0.0:0" }\n' >open.yaml
code=0
sluice check -c worker.yaml -c open.yaml >check.out 2>check.log || code=$?
same "any address without a token" 1 "$code"
contains check.log "is not a loopback address"
for way in 'http: { listen: "0.0.0.0:0", allow_anonymous: true }' 'admin: { allow_anonymous: true }'; do
    echo "$way" >way.yaml
    worker open -c worker.yaml -c open.yaml -c way.yaml
    contains open.log event=http_without_token
    ask -X POST -H 'Host: worker.example.com:8080' "$url/admin/backfill" -d '{"user_ids": ["a"]}'
    same "anybody, where that is allowed" 202 "$status"
    ask -X POST -H 'Host: worker.example.com:8080' -H 'Origin: http://example.com' "$url/admin/backfill" -d '{"user_ids": ["a"]}'
    same "a write from a web page" 403 "$status"
    kill "$pid"
    finished "$pid" 30
done
printf 'http: { listen: "0.0.0.0:0", token_file: token, allow_anonymous: true }\n' >both.yaml
code=0
sluice check -c worker.yaml -c both.yaml >check.out 2>check.log || code=$?
same "a token and none" 1 "$code"
say "a token is asked for, or allow_anonymous says at each start that it is not"
