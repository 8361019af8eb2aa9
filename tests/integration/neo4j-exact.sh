#!/bin/sh
# Neo4j and SQLite hold the same graph: real purchases in order, shuffled, doubled, in small and
# large batches, by one writer and by four, through both endpoints; a replay changes nothing; the
# demo too.
# services: neo4j
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/neo4j_lib.sh"

real_rows
own_neo4j
all=$(wc -l <"$work/rows.csv")

sqlite_config oracle "$work/table.csv"
run_to_end oracle -c "$work/oracle.yaml"
want=$(fingerprint -c "$work/oracle.yaml")

neo4j_config whole "$work/table.csv" "writers: 2" "api: tx"
run_to_end whole -c "$work/whole.yaml"
same "written" "$all" "$(written whole)"
exact "tx/commit, two writers" whole "$want"

# A replay: not even a clock moves.
clocks='MATCH (u:User) RETURN toString(max(u.last_updated_at)), count(u), sum(u.last_updated_at.epochMillis % 1000003)'
before=$(cypher "$clocks")
rm -rf "$work/state-whole"
sed -i 's/api: tx/api: query/' "$work/whole.yaml"
run_to_end whole -c "$work/whole.yaml"
same "written at the replay" "$all" "$(written whole)"
same "the clocks of the users" "$before" "$(cypher "$clocks")"
exact "a replay through the query api" whole "$want"

# audit finds nothing CRITICAL, and the same counts as on SQLite.
for which in oracle whole; do
    sluice audit --json -c "$work/$which.yaml" 2>>"$work/audit.log" | jq -cS 'del(.graph, .time, .checks[].examples)' >"$work/$which.audit"
done
cmp -s "$work/oracle.audit" "$work/whole.audit" || fail "the audits differ" "$work/oracle.audit" "$work/whole.audit"
user=$(sed -n '1s/,.*//p' "$work/rows.csv")
for which in oracle whole; do
    sluice explain user "$user" --json -c "$work/$which.yaml" 2>>"$work/audit.log" |
        jq -cS '.graphs[0] | del(.graph, .name, .pipeline, .sink) | .nodes |= sort' >"$work/$which.explain"
done
[ -s "$work/oracle.explain" ] && cmp -s "$work/oracle.explain" "$work/whole.explain" ||
    fail "explain user differs" "$work/oracle.explain" "$work/whole.explain"
say "audit and explain tell the same of both"

# A part, shuffled and doubled, from nothing, through the query api.
head -n 6000 "$work/rows.csv" >"$work/part.csv"
with_header "$work/part-in-order.csv" <"$work/part.csv"
sqlite_config part "$work/part-in-order.csv"
run_to_end part -c "$work/part.yaml"
want=$(fingerprint -c "$work/part.yaml")
empty_neo4j
cat "$work/part.csv" "$work/part.csv" | shuf --random-source="$work/table.csv" | with_header "$work/shuffled.csv"
neo4j_config shuffled "$work/shuffled.csv" "writers: 4" "api: query"
run_to_end shuffled -c "$work/shuffled.yaml"
exact "shuffled and doubled, query api, four writers" shuffled "$want"

empty_neo4j
neo4j_config single "$work/part-in-order.csv" "load: full"
sed -i 's/records: 500/records: 3000/' "$work/single.yaml"
run_to_end single -c "$work/single.yaml"
exact "load: full, large batches" single "$want"

# The demo, with its catalogue, time zones and shop orders.
demo_data "$work/demo"
DEMO_DIR=$work/demo
export DEMO_DIR
demo=$top_srcdir/docs/demo/demo.yaml
run_to_end demo -c "$demo"
want=$(fingerprint -c "$demo" --pipeline receipts)
empty_neo4j
cat >"$work/demo.yaml" <<END
state_dir: $work/state-demo
pipelines:
  receipts: { sink: &sink { plugin: neo4j, url: $NEO4J_URL, user: $NEO4J_USER, password: $NEO4J_PASSWORD, path: null } }
  shop-orders: { sink: *sink }
END
sed -i 's/, path: null//' "$work/demo.yaml"
run_to_end demo-neo4j -c "$demo" -c "$work/demo.yaml"
got=$(fingerprint -c "$demo" -c "$work/demo.yaml" --pipeline receipts)
same "the fingerprint of the demo" "$want" "$got"
say "the demo gives the same graph"
