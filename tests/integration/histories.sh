#!/bin/sh
# enrich/purchase-history and enrich/shop-orders load, user by user, the graph that the same receipts
# and orders give when they come as messages; also while the services answer 429, 503, cut bodies and
# wrong JSON in turn.
# services: retailer
. "$(dirname "$0")/lib.sh"

set=$work/set
cleanup() { "$top_srcdir/tests/services/down" "$set" || true; }
demo_data "$work/demo" --users 120 --admitted 90 --products 800 --receipts 1500 --factoids 3000
# A message above max_record is a dead letter; the service would serve it as any other.
awk 'length($0) < 1048576' "$work/demo/receipts.jsonl" >"$work/receipts.jsonl"
RETAILER_OPTIONS="--purchases $work/receipts.jsonl --orders $work/demo/shop-orders.jsonl --page 3"
SERVICES_BUILD=$top_builddir
export RETAILER_OPTIONS SERVICES_BUILD
"$top_srcdir/tests/services/up" "$set" retailer || fail "the double does not start"
. "$set/env"

run() { sluice run -c "$work/$1.yaml" >"$work/$1.out" 2>"$work/$1.log" || fail "run of $1" "$work/$1.log"; }

{
    echo "state_dir: $work/messages.state"
    echo "pipelines:"
    for from in receipt shop-order; do
        cat <<END
  $from:
    source: { plugin: file, path: $work/demo/${from}s.jsonl }
    stages:
      - gate: { plugin: list, path: $work/demo/users.txt }
      - enrich: { plugin: purchase, from: $from }
    sink: { plugin: sqlite, path: $work/messages.db }
END
    done
} >"$work/messages.yaml"
run messages
want=$(fingerprint -c "$work/messages.yaml")

# The users that the messages made: a load makes a User of everybody it is asked about.
python3 - "$work/messages.db" >"$work/users.jsonl" <<'END'
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for (user,) in db.execute("SELECT user_id FROM user_keys ORDER BY user_id"):
    print(json.dumps({"event_type": "user_load_request", "user_id": user, "lookback_days": 3650}))
END
say "$(wc -l <"$work/users.jsonl") users to load"

# loads NAME OPTIONS: two pipelines, one a service, over the same users into one graph.
loads() {
    {
        echo "state_dir: $work/$1.state"
        echo "pipelines:"
        for plugin in purchase-history shop-orders; do
            cat <<END
  $plugin:
    source: { plugin: file, path: $work/users.jsonl }
    batch: { records: 10 }
    retry: { min: 10ms, max: 200ms }
    stages: [ { enrich: { plugin: $plugin, url: "$RETAILER_URL", bad: skip, $2 } } ]
    sink: { plugin: sqlite, path: $work/$1.db }
END
        done
    } >"$work/$1.yaml"
}
loads whole "timeout: 20s"
run whole
same "fingerprint of the loads" "$want" "$(fingerprint -c "$work/whole.yaml")"
retailer_stats | jq -c '.purchases, .orders' | sed 's/^/    /'
say "the loads give the graph of the messages"

# troubles SERVICE: each kind once, for two requests; the next one begins when it was met.
faults() { retailer_stats | jq ".$1.faults"; }
met() { [ "$(faults "$1")" -ge "$2" ]; }
troubles() {
    for trouble in '"status":429,"retry_after":1' '"status":503' '"cut_after_bytes":20' '"wrong_json":true' '"status":500'; do
        before=$(faults "$1")
        misbehave "{\"service\":\"$1\",$trouble,\"times\":2}"
        wait_until 60 "two answers of $1 with $trouble" met "$1" $((before + 2))
        echo "$1 $trouble" >>"$work/met"
    done
}
loads troubled "timeout: 20s, attempts: 2, per_second: 30"
troubles purchases &
one=$!
troubles orders &
other=$!
run troubled
kill $one $other 2>/dev/null || true
wait $one $other 2>/dev/null || true
retailer_stats | jq -c '.purchases, .orders' | sed 's/^/    /'
same "kinds of trouble that were met" 10 "$(sort -u "$work/met" | wc -l)"
behave
same "fingerprint of the loads while the services fail" "$want" "$(fingerprint -c "$work/troubled.yaml")"
same "dead letters" "" "$(dead_letters -c "$work/troubled.yaml")"
say "the same while they answer 429, 503, 500, cut bodies and wrong JSON in turn"

# The cases of the conformance suite that need somebody to answer.
for plugin in purchase-history shop-orders; do
    sluice plugin test --set url="$RETAILER_URL" "$top_builddir/plugins/enrich-$plugin/.libs/enrich-$plugin.so" \
        >"$work/conformance.log" 2>&1 || fail "enrich/$plugin fails its conformance test" "$work/conformance.log"
done
say "conformance with a service that answers: purchase-history shop-orders"
