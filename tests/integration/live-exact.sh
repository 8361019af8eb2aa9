#!/bin/sh
# The same purchases give the same graph, whichever way they come: the demo's messages and the real
# purchases, through Kafka into Neo4j, give the fingerprint that SQLite gives from the files; every
# message comes to the end that it was made for; the whole topic once more changes nothing.
# services: kafka neo4j
. "$(dirname "$0")/lib.sh"

here=$top_srcdir/tests/integration
WORK=$work
FIRST_TOPIC=$(unique first)
SECOND_TOPIC=$(unique second)
export WORK FIRST_TOPIC SECOND_TOPIC GROUP
own_neo4j

both_read() { lag_is_zero "$GROUP-1" "$FIRST_TOPIC" && lag_is_zero "$GROUP-2" "$SECOND_TOPIC"; }

# through GROUP -c FILE...: all that the two topics hold, as that group; its report in GROUP.out.
through() {
    GROUP=$1
    name=$1
    shift
    start "$name" "$@" --json
    read_or_ended() { ended "$pid" || both_read; }
    wait_until 300 "$name to have read both topics" read_or_ended
    kill -TERM "$pid" 2>/dev/null || true
    finished "$pid" 60
    [ "$code" -eq 0 ] || fail "run $name ended with exit code $code" "$work/$name.log" "$work/$name.out"
}

# sums REPORT: records of all pipelines together.
total() { jq "[.pipelines[].$2] | add" "$1"; }

# --- the demo's messages ------------------------------------------------------------------------
DEMO_DIR=$work/demo
export DEMO_DIR
demo=$top_srcdir/docs/demo/demo.yaml
demo_data "$DEMO_DIR" --users 2400 --admitted 1000 --products 1200 --receipts 12000 --factoids 16000
run_to_end sqlite -c "$demo"
want=$(fingerprint -c "$demo")
for one in "$FIRST_TOPIC receipts" "$SECOND_TOPIC shop-orders"; do
    fill_create "$KAFKA_BROKERS" "${one% *}" 3
    fill_topic "$KAFKA_BROKERS" "${one% *}" "$DEMO_DIR/${one#* }.jsonl" || fail "could not fill ${one% *}"
done
# exact LABEL -c FILE...: all of both topics, each message to its end, and the graph that SQLite has.
exact() {
    label=$1
    shift
    through "$(unique "demo-$label")" "$@"
    same "ends of the messages, $label" "$(expected_ends "$DEMO_DIR/expected.json")" "$(ends "$work/$GROUP.out")"
    same "fingerprint of the demo's messages, $label" "$want" "$(fingerprint "$@")"
    say "the demo's messages, $label: $(total "$work/$GROUP.out" in) read, the graph is that of SQLite from the files"
}
exact kafka-to-sqlite -c "$demo" -c "$here/exact-kafka.yaml"
exact kafka-to-neo4j -c "$demo" -c "$here/exact-kafka.yaml" -c "$here/exact-neo4j.yaml"
exact all-again -c "$demo" -c "$here/exact-kafka.yaml" -c "$here/exact-neo4j.yaml"
sluice audit -c "$demo" -c "$here/exact-kafka.yaml" -c "$here/exact-neo4j.yaml" >"$work/audit.out" ||
    fail "audit finds something" "$work/audit.out"

# --- real purchases ------------------------------------------------------------------------------
real_data
REAL=$real
export REAL
zcat "$real/transactions.csv.gz" >"$work/table.csv"
all=$(($(wc -l <"$work/table.csv") - 1))
cp "$work/table.csv" "$work/first.csv"
head -n 1 "$work/table.csv" >"$work/second.csv"
rm -rf "$work/state"
run_to_end real-sqlite -c "$top_srcdir/tests/e2e/real.yaml"
want=$(fingerprint -c "$top_srcdir/tests/e2e/real.yaml")
FIRST_TOPIC=$(unique real-first)
SECOND_TOPIC=$(unique real-second)
tail -n +2 "$work/table.csv" | awk -F , -v OFS='\t' 'NR % 2 { print $1, $0 }' >"$work/odd"
tail -n +2 "$work/table.csv" | awk -F , -v OFS='\t' 'NR % 2 == 0 { print $1, $0 }' >"$work/even"
for one in "$FIRST_TOPIC odd" "$SECOND_TOPIC even"; do
    topic "${one% *}" 3
    produce "${one% *}" "$work/${one#* }" -K '\t'
done
empty_neo4j
for time in once again; do
    through "$(unique "real-$time")" -c "$top_srcdir/tests/e2e/real.yaml" -c "$here/exact-real.yaml"
    same "rows written, $time" "$all" "$(total "$work/$GROUP.out" written)"
    same "fingerprint of the real purchases, $time" "$want" \
        "$(fingerprint -c "$top_srcdir/tests/e2e/real.yaml" -c "$here/exact-real.yaml")"
done
say "$all real purchases, users split over two topics: the graph is that of SQLite, also when all come again"
