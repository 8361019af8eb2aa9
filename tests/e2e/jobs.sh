#!/bin/sh
# Jobs: each user of a job ends as done, failed with the reason or skipped with the reason, also when
# the worker is killed with -9 at random moments and when the ledger is locked for a while; a retry makes
# the failed ones pending, and what is loaded afterwards is done.
. "$(dirname "$0")/lib.sh"

cd "$work"
fill=$top_builddir/tests/support/job_fill
sluice=$top_builddir/sluice-dev
users=3000 kills=12
[ "$SLUICE_TIER" = full ] || kills=4

cat >jobs.yaml <<END
state_dir: state
http: { listen: "127.0.0.1:0" }
jobs: { store: sqlite }
pipelines:
  load:
    source: { plugin: file, path: requests.jsonl }
    job: { id: job_id, user: user_id }
    commit_interval: 10ms
    batch: { records: 50 }
    stages: [ { gate: { plugin: list, field: user_id, path: admitted.txt } } ]
    steps:
      - { name: receipts, once: "receipt-{request_id}", sink: { plugin: file, name: one, path: one.jsonl } }
      - { name: shop-orders, once: "shop-{request_id}", sink: { plugin: file, name: two, path: two.jsonl } }
END

# Of every ten one has no request id (the step's key cannot be made: failed), of every seven one is not
# admitted (skipped); who is neither is done.  One line in 50 belongs to no job.
requests() {
    seq 1 "$users" | awk -v all="$1" '{
        id = sprintf("u%05d", $1)
        printf "{\"user_id\":\"%s\",\"job_id\":\"job-1\"%s}\n", id, ($1 % 10 == 0 && !all) ? "" : ",\"request_id\":\"r-" id "\""
        if ($1 % 50 == 0) printf "{\"user_id\":\"%s\",\"request_id\":\"live-%s\"}\n", id, id }'
}
requests '' >requests.jsonl
seq 1 "$users" | awk '$1 % 7 { printf "u%05d\n", $1 }' >admitted.txt
seq 1 "$users" | awk '{ printf "u%05d\n", $1 }' >all.txt
awk '(substr($1, 2) + 0) % 7 == 0' all.txt >want.skipped
awk '(substr($1, 2) + 0) % 7 && (substr($1, 2) + 0) % 10 == 0' all.txt >want.failed
awk '(substr($1, 2) + 0) % 7 && (substr($1, 2) + 0) % 10' all.txt >want.done
"$fill" jobs.yaml job-1 <all.txt || fail "the job cannot be made"

state_of() { "$sluice" job show job-1 -c jobs.yaml --json | jq -r ".$1"; }
# is STATE: the ledger's list of users in it is want.STATE.
is() {
    "$sluice" job users job-1 --state "$1" -c jobs.yaml 2>/dev/null | cut -f1 >"got.$1" || fail "job users $1"
    cmp -s "want.$1" "got.$1" || fail "$1 users differ: $(diff "want.$1" "got.$1" | head -n 4 | tr '\n' ' ')"
}
same "state before" waiting "$(state_of state)"
same "sent before" "$users" "$(state_of users.sent)"

# --- killed at random moments ------------------------------------------------------------------
seed=${SLUICE_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
say "seed $seed"
hit=0
for delay in $(awk -v seed="$seed" -v n="$kills" 'BEGIN { srand(seed); for (i = 0; i < n; i++) printf "%.3f ", 0.05 + rand() * 0.5 }'); do
    start killed -c jobs.yaml
    sleep "$delay"
    if kill -9 "$pid" 2>/dev/null; then hit=$((hit + 1)); fi
    finished "$pid" 10
    # In the middle of it everybody is somewhere, once.
    same "users after a kill" "$users" "$(state_of 'users | add')"
done
run_to_end killed -c jobs.yaml
is done
is failed
is skipped
code=0
"$sluice" job show job-1 -c jobs.yaml >show.txt || code=$?
same "exit code of show" 3 "$code"
grep -q '^state     failed' show.txt || fail "the job is not over" show.txt
grep -q 'failed.*receipts.*no_request_id' show.txt || fail "no reason is shown" show.txt
"$sluice" job users job-1 --state skipped -c jobs.yaml 2>/dev/null | cut -f4 | grep -qv '^not_' && fail "a skipped user has no reason"
same "loaded" "$(wc -l <want.done)" "$(state_of 'steps[0].loaded')"
same "jobs listed" job-1 "$("$sluice" job list -c jobs.yaml --json | jq -r '.jobs[].id')"
say "after $hit kills: $(wc -l <want.done) done, $(wc -l <want.failed) failed, $(wc -l <want.skipped) skipped, as it has to be"

# --- again, from the start: nobody moves back ---------------------------------------------------
rm -f state/state.db* state/once*
run_to_end again -c jobs.yaml
is done
is failed
is skipped

# --- retry --------------------------------------------------------------------------------------
"$sluice" job retry job-1 -c jobs.yaml >retry.txt || fail "retry" retry.txt
same "pending after retry" "$(wc -l <want.failed)" "$(state_of users.pending)"
same "state after retry" running "$(state_of state)"
"$fill" jobs.yaml job-1 </dev/null || fail "the job cannot be sent again"
requests all >requests.jsonl
rm -f state/state.db*

# While somebody else holds the ledger nothing is settled, and nothing is lost.
if command -v sqlite3 >/dev/null; then
    echo 'pipelines: { load: { rate_limit: 1000 } }' >slow.yaml
    start retried -c jobs.yaml -c slow.yaml
    wait_until 20 "the first users to be done" sh -c '[ "$("$0" job show job-1 -c jobs.yaml --json | jq .users.sent)" -lt "$1" ]' "$sluice" "$(wc -l <want.failed)"
    mkfifo hold
    sqlite3 state/jobs.sqlite <hold >held.txt 2>&1 &
    holder=$! running="$running $!"
    exec 9>hold
    echo "BEGIN EXCLUSIVE; SELECT 'held';" >&9
    wait_until 10 "the ledger to be held" grep -q held held.txt
    wait_until 30 "the worker to notice" grep -q job_report_failed retried.log
    exec 9>&-
    wait "$holder" || true
    finished "$pid" 60
    same "exit code" 0 "$code"
    grep -q job_report_works_again retried.log || fail "it did not say that it works again" retried.log
else
    run_to_end retried -c jobs.yaml
fi
sort -o want.done want.done want.failed
: >want.failed
is done
is failed
is skipped
code=0
"$sluice" job show job-1 -c jobs.yaml >show.txt || code=$?
same "exit code of show" 0 "$code"
same "state at the end" "done" "$(state_of state)"
same "percent" 100.00 "$("$sluice" job show job-1 -c jobs.yaml --json | grep -o '"percent":[0-9.]*' | cut -d: -f2)"

# --- cancel, and words for what is not there ----------------------------------------------------
head -n 5 all.txt | "$fill" jobs.yaml job-2 || fail "the second job cannot be made"
"$sluice" job cancel job-2 -c jobs.yaml >/dev/null || fail "cancel"
same "cancelled" cancelled "$("$sluice" job show job-2 -c jobs.yaml --json | jq -r .state)"
! "$sluice" job cancel job-2 -c jobs.yaml 2>said.txt || fail "a job was cancelled twice"
grep -q "over already" said.txt || fail "it does not say why" said.txt
! "$sluice" job show job-9 -c jobs.yaml 2>said.txt || fail "a job that is not there was shown"
grep -q "no job 'job-9'" said.txt || fail "it does not say what is not there" said.txt
say "retried, cancelled, told"
