#!/bin/sh
# services: valkey
# Two workers that share a budget in Valkey: what the service counts of both, in any second and over all
# the time, stays within it; a 429 of one pauses both; and while Valkey is away each takes its share.
. "$(dirname "$0")/lib.sh"

cd "$work"
set=$work/set shared=$SERVICES_DIR
key=$(unique budget)
cleanup() {
    "$top_srcdir/tests/services/down" "$set" || true
    "$top_srcdir/tests/services/restart" --if-down "$shared" valkey >/dev/null 2>&1 || true
    valkey DEL "$key" "$key:pause" >/dev/null 2>&1 || true
}
echo '{"receipt_id":"r","user_id":"nobody"}' >none.jsonl
RETAILER_OPTIONS="--purchases $work/none.jsonl --page 3"
SERVICES_BUILD=$top_builddir
export RETAILER_OPTIONS SERVICES_BUILD
"$top_srcdir/tests/services/up" "$set" retailer || fail "the double does not start"
. "$set/env"
SERVICES_DIR=$shared # where Valkey is; the double is in a set of its own

# worker NAME FROM TO OPTIONS: loads users, one request each (none of them has receipts).
worker() {
    seq "$2" "$3" | sed 's/.*/{"user_id":"u&"}/' >"$1.jsonl"
    cat >"$1.yaml" <<END
state_dir: $1-state
pipelines:
  p:
    source: { plugin: file, path: $1.jsonl }
    batch: { records: 50 }
    stages: [ { enrich: { plugin: purchase-history, url: "$RETAILER_URL", budget_address: "$VALKEY_ADDRESS", budget_key: $key, $4 } } ]
    sink: { plugin: file, path: $1.done }
END
    sluice run -c "$1.yaml" --json >"$1.out" 2>"$1.log" &
}
stat_of() { retailer_stats | jq ".purchases.$1"; }
# both NAME: the two workers NAME1 and NAME2 end well.
both() {
    wait "$one" || fail "the first worker fails" "$1"1.log
    wait "$two" || fail "the second worker fails" "$1"2.log
    same "dead letters" 0 $(($(count "$1"1.out p dead) + $(count "$1"2.out p dead)))
}
# within RATE REQUESTS: the double's counts and times.  A bulk (a tenth of a second) is the burst; a
# tenth more may come late out of a lease that a slow machine had in hand.
within() {
    most=$(stat_of most_in_a_second) span=$(stat_of span_ms)
    say "$(stat_of requests) requests in $span ms, at most $most in any second (budget $1 a second)"
    [ "$most" -le $(($1 * 12 / 10 + 1)) ] || fail "$most requests in one second: the budget is $1"
    [ $((span * $1 / 1000)) -ge $(($2 - $1 / 10 - 1)) ] || fail "$2 requests in $span ms are more than $1 a second"
}

worker even1 1 300 "per_second: 100"
one=$!
worker even2 301 600 "per_second: 100"
two=$!
both even
same "requests" 600 "$(stat_of requests)"
within 100 600
# Not needlessly slow either.
[ "$span" -le 12000 ] || fail "600 requests took $span ms: the budget would have allowed 6000"
say "two workers stay within one budget"

behave
misbehave '{"service":"purchases","status":429,"retry_after":2,"times":1}'
worker busy1 1 100 "per_second: 100"
one=$!
worker busy2 101 200 "per_second: 100"
two=$!
both busy
same "answers 429" 1 "$(retailer_stats | jq '.purchases.status["429"]')"
same "requests" 201 "$(stat_of requests)"
within 100 201
[ "$span" -ge 2000 ] || fail "both were done after $span ms: the pause was 2 seconds"
# One request met the 429; what was under way when it came is all that went out before the pause.
say "a 429 of one pauses both"

behave
service_down valkey
worker away1 1 30 "per_second: 40, budget_workers: 2"
one=$!
worker away2 31 60 "per_second: 40, budget_workers: 2"
two=$!
both away
same "requests" 60 "$(stat_of requests)"
within 40 60
contains away1.log "the shared budget cannot be asked"
service_restart valkey
say "while Valkey is away each worker takes its share"
