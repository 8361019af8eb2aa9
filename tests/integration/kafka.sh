#!/bin/sh
# source/kafka on the real broker: kill -9 in the middle, two workers that share a group, a short
# session, an offset that is not there any more, and `sluice lag` beside it.  Whatever happens,
# every message arrives.
# services: kafka
. "$(dirname "$0")/lib.sh"

topic=$(unique t)
group=$(unique g)
n=30000
seq 1 $n | sed 's/.*/{"id":&}/' >"$work/messages"
topic "$topic" 3
produce "$topic" "$work/messages" -X sticky.partitioning.linger.ms=1
[ "$(messages_in "$topic")" = $n ] || fail "the topic holds $(messages_in "$topic") of $n messages"

# config NAME MORE-OF-THE-SOURCE MORE-OF-THE-PIPELINE
config() {
    cat >"$work/$1.yaml" <<END
state_dir: $work/$1.state
pipelines:
  p:
    commit_interval: 50ms
    $3
    source: { plugin: kafka, brokers: "$KAFKA_BROKERS", topic: $topic, group: $group, session_timeout: ${session:-6s} $2 }
    sink: { plugin: file, path: $work/$1.out, write: payload }
END
}
whole() { cat "$@" | sort -u | cmp -s - "$work/sorted"; }
sort -u "$work/messages" >"$work/sorted"
written() { [ "$(cat "$@" 2>/dev/null | wc -l)" -ge "$wanted" ]; }

# --- nobody yet ---------------------------------------------------------------------------------
config one '' 'rate_limit: 6000'
code=0
sluice lag -c "$work/one.yaml" --limit 1000000 >"$work/lag.out" || code=$?
same "lag of a group that never was" 3 "$code"
contains "$work/lag.out" "not active"
contains "$work/lag.out" "absent"

# --- kill -9 in the middle ----------------------------------------------------------------------
start one -c "$work/one.yaml"
wanted=4000
wait_until 60 "some thousand messages" written "$work/one.out"
code=0
sluice lag -c "$work/one.yaml" --json >"$work/lag.json" || code=$?
same "lag in the middle, above the limit" 3 "$code"
same "state of the group" active "$(jq -r '.sources[0].state' "$work/lag.json")"
same "partitions" 3 "$(jq '.sources[0].partitions | length' "$work/lag.json")"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
before=$(wc -l <"$work/one.out")
config two ", instance_id: w1" 'max_in_flight: 20000'
config three "" 'max_in_flight: 20000'
start two -c "$work/two.yaml"
two=$pid
start three -c "$work/three.yaml"
sluice lag -c "$work/two.yaml" --wait --timeout 60s >"$work/wait.out" 2>"$work/wait.log" || fail "lag --wait" "$work/wait.log" "$work/wait.out"
wait_until 10 "every message" whole "$work/one.out" "$work/two.out" "$work/three.out"
say "killed after $before of $n messages, two others went on: nothing is lost"

# --- two workers share; one goes, the other has all ----------------------------------------------
seq $((n + 1)) $((n + 3000)) | sed 's/.*/{"id":&}/' >"$work/more"
produce "$topic" "$work/more" -X sticky.partitioning.linger.ms=1
sluice lag -c "$work/two.yaml" --wait --timeout 60s >"$work/wait.out" 2>"$work/wait.log" || fail "lag --wait" "$work/wait.log"
sort -u "$work/messages" "$work/more" >"$work/sorted"
wait_until 10 "every message of both" whole "$work/one.out" "$work/two.out" "$work/three.out"
code=0
sluice lag -c "$work/two.yaml" >"$work/lag.out" || code=$?
same "lag at the end" 0 "$code"
kill -TERM "$pid" "$two"
finished "$two" 20
same "exit of the one" 0 "$code"
finished "$pid" 20
same "exit of the other" 0 "$code"

# --- a short session: heartbeats keep it, so the partitions stay where they are ---------------------
workers=$group
group=$(unique short) session=3s
config short '' 'rate_limit: 1000'
start short -c "$work/short.yaml"
wanted=8000
wait_until 60 "messages of more than two sessions" written "$work/short.out"
same "assignments" 1 "$(grep -c 'partitions assigned' "$work/short.log")"
kill -TERM "$pid"
finished "$pid" 20
group=$workers session=

# --- an offset that is not there any more ---------------------------------------------------------
produce "$topic" "$work/more" -p 0
end=$("$fill_admin" "$KAFKA_BROKERS" ends "$topic" | awk '$1 == 0 { print $3 }')
"$fill_admin" "$KAFKA_BROKERS" trim "$topic" 0 "$((end - 100))" 2>"$work/admin.log" || fail "cannot trim" "$work/admin.log"
config late "" 'max_in_flight: 20000'
code=0
timeout 60 "$top_builddir/sluice-dev" run -c "$work/late.yaml" >"$work/late.log" 2>&1 || code=$?
[ "$code" -ne 0 ] && [ "$code" -ne 124 ] || fail "an offset out of range did not stop the run ($code)" "$work/late.log"
contains "$work/late.log" "is not there any more; the brokers hold $((end - 100)) to $end"
contains "$work/late.log" "set on_out_of_range"
config again ", on_out_of_range: earliest, until_end: true" 'max_in_flight: 20000'
sluice run -c "$work/again.yaml" >"$work/again.log" 2>&1 || fail "run with on_out_of_range: earliest" "$work/again.log"
same "messages from the oldest on" 100 "$(lines "$work/again.out")"
contains "$work/again.log" "messages were never seen"
say "an offset out of range stops with the numbers, or goes on where that is chosen"
