#!/bin/sh
# SIGTERM drains and exits 0, a second one leaves fast, a drain that misses its deadline says
# what everybody was doing, and SIGHUP says what a reload would change.
. "$(dirname "$0")/lib.sh"

awk 'BEGIN { for (i = 1; i <= 60000; i++) printf "{\"user_id\":\"u%d\",\"n\":%d}\n", i % 97, i }' >"$work/in.jsonl"
config() {
    cat <<END
state_dir: $1
drain: ${3:-10s}
pipelines:
  p:
    commit_interval: 20ms
    max_in_flight: 2000
    source: { plugin: file, path: in.jsonl }
    sink: $2
END
}

# --- a drain -----------------------------------------------------------------------------
config state '{ plugin: file, path: out.jsonl, rate_limit: 8000 }' >"$work/drain.yaml"
some_written() { [ -s "$work/out.jsonl" ]; }
start drain -c "$work/drain.yaml" --json
wait_until 20 "the first record to be written" some_written
kill -TERM "$pid"
finished "$pid" 15
same "exit code of a drain" 0 "$code"
same "records in flight after a drain" 0 "$(count "$work/drain.out" p in_flight)"
same "records returned by a drain" 0 "$(count "$work/drain.out" p returned)"
written=$(wc -l <"$work/out.jsonl")
same "records that a drain wrote" "$(count "$work/drain.out" p in)" "$written"
[ "$written" -lt 60000 ] || fail "the run was through before it was told to stop"
sed -i 's/, rate_limit: 8000//' "$work/drain.yaml"
run_to_end rest -c "$work/drain.yaml"
cmp -s "$work/in.jsonl" "$work/out.jsonl" || fail "after drain and resume the output is not the input, once, in order"
say "SIGTERM drained, exited 0, and the next run went on where it stopped"

# --- a second SIGTERM, and a deadline that is missed ---------------------------------------
config state2 '{ plugin: "null", fail: disconnected }' 60s >"$work/stuck.yaml"
logged() { grep -q "$1" "$work/$2.log"; }
start stuck -c "$work/stuck.yaml"
wait_until 20 "the sink to be paused" logged stage_paused stuck
kill -TERM "$pid"
wait_until 10 "the drain to begin" logged drain stuck
kill -TERM "$pid"
finished "$pid" 3
[ "$code" -ne 0 ] || fail "a run that left records behind ended with 0" "$work/stuck.log"
say "a second SIGTERM left at once, with exit code $code"

config state3 '{ plugin: "null", fail: disconnected }' 500ms >"$work/late.yaml"
start late -c "$work/late.yaml"
wait_until 20 "the sink to be paused" logged stage_paused late
kill -TERM "$pid"
finished "$pid" 10
[ "$code" -ne 0 ] || fail "a drain that missed its deadline ended with 0" "$work/late.log"
contains "$work/late.log" "records in flight"
contains "$work/late.log" "the oldest for"
contains "$work/late.log" "worker 0 is"
say "a drain past its deadline said what each stage was doing"

# Nothing of what was in flight is forgotten.
config state3 '{ plugin: file, path: out3.jsonl }' >"$work/late.yaml"
run_to_end after -c "$work/late.yaml"
same "records after two stops that drained nothing" 60000 "$(wc -l <"$work/out3.jsonl")"

# --- SIGHUP --------------------------------------------------------------------------------
echo u1 >"$work/users.txt"
hup_config() {
    cat <<END
state_dir: state4
log: { level: $1 }
http: { listen: "127.0.0.1:0" }
pipelines:
  p:
    batch: { records: $2 }
    source: { plugin: file, path: in.jsonl, follow: true }
    stages: [ { gate: { plugin: list, path: users.txt } } ]
    sink: { plugin: "null" }
END
}
hup_config info 500 >"$work/hup.yaml"
start hup -c "$work/hup.yaml"
wait_until 20 "the server to listen" listening "$work/hup.log"
ready() { fetch /readyz >"$work/readyz" 2>&1 && grep -q '"ready"' "$work/readyz"; }
wait_until 20 "the pipeline to run" ready
hup_config debug 600 >"$work/hup.yaml"
kill -HUP "$pid"
wait_until 10 "the answer to SIGHUP" logged 'reload' hup
wait_until 10 "a changed batch size to be told" logged 'restart' hup
wait_until 10 "the gate to be read again" logged 're-read' hup
hup_config loud 500 >"$work/hup.yaml"
kill -HUP "$pid"
wait_until 10 "an unknown log level not to be taken over" logged 'log.level: .*needs a restart' hup
echo 'pipelines: [' >"$work/hup.yaml"
kill -HUP "$pid"
wait_until 10 "a broken config to be refused" logged "nothing is changed" hup
kill -0 "$pid" || fail "a broken config on SIGHUP ended the run" "$work/hup.log"
kill -TERM "$pid"
finished "$pid" 10
same "exit code after SIGHUPs" 0 "$code"
say "SIGHUP took what is safe and said what needs a restart"
