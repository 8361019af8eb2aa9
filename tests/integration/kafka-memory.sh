#!/bin/sh
# Memory of a worker on Kafka with receipts of 2.5 KB: before a sink that is away, and at full rate through
# a gate that admits few.  Below 50 MB both times, flat, and the partitions stay where they are.
#
# MEMORY_SECONDS=600 is the long form: each part for so long, at full rate with receipts that keep coming;
# there the second half may not need more than the first.
# services: kafka
. "$(dirname "$0")/lib.sh"

seconds=${MEMORY_SECONDS:-8}
limit=51200 # KiB
topic=$(unique t)
n=20000
"$top_srcdir/tests/bench/generate" gate "$work/data" $n 2500 5 >/dev/null || fail "the receipts can't be made"
topic "$topic" 3
fill() { produce "$topic" "$work/data/receipts.jsonl" -X compression.codec=lz4 -X sticky.partitioning.linger.ms=20; }
fill

# config NAME STAGES SINK
config() {
    cat >"$work/$1.yaml" <<END
state_dir: $work/$1.state
drain: 100ms
pipelines:
  p:
    source: { plugin: kafka, brokers: "$KAFKA_BROKERS", topic: $topic, group: $(unique g)-$1, session_timeout: 2s }
    stages: [ $2 ]
    sink: { plugin: "null" $3 }
END
}
memory() { sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$pid/status"; }
# watch SECONDS: samples of the resident memory, a line each, in $work/samples
watch() {
    : >"$work/samples"
    until=$(($(date +%s) + $1))
    while [ "$(date +%s)" -lt "$until" ]; do
        memory VmRSS >>"$work/samples"
        sleep 0.1
    done
}
largest() { sort -n "$1" | tail -n 1; }
assigned_once() {
    same "assignments of $1" 1 "$(grep -c 'partitions assigned' "$work/$1.log")"
    same "revocations of $1" 0 "$(grep -c 'partitions revoked' "$work/$1.log")"
}

# --- everything is admitted, and the sink is away ---------------------------------------------------
config away "" ", fail: disconnected"
start away -c "$work/away.yaml"
# Full: the memory has stopped to grow, many samples in a row.
full() {
    memory VmHWM >>"$work/marks"
    [ "$(tail -n 40 "$work/marks" | uniq -c | awk 'END { print (NR == 1 && $1 == 40) }')" = 1 ]
}
wait_until 60 "the worker to be full" full
before=$(memory VmHWM)
watch "$seconds"
peak=$(memory VmHWM)
[ "$peak" -le $limit ] || fail "before a sink that is away the worker took $peak KiB, more than $limit"
[ $((peak - before)) -le 2048 ] || fail "before a sink that is away the memory grew from $before to $peak KiB" "$work/away.log"
assigned_once away
code=0
sluice lag -c "$work/away.yaml" --json >"$work/lag.json" || code=$?
same "state of the group after several sessions" active "$(jq -r '.sources[0].state' "$work/lag.json")"
same "messages that wait for the group" $n "$(jq '.sources[0].lag' "$work/lag.json")"
kill -TERM "$pid"
finished "$pid" 30
say "before a sink that is away, for $seconds s of sessions of 2 s: peak $peak KiB, $((peak - before)) KiB more than at first"

# --- full rate through a gate -----------------------------------------------------------------------
config gate "{ gate: { plugin: list, path: $work/data/users.txt } }" ""
start gate -c "$work/gate.yaml"
worker=$pid
done_so_far() { sluice lag -c "$work/gate.yaml" --wait --timeout 60s >"$work/wait.out" 2>"$work/wait.log" || fail "lag --wait" "$work/wait.log" "$work/gate.log"; }
wait_until 30 "the assignment" grep -q 'partitions assigned' "$work/gate.log"
until=$(($(date +%s) + seconds)) rounds=0 before=0
while [ "$rounds" -lt 3 ] || [ "$(date +%s)" -lt "$until" ]; do
    fill
    rounds=$((rounds + 1))
    pid=$worker
    [ "$(date +%s)" -gt $((until - seconds / 2)) ] || before=$(memory VmHWM)
done
done_so_far
pid=$worker
peak=$(memory VmHWM)
[ "$peak" -le $limit ] || fail "at full rate the worker took $peak KiB, more than $limit"
[ "$seconds" -lt 60 ] || [ $((peak - before)) -le 6144 ] || fail "at full rate the memory grew from $before to $peak KiB" "$work/gate.log"
assigned_once gate
kill -TERM "$worker"
finished "$worker" 30
same "exit after a drain" 0 "$code"
say "at full rate over $((n * (rounds + 1))) receipts: peak $peak KiB"
