#!/bin/sh
# Pipelines are isolated: one that fails for good, and one whose sink is away, leave the third
# at work.
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
