# Shared by the tests of the backfill's worker half; sourced after lib.sh.
#
# Real purchases, split as user-load-data does; the graph that they must give is worked out there,
# without code of sluice.
backfill_config=$top_srcdir/tests/e2e/user-load.yaml

# backfill_data OPTION...: the data in $DATA, the services' double in $set and its URL.
backfill_data() {
    real_data
    command -v sqlite3 >/dev/null || skip "the sqlite3 program is missing; on Debian: apt-get install sqlite3"
    DATA=$work/data
    python3 "$top_srcdir/tests/e2e/user-load-data" "$real/transactions.csv.gz" "$real/products.csv.gz" "$DATA" "$@" ||
        fail "user-load-data"
    users=$(wc -l <"$DATA/users.txt")
    want=$(cat "$DATA/fingerprint")
    set=$work/set
    RETAILER_OPTIONS="--products $DATA/products.csv --categories $DATA/categories.csv --purchases $DATA/receipts.jsonl \
--orders $DATA/orders.jsonl --page 7 --today 2018-01-01"
    SERVICES_BUILD=$top_builddir
    export RETAILER_OPTIONS SERVICES_BUILD DATA
    "$top_srcdir/tests/services/up" "$set" retailer >"$work/up.log" 2>&1 || services_missing $?
    RETAILER_URL=$(sed -n "s/^export RETAILER_URL='\(.*\)'/\1/p" "$set/env")
    MESSAGES=$DATA/messages.jsonl
    STATE=$work/state
    GRAPH=$work/graph.db
    export RETAILER_URL MESSAGES STATE GRAPH
}

services_missing() {
    [ "$1" -ne 77 ] || skip "$(sed -n 's/^SKIP: //p' "$work/up.log")"
    fail "the double does not start" "$work/up.log"
}

# --- the double -------------------------------------------------------------------------------------
misbehave() {
    curl -sS -f -m 10 -o /dev/null "$RETAILER_URL/_control" -d "$1" || fail "the retailer's double refuses $1"
}
behave() { curl -sS -f -m 10 -o /dev/null "$RETAILER_URL/_reset" -d '' || fail "the retailer's double does not answer"; }
retailer_stats() { curl -sS -f -m 10 "$RETAILER_URL/_stats"; }
# begun SERVICE [USER...]: how often the histories of all or these users were begun, as "users times".
begun() {
    service=$1
    shift
    curl -sS -f -m 10 "$RETAILER_URL/_users" | jq -r --arg s "$service" \
        '.[$s] | to_entries | map(select(($ARGS.positional | length) == 0 or (.key as $k | $ARGS.positional | index($k) != null)))
         | "\(length) \(map(.value[1]) | add // 0)"' --args "$@"
}
# some_users N [FROM]: N users of the data that have a history, as arguments; the FROM-th first.
some_users() { sed -n "${2:-1},\$p" "$DATA/users.txt" | grep -v '^empty' | head -n "$1"; }
json_list() { printf '%s\n' "$@" | jq -Rsc 'split("\n")[:-1]'; }

# --- what came of it ----------------------------------------------------------------------------------
# told LOG FILTER: how many user_load lines of a log fit the jq filter.
told() { grep '^{' "$1" | jq -c "select(.event == \"user_load\") | select($2)" 2>/dev/null | wc -l; }

# graph_is WHAT -c FILE...: the graph is the oracle's.
graph_is() {
    label=$1
    shift
    got=$(fingerprint "$@" --pipeline user-load)
    [ "$got" = "$want" ] || {
        python3 - "$top_srcdir/tests/e2e/oracle" "$DATA/lines" "$GRAPH" <<'PY' || true
import importlib.machinery, importlib.util, os, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("oracle", sys.argv[1])
oracle = importlib.util.module_from_spec(importlib.util.spec_from_loader("oracle", loader))
loader.exec_module(oracle)
if os.path.exists(sys.argv[3]):
    want, got = set(open(sys.argv[2]).read().splitlines()), set(oracle.actual(sys.argv[3]))
    oracle.show("missing in the graph", want - got)
    oracle.show("too much in the graph", got - want)
PY
        fail "$label: the graph differs from the oracle's ($got, should be $want)" "$work"/*.log
    }
    say "$label: the graph is the oracle's"
}
