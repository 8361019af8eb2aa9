#!/bin/sh
# A backfill's worker half, without any server but the services' double: each message loads a user's
# receipts and shop orders while the same users' purchases come live, and the graph is the one that SQL
# alone works out.  Messages that come twice, steps that fail for some users, kills, an older graph with
# inflated counts, throttling: the same graph, and no step is repeated whose key is committed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/user-load-lib.sh"

cleanup() { [ ! -d "${set:-}" ] || "$top_srcdir/tests/services/down" "$set" >/dev/null 2>&1 || true; }
case $SLUICE_TIER in
full) kills=${SLUICE_KILLS:-5} ;;
*) kills=${SLUICE_KILLS:-2} ;;
esac
backfill_data --users 150 --empty 10 --times 2
sort -u "$MESSAGES" >"$DATA/each-once.jsonl"

fresh() { rm -rf "$work/state" "$work"/graph.db*; }
# load NAME [ARGUMENT...]: all pipelines to their end.
load() { run_to_end "$1" -c "$backfill_config" ; }
loaded() { count "$work/$1.out" user-load "$2"; }

# --- everything at once, each message twice ---------------------------------------------------------
load whole
graph_is "loads beside live traffic, each message twice" -c "$backfill_config"
same "messages" "$((2 * users))" "$(loaded whole in)"
same "dead letters" "" "$(dead_letters -c "$backfill_config")"
same "receipts were loaded once a user" "$users $users" "$(begun purchases)"
same "shop orders were loaded once a user" "$users $users" "$(begun orders)"
for step in receipts shop-orders; do
    same "lines of users whose $step were written" "$users" "$(told "$work/whole.log" ".step == \"$step\" and .outcome == \"written\" and .user_id != null and .request_id != null and .purchases != null")"
    same "lines of $step that were there" "$users" "$(told "$work/whole.log" ".step == \"$step\" and .outcome == \"gated\" and .reason == \"already_done\"")"
done
same "users without a history" 10 "$(told "$work/whole.log" '.step == "receipts" and .outcome == "written" and (.user_id | startswith("empty")) and .purchases == 0')"
sluice audit -c "$backfill_config" --pipeline user-load >"$work/audit.out" || fail "audit finds something CRITICAL" "$work/audit.out"

# --- a step that fails --------------------------------------------------------------------------------
MESSAGES=$DATA/each-once.jsonl
few=$(some_users 6)
# one_fails SERVICE STEP OTHER-SERVICE OTHER-STEP
one_fails() {
    fresh
    behave
    misbehave "{\"service\":\"$1\",\"status\":500,\"users\":$(json_list $few)}"
    load "failing-$2"
    same "dead letters of $2" 6 "$(dead_letters -c "$backfill_config" | jq -r "select(.step == \"$2\" and .reason == \"history_failed\") | .position" | wc -l)"
    same "all dead letters" 6 "$(dead_letters -c "$backfill_config" | wc -l)"
    same "users told as dead" 6 "$(told "$work/failing-$2.log" ".step == \"$2\" and .outcome == \"dead\" and .reason == \"history_failed\" and (.message | test(\"500\"))")"
    same "users whose $4 were written" "$users" "$(told "$work/failing-$2.log" ".step == \"$4\" and .outcome == \"written\"")"
    behave
    # The same messages come again, as from a queue.
    tac "$DATA/each-once.jsonl" >"$DATA/again-$2.jsonl"
    MESSAGES=$DATA/again-$2.jsonl
    load "mended-$2"
    MESSAGES=$DATA/each-once.jsonl
    same "$4 asked for again" "0 0" "$(begun "$3")"
    same "$2 asked for" "6 6" "$(begun "$1")"
    same "$2 written" 6 "$(told "$work/mended-$2.log" ".step == \"$2\" and .outcome == \"written\"")"
    graph_is "$2 failed for 6 users and came again" -c "$backfill_config"
}
one_fails orders shop-orders purchases receipts
one_fails purchases receipts orders shop-orders

# --- an older graph -------------------------------------------------------------------------------------
# Counts that no receipt explains, on each edge.
fresh
load older
sqlite3 "$GRAPH" "
    INSERT INTO older_counts (user, type, target, frequency, last)
      SELECT user, 'SHOPS_AT', retailer, frequency + 3, last_visit FROM shops_at;
    INSERT INTO older_counts (user, type, target, frequency, last)
      SELECT user, 'SHOPS_IN', category, 9, last_purchase FROM shops_in;" || fail "the older counts" "$work"/*.log
[ "$(fingerprint -c "$backfill_config" --pipeline user-load)" != "$want" ] || fail "the older counts do not count"
sed 's/"request_id": "backfill-/"request_id": "backfill-2-/' "$DATA/each-once.jsonl" >"$DATA/second-run.jsonl"
MESSAGES=$DATA/second-run.jsonl
load repaired
graph_is "an older graph, loaded anew" -c "$backfill_config"
MESSAGES=$DATA/each-once.jsonl

# --- throttling, and a product service that is away -------------------------------------------------------
fresh
behave
for service in purchases orders fps category; do
    misbehave "{\"service\":\"$service\",\"status\":429,\"retry_after\":1,\"every\":3,\"times\":12}"
done
load throttled
at_least "answers 429" 20 "$(retailer_stats | jq '[.[].status."429" // 0] | add')"
same "dead letters after throttling" "" "$(dead_letters -c "$backfill_config")"
graph_is "throttled" -c "$backfill_config"

# Without products nothing of a purchase is stored, least of all a placeholder: it waits.
fresh
behave
misbehave '{"service":"fps","status":503}'
start blind -c "$backfill_config" --json
enough() { ended "$pid" || [ "$(retailer_stats | jq .fps.faults)" -ge 6 ]; }
wait_until 60 "the products to be asked for" enough
same "products without a look-up" 0 "$(sqlite3 "$GRAPH" 'SELECT count(*) FROM products' 2>/dev/null || echo 0)"
same "purchases without a look-up" 0 "$(sqlite3 "$GRAPH" 'SELECT count(*) FROM purchases' 2>/dev/null || echo 0)"
behave
finished "$pid" 300
same "exit code" 0 "$code"
same "dead letters of an outage" "" "$(dead_letters -c "$backfill_config")"
graph_is "the products were away at first" -c "$backfill_config"

# --- kills ---------------------------------------------------------------------------------------------------
fresh
behave
misbehave '{"service":"all","latency_ms":5}'
asked() { ended "$pid" || [ "$(retailer_stats | jq '.purchases.requests + .orders.requests')" -ge "$1" ]; }
seed=${SLUICE_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
say "seed $seed, $kills kills"
done_kills=0 tries=0
while [ $done_kills -lt "$kills" ]; do
    tries=$((tries + 1))
    [ $tries -le $((20 * kills)) ] || fail "only $done_kills kills hit a running worker"
    start killed -c "$backfill_config" --json
    now=$(retailer_stats | jq '.purchases.requests + .orders.requests')
    wait_until 60 "the worker to ask" asked $((now + $(awk -v s="$((seed + tries))" 'BEGIN { srand(s); print 1 + int(rand() * 200) }')))
    kill -9 "$pid" 2>/dev/null || true
    finished "$pid" 10
    if [ "$code" -eq 137 ]; then
        done_kills=$((done_kills + 1))
    else
        # It came to its end: everything again.
        same "exit code of a run that came through" 0 "$code"
        graph_is "after $done_kills kills" -c "$backfill_config"
        fresh
    fi
done
behave
load resumed
graph_is "killed $kills times" -c "$backfill_config"
