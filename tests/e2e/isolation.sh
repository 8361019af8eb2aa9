#!/bin/sh
# Pipelines are isolated: one that fails for good, one whose sink is away and one that fills the
# dead-letter store leave the others at work, and at 90 % of their rate (I10).
. "$(dirname "$0")/lib.sh"

awk 'BEGIN { for (i = 1; i <= 30000; i++) printf "{\"user_id\":\"u%d\",\"n\":%d}\n", i % 97, i }' >"$work/in.jsonl"
echo "this is no database, and it is long enough to be looked at twice by whoever opens it" >"$work/broken.db"
cat >"$work/c.yaml" <<END
state_dir: state
drain: 1s
pipelines:
  fails:
    source: { plugin: file, path: in.jsonl }
    stages: [ { enrich: { plugin: purchase, from: receipt } } ]
    sink: { plugin: sqlite, path: broken.db }
  waits:
    source: { plugin: file, path: in.jsonl }
    sink: { plugin: "null", fail: disconnected }
  works:
    source: { plugin: file, path: in.jsonl }
    sink: { plugin: file, path: out.jsonl }
END
works_done() { [ "$(lines "$work/out.jsonl")" -eq 30000 ]; }
start c -c "$work/c.yaml" --json
wait_until 30 "the working pipeline to be through" works_done
failed() { grep -q 'event=pipeline_failed.*fails' "$work/c.log"; }
wait_until 30 "the failing pipeline to be told" failed
! ended "$pid" || fail "the failing pipeline ended the process" "$work/c.log"
kill -TERM "$pid"
finished "$pid" 15
[ "$code" -ne 0 ] || fail "a run with a failed pipeline ended with 0"
same "records that the working pipeline wrote" 30000 "$(count "$work/c.out" works written)"
same "dead letters of the pipeline whose sink is away" 0 "$(count "$work/c.out" waits dead)"
contains "$work/c.log" "broken.db"
say "one pipeline failed, one waited, one did all its work"

# The rate: the same pipeline alone in one process and beside the failing ones in another, both
# at the same time and below what the machine can do, so that its noise hits both.  What is
# compared is how many records each wrote between two looks.
awk 'BEGIN { for (i = 1; i <= 200000; i++) printf "{\"user_id\":\"u%d\",\"n\":%d}\n", i % 97, i }' >"$work/much.jsonl"
: >"$work/storm.jsonl"
for place in alone beside; do
    cat >"$work/$place.yaml" <<END
state_dir: state-$place
drain: 1s
pipelines:
  works:
    source: { plugin: file, path: much.jsonl }
    rate_limit: 2000
    sink: { plugin: file, path: $place.jsonl }
END
done
cat >>"$work/beside.yaml" <<END
  fails:
    source: { plugin: file, path: in.jsonl }
    stages: [ { enrich: { plugin: purchase, from: receipt } } ]
    sink: { plugin: sqlite, path: broken.db }
  waits:
    source: { plugin: file, path: in.jsonl }
    sink: { plugin: "null", fail: disconnected }
  buries:
    source: { plugin: file, path: storm.jsonl, follow: true }
    sink: { plugin: "null" }
END
start alone -c "$work/alone.yaml"
alone=$pid
start beside -c "$work/beside.yaml"
beside=$pid
both_work() { [ "$(lines "$work/alone.jsonl")" -gt 500 ] && [ "$(lines "$work/beside.jsonl")" -gt 500 ]; }
wait_until 30 "both to write" both_work
tries=0
while :; do
    a=$(lines "$work/alone.jsonl") b=$(lines "$work/beside.jsonl") i=0
    while [ "$i" -lt 16 ]; do
        awk -v k="$tries.$i" 'BEGIN { for (i = 0; i < 500; i++) print "broken " k "." i }' >>"$work/storm.jsonl"
        sleep 0.25
        i=$((i + 1))
    done
    # The one alone is looked at first, so that the moment between the looks is to its favour once
    # and to its loss once.
    a=$(($(lines "$work/alone.jsonl") - a)) b=$(($(lines "$work/beside.jsonl") - b))
    [ "$((b * 10))" -lt "$((a * 9))" ] || break
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || fail "beside failing pipelines one keeps $b of $a records" "$work/beside.log"
done
[ "$a" -gt 100 ] || fail "the pipeline alone wrote $a records" "$work/alone.log"
! ended "$beside" || fail "the failing pipelines ended the process" "$work/beside.log"
kill -TERM "$alone" "$beside"
finished "$beside" 15
finished "$alone" 15
letters=$(sluice dlq list -c "$work/beside.yaml" --json | grep -c '"pipeline":"buries"' || true)
at_least "dead letters of the storm" 1000 "$letters"
say "beside failing ones a pipeline wrote $b records while it wrote $a alone"
