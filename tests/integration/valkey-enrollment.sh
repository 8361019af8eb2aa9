#!/bin/sh
# services: valkey
# gate/valkey-enrollment on the real server: who is enrolled passes, an enrolment becomes visible, a
# login is used, and a Valkey that goes away in the middle holds the records and loses none.
. "$(dirname "$0")/lib.sh"

cd "$work"
prefix=$(unique enrolled)
cleanup() {
    "$top_srcdir/tests/services/restart" --if-down "$SERVICES_DIR" valkey >/dev/null 2>&1 || true
    valkey ACL DELUSER "$prefix" >/dev/null 2>&1 || true
    valkey --scan --pattern "$prefix:*" 2>/dev/null | xargs -r -n 500 redis-cli -h "${VALKEY_ADDRESS%:*}" \
        -p "${VALKEY_ADDRESS##*:}" del >/dev/null 2>&1 || true
}

# people FROM TO FILE: a receipt each; of every twenty, one is enrolled.
people() { seq "$1" "$2" | sed 's/.*/{"user_id":"u&","n":&}/' >>"$3"; }
enrol() { seq "$1" 20 "$2" | sed "s/.*/SET $prefix:u& 1/" | valkey --pipe >/dev/null || fail "could not enrol"; }

config() {
    cat <<END
state_dir: $1-state
http: { listen: "127.0.0.1:0" }
pipelines:
  p:
    source: { plugin: file, path: $1.jsonl, follow: ${3:-false} }
    stages:
      - gate: { plugin: valkey-enrollment, address: "$VALKEY_ADDRESS", key: "$prefix:{user_id}", negative_ttl: 100ms$2 }
    sink: { plugin: file, path: $1.out.jsonl }
END
}

# --- who passes, and how fast ----------------------------------------------------------------
people 1 200000 all.jsonl
enrol 20 200000
config all "" >all.yaml
began=$(date +%s%N)
run_to_end all -c all.yaml
took=$((($(date +%s%N) - began) / 1000000))
same "ends" '{"dead":{},"gated":{"not_enrolled":190000},"in":200000,"name":"p","written":10000}' "$(ends all.out)"
same "who passed" "$(seq 20 20 200000 | cksum)" "$(jq -r .n all.out.jsonl | sort -n | cksum)"
say "of 200,000 users, all unknown, 10,000 are enrolled and pass ($took ms, start and end of the program included)"

# --- a login ------------------------------------------------------------------------------------
valkey ACL SETUSER "$prefix" on '>open sesame' "~$prefix:*" +exists +ping >/dev/null
printf 'open sesame\n' >password
printf 'knock knock\n' >wrong
chmod 600 password wrong
people 1 40 user.jsonl
config user ", user: $prefix, password: \"\${file:password}\"" >user.yaml
sluice check --online -c user.yaml >out 2>&1 || fail "check --online with a good login" out
run_to_end user -c user.yaml
same "ends with a login" '{"dead":{},"gated":{"not_enrolled":38},"in":40,"name":"p","written":2}' "$(ends user.out)"
sed 's/file:password/file:wrong/' user.yaml >wrong.yaml
code=0
sluice check --online -c wrong.yaml >out 2>&1 || code=$?
same "exit code of check --online with a wrong password" 3 "$code"
grep -qE "wrong.yaml:7:[0-9]+: error: .*option 'password': .*does not know this user and password" out ||
    fail "the wrong password is not named" out
lacks out "knock knock"
sed "s/$prefix:{user_id}/elsewhere:{user_id}/" user.yaml >acl.yaml
code=0
sluice check --online -c acl.yaml >out 2>&1 || code=$?
same "exit code of check --online without the right to the key" 3 "$code"
contains out "extend its access list"
sed 's/, user:/, db: 9999, user:/' user.yaml >db.yaml
code=0
sluice check --online -c db.yaml >out 2>&1 || code=$?
same "exit code of check --online with a database that is not there" 3 "$code"
say "a login by user and password is used, and one that fails is told at its option"

# --- an enrolment becomes visible, and an outage holds -------------------------------------------
people 200001 200040 live.jsonl
config live "" true >live.yaml
start live -c live.yaml --json
wait_until 20 "the log to say where it listens" listening live.log
scraped() {
    fetch /metrics >metrics.txt
    [ "$(metric metrics.txt "$1")" = "$2" ]
}
class() { echo "sluice_records_total{pipeline=\"p\",class=\"$1\"}"; }
wait_until 20 "the first to be gated" scraped "$(class gated)" 40
enrol 200020 200040
visible_yet() {
    people 200020 200020 live.jsonl
    fetch /metrics >metrics.txt
    [ "$(metric metrics.txt "$(class written)")" -gt 0 ]
}
wait_until 20 "the enrolment to become visible" visible_yet
say "an enrolment becomes visible to a worker that runs"

before=$(metric metrics.txt "$(class written)")
enrol 300020 320000
service_down valkey
people 300001 310000 live.jsonl
held() {
    fetch /metrics >metrics.txt
    [ "$(metric metrics.txt 'sluice_records_waiting{pipeline="p"}')" -ge 10000 ]
}
wait_until 30 "the records of the outage to wait" held
gated=$(metric metrics.txt "$(class gated)")
people 310001 315000 live.jsonl
service_restart valkey
people 315001 320000 live.jsonl
# Once more in the middle of work, as a crash.
"$top_srcdir/tests/services/restart" --kill "$SERVICES_DIR" valkey || fail "valkey does not come back"
all_there() { [ "$(lines live.out.jsonl)" -ge $((before + 1000)) ]; }
wait_until 60 "everybody to pass" all_there
drained() {
    fetch /metrics >metrics.txt
    [ "$(metric metrics.txt "$(class gated)")" -ge $((gated + 19000)) ]
}
wait_until 60 "the others to be gated" drained
kill -TERM "$pid"
finished "$pid" 30
same "exit code after SIGTERM" 0 "$code"
same "who passed in the outage" "$(seq 300020 20 320000 | cksum)" \
    "$(jq -r 'select(.n > 300000) | .n' live.out.jsonl | sort -n | cksum)"
same "dead letters" 0 "$(count live.out p dead)"
same "in" "$(lines live.jsonl)" "$(count live.out p in)"
same "in = written + gated" "$(count live.out p in)" \
    $(($(count live.out p written) + $(count live.out p gated)))
contains live.log "connected again"
say "a Valkey that goes away, comes back and crashes holds the records and loses nobody"
