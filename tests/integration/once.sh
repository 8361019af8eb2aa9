#!/bin/sh
# services: valkey
# gate/once on the real server: two workers with the same messages do each piece once, a worker that
# is killed at work leaves its keys for its lease, a Valkey that goes away holds everybody and loses
# nobody, and a key that is done can be forced and forgotten.
. "$(dirname "$0")/lib.sh"

cd "$work"
id=$(unique once)
cleanup() {
    "$top_srcdir/tests/services/restart" --if-down "$SERVICES_DIR" valkey >/dev/null 2>&1 || true
    valkey ACL DELUSER "$id" >/dev/null 2>&1 || true
    valkey --scan --pattern "*$id*" 2>/dev/null | xargs -r -n 500 redis-cli -h "${VALKEY_ADDRESS%:*}" \
        -p "${VALKEY_ADDRESS##*:}" del >/dev/null 2>&1 || true
}

# The cases of the unit test, which there run on a double that must do what this server does.
SLUICE_TEST_VALKEY=$VALKEY_ADDRESS "$top_builddir/tests/unit/check_gate_once" >unit.log 2>&1 ||
    fail "the cases of check_gate_once fail on the real server" unit.log
say "$(tail -n 1 unit.log)"

requests() { seq "$1" "$2" | sed "s/.*/{\"user_id\":\"$id-u&\",\"request_id\":\"$id-&\",\"n\":&}/" >>"$3"; }

# config NAME SOURCE OPTIONS [STAGES [FOLLOW]]: a worker with one step.
config() {
    cat >"$1.yaml" <<END
state_dir: $1-state
http: { listen: "127.0.0.1:0" }
pipelines:
  p:
    source: { plugin: file, path: $2, follow: ${5:-false} }
    batch: { records: 100 }
    steps:
      - name: s
        once: { key: "receipt-{request_id}", address: "$VALKEY_ADDRESS"$3 }
        stages: [ ${4:-} ]
        sink: { plugin: file, path: $1.done }
END
}
numbers() { cat "$@" | jq -r .n | sort -n; }

# --- two workers, the same messages ------------------------------------------------------------
requests 1 20000 same.jsonl
config one same.jsonl ""
config two same.jsonl ""
sluice run -c one.yaml --json >one.out 2>one.log &
first=$!
run_to_end two -c two.yaml
wait "$first" || fail "the first worker fails" one.log
same "what both did" "$(seq 1 20000 | cksum)" "$(numbers one.done two.done | cksum)"
[ "$(count one.out p written)" -gt 0 ] && [ "$(count two.out p written)" -gt 0 ] || fail "one of them did it all alone"
case $(valkey GET "receipt-$id-1") in done:*) ;; *) fail "the key is not receipt-{request_id}, or not done" ;; esac
say "two workers did 20,000 requests once each: $(count one.out p written) and $(count two.out p written)"

# --- killed between reserve and commit ----------------------------------------------------------
# A service that takes requests and never answers keeps the work under way.
python3 -c '
import os, socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(99)
open("port.new", "w").write(str(s.getsockname()[1]))
os.rename("port.new", "port")
time.sleep(600)' &
deaf=$!
wait_until 10 "the service that does not answer" test -e port
requests 30001 30050 work.jsonl
config killed work.jsonl ", lease: 3s" \
    "{ enrich: { plugin: purchase-history, url: \"http://127.0.0.1:$(cat port)\", timeout: 5m } }"
start killed -c killed.yaml --json
wait_until 20 "the log to say where it listens" listening killed.log
is_leased() { case $(valkey GET "receipt-$id-30050") in lease:*) ;; *) return 1 ;; esac; }
wait_until 20 "the keys to be reserved" is_leased
# Longer than a lease: it is renewed.
renewed() {
    fetch /metrics >m.txt
    [ "$(metric m.txt 'sluice_gate_once_round_trips_total{pipeline="p",instance="s.once"}')" -ge 5 ]
}
wait_until 30 "the leases to be renewed" renewed
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
kill "$deaf"
is_leased || fail "the lease ended with its worker"
config heir work.jsonl ", lease: 3s"
run_to_end heir -c heir.yaml
same "what was repeated" "$(seq 30001 30050 | cksum)" "$(numbers heir.done | cksum)"
same "ends of the heir" '{"dead":{},"gated":{},"in":50,"name":"p","written":50}' "$(ends heir.out)"
say "what a killed worker had reserved is done by another after the lease"

# --- skipped, with a reason; forced; forgotten ----------------------------------------------------
config again work.jsonl ", force_member: force"
run_to_end again -c again.yaml
same "ends of a repetition" '{"dead":{},"gated":{"already_done":50},"in":50,"name":"p","written":0}' "$(ends again.out)"
contains again.log "skipped user $id-u300"
contains again.log "counts for ever"
head -n 1 work.jsonl | sed 's/}$/,"force":true}/' >forced.jsonl
sed -n 2,3p work.jsonl >>forced.jsonl
valkey DEL "receipt-$id-30002" >/dev/null
config forced forced.jsonl ", force_member: force"
run_to_end forced -c forced.yaml
same "who passed" "30001 30002" "$(numbers forced.done | xargs)"
say "a repetition is skipped with its reason; one message forces itself, one key was forgotten"

# --- the right to do so ---------------------------------------------------------------------------
printf 'open sesame\n' >password
chmod 600 password
valkey ACL SETUSER "$id" on '>open sesame' '~receipt-*' +ping +get +eval >/dev/null
config acl work.jsonl ", user: $id, password: \"\${file:password}\""
code=0
sluice check --online -c acl.yaml >out 2>&1 || code=$?
same "exit code of check --online without the right to TIME" 3 "$code"
contains out "extend its access list"
valkey ACL SETUSER "$id" +set +del +pttl +time >/dev/null
sluice check --online -c acl.yaml >out 2>&1 || fail "the rights of the README are not enough" out
run_to_end acl -c acl.yaml
same "ends with these rights" '{"dead":{},"gated":{"already_done":50},"in":50,"name":"p","written":0}' "$(ends acl.out)"
say "the rights that the README names are enough, and fewer are told"

# --- Valkey away ------------------------------------------------------------------------------------
requests 40001 40100 live.jsonl
config live live.jsonl "" "" true
start live -c live.yaml --json
wait_until 20 "the log to say where it listens" listening live.log
done_so_far() {
    fetch /metrics >m.txt
    [ "$(metric m.txt 'sluice_records_total{pipeline="p",class="written"}')" -ge "$1" ]
}
wait_until 20 "the first hundred" done_so_far 100
service_down valkey
requests 40101 45000 live.jsonl
held() {
    fetch /metrics >m.txt
    [ "$(metric m.txt 'sluice_records_waiting{pipeline="p"}')" -ge 1000 ]
}
wait_until 30 "the records of the outage to wait" held
same "written meanwhile" 100 "$(metric m.txt 'sluice_records_total{pipeline="p",class="written"}')"
service_restart valkey
requests 45001 50000 live.jsonl
# Once more in the middle of work, as a crash.
"$top_srcdir/tests/services/restart" --kill "$SERVICES_DIR" valkey || fail "valkey does not come back"
wait_until 90 "everybody to pass" done_so_far 10000
kill -TERM "$pid"
finished "$pid" 30
same "exit code after SIGTERM" 0 "$code"
same "who passed" "$(seq 40001 50000 | cksum)" "$(numbers live.done | uniq | cksum)"
same "dead letters" 0 "$(count live.out p dead)"
same "in" 10000 "$(count live.out p in)"
contains live.log "connected again"
say "a Valkey that goes away, comes back and crashes holds the records and loses nobody"
