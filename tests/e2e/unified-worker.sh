#!/bin/sh
# The example of the unified worker: each environment is fit to run, shows what it is made of, and
# stage differs from prod in nothing but what its overlay is for.
. "$(dirname "$0")/lib.sh"

# A copy, whose secrets are here.
cp "$top_srcdir"/docs/examples/unified-worker/*.yaml "$work"
cd "$work"
chmod u+w ./*.yaml
sed -i 's#/run/secrets/#secrets/#' ./*.yaml
mkdir secrets
for secret in kafka valkey neo4j; do
    echo "canary-$secret" >secrets/$secret
done
chmod 600 secrets/*
export HOSTNAME=worker-1 SERVICES_DIR="$work" DEMO_DIR="$work" KAFKA_BROKERS=127.0.0.1:1 VALKEY_ADDRESS=127.0.0.1:2 \
    NEO4J_URL=http://127.0.0.1:3 NEO4J_USER=neo4j NEO4J_PASSWORD=canary-env RETAILER_URL=http://127.0.0.1:4
base=unified-worker.yaml

for env in laptop stage prod; do
    sluice config show --json -c $base --env $env >$env.json 2>$env.err || fail "config show --env $env" $env.err
    [ ! -s $env.err ] || fail "config show --env $env warns" $env.err
    ! grep -q canary $env.json || fail "config show --env $env shows a secret"
done
say "each environment shows what it is made of, and no secret"

# wired ENV PIPELINE: what it is wired to, one line a part.
wired() {
    jq -r --arg p "$2" '.config.pipelines[$p] |
        (.source | "\(.plugin) \(.topic) \(.group) \(.brokers | if type == "array" then join(",") else . end)"),
        (.stages[] | if .gate.not then "not \(.gate.not | "\(.flag) \(.subject) \(.url)")"
            elif .gate.any then "any \(.gate.any | map("\(.plugin) \(.flag // "-") \(.url // .address)") | join(" | "))"
            else .enrich | "\(.plugin) \(.from // .url)" end),
        (.sink | "\(.plugin) \(.model) \(.url)")' "$1.json"
}
same "receipts on a laptop" "kafka pipeline-v1-processed-receipt-events unified-worker-receipts 127.0.0.1:1
not consumer_graph_receipt_killswitch global http://127.0.0.1:4
any feature-flipper consumer_graph_ingestion http://127.0.0.1:4 | valkey-enrollment - 127.0.0.1:2
purchase receipt
fps http://127.0.0.1:4
category http://127.0.0.1:4
neo4j purchase-graph http://127.0.0.1:3" "$(wired laptop receipts)"
same "factoids on a laptop" "kafka factoid-stream unified-worker-factoids 127.0.0.1:1
not consumer_graph_factoid_killswitch global http://127.0.0.1:4
any feature-flipper consumer_graph_ingestion http://127.0.0.1:4 | valkey-enrollment - 127.0.0.1:2
purchase shop-order
fps http://127.0.0.1:4
category http://127.0.0.1:4
neo4j purchase-graph http://127.0.0.1:3" "$(wired laptop factoids)"
for env in stage prod; do
    hosts=$env.example.com
    brokers=b-1.kafka.$hosts:9096,b-2.kafka.$hosts:9096,b-3.kafka.$hosts:9096
    for pipeline in receipts factoids; do
        case $pipeline in
        receipts) from=receipt word=receipt topic=pipeline-v1-processed-receipt-events ;;
        factoids) from=shop-order word=factoid topic=factoid-stream ;;
        esac
        same "$pipeline in $env" "kafka $topic unified-worker-$pipeline $brokers
not consumer_graph_${word}_killswitch global https://feature-flipper.$hosts
any feature-flipper consumer_graph_ingestion https://feature-flipper.$hosts | valkey-enrollment - valkey.$hosts:6379
purchase $from
fps https://fps.$hosts
category https://category.$hosts
neo4j purchase-graph https://neo4j.$hosts:7473" "$(wired $env $pipeline)"
    done
done
# steps ENV: where the loads of users come from, and each step's key, stages and sink.
steps() {
    jq -r '.config.pipelines["user-load"] |
        (.source | "\(.plugin) \(.queue_url // .path)"),
        (.steps[] | "\(.name): \(.once.key) at \(.once.address)", (.stages[].enrich | "  \(.plugin) \(.url)"),
            (.sink | "  \(.plugin) \(.model) \(.url) \(.load)"))' "$1.json"
}
# step NAME KEY SERVICE URL VALKEY FPS CATEGORY NEO4J LOAD
step() {
    printf '%s: %s at %s\n  %s %s\n  fps %s\n  category %s\n  neo4j purchase-graph %s %s\n' "$1" "$2" "$5" "$3" "$4" "$6" "$7" "$8" "$9"
}
double=http://127.0.0.1:4
same "loads on a laptop" "file $work/user-load.jsonl
$(step receipts 'receipt-{request_id}' purchase-history $double 127.0.0.1:2 $double $double http://127.0.0.1:3 full
    step shop-orders 'shop-{request_id}' shop-orders $double 127.0.0.1:2 $double $double http://127.0.0.1:3 incremental)" "$(steps laptop)"
for env in stage:111111111111 prod:222222222222; do
    account=${env#*:} env=${env%:*}
    hosts=$env.example.com
    set -- valkey.$hosts:6379 https://fps.$hosts https://category.$hosts https://neo4j.$hosts:7473
    same "loads in $env" "sqs https://sqs.us-east-1.amazonaws.com/$account/$env-consumer-graph-queue
$(step receipts 'receipt-{request_id}' purchase-history https://purchase-history.$hosts "$@" full
        step shop-orders 'shop-{request_id}' shop-orders https://button-transactions.$hosts "$@" incremental)" "$(steps $env)"
done
say "both topics and the loads of users are wired as domain.md and the overlays say"

# Stage and prod differ by where things are, and by what stage's overlay is for.
code=0
sluice config diff --json -c $base --env stage --env prod >diff.json 2>diff.err || code=$?
same "exit code of config diff" 3 "$code"
same "what differs" "drain
log.level
pipelines.P.rate_limit
pipelines.P.sink.url
pipelines.P.sink.writers
pipelines.P.source.brokers[N]
pipelines.P.source.queue_url
pipelines.P.stages[N].enrich.url
pipelines.P.stages[N].gate.any[N].address
pipelines.P.stages[N].gate.any[N].lists
pipelines.P.stages[N].gate.any[N].url
pipelines.P.stages[N].gate.not.url
pipelines.P.steps[N].once.address
pipelines.P.steps[N].sink.url
pipelines.P.steps[N].stages[N].enrich.url" "$(jq -r '.differences[].path' diff.json |
    sed 's/pipelines.[a-z-]*/pipelines.P/; s/\[[0-9]*\]/[N]/g' | LC_ALL=C sort -u)"
