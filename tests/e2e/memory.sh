#!/bin/sh
# Memory has a budget: at most 50 MiB resident before a sink that accepts nothing, on the gate
# path and on the written path, and flat over time.
. "$(dirname "$0")/lib.sh"

sanitized && limit=1000000 || limit=51200
hold=60
[ "$SLUICE_TIER" = full ] || hold=5
DEMO_DIR=$work/demo
export DEMO_DIR
demo_data "$DEMO_DIR" --pad 2500 --receipts 30000 --factoids 10000

rss() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"; }
logged() { grep -q "$1" "$work/$2.log"; }
cat >"$work/away.yaml" <<END
state_dir: $work/state-away
drain: 200ms
pipelines:
  receipts: { sink: { plugin: "null", fail: disconnected } }
  shop-orders: { sink: { plugin: "null", fail: disconnected } }
END
start away -c "$top_srcdir/docs/demo/demo.yaml" -c "$work/away.yaml"
wait_until 20 "the sink to be paused" logged stage_paused away
stop_at=$(($(date +%s) + hold))
early=
while [ "$(date +%s)" -lt "$stop_at" ]; do
    [ -n "$early" ] || [ "$(date +%s)" -lt $((stop_at - hold + 3)) ] || early=$(rss "$pid")
    sleep 0.2
done
late=$(rss "$pid")
peak=$(peak_kib "$pid")
kill -TERM "$pid"
finished "$pid" 20
[ "$peak" -le "$limit" ] || fail "peak memory before a dead sink was $peak KiB (at most $limit)"
[ "$late" -le $((early + early / 10 + 512)) ] || fail "memory grew before a dead sink: $early KiB after 3 s, $late KiB after $hold s"
say "a sink that accepted nothing for $hold s: peak $peak KiB, $early KiB after 3 s, $late KiB at the end"

cat >"$work/written.yaml" <<END
state_dir: state-written
pipelines:
  receipts:
    source: { plugin: file, path: demo/receipts.jsonl }
    stages:
      - gate: { plugin: list, path: demo/users.txt }
      - enrich: { plugin: purchase, from: receipt }
      - enrich:
          plugin: table
          path: demo/products.csv
          key: id
          from: purchases[].product_id
          set: { name: name, brand: brand, category: category, category_id: category_id }
    sink: { plugin: sqlite, path: graph.db }
END
cat >"$work/gated.yaml" <<END
state_dir: state-gated
pipelines:
  receipts:
    source: { plugin: file, path: demo/receipts.jsonl }
    stages: [ { gate: { plugin: list, ids: [ nobody ] } } ]
    sink: { plugin: "null" }
END
for path in gated written; do
    start $path -c "$work/$path.yaml" --json
    peak=0
    until ended "$pid"; do
        now=$(peak_kib "$pid" 2>/dev/null || echo 0)
        [ "${now:-0}" -le "$peak" ] || peak=$now
        sleep 0.02
    done
    finished "$pid" 120
    same "exit code" 0 "$code"
    at_least "records $path" 1000 "$(count "$work/$path.out" receipts "$path")"
    [ "$peak" -gt 0 ] && [ "$peak" -le "$limit" ] || fail "peak memory of the $path path was $peak KiB (at most $limit)"
    say "the $path path: peak $peak KiB"
done
