#!/bin/sh
# The backfill's worker half on real servers: messages load users' receipts and shop orders into Neo4j
# while Kafka delivers purchases of the same users, part of them the same ones.  Two workers that get
# the same messages at once, killed at random points, with Neo4j restarting and the services throttling;
# then an older graph with inflated counts.  Each time the graph is the one that SQL alone works out,
# which is also SQLite's.
#
# SLUICE_KILLS=20: more kills than the 5 of the short form.
# services: kafka neo4j valkey
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../e2e/user-load-lib.sh"

cleanup() { [ ! -d "${set:-}" ] || "$top_srcdir/tests/services/down" "$set" >/dev/null 2>&1 || true; }
kills=${SLUICE_KILLS:-5}
backfill_data --users 200 --empty 15
RECEIPTS_TOPIC=$(unique receipts)
FACTOIDS_TOPIC=$(unique factoids)
export RECEIPTS_TOPIC FACTOIDS_TOPIC GROUP
own_neo4j
config="-c $backfill_config -c $top_srcdir/tests/integration/user-load.yaml"

# live: both topics are filled, in the background.
live() {
    {
        fill_topic "$KAFKA_BROKERS" "$RECEIPTS_TOPIC" "$DATA/live-receipts.jsonl" &&
            fill_topic "$KAFKA_BROKERS" "$FACTOIDS_TOPIC" "$DATA/live-factoids.jsonl" && : >"$work/filled"
    } >"$work/fill.log" 2>&1 &
    running="$running $!"
}
live_is_over() {
    [ -f "$work/filled" ] && lag_is_zero "$GROUP-receipts" "$RECEIPTS_TOPIC" && lag_is_zero "$GROUP-factoids" "$FACTOIDS_TOPIC"
}

