#!/bin/sh
# The double of the retailer's services answers as its contracts say, and misbehaves as it is told
# and no longer than that: the tests of the live path stand on it.
# services: retailer
. "$(dirname "$0")/lib.sh"

set=$work/set
cleanup() { "$top_srcdir/tests/services/down" "$set" || true; }
demo_data "$work/demo" --users 60 --admitted 25 --products 250 --receipts 300 --factoids 400
cat >"$work/odd.csv" <<'END'
id,name,brand,category,category_id
p1,"a ""quoted"", name",b,,
p2,plain,,c,cat
END
RETAILER_OPTIONS="--products $work/demo/products.csv --products $work/odd.csv --categories $work/demo/categories.csv \
--purchases $work/demo/receipts.jsonl --orders $work/demo/shop-orders.jsonl --page 3 --today 2025-12-31"
SERVICES_BUILD=$top_builddir
export RETAILER_OPTIONS SERVICES_BUILD
"$top_srcdir/tests/services/up" "$set" retailer || fail "the double does not start"
. "$set/env"

get() { curl -sS -m 10 "$@"; }
post() { get -d "$2" "$RETAILER_URL$1"; }
status() { curl -sS -m 10 -o /dev/null -w '%{http_code}' "$@"; }

same "products" '{"products":[{"id":"p1","name":"a \"quoted\", name","brand":"b"},{"id":"p2","name":"plain","category":"c","categoryId":"cat"}]}' \
    "$(post /products:batchGet '{"ids":["p1","unknown","p2"]}')"
id=$(tail -n 1 "$work/demo/categories.csv" | cut -d , -f 1)
same "category" "$(tail -n 1 "$work/demo/categories.csv" | cut -d , -f 3-5)" \
    "$(post /categories:batchGet "{\"ids\":[\"$id\"]}" | jq -r '.categories[0].hierarchy | join(",")')"
same "a batch of 101" 400 "$(status -d "{\"ids\":$(seq 101 | jq -Rsc 'split("\n")[:-1]')}" "$RETAILER_URL/products:batchGet")"
same "no ids" 400 "$(status -d '{}' "$RETAILER_URL/products:batchGet")"

# Every page, joined, is every line of the user that a service could hold.
user=$(cat "$work/demo/interesting.txt")
pages() {
    cursor=
    while page=$(get "$RETAILER_URL/users/$user/$1?lookback_days=${days:-365}&cursor=$cursor"); do
        at_least "receipts of a page, at most 3" "$(echo "$page" | jq ".$2 | length")" 3
        echo "$page" | jq -r ".$2[] | .receipt_id // .buttonOrderId"
        cursor=$(echo "$page" | jq -r '.next_cursor // ""')
        [ -n "$cursor" ] || return 0
    done
}
same "the user's purchases" "$(jq -Rr "fromjson? | select(.user_id == \"$user\") | .receipt_id" "$work/demo/receipts.jsonl")" "$(pages purchases receipts)"
same "the user's orders" "$(jq -Rr "fromjson? | select(.user_id == \"$user\" and .source == \"SHOP\" and .event_type == \"ORDER_FINALIZED\") | .summary_id // empty" "$work/demo/shop-orders.jsonl")" "$(pages orders orders)"
days=100
same "orders of 100 days" "$(jq -Rr "fromjson? | select(.user_id == \"$user\" and .source == \"SHOP\" and .event_type == \"ORDER_FINALIZED\" and .occurred_at >= \"2025-09-22\") | .summary_id // empty" "$work/demo/shop-orders.jsonl")" "$(pages orders orders)"

