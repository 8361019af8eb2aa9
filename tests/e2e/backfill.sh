#!/bin/sh
# `sluice backfill` with a file as the queue: a dry run tells what a run does, each user is sent once,
# the rate holds, and whatever ends a run, sent and resume file together are all users.
. "$(dirname "$0")/lib.sh"

mkdir "$work/bin"
ln -s "$top_builddir/sluice-dev" "$work/bin/sluice"
ln -s "$top_builddir/sluice-dev" "$work/bin/backfill"
PATH=$work/bin:$PATH
TMPDIR=$work
export PATH TMPDIR
unset AWS_REGION AWS_DEFAULT_REGION || true
cd "$work"
sqs=https://sqs.us-east-1.amazonaws.com/123456789012/consumer-graph-queue

# backfill_run NAME ARGUMENT...: exit code in $code.
backfill_run() {
    name=$1
    shift
    code=0
    backfill "$@" >"$name.out" 2>"$name.log" </dev/null || code=$?
}

# sent FILE: the users of the messages, sorted.
sent() { if [ -f "$1" ]; then jq -r .user_id "$1" | sort; fi; }

no_folder_left() { [ -z "$(ls -d "$work"/sluice-backfill.* 2>/dev/null)" ] || fail "a folder was left behind"; }

# --- a dry run -------------------------------------------------------------------------------
printf 'user_id\r\nu1\r\nu2\n\nu1\nbad id\nu,3\n{"user_id":"u4","cohort":7}\n\nu5' >users.txt
for way in "backfill" "sluice backfill"; do
    code=0
    $way --user-file users.txt --queue-url "$sqs" --rate-limit 2 --lookback-days 365 --dry-run >dry.out 2>dry.log || code=$?
    same "exit code of a dry run with invalid ids" 3 "$code"
    for words in "users       4, from users.txt" "1 duplicates, 2 invalid ids, 2 blank lines, 1 header line" \
        'line 6: "bad id": byte 4 of the user id is 0x20' "line 7: \"u,3\": byte 2 of the user id is ','" \
        "rate        2 users a second: 0:02 in all" "queue       $sqs" "region      us-east-1" \
        "account     123456789012" "lookback    365 days" "nothing was sent"; do
        contains dry.out "$words"
    done
done
backfill_run dry --user-file users.txt --queue-url "$sqs" --dry-run --json
same "the dry run as JSON" "true 4 1 2 2 1 10 6,7 us-east-1 123456789012" \
    "$(jq -r '"\(.dry_run) \(.users) \(.duplicates) \(.invalid) \(.blank) \(.header) \(.rate_limit) \(.invalid_ids | map(.line) | join(",")) \(.region) \(.account)"' dry.out | sed 's/10\.0/10/')"
gzip -k users.txt
backfill_run gzip --user-file users.txt.gz --queue-url "$sqs" --dry-run --json
same "users of a packed list" 4 "$(jq .users gzip.out)"
no_folder_left
say "a dry run tells users, what is left out with its line, time, queue, region and account"

# --- a run does what the dry run told -----------------------------------------------------------
cat >queue.yaml <<'END'
backfill:
  queue: { plugin: file, path: queue.jsonl }
  rate_limit: 500
  lookback_days: 30
  give_up: 1s
END
backfill_run run -c queue.yaml --user-file users.txt --json
same "exit code with invalid ids" 3 "$code"
same "users sent" "u1 u2 u4 u5" "$(sent queue.jsonl | tr '\n' ' ' | sed 's/ $//')"
same "sent" "4 0 0 null" "$(jq -r '"\(.sent) \(.failed) \(.unsent) \(.resume_file)"' run.out)"
same "the message" '{"event_type":"user_load_request","reason":"batch_backfill","lookback_days":30,"priority":"low","cohort":7}' \
    "$(jq -c 'select(.user_id == "u4") | {event_type, reason, lookback_days, priority, cohort}' queue.jsonl)"