# worker NAME STATE: starts one.
worker() {
    STATE=$work/state-$2
    start "$1" $config --json
}
# ends LOG...: users whose shop orders are at their end, in these logs of one worker.
ends_told() { cat "$@" | grep '"event":"user_load"' | grep '"step":"shop-orders"' | grep -c '"outcome":"\(written\|gated\|dead\)"'; }
all_loaded() { # PID LOG...: a line may be lost where a process was killed, so its pipeline's end counts too
    ! ended "$1" || fail "a worker ended by itself" "$work"/*.log
    shift
    [ "$(ends_told "$@")" -ge "$users" ] || grep -q '"event":"pipeline_end","pipeline":"user-load"' "$@"
}
drained() {
    kill -TERM "$1"
    finished "$1" 90
    [ "$code" -eq 0 ] || fail "a worker ended with $code on SIGTERM" "$work"/*.log
}

# --- loads while the same users' purchases come live ----------------------------------------------
fill_create "$KAFKA_BROKERS" "$RECEIPTS_TOPIC" 3
fill_create "$KAFKA_BROKERS" "$FACTOIDS_TOPIC" 3
GROUP=$(unique alone)
misbehave '{"service":"all","latency_ms":5}'
worker alone alone
live
wait_until 180 "the loads to end" all_loaded "$pid" "$work/alone.log"
wait_until 120 "the live traffic to be read" live_is_over
drained "$pid"
graph_is "loads and live traffic at once" $config
same "lines of users loaded" "$((2 * users))" "$(told "$work/alone.log" '.outcome == "written"')"
same "users" "$users" "$(cypher 'MATCH (u:User) RETURN count(u)')"
sluice audit $config --pipeline user-load >"$work/audit.out" 2>"$work/audit.log" || fail "audit finds something CRITICAL" "$work/audit.out"

# The same messages again, as a queue may deliver them: nobody is asked for.
tac "$DATA/messages.jsonl" >"$DATA/again.jsonl"
MESSAGES=$DATA/again.jsonl
behave
worker again alone
wait_until 60 "the messages to be seen" all_loaded "$pid" "$work/again.log"
drained "$pid"
same "receipts asked for again" "0 0" "$(begun purchases)"
same "shop orders asked for again" "0 0" "$(begun orders)"
same "lines of users that were there" "$((2 * users))" "$(told "$work/again.log" '.outcome == "gated" and .reason == "already_done"')"
MESSAGES=$DATA/messages.jsonl

# --- an older graph -------------------------------------------------------------------------------------
# Counts without receipts, too high, and edges that nothing explains; then all comes again.
cypher 'MATCH ()-[s:SHOPS_AT|SHOPS_IN]->() SET s.frequency = s.frequency * 2 + 1' >/dev/null
cypher 'MATCH (u:User)-[s:SHOPS_AT|SHOPS_IN]->() WHERE size(u.user_id) % 2 = 0 REMOVE s.receipt_ids, s.receipt_times' >/dev/null
cypher 'MATCH (u:User), (r:Retailer) WHERE EXISTS { (u)-[:PURCHASED]->() } AND NOT EXISTS { (u)-[:SHOPS_AT]->(r) }
        WITH u, r LIMIT 200 CREATE (u)-[:SHOPS_AT {frequency: 4, last_visit: datetime("2016-01-01T00:00:00Z")}]->(r)' >/dev/null
cypher 'MATCH (u:User) SET u.revision = coalesce(u.revision, 0) + 1' >/dev/null
[ "$(fingerprint $config --pipeline user-load)" != "$want" ] || fail "the older graph is the new one"
sed 's/"request_id": "backfill-/"request_id": "backfill-2-/' "$DATA/messages.jsonl" >"$DATA/second-run.jsonl"
MESSAGES=$DATA/second-run.jsonl
GROUP=$(unique older)
worker older older
wait_until 180 "the loads to end" all_loaded "$pid" "$work/older.log"
wait_until 120 "the live traffic to be read" live_is_over
drained "$pid"
graph_is "an older graph, when all came again" $config
MESSAGES=$DATA/messages.jsonl

# --- two workers, one set of keys ---------------------------------------------------------------------------
# The same messages at once in both: each step of each user is written by one of them, and the other
# finds that it was.
empty_neo4j
behave
misbehave '{"service":"all","latency_ms":10}'
GROUP=$(unique shared)
alone=$config
config="$config -c $top_srcdir/tests/integration/user-load-keys.yaml"
worker left left
left=$pid
worker right right
right=$pid
wait_until 180 "the left worker's loads to end" all_loaded "$left" "$work/left.log"
wait_until 180 "the right worker's loads to end" all_loaded "$right" "$work/right.log"
wait_until 120 "the live traffic to be read" live_is_over
drained "$left"
drained "$right"
graph_is "two workers with the same messages and keys in Valkey" $config
cat "$work/left.log" "$work/right.log" >"$work/both.log"
same "steps written" "$((2 * users))" "$(told "$work/both.log" '.outcome == "written"')"
same "steps that were there" "$((2 * users))" "$(told "$work/both.log" '.outcome == "gated" and .reason == "already_done"')"
say "left wrote $(told "$work/left.log" '.outcome == "written"') steps, right $(told "$work/right.log" '.outcome == "written"')"
config=$alone

# --- two workers, kills, an outage, throttling --------------------------------------------------------------
empty_neo4j
behave
misbehave '{"service":"all","latency_ms":10}'
GROUP=$(unique two)
seed=${SLUICE_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
say "seed $seed, $kills kills"
asked() { [ "$(retailer_stats | jq '.purchases.requests + .orders.requests')" -ge "$1" ]; }
worker second second
second=$pid
n=0
while [ $n -lt "$kills" ]; do
    n=$((n + 1))
    worker "first.$n" first
    now=$(retailer_stats | jq '.purchases.requests + .orders.requests')
    more=$(awk -v s="$((seed + n))" -v most="$((2 * users / kills))" 'BEGIN { srand(s); print 1 + int(rand() * most) }')
    hit() { ended "$pid" || asked $((now + more)) || all_loaded "$pid" "$work"/first.*.log; }
    wait_until 120 "the worker to ask" hit
    kill -9 "$pid" 2>/dev/null || fail "the worker ended by itself" "$work/first.$n.log"
    finished "$pid" 10
    same "exit code of a killed worker" 137 "$code"
    case $n in
    2) misbehave '{"service":"all","status":429,"retry_after":1,"every":4,"times":20}' ;;
    3) service_restart neo4j ;;
    esac
done
worker "first.last" first
first=$pid
wait_until 240 "the second worker's loads to end" all_loaded "$second" "$work/second.log"
wait_until 240 "the killed worker's loads to end" all_loaded "$first" "$work"/first.*.log
wait_until 120 "the live traffic to be read" live_is_over
at_least "answers 429" 1 "$(retailer_stats | jq '[.[].status."429" // 0] | add')"
drained "$first"
drained "$second"
graph_is "two workers with the same messages, one killed $kills times" $config
for state in first second; do
    STATE=$work/state-$state
    same "dead letters" "" "$(dead_letters $config)"
done
