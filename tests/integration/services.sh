#!/bin/sh
# The servers themselves: two sets stand side by side without meeting; a restart, by SIGTERM or
# SIGKILL, keeps address and data; nothing is left running; what is wrong is said.
# services: kafka neo4j valkey
. "$(dirname "$0")/lib.sh"

services=$top_srcdir/tests/services
first=$SERVICES_DIR/env
cleanup() { "$services/down" "$work/set" || true; }

# with ENV COMMAND...: the command against that set.
with() {
    (
        . "$1"
        shift
        "$@"
    )
}
address() { sed -n "s/^export $2='\(.*\)'/\1/p" "$1"; }
running_below() { pgrep -cf "$1/" || true; }
consumed() { kcat -b "$KAFKA_BROKERS" -C -t "$1" -o beginning -e -q 2>/dev/null; }

"$services/up" "$work/set" kafka neo4j valkey
second=$work/set/env
for variable in KAFKA_BROKERS KAFKA_SASL_BROKERS NEO4J_URL VALKEY_ADDRESS; do
    [ -n "$(address "$second" $variable)" ] || fail "$variable is not in the set's env"
    [ "$(address "$first" $variable)" != "$(address "$second" $variable)" ] || fail "both sets have the same $variable"
done

topic=$(unique letters)
echo one >"$work/one"
echo two >"$work/two"
for env in "$first" "$second"; do
    with "$env" topic "$topic" 1
done
with "$first" produce "$topic" "$work/one"
with "$second" produce "$topic" "$work/two"
same "first set's Kafka" one "$(with "$first" consumed "$topic")"
same "second set's Kafka" two "$(with "$second" consumed "$topic")"
with "$second" cypher "CREATE (:Only {here: 2})" >/dev/null
same "first set's Neo4j" 0 "$(with "$first" cypher 'MATCH (n:Only) RETURN count(n)')"
with "$second" valkey set "$topic" two >/dev/null
same "first set's Valkey" "" "$(with "$first" valkey get "$topic")"
say "two sets stand side by side"

sasl() {
    kcat -b "$KAFKA_SASL_BROKERS" -L -m 5 -X security.protocol=SASL_SSL -X sasl.mechanism=SCRAM-SHA-256 \
        -X "sasl.username=$KAFKA_USER" -X "sasl.password=$1" -X "ssl.ca.location=$KAFKA_CA" >"$work/sasl.out" 2>&1
}
with "$second" sasl worker-secret || fail "SASL_SSL does not let the user in" "$work/sasl.out"
! with "$second" sasl wrong || fail "SASL_SSL lets a wrong password in"

for how in "" --kill; do
    cp "$second" "$work/before"
    for server in kafka neo4j valkey; do
        "$services/restart" $how "$work/set" $server
    done
    cmp -s "$work/before" "$second" || fail "a restart changes the address"
    same "Kafka after restart $how" two "$(with "$second" consumed "$topic")"
    same "Neo4j after restart $how" 1 "$(with "$second" cypher 'MATCH (n:Only) RETURN count(n)')"
    same "Valkey after restart $how" two "$(with "$second" valkey get "$topic")"
done
say "a restart keeps address and data"

"$services/down" "$work/set"
same "processes left" 0 "$(running_below "$work/set")"
status=0
"$services/up" "$work/set" nonsense 2>"$work/up.log" || status=$?
same "exit code for an unknown service" 1 $status
contains "$work/up.log" "there is no service 'nonsense'"
status=0
mkdir "$work/bin"
ln -s "$(command -v dirname)" "$(command -v basename)" "$(command -v sed)" "$work/bin"
env "PATH=$work/bin" /bin/sh "$services/up" "$work/set" valkey 2>"$work/up.log" || status=$?
same "exit code without python3" 77 $status
contains "$work/up.log" "SKIP: the program python3 is missing; on Debian: apt-get install python3"
say "stopped servers are gone; what is missing is said"