same "jobs of the messages" "$(jq -r .job_id run.out)" "$(jq -r .job_id queue.jsonl | sort -u)"
same "request ids" 4 "$(jq -r .request_id queue.jsonl | grep -cE '^backfill-[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')"
[ ! -e users.txt.resume ] || fail "a resume file was written though all was sent"
jq -r .request_id queue.jsonl | sort >first.ids
job=$(jq -r .job_id run.out)
rm queue.jsonl
backfill_run again -c queue.yaml --user-file users.txt --job-id "$job" --force --lookback-days 7 --json
jq -r .request_id queue.jsonl | sort >again.ids
cmp -s first.ids again.ids || fail "the same users in the same job have other request ids"
same "force and lookback" "true 7" "$(jq -r '"\(.force) \(.lookback_days)"' queue.jsonl | sort -u)"
rm queue.jsonl
backfill_run other -c queue.yaml --user-file users.txt
jq -r .request_id queue.jsonl | sort >other.ids
same "request ids that another job shares" 0 "$(comm -12 first.ids other.ids | wc -l)"
no_folder_left
say "each user once, with a request id of user and job"

# --- the rate -------------------------------------------------------------------------------------
rate_holds() {
    rm -f queue.jsonl
    seq -f 'user-%07.0f' "$2" >rate.txt
    backfill_run rate -c queue.yaml --user-file rate.txt --rate-limit "$1" --json
    same "exit code" 0 "$code"
    jq -e --argjson n "$2" --argjson r "$1" '.seconds >= $n / $r * 0.98 and .seconds <= $n / $r * 1.02 + 0.1' rate.out >/dev/null ||
        fail "$2 users at $1/s took $(jq .seconds rate.out) s"
    say "$2 users at $1/s: $(jq .seconds rate.out) s"
}
rate_holds 20 100
rate_holds 1000 4000
rm -f queue.jsonl
seq -f 'user-%07.0f' 50000 >many.txt
backfill_run unlimited -c queue.yaml --user-file many.txt --rate-limit 0 --json
same "users without a limit" 50000 "$(sent queue.jsonl | uniq | wc -l)"
sanitized || jq -e '.sent / .seconds >= 2000' unlimited.out >/dev/null ||
    fail "without a limit: 50000 users took $(jq .seconds unlimited.out) s"
say "50000 users without a limit: $(jq .seconds unlimited.out) s"

# --- Ctrl-C ---------------------------------------------------------------------------------------
# all_or_resume LIST REST: who was sent and who stands in the resume file are all users, and nobody is both.
all_or_resume() {
    sent queue.jsonl >sent.ids
    sort "$2" >unsent.ids
    same "users that are sent and left" 0 "$(comm -12 sent.ids unsent.ids | wc -l)"
    sort -u sent.ids unsent.ids >both.ids
    sort "$1" | cmp -s both.ids - || fail "sent and left are not all users"
}
enough() { [ "$(lines queue.jsonl)" -ge 30 ]; }
seq -f 'user-%04.0f' 400 >list.txt
for sig in INT TERM; do
    rm -f queue.jsonl list.txt.resume
    env --default-signal=INT backfill -c queue.yaml --user-file list.txt --rate-limit 100 >stop.out 2>stop.log </dev/null &
    pid=$!
    running="$running $pid"
    wait_until 20 "30 messages" enough
    kill -"$sig" "$pid"
    finished "$pid" 20
    same "exit code after $sig" "$([ "$sig" = INT ] && echo 130 || echo 143)" "$code"
    all_or_resume list.txt list.txt.resume
    at_least "users that are left" 100 "$(lines list.txt.resume)"
    contains stop.log "$(lines list.txt.resume) users are not sent; they stand in list.txt.resume; to go on: sluice backfill"
done
tail -n 1 stop.log | sed 's/.*to go on: //; s/--rate-limit 100/--rate-limit 0/' >go-on
sh -eu ./go-on >go-on.out 2>go-on.log || fail "the command of the last line fails" go-on.log
sent queue.jsonl >sent.ids
sort list.txt | cmp -s - sent.ids || fail "after going on not every user was sent exactly once"
same "jobs of all messages" 1 "$(jq -r .job_id queue.jsonl | sort -u | wc -l)"
no_folder_left
say "after Ctrl-C the rest stands in the resume file, and its command sends it: each user once"

