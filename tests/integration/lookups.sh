#!/bin/sh
# enrich/fps and enrich/category give the graph that enrich/table gives with the same catalogue,
# also while the services answer 429, 503, cut bodies and wrong JSON in turn.
# services: retailer
. "$(dirname "$0")/lib.sh"

set=$work/set
cleanup() { "$top_srcdir/tests/services/down" "$set" || true; }
demo_data "$work/demo" --users 200 --admitted 150 --products 1500 --receipts 3000 --factoids 3000
RETAILER_OPTIONS="--products $work/demo/products.csv --categories $work/demo/categories.csv"
SERVICES_BUILD=$top_builddir
export RETAILER_OPTIONS SERVICES_BUILD
"$top_srcdir/tests/services/up" "$set" retailer || fail "the double does not start"
. "$set/env"

# config NAME: two pipelines into NAME.db; the catalogue's stages are read from stdin.
config() {
    cat >"$work/stages"
    {
        echo "state_dir: $work/$1.state"
        echo "pipelines:"
        for from in receipt shop-order; do
            cat <<END
  $from:
    source: { plugin: file, path: $work/demo/${from}s.jsonl }
    retry: { min: 10ms, max: 200ms }
    stages:
      - gate: { plugin: list, path: $work/demo/users.txt }
      - enrich: { plugin: purchase, from: $from }
END
            cat "$work/stages"
            echo "    sink: { plugin: sqlite, path: $work/$1.db }"
        done
    } >"$work/$1.yaml"
}
run() { sluice run -c "$work/$1.yaml" >"$work/$1.out" 2>"$work/$1.log" || fail "run of $1" "$work/$1.log"; }

config table <<END
      - enrich: { plugin: table, name: products, path: $work/demo/products.csv, key: id, from: "purchases[].product_id", set: { name: name, brand: brand, category: category, category_id: category_id } }
      - enrich: { plugin: table, name: categories, path: $work/demo/categories.csv, key: id, from: "purchases[].category_id", set: { category_hierarchy: [ level1, level2, level3 ] } }
END
run table
want=$(fingerprint -c "$work/table.yaml")
[ -n "$want" ] || fail "no fingerprint"

lookups() {
    config "$1" <<END
      - enrich: { plugin: fps, url: "$RETAILER_URL", $2 }
      - enrich: { plugin: category, url: "$RETAILER_URL", $2 }
END
}
lookups services "timeout: 10s"
run services
same "fingerprint with services" "$want" "$(fingerprint -c "$work/services.yaml")"
say "the services give the graph of the table"
retailer_stats | jq -c '.fps, .category' | sed 's/^/    /'

# Each trouble lasts two requests, and the next one begins when it was met; small batches, a rate and no
# cache, so that there are many requests to hit.
faults() { retailer_stats | jq '.fps.faults + .category.faults'; }
met() { [ "$(faults)" -ge "$1" ]; }
troubles() {
    while :; do
        for trouble in '"status":429,"retry_after":1' '"status":503' '"cut_after_bytes":60' '"wrong_json":true' '"status":500'; do
            for service in fps category; do
                before=$(faults)
                misbehave "{\"service\":\"$service\",$trouble,\"times\":2}"
                wait_until 60 "two answers with $trouble" met $((before + 2))
                echo "$service $trouble" >>"$work/met"
            done
        done
    done
}
lookups troubled "batch: 4, per_second: 60, cache_size: 0, timeout: 5s, attempts: 3"
troubles &
troubling=$!
run troubled
kill $troubling 2>/dev/null || true
wait $troubling 2>/dev/null || true
retailer_stats | jq -c '.fps, .category' | sed 's/^/    /'
same "kinds of trouble that were met" 10 "$(sort -u "$work/met" | wc -l)"
behave
same "fingerprint while the services fail" "$want" "$(fingerprint -c "$work/troubled.yaml")"
same "dead letters while the services fail" "$(dead_letters -c "$work/table.yaml")" "$(dead_letters -c "$work/troubled.yaml")"
say "the same while they answer 429, 503, 500, cut bodies and wrong JSON in turn"

# The cases of the conformance suite that need somebody to answer.
for plugin in fps category; do
    sluice plugin test --set url="$RETAILER_URL" "$top_builddir/plugins/enrich-$plugin/.libs/enrich-$plugin.so" \
        >"$work/conformance.log" 2>&1 || fail "enrich/$plugin fails its conformance test" "$work/conformance.log"
done
say "conformance with a service that answers: fps category"
