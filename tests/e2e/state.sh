#!/bin/sh
# One run a state_dir, by a lock that says who holds it; and a full disk under the state_dir
# holds records back instead of dropping them.
. "$(dirname "$0")/lib.sh"

# --- the lock -----------------------------------------------------------------------------
echo '{"user_id":"u1"}' >"$work/in.jsonl"
cat >"$work/lock.yaml" <<END
state_dir: state
pipelines:
  p:
    source: { plugin: file, path: in.jsonl, follow: true }
    sink: { plugin: file, path: out.jsonl }
END
start first -c "$work/lock.yaml"
first=$pid
some_written() { [ -s "$work/out.jsonl" ]; }
wait_until 20 "the first run to be at work" some_written
start second -c "$work/lock.yaml"
finished "$pid" 10
same "exit code of a second run on the same state_dir" 1 "$code"
holder=$(grep -oE '[0-9]+' "$work/second.log" | grep -x "$first" || pgrep -P "$first" | head -n 1)
contains "$work/second.log" "$holder"
contains "$work/second.log" "state"
sluice check -c "$work/lock.yaml" >"$work/check.log" 2>&1 || fail "check wants the lock of a running run" "$work/check.log"
kill -9 "$first"
finished "$first" 10
start third -c "$work/lock.yaml"
wait_until 20 "a run after a kill -9 to take the lock over" grep -qE 'started|running' "$work/third.log"
kill -TERM "$pid"
finished "$pid" 10
same "exit code of the run that took over" 0 "$code"
say "a second run is refused and told who holds the folder; a dead holder is no obstacle"

# --- a full disk ----------------------------------------------------------------------------
mkdir "$work/small"
cleanup() { umount "$work/small" 2>/dev/null || true; }
if ! mount -t tmpfs -o size=1m tmpfs "$work/small" 2>"$work/mount.log"; then
    [ "$(id -u)" -ne 0 ] || fail "root, and yet no tmpfs: $(cat "$work/mount.log")"
    skip "a full disk needs a tmpfs of its own, which needs root"
fi
head -c 600000 /dev/zero >"$work/small/ballast"
awk 'BEGIN { pad = sprintf("%2000s", ""); for (i = 1; i <= 400; i++) printf "{\"user_id\":\"u%d\",\"n\":broken%s\n", i, pad }' >"$work/bad.jsonl"
cat >"$work/full.yaml" <<END
state_dir: small/state
drain: 500ms
http: { listen: "127.0.0.1:0" }
pipelines:
  p:
    batch: { records: 20 }
    commit_interval: 20ms
    source: { plugin: file, path: bad.jsonl }
    sink: { plugin: "null" }
END
not_ready() { [ "$(curl -s -m 5 -o "$work/readyz" -w '%{http_code}' "http://$address/readyz")" = 503 ]; }
start full -c "$work/full.yaml" --json
wait_until 20 "the server to listen" listening "$work/full.log"
wait_until 30 "/readyz to fail" not_ready
grep -qE 'dead letter' "$work/readyz" || fail "/readyz does not say why" "$work/readyz"
fetch /metrics >"$work/metrics.txt"
at_least "records in flight on a full disk" 1 "$(metric "$work/metrics.txt" 'sluice_records_in_flight{pipeline="p"}')"
! ended "$pid" || fail "a full disk ended the run" "$work/full.log"
mount -o remount,size=16m "$work/small"
finished "$pid" 60
same "exit code once there was room again" 0 "$code"
same "dead letters" 400 "$(count "$work/full.out" p dead)"
same "dead letters in the store" 400 "$(sluice dlq list --json -c "$work/full.yaml" | jq .count)"
say "a full disk held records back, failed /readyz, and lost none"
