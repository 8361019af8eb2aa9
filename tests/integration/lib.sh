# Shared by the integration tests, which run/ starts with the servers' addresses in the
# environment; sourced first.  What the end-to-end tests share is here too.
#
# The servers are shared by the tests of a run: topics, groups and keys are unique, and who
# writes to Neo4j (which has one database) holds its lock and empties it first.
. "$(dirname "$0")/../e2e/lib.sh"

[ -n "${SERVICES_DIR:-}" ] || skip "no servers: run it with tests/integration/run $top_builddir $me"
fill_admin=$top_builddir/tests/services/kafka_admin
. "$top_srcdir/tests/services/fill.sh"

# unique NAME: a topic, group or key that no other test has, nor this one in another run.
unique() { echo "$1-$me-$(basename "$work" | tr -dc 'A-Za-z0-9')"; }

# service_up, service_down, service_restart: of the set that the test was given.
service_down() { "$top_srcdir/tests/services/down" "$SERVICES_DIR" "$1" || fail "$1 does not stop"; }
service_restart() { "$top_srcdir/tests/services/restart" "$SERVICES_DIR" "$1" || fail "$1 does not come back"; }

# --- Kafka ------------------------------------------------------------------------------------

# topic NAME PARTITIONS [CONFIG=VALUE...]: makes it and waits until it can be written to.
topic() {
    "$fill_admin" "$KAFKA_BROKERS" create "$@" 2>"$work/admin.log" || fail "topic $1 can't be made" "$work/admin.log"
}

# produce TOPIC FILE [KCAT-OPTION...]: a line a message, without keys.  fill_topic keys them by user.
produce() {
    to=$1 file=$2
    shift 2
    kcat -b "$KAFKA_BROKERS" -P -t "$to" -l -X acks=all -X linger.ms=5 "$@" "$file" 2>"$work/kcat.log" ||
        fail "kcat could not produce $file to $to" "$work/kcat.log"
}

# messages_in TOPIC: how many a topic holds, all partitions together.
messages_in() { fill_count "$KAFKA_BROKERS" "$1"; }

# lag GROUP TOPIC: how far the group's committed offsets are behind the ends; a partition without one
# counts from its beginning.
lag() {
    lag_lines=$("$fill_admin" "$KAFKA_BROKERS" lag "$1" "$2" 2>>"$work/admin.log") || return 1
    echo "$lag_lines" | awk '{ n += $4 } END { print n + 0 }'
}
lag_is_zero() { behind=$(lag "$1" "$2") && [ "$behind" = 0 ]; }

# --- Neo4j ------------------------------------------------------------------------------------

# cypher STATEMENT: rows as lines, columns separated by tabs.
cypher() {
    jq -n --arg s "$1" '{statements: [{statement: $s}]}' |
        curl -sS -m 60 -u "$NEO4J_USER:$NEO4J_PASSWORD" -H 'Content-Type: application/json' --data-binary @- \
            "$NEO4J_URL/db/neo4j/tx/commit" >"$work/cypher.json" || fail "Neo4j does not answer"
    jq -e '.errors == []' "$work/cypher.json" >/dev/null || fail "cypher: $(jq -r '.errors[0].message' "$work/cypher.json")"
    jq -r '.results[0].data[].row | @tsv' "$work/cypher.json"
}

# tx_open STATEMENT: runs it in a transaction that stays open (for a minute at most); its URL.
tx_open() {
    jq -n --arg s "$1" '{statements: [{statement: $s}]}' |
        curl -sS -f -m 60 -u "$NEO4J_USER:$NEO4J_PASSWORD" -H 'Content-Type: application/json' --data-binary @- \
            "$NEO4J_URL/db/neo4j/tx" >"$work/tx.json" || fail "Neo4j does not answer"
    jq -er 'select(.errors == []) | .commit | sub("/commit$"; "")' "$work/tx.json" ||
        fail "the transaction was not opened" "$work/tx.json"
}

tx_commit() {
    curl -sS -f -m 60 -u "$NEO4J_USER:$NEO4J_PASSWORD" -X POST "$1/commit" >"$work/tx.json" || fail "Neo4j does not answer"
    jq -e '.errors == []' "$work/tx.json" >/dev/null || fail "the transaction was not committed" "$work/tx.json"
}

# own_neo4j: until the test ends nobody else writes; the graph is empty, constraints and indexes too.
own_neo4j() {
    exec 8>"$SERVICES_DIR/neo4j.lock"
    flock 8
    empty_neo4j
}

empty_neo4j() {
    cypher 'MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS' >/dev/null
    for constraint in $(cypher 'SHOW CONSTRAINTS YIELD name RETURN name'); do
        cypher "DROP CONSTRAINT \`$constraint\` IF EXISTS" >/dev/null
    done
    for index in $(cypher "SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"); do
        cypher "DROP INDEX \`$index\` IF EXISTS" >/dev/null
    done
}

# --- Valkey -----------------------------------------------------------------------------------

valkey() { redis-cli -h "${VALKEY_ADDRESS%:*}" -p "${VALKEY_ADDRESS##*:}" "$@"; }

# --- the retailer's double ----------------------------------------------------------------------

# misbehave JSON: what a service does from now on (tests/services/retailer.h).
misbehave() {
    curl -sS -f -m 10 -o /dev/null "$RETAILER_URL/_control" -d "$1" || fail "the retailer's double refuses $1"
}
behave() { curl -sS -f -m 10 -o /dev/null "$RETAILER_URL/_reset" -d '' || fail "the retailer's double does not answer"; }
retailer_stats() { curl -sS -f -m 10 "$RETAILER_URL/_stats"; }