same "values that name the other environment" 0 \
    "$(jq '[.differences[] | select((.a.value | tostring | test("prod.example")) or (.b.value | tostring | test("stage.example")))] | length' diff.json)"
sluice config diff -c $base --env prod --env prod >out || fail "prod differs from prod" out
say "stage and prod differ by overlay only"

for env in laptop stage prod; do
    sluice check --no-files -c $base --env $env >out 2>&1 || fail "check --env $env" out
    [ ! -s out ] || fail "check --env $env warns" out
done
# A secret, a variable and an option that are missing are each named where they are asked for.
refused() {
    code=0
    sluice check --no-files -c $base --env prod >out 2>&1 || code=$?
    same "exit code without $1" 1 "$code"
    grep -q "unified-worker.prod.yaml:[0-9]*:[0-9]*: error: .*$1" out || fail "$1 is not named at its place" out
}
mv secrets/neo4j secrets/away
refused "secrets/neo4j"
mv secrets/away secrets/neo4j
unset HOSTNAME
refused HOSTNAME
export HOSTNAME=worker-1
sed -i 's/x-prod-products: &products { enrich: { plugin: fps, url:/x-prod-products: \&products { enrich: { plugin: fps, urll:/' unified-worker.prod.yaml
refused urll
say "check accepts each environment, and names what is missing in one"