echo '{"enabled":true,"segments":[]}' >"$RETAILER_FLAGS/f.json"
etag=$(get -D - -o /dev/null "$RETAILER_URL/flags/f" | tr -d '\r' | sed -n 's/^ETag: //p')
same "flag unchanged" 304 "$(status -H "If-None-Match: $etag" "$RETAILER_URL/flags/f")"
echo '{"enabled":false,"segments":[]}' >"$RETAILER_FLAGS/f.json"
same "flag changed" false "$(get -H "If-None-Match: $etag" "$RETAILER_URL/flags/f" | jq .enabled)"
same "unknown flag" 404 "$(status "$RETAILER_URL/flags/g")"
same "a name that climbs" 404 "$(status --path-as-is "$RETAILER_URL/files/../command")"
printf 'u1\nu2\n' >"$RETAILER_FILES/ids"
same "a file" "$(printf 'u1\nu2')" "$(get "$RETAILER_URL/files/ids")"
say "answers as the contracts say"

ask() { curl -sS -m 10 -d '{"ids":["p1"]}' "$@" "$RETAILER_URL/products:batchGet"; }
behave
misbehave '{"service":"fps","status":429,"retry_after":7,"times":2}'
same "Retry-After" 7 "$(ask -D - -o /dev/null | tr -d '\r' | sed -n 's/^Retry-After: //p')"
same "second of two" 429 "$(ask -o /dev/null -w '%{http_code}')"
same "after two" 200 "$(ask -o /dev/null -w '%{http_code}')"
misbehave '{"service":"fps","cut_after_bytes":9}'
code=0
ask >"$work/cut" 2>/dev/null || code=$?
same "bytes before the cut" 9 "$(wc -c <"$work/cut")"
[ $code -ne 0 ] || fail "curl takes a cut body for whole"
misbehave '{"service":"fps","wrong_json":true}'
! ask | jq . >/dev/null 2>&1 || fail "wrong JSON is right"
misbehave '{"service":"fps","status":503,"every":3}'
same "each third fails" "200 200 503 200 200 503" "$(for i in 1 2 3 4 5 6; do ask -o /dev/null -w '%{http_code} '; done | sed 's/ $//')"
misbehave '{"service":"fps","drip_bytes_per_s":200}'
slow=$(ask -o /dev/null -w '%{time_total}')
misbehave '{"service":"fps","latency_ms":300}'
late=$(ask -o /dev/null -w '%{time_starttransfer}')
echo "$slow $late" | awk '{ exit !($1 >= 0.2 && $2 >= 0.3) }' || fail "drip took $slow s, latency $late s"
same "others are not touched" 200 "$(status "$RETAILER_URL/flags/f")"
same "unknown member" 400 "$(status -d '{"service":"fps","stauts":1}' "$RETAILER_URL/_control")"
same "statistics" "13 13 1 8" "$(retailer_stats | jq -r '.fps | "\(.requests) \(.ids) \(.distinct_ids) \(.faults)"')"
behave
same "after a reset" "0 0" "$(retailer_stats | jq -r '.fps | "\(.requests) \(.faults)"')"

# A fault that is meant for one user leaves the others alone; who was asked for is counted.
other=$(jq -Rr "fromjson? | select(.user_id != \"$user\") | .user_id // empty" "$work/demo/receipts.jsonl" | head -n 1)
misbehave "{\"service\":\"purchases\",\"status\":500,\"users\":[\"$user\"]}"
same "the user's history" 500 "$(status "$RETAILER_URL/users/$user/purchases?lookback_days=365")"
same "the history of another one" 200 "$(status "$RETAILER_URL/users/$other/purchases?lookback_days=365")"
same "orders of the user" 200 "$(status "$RETAILER_URL/users/$user/orders?lookback_days=365")"
same "a page that is not the first" 500 "$(status "$RETAILER_URL/users/$user/purchases?lookback_days=365&cursor=1")"
same "users that are no list" 400 "$(status -d '{"service":"purchases","users":"u"}' "$RETAILER_URL/_control")"
same "who was asked for" "[2,1] [1,1] [1,1]" "$(get "$RETAILER_URL/_users" |
    jq -rc --arg a "$user" --arg b "$other" '"\(.purchases[$a]) \(.purchases[$b]) \(.orders[$a])"')"
behave
same "who was asked for, after a reset" '{"purchases":{},"orders":{}}' "$(get "$RETAILER_URL/_users")"
say "misbehaves as told, and no longer"
