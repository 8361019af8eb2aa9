#!/bin/sh
# How often is a batch really sent?  A statement that is deliberately not idempotent tells: once,
# while nothing breaks; once or again, never not at all, when the worker is killed; and with
# `idempotent: false` a batch whose outcome is unknown is not sent again but becomes dead letters.
# services: kafka neo4j
. "$(dirname "$0")/lib.sh"

WORK=$work
rows=30000
config=$top_srcdir/tests/integration/applied.yaml
export WORK TOPIC GROUP
own_neo4j
cypher 'CREATE CONSTRAINT row_id FOR (n:Row) REQUIRE n.id IS UNIQUE' >/dev/null
seq "$rows" | sed 's/.*/{"id":&}/' >"$work/rows.jsonl"
TOPIC=$(unique rows)
topic "$TOPIC" 3
produce "$TOPIC" "$work/rows.jsonl"

empty() { cypher 'MATCH (n:Row) CALL { WITH n DELETE n } IN TRANSACTIONS OF 5000 ROWS' >/dev/null; }
all_read() { lag_is_zero "$GROUP" "$TOPIC"; }
read_or_ended() { ended "$pid" || all_read; }
to_the_end() {
    wait_until 180 "$name to have read the topic" read_or_ended
    kill -TERM "$pid" 2>/dev/null || true
    finished "$pid" 60
    [ "$code" -eq 0 ] || fail "run $name ended with exit code $code" "$work/$name.log" "$work/$name.out"
}
written() { cypher 'MATCH (n:Row) RETURN count(n)'; }
grew() { ended "$pid" || [ "$(written)" -ge "$1" ]; }
how_often() { cypher 'MATCH (n:Row) RETURN n.applied AS times, count(*) ORDER BY times' | tr '\t\n' ' ;'; }

GROUP=$(unique calm)
start calm -c "$config" --json
to_the_end
same "times and rows, undisturbed" "1 $rows;" "$(how_often)"

empty
GROUP=$(unique killed)
for part in 1 2 3; do
    start "killed.$part" -c "$config" --json
    wait_until 120 "rows to be written" grew $((rows * part / 5))
    kill -9 "$pid" 2>/dev/null || true
    finished "$pid" 10
done
start killed.4 -c "$config" --json
to_the_end
same "rows, after three kills" "$rows" "$(written)"
say "three kills: times and rows $(how_often)"
same "rows applied more than four times" 0 "$(cypher 'MATCH (n:Row) WHERE n.applied > 4 RETURN count(n)')"

# Neo4j crashes in the middle: what was committed without saying so is neither lost nor sent again.
empty
GROUP=$(unique crashed)
start crashed -c "$config" --json
wait_until 120 "rows to be written" grew $((rows / 5))
"$top_srcdir/tests/services/restart" --kill "$SERVICES_DIR" neo4j || fail "Neo4j does not come back"
to_the_end
sluice dlq list --json -c "$config" >"$work/dlq.json" || fail "dlq list"
dead=$(jq '.letters | length' "$work/dlq.json")
same "rows applied twice" 0 "$(cypher 'MATCH (n:Row) WHERE n.applied > 1 RETURN count(n)')"
at_least "rows written or dead" "$rows" $(($(written) + dead))
say "a crash of Neo4j: $(written) rows written once, $dead whose outcome is unknown are dead letters"
