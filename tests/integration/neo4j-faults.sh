#!/bin/sh
# sink/neo4j in trouble: four processes at the same edges lose nothing; the server killed and
# started again in the middle; one bad row dead-lettered alone; a constraint that cannot be made
# is a refusal that names the duplicates; a wrong password is told in words.
# services: neo4j
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/neo4j_lib.sh"

real_rows
own_neo4j
head -n 6000 "$work/rows.csv" >"$work/part.csv"
with_header "$work/part-in-order.csv" <"$work/part.csv"
sqlite_config oracle "$work/part-in-order.csv"
run_to_end oracle -c "$work/oracle.yaml"
want=$(fingerprint -c "$work/oracle.yaml")

# --- four processes: every one has rows of every user -----------------------------------------

pids=
for n in 0 1 2 3; do
    awk -v n=$n 'NR % 4 == n' "$work/part.csv" | with_header "$work/quarter$n.csv"
    # a row of each user is in all four
    awk -F, '!seen[$1]++' "$work/part.csv" >>"$work/quarter$n.csv"
    [ $n -eq 3 ] && api=query || api=tx
    neo4j_config "process$n" "$work/quarter$n.csv" "writers: 2" "api: $api"
    sed -i 's/records: 500/records: 100/' "$work/process$n.yaml"
    start "process$n" -c "$work/process$n.yaml" --json
    pids="$pids $pid"
done
for p in $pids; do
    finished "$p" 300
    [ "$code" -eq 0 ] || fail "one of the four ended with $code" "$work"/process?.log
done
exact "four processes at once" process0 "$want"

# --- somebody else commits: who reads meanwhile waits for the whole of it ------------------------

empty_neo4j
sed -n 1p "$work/rows.csv" | with_header "$work/one.csv"
user=$(sed -n '1s/,.*//p' "$work/rows.csv")
neo4j_config one "$work/one.csv" "api: tx"
run_to_end one -c "$work/one.yaml"
want_one=$(fingerprint -c "$work/one.yaml")
cypher "MATCH (:User {user_id: '$user'})-[e]->() DELETE e" >/dev/null
held=$(tx_open "MATCH (u:User {user_id: '$user'}) SET u.revision = u.revision + 1")
rm -rf "$work/state-one"
start one -c "$work/one.yaml" --json
blocked() { cypher "SHOW TRANSACTIONS YIELD status, currentQuery WHERE status STARTS WITH 'Blocked' RETURN currentQuery"; }
waits_for_lock() { [ -n "$(blocked)" ]; }
wait_until 30 "the sink to wait for the user's lock" waits_for_lock
blocked >"$work/blocked.txt"
tx_commit "$held"
finished "$pid" 60
same "exit code" 0 "$code"
# the revision itself is read under the lock: what is written later (MERGE) is not what waited
contains "$work/blocked.txt" "coalesce(u.revision, 0)"
lacks "$work/blocked.txt" "MERGE"
exact "who reads while another commits" one "$want_one"

# --- killed and started again -----------------------------------------------------------------

empty_neo4j
neo4j_config killed "$work/part-in-order.csv" "writers: 2"
sed -i 's/records: 500/records: 50/' "$work/killed.yaml"
start killed -c "$work/killed.yaml" --json
some_written() { [ "$(cypher 'MATCH (n:User) RETURN count(n)')" -gt 50 ]; }
wait_until 60 "some users to be written" some_written
"$top_srcdir/tests/services/restart" --kill "$SERVICES_DIR" neo4j >"$work/restart.log" 2>&1 ||
    fail "neo4j does not come back" "$work/restart.log"
finished "$pid" 300
[ "$code" -eq 0 ] || fail "the run ended with $code" "$work/killed.log"
same "dead letters after the kill" 0 "$(count "$work/killed.out" p dead)"
exact "the server killed in the middle" killed "$want"

# --- a bad row ----------------------------------------------------------------------------------

empty_neo4j
cypher 'CREATE INDEX too_long FOR (p:Product) ON (p.brand)' >/dev/null
cypher 'CALL db.awaitIndexes(60)' >/dev/null
awk 'BEGIN {
    for (n = 1; n <= 40; n++) {
        brand = "b" n
        if (n == 23) while (length(brand) < 40000) brand = brand "xxxxxxxxxx"
        printf "{\"user_id\":\"u%d\",\"purchases\":[{\"receipt_id\":\"r%d\",\"time\":%d,\"product_id\":\"p%d\",\"brand\":\"%s\"}]}\n", n, n, n, n, brand
    }
}' >"$work/bad.jsonl"
cat >"$work/bad.yaml" <<END
state_dir: $work/state-bad
pipelines:
  p:
    source: { plugin: file, path: $work/bad.jsonl }
    sink: { plugin: neo4j, url: $NEO4J_URL, user: $NEO4J_USER, password: $NEO4J_PASSWORD }
END
for api in tx query; do
    rm -rf "$work/state-bad"
    sed -i "s/password: $NEO4J_PASSWORD.*/password: $NEO4J_PASSWORD, api: $api }/" "$work/bad.yaml"
    cypher 'MATCH (n) DETACH DELETE n' >/dev/null
    run_to_end bad -c "$work/bad.yaml"
    same "dead letters ($api)" 1 "$(count "$work/bad.out" p dead)"
    same "written ($api)" 39 "$(written bad)"
    same "users in the graph ($api)" 39 "$(cypher 'MATCH (n:User) RETURN count(n)')"
    same "what the bad row left behind ($api)" 0 "$(cypher 'MATCH (n) WHERE n.user_id = "u23" OR n.product_id = "p23" RETURN count(n)')"
    same "the dead letter ($api)" 23 "$(sluice dlq list --json -c "$work/bad.yaml" | jq -r '.letters[0].ordinal')"
done
say "one bad row is dead-lettered alone"

# --- refusals -----------------------------------------------------------------------------------

empty_neo4j
cypher 'CREATE (:User {user_id: "twice"}), (:User {user_id: "twice"}), (:User {user_id: "once"})' >/dev/null
start refused -c "$work/bad.yaml"
finished "$pid" 60
[ "$code" -ne 0 ] || fail "duplicates were not refused"
cat "$work/refused.out" >>"$work/refused.log"
contains "$work/refused.log" "the constraint on :User(user_id) cannot be made"
contains "$work/refused.log" "twice"
lacks "$work/refused.log" "once,"
# audit makes no constraint, and shows the duplicate
sluice audit -c "$work/bad.yaml" >"$work/duplicate.out" 2>"$work/duplicate.log" && fail "the audit found nothing"
contains "$work/duplicate.out" "user twice"
same "constraints after an audit" 0 "$(cypher 'SHOW CONSTRAINTS YIELD name RETURN count(name)')"

sed -i "s/password: [^,]*/password: not-this-one/" "$work/bad.yaml"
start password -c "$work/bad.yaml"
finished "$pid" 60
[ "$code" -ne 0 ] || fail "a wrong password was not refused"
cat "$work/password.out" >>"$work/password.log"
contains "$work/password.log" "does not accept the user name, password or token"
lacks "$work/password.log" "not-this-one"
say "refusals say what is wrong"
