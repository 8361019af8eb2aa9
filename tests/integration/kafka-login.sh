#!/bin/sh
# Kafka over TLS with a SCRAM login: right, with a wrong password, with an unknown authority.
# services: kafka
. "$(dirname "$0")/lib.sh"

topic=$(unique t)
topic "$topic" 1
seq 1 200 >"$work/messages"
produce "$topic" "$work/messages"

# config NAME PASSWORD MORE
config() {
    cat >"$work/$1.yaml" <<END
state_dir: $work/$1.state
pipelines:
  p:
    source: { plugin: kafka, brokers: "$KAFKA_SASL_BROKERS", topic: $topic, group: $(unique g)-$1, until_end: true,
              tls: true, mechanism: scram-sha-256, username: $KAFKA_USER, password: "$2" $3 }
    decoder: { plugin: lines }
    sink: { plugin: file, path: $work/$1.out, write: payload }
END
}
config right "$KAFKA_PASSWORD" ", ca_file: $KAFKA_CA"
sluice run -c "$work/right.yaml" >"$work/right.log" 2>&1 || fail "the right password" "$work/right.log"
same "messages with the right password" 200 "$(lines "$work/right.out")"

# refused NAME WORDS...: check --online says them, and never the password
refused() {
    name=$1
    shift
    code=0
    sluice check --online -c "$work/$name.yaml" >"$work/$name.log" 2>&1 || code=$?
    [ "$code" -ne 0 ] || fail "check --online finds nothing in $name" "$work/$name.log"
    for words; do contains "$work/$name.log" "$words"; done
    lacks "$work/$name.log" "not-the-password"
}
config wrong not-the-password ", ca_file: $KAFKA_CA"
refused wrong "user '$KAFKA_USER': the brokers refuse the login; check username, password and mechanism"
config stranger "$KAFKA_PASSWORD" ""
refused stranger "TLS with a broker failed"
config insecure "$KAFKA_PASSWORD" ", insecure: true"
sluice run -c "$work/insecure.yaml" >"$work/insecure.log" 2>&1 || fail "insecure" "$work/insecure.log"
contains "$work/insecure.log" "certificates are not verified"

# While a run goes on: nothing stops, and the reason is said.
config later not-the-password ", ca_file: $KAFKA_CA"
start later -c "$work/later.yaml"
wait_until 30 "the reason of the refusal" grep -q "refuse the login" "$work/later.log"
kill -TERM "$pid"
finished "$pid" 20
same "exit after a drain" 0 "$code"
say "right, wrong and unknown logins end as they should"