# --- a queue that takes nothing ---------------------------------------------------------------------
rm -f queue.jsonl list.txt.resume
sed 's#queue.jsonl#absent/queue.jsonl#' queue.yaml >absent.yaml
backfill_run absent -c absent.yaml --user-file list.txt --rate-limit 0
same "exit code without a queue" 1 "$code"
cmp -s list.txt list.txt.resume || fail "the resume file does not hold all users" absent.log
contains absent.log "absent/queue.jsonl"
mkdir absent
tail -n 1 absent.log | sed 's/.*to go on: //' >go-on
sh -eu ./go-on >go-on.out 2>go-on.log || fail "the command of the last line fails" go-on.log
sent absent/queue.jsonl | cmp -s - list.txt || fail "the users were not sent once the queue was there"
cp list.txt.resume kept.resume
rm absent/queue.jsonl
rmdir absent
backfill_run second -c absent.yaml --user-file list.txt --rate-limit 0
same "a second resume file" 400 "$(lines list.txt.resume-2)"
cmp -s kept.resume list.txt.resume || fail "an older resume file was overwritten"
say "a queue that takes nothing leaves all users in a resume file, and none is overwritten"

# A run that is killed leaves no file, but the same job id makes the same messages.
rm -f queue.jsonl
backfill -c queue.yaml --user-file list.txt --rate-limit 100 --job-id kept-job >kill.out 2>kill.log </dev/null &
pid=$!
running="$running $pid"
wait_until 20 "30 messages" enough
kill -9 "$pid"
finished "$pid" 20
rm -rf "${work:?}"/sluice-backfill.*
backfill_run after -c queue.yaml --user-file list.txt --rate-limit 0 --job-id kept-job
same "exit code" 0 "$code"
same "requests of 400 users" 400 "$(jq -r .request_id queue.jsonl | sort -u | wc -l)"
say "a kill costs repetitions that the workers know by their ids"

# --- what is refused ----------------------------------------------------------------------------------
misuse() {
    words=$1
    shift
    backfill_run misuse "$@"
    same "exit code of $*" 2 "$code"
    contains misuse.log "$words"
}
misuse "which users?" --queue-url "$sqs"
misuse "to which queue?" --user-file users.txt
misuse "give one of" --user-file users.txt --from-neo4j --queue-url "$sqs"
misuse "--rate-limit 'ten'" --user-file users.txt --queue-url "$sqs" --rate-limit ten
misuse "--rate-limit '-1'" --user-file users.txt --queue-url "$sqs" --rate-limit=-1
misuse "--lookback-days '0'" --user-file users.txt --queue-url "$sqs" --lookback-days 0
misuse "--lookback-days '1.5'" --user-file users.txt --queue-url "$sqs" --lookback-days 1.5
misuse "there is no option '--user-fil'; did you mean '--user-file'?" --user-fil users.txt
backfill_run missing --user-file missing.txt --queue-url "$sqs" --dry-run
same "exit code without the list" 1 "$code"
contains missing.log "missing.txt"
backfill_run badjob --user-file users.txt --queue-url "$sqs" --dry-run --job-id 'a b'
same "exit code of a bad job id" 1 "$code"
contains badjob.log "job_id needs"
printf 'pipelines: {p: {source: {plugin: file, path: users.txt}, sink: {plugin: "null"}}}\nstate_dir: state\n' >base.yaml
for bad in 'rate_limit: fast' 'ratelimit: 1' 'queue: { plugin: fil, path: x }' 'queue: { plugin: file }' 'give_up: soon'; do
    printf 'backfill: { %s }\n' "$bad" >bad.yaml
    code=0
    sluice check -c base.yaml -c bad.yaml >check.out 2>check.log || code=$?
    same "check of backfill: { $bad }" 1 "$code"
    grep -q '^bad.yaml:1:[0-9]*: error: ' check.log || fail "check does not say where '$bad' stands" check.log
    backfill_run bad -c base.yaml -c bad.yaml --user-file users.txt
    same "backfill with { $bad }" 1 "$code"
done
sluice check -c base.yaml -c queue.yaml >check.out 2>check.log || fail "check refuses a good backfill block" check.log
no_folder_left
say "what cannot be is refused before anything is sent"
