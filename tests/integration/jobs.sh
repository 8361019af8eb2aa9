#!/bin/sh
# services: valkey
# The ledger of jobs on the real Valkey: the cases of the unit tests, then two workers that load one job
# together: every user is done, any worker's config answers for it, and while Valkey is away nothing is
# settled and nothing is lost.
. "$(dirname "$0")/lib.sh"

cd "$work"
prefix=$(unique jobs):
sluice=$top_builddir/sluice-dev
cleanup() {
    "$top_srcdir/tests/services/restart" --if-down "$SERVICES_DIR" valkey >/dev/null 2>&1 || true
    valkey --scan --pattern "$prefix*" 2>/dev/null | xargs -r -n 500 redis-cli -h "${VALKEY_ADDRESS%:*}" \
        -p "${VALKEY_ADDRESS##*:}" del >/dev/null 2>&1 || true
}

for test in check_job_store check_job_store_load; do
    SLUICE_TEST_VALKEY=$VALKEY_ADDRESS "$top_builddir/tests/unit/$test" >"$test.log" 2>&1 ||
        fail "$test over Valkey" "$test.log"
done
say "the cases of the store hold over Valkey"

# config WORKER: half of the users each.
config() {
    cat <<END
state_dir: $1-state
http: { listen: "127.0.0.1:0" }
jobs: { store: valkey, address: "$VALKEY_ADDRESS", prefix: "$prefix" }
pipelines:
  load:
    source: { plugin: file, path: $1.jsonl }
    job: {}
    rate_limit: 1500
    commit_interval: 10ms
    batch: { records: 100 }
    sink: { plugin: file, path: $1.out.jsonl }
END
}
seq 1 6000 | awk '{ printf "{\"user_id\":\"u%05d\",\"job_id\":\"job-1\"}\n", $1 > ($1 % 2 ? "one.jsonl" : "two.jsonl") }'
config one >one.yaml
config two >two.yaml
seq 1 6000 | awk '{ printf "u%05d\n", $1 }' | "$top_builddir/tests/support/job_fill" one.yaml job-1 || fail "the job cannot be made"
of() { "$sluice" job show job-1 -c "$1.yaml" --json | jq -r ".$2"; }

start one -c one.yaml
one=$pid
start two -c two.yaml
two=$pid
some_done() { [ "$(of one users.done)" -gt 0 ]; }
wait_until 20 "the first users to be done" some_done
service_down valkey
wait_until 30 "a worker to notice" grep -q job_report_failed one.log two.log
service_restart valkey
finished "$one" 60
same "exit code of the first worker" 0 "$code"
finished "$two" 60
same "exit code of the second worker" 0 "$code"
for worker in one two; do
    same "done, says $worker" 6000 "$(of $worker users.done)"
    same "state, says $worker" "done" "$(of $worker state)"
done
same "loaded" 6000 "$(of two 'steps[0].loaded')"
say "two workers, an outage: every user is done, and either answers"
