#!/bin/sh
# services: kafka neo4j valkey retailer
# check --online of the unified worker on the running stack: all answer; then each server is stopped in
# turn, and what does not answer is named with the option that points at it, and nothing else is.
. "$(dirname "$0")/lib.sh"

cleanup() {
    for service in kafka neo4j valkey retailer; do
        "$top_srcdir/tests/services/restart" --if-down "$SERVICES_DIR" $service >/dev/null 2>&1 || true
    done
}

cp "$top_srcdir"/docs/examples/unified-worker/*.yaml "$work"
cd "$work"
chmod u+w ./*.yaml
# Topics and groups of the test's own; the flags are in the double.
receipts=$(unique receipts) factoids=$(unique factoids)
sed -i "s/pipeline-v1-processed-receipt-events/$receipts/; s/factoid-stream/$factoids/
    s/unified-worker-receipts/$receipts/; s/unified-worker-factoids/$factoids/" unified-worker.yaml
sed -i 's#^state_dir: .*#state_dir: state#' unified-worker.laptop.yaml
: >"$SERVICES_DIR/user-load.jsonl"
topic "$receipts" 1
topic "$factoids" 1
echo u1 >users.txt
fill_flags "$RETAILER_FLAGS" "$RETAILER_FILES" users.txt
own_neo4j

# asked EXIT-CODE: the report in out, what went wrong in err and as JSON in json.
asked() {
    code=0
    sluice check --online -c unified-worker.yaml --env laptop >out 2>err || code=$?
    [ "$code" = "$1" ] || fail "check --online ended with $code, expected $1" out err
    code=0
    sluice check --online --json -c unified-worker.yaml --env laptop >json 2>json.err || code=$?
    same "exit code of check --online --json" "$1" "$code"
}
# Who did not answer: pipeline, plugin, option.
silent() { jq -r '.services[] | select(.ok | not) | "\(.pipeline) \(.plugin) \(.option)"' json | LC_ALL=C sort; }

asked 0
same "problems while all answer" "" "$(grep error: err || true)"
same "who was asked" "factoids enrich/category
factoids enrich/fps
factoids gate/feature-flipper
factoids gate/feature-flipper
factoids gate/valkey-enrollment
factoids sink/neo4j
factoids source/kafka
receipts enrich/category
receipts enrich/fps
receipts gate/feature-flipper
receipts gate/feature-flipper
receipts gate/valkey-enrollment
receipts sink/neo4j
receipts source/kafka
user-load enrich/category
user-load enrich/category
user-load enrich/fps
user-load enrich/fps
user-load enrich/purchase-history
user-load enrich/shop-orders
user-load gate/once
user-load gate/once
user-load sink/neo4j
user-load sink/neo4j
user-load source/file" "$(jq -r '.services[] | "\(.pipeline) \(.plugin)"' json | LC_ALL=C sort)"
same "constraints that check --online made" "" "$(cypher 'SHOW CONSTRAINTS YIELD name RETURN name')"
say "all up: everything that the worker names answers"

# stopped SERVICE LINES: with it stopped, these and only these do not answer.
stopped() {
    service_down "$1"
    began=$(date +%s)
    asked 3
    same "who does not answer without $1" "$2" "$(silent)"
    # Each of them stands in the overlay, at a line that says the option.
    jq -r '.services[] | select(.ok | not) | "\(.file) \(.line) \(.option)"' json >places
    while read -r file line option; do
        sed -n "${line}p" "$file" | grep -q "$option:" || fail "$file:$line does not hold '$option'" err
        grep -q "^$file:$line:[0-9]*: error: " err || fail "no error at $file:$line" err
    done <places
    at_least "errors that point at an option" "$(lines places)" "$(grep -c ': error: ' err)"
    [ $(($(date +%s) - began)) -le 40 ] || fail "two checks without $1 took $(($(date +%s) - began)) s"
    service_restart "$1"
    say "$1 stopped: $(lines places) instances named, each at its option"
}
stopped valkey "factoids gate/valkey-enrollment address
receipts gate/valkey-enrollment address
user-load gate/once address
user-load gate/once address"
stopped kafka "factoids source/kafka brokers
receipts source/kafka brokers"
stopped neo4j "factoids sink/neo4j url
receipts sink/neo4j url
user-load sink/neo4j url
user-load sink/neo4j url"
stopped retailer "factoids enrich/category url
factoids enrich/fps url
factoids gate/feature-flipper url
factoids gate/feature-flipper url
receipts enrich/category url
receipts enrich/fps url
receipts gate/feature-flipper url
receipts gate/feature-flipper url
user-load enrich/category url
user-load enrich/category url
user-load enrich/fps url
user-load enrich/fps url
user-load enrich/purchase-history url
user-load enrich/shop-orders url"
asked 0
say "all up again: everything answers"
