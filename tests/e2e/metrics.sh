#!/bin/sh
# While it runs: metrics that promtool accepts, and in = written + gated + dead + returned + in
# flight at every scrape; /healthz, /readyz, /pipelines.
. "$(dirname "$0")/lib.sh"

DEMO_DIR=$work/demo
export DEMO_DIR
demo_data "$DEMO_DIR" --users 600 --admitted 250 --products 400 --receipts 6000 --factoids 8000
cat >"$work/slow.yaml" <<END
http: { listen: "127.0.0.1:0" }
pipelines:
  receipts: { rate_limit: 3000, source: { plugin: file, follow: true } }
  shop-orders: { rate_limit: 4000, source: { plugin: file, follow: true } }
END
start c -c "$top_srcdir/docs/demo/demo.yaml" -c "$work/slow.yaml" --json
wait_until 20 "the server to listen" listening "$work/c.log"

balanced() {
    awk '
        /^sluice_records_in_total/ { total[label($1)] = $2 }
        /^sluice_records_total|^sluice_records_in_flight/ { sum[label($1)] += $2 }
        function label(s) { match(s, /pipeline="[^"]*"/); return substr(s, RSTART, RLENGTH) }
        END { for (p in total) { n++; if (total[p] != sum[p]) { print p ": in " total[p] ", ends and in flight " sum[p]; bad = 1 } }
              exit bad || n != 2 }' "$1"
}
scrapes=0
all_in() {
    fetch /metrics >"$work/metrics.txt" || fail "/metrics" "$work/c.log"
    scrapes=$((scrapes + 1))
    balanced "$work/metrics.txt" >"$work/unbalanced" || fail "scrape $scrapes: $(cat "$work/unbalanced")" "$work/metrics.txt"
    [ "$(metric "$work/metrics.txt" 'sluice_records_in_total{pipeline="receipts"}')" -ge "$1" ]
}
ready() { fetch /readyz >"$work/readyz"; grep -q ready "$work/readyz"; }
wait_until 20 "/readyz" ready
wait_until 30 "6000 receipts" all_in 6000
at_least "scrapes" 5 "$scrapes"
promtool check metrics <"$work/metrics.txt" >"$work/promtool" 2>&1 || fail "promtool: $(cat "$work/promtool")"
[ ! -s "$work/promtool" ] || fail "promtool: $(cat "$work/promtool")"
same "/healthz" 200 "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://$address/healthz")"
same "/readyz" 200 "$(curl -s -m 5 -o /dev/null -w '%{http_code}' "http://$address/readyz")"
same "an unknown path" 404 "$(curl -s -m 5 -o "$work/404" -w '%{http_code}' "http://$address/nothing")"
jq -e .error.code "$work/404" >/dev/null || fail "an unknown path is not answered with a JSON error" "$work/404"
fetch /pipelines >"$work/pipelines.json"
same "pipelines" '["receipts","shop-orders"]' "$(jq -c '[.pipelines[].name] | sort' "$work/pipelines.json")"
kill -TERM "$pid"
finished "$pid" 15
same "exit code" 0 "$code"
say "$scrapes scrapes, each balanced; promtool has no objection"
