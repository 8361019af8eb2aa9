#!/bin/sh
# Three workers of one group survive what happens to them in a bad hour, pressed into minutes, while
# receipts keep flowing: one is killed, one is stopped past its session and goes on, one drains; the
# broker, Neo4j and Valkey restart; the product service answers 429, 503 and cut bodies.  In the end
# the lag is zero, the graph is the one that SQLite makes of the file (nothing lost, nothing
# doubled), every bad message is a dead letter, and every scrape on the way was balanced.
#
# SLUICE_CHAOS=long: 200,000 receipts instead of 20,000.
# services: kafka neo4j valkey
. "$(dirname "$0")/lib.sh"

case ${SLUICE_CHAOS:-short} in
long) receipts=200000 rate=3000 patience=900 ;;
*) receipts=20000 rate=500 patience=240 ;;
esac
config=$top_srcdir/tests/integration/chaos.yaml
services=$top_srcdir/tests/services
own=$work/set
cleanup() { "$services/down" "$own" || true; }

# --- what flows, and what has to come of it -----------------------------------------------------
DEMO_DIR=$work/demo
export DEMO_DIR
demo_data "$DEMO_DIR" --users 4000 --admitted 1600 --products 1500 --receipts $receipts --factoids 0
run_to_end sqlite -c "$top_srcdir/docs/demo/demo.yaml"
want=$(fingerprint -c "$top_srcdir/docs/demo/demo.yaml")

RETAILER_OPTIONS="--products $DEMO_DIR/products.csv --categories $DEMO_DIR/categories.csv"
SERVICES_BUILD=$top_builddir
export RETAILER_OPTIONS SERVICES_BUILD
"$services/up" "$own" retailer || fail "the retailer's double does not start"
RETAILER_URL=$(sed -n "s/^export RETAILER_URL='\(.*\)'/\1/p" "$own/env")
# Half of the users are admitted by the flag, half by their key in Valkey.
awk 'NR % 2' "$DEMO_DIR/users.txt" >"$work/by-flag"
awk 'NR % 2 == 0' "$DEMO_DIR/users.txt" >"$work/by-key"
fill_flags "$own/retailer/flags" "$own/retailer/files" "$work/by-flag"
ENROLLED=$(unique enrolled)
sed "s/.*/SET $ENROLLED:& 1/" "$work/by-key" | redis-cli -p "${VALKEY_ADDRESS#*:}" --pipe >/dev/null
TOPIC=$(unique receipts)
GROUP=$(unique workers)
export TOPIC GROUP ENROLLED RETAILER_URL STATE
fill_create "$KAFKA_BROKERS" "$TOPIC" 6
own_neo4j

# --- workers --------------------------------------------------------------------------------------
generation=0
# worker N: starts it, in its own state folder; its pid in pid_N.
worker() {
    generation=$((generation + 1))
    STATE=$work/state-$1
    start "worker-$1.$generation" -c "$config" --json
    eval "pid_$1=\$pid log_$1=worker-$1.$generation"
    wait_until 60 "worker $1 to listen" listening "$work/worker-$1.$generation.log"
    echo "$address" >"$work/address-$1.new"
    mv "$work/address-$1.new" "$work/address-$1"
}

alive_still() {
    for n in 1 2 3; do
        eval "p=\$pid_$n l=\$log_$n"
        ! ended "$p" || fail "worker $n ended by itself" "$work/$l.log"
    done
}

# drained N: it has to end well on SIGTERM.
drained() {
    eval "p=\$pid_$1 l=\$log_$1"
    rm -f "$work/address-$1"
    kill -TERM "$p"
    finished "$p" 60
    [ "$code" -eq 0 ] || fail "worker $1 ended with $code on SIGTERM" "$work/$l.log"
}

# --- scrapes, all the while: in = written + gated + dead + returned + in flight ----------------------
: >"$work/unbalanced"
: >"$work/scrapes"
scraper() {
    while [ ! -e "$work/stop-scraping" ]; do
        for n in 1 2 3; do
            [ -f "$work/address-$n" ] || continue
            curl -sS -m 2 "http://$(cat "$work/address-$n" 2>/dev/null)/metrics" >"$work/scrape" 2>/dev/null || continue
            echo "$n" >>"$work/scrapes"
            awk -v n="$n" '
                /^sluice_records_in_total/ { total = $2; seen = 1 }
                /^sluice_records_total|^sluice_records_in_flight/ { sum += $2 }
                END { if (!seen || total != sum) print "worker " n ": in " total ", ends and in flight " sum }' \
                "$work/scrape" >>"$work/unbalanced"
        done
        sleep 0.2
    done
}

# --- the flow ----------------------------------------------------------------------------------------
# A slice for each step, as a trickle, so that each fault meets records however long it takes; the
# rest at once afterwards.  allowed holds how many lines may have been sent.
mkfifo "$work/flow"
echo 0 >"$work/allowed"
feeder() {
    kcat -b "$KAFKA_BROKERS" -P -E -t "$TOPIC" -K '\t' -X acks=all -X enable.idempotence=true -X linger.ms=5 \
        -X message.max.bytes=$fill_max_bytes -X message.timeout.ms=0 -X log_level=3 <"$work/flow" &
    kcat_pid=$!
    fill_keyed "$DEMO_DIR/receipts.jsonl" | python3 -c '
import sys, time
rate, path, allowed = int(sys.argv[1]), sys.argv[2], 0
for n, line in enumerate(sys.stdin.buffer):
    while n >= allowed:
        sys.stdout.buffer.flush()
        with open(path) as f:
            allowed = int(f.read() or 0)
        if n >= allowed:
            time.sleep(0.05)
    sys.stdout.buffer.write(line)
    if n % 20 == 19 and allowed < 1000000000:
        sys.stdout.buffer.flush()
        time.sleep(20 / rate)' "$rate" "$work/allowed" >"$work/flow" &
    feed_pid=$!
    running="$running $kcat_pid $feed_pid"
}
steps=0
# slice: the next part of the flow begins, and with it a step.
slice() {
    steps=$((steps + 1))
    echo $((steps * receipts / 9)) >"$work/allowed.new"
    mv "$work/allowed.new" "$work/allowed"
}

# Committed offsets, a line a partition; nothing while the broker does not answer.
offsets() { "$fill_admin" "$KAFKA_BROKERS" lag "$GROUP" "$TOPIC" 2>/dev/null | awk '{ print $1, ($2 < 0 ? 0 : $2) }'; }
committed() { offsets | awk '{ n += $2 } END { print n + 0 }'; }
reached() { alive_still && [ "$(committed)" -ge "$1" ]; }
# goes_on WHAT N: N records more than at the last look have been committed.
at=0
goes_on() {
    wait_until "$patience" "records to flow $1" reached $((at + $2))
    at=$(committed)
    say "$(($(date +%s) - began)) s, $at committed: $1"
}
# Every partition has moved past where it was.
all_moved() {
    offsets >"$work/offsets.now"
    [ "$(wc -l <"$work/offsets.now")" -eq 6 ] &&
        join "$work/offsets.then" "$work/offsets.now" | awk '$3 <= $2 { exit 1 }'
}

began=$(date +%s)
feeder 2>"$work/feeder.log"
for n in 1 2 3; do worker $n; done
scraper &
scraping=$!
running="$running $scraping"
slice
goes_on "after the start of three workers" 300

misbehave '{"service":"fps","status":429,"retry_after":1,"every":2}'
slice
goes_on "while the product service answers 429" 200

slice
kill -9 "$pid_1"
finished "$pid_1" 10
rm -f "$work/address-1"
worker 1
goes_on "after worker 1 was killed" 300

slice
service_restart kafka
goes_on "after the broker's restart" 300

misbehave '{"service":"fps","status":503,"every":2}'
kill -STOP "$pid_2"
offsets >"$work/offsets.then"
slice
wait_until "$patience" "the others to take over from worker 2" all_moved
kill -CONT "$pid_2"
goes_on "after worker 2 was stopped past its session and went on" 1

slice
service_restart neo4j
goes_on "after Neo4j's restart" 1

misbehave '{"service":"fps","cut_after_bytes":40,"every":2}'
slice
service_restart valkey
goes_on "after Valkey's restart, with answers cut short" 1

slice
drained 3
worker 3
goes_on "after worker 3 drained" 1

ended "$feed_pid" && fail "the flow ended before the last fault: it proves less than it says"
for status in 429 503; do
    at_least "answers $status" 1 "$(retailer_stats | jq ".fps.status.\"$status\" // 0")"
done
faults=$(retailer_stats | jq .fps.faults)
behave
echo 1000000000 >"$work/allowed"
finished "$kcat_pid" "$patience"
same "the producer's exit code" 0 "$code"
same "messages in the topic" "$(wc -l <"$DEMO_DIR/receipts.jsonl")" "$(messages_in "$TOPIC")"
drained_or_dead() { alive_still && lag_is_zero "$GROUP" "$TOPIC"; }
wait_until "$patience" "the lag to be zero" drained_or_dead
say "$(($(date +%s) - began)) s: lag zero"
: >"$work/stop-scraping"
for n in 1 2 3; do drained $n; done

# --- the account ---------------------------------------------------------------------------------------
same "the graph's fingerprint" "$want" "$(STATE=$work/state-1 fingerprint -c "$config")"
# A record may have come to two workers, and be a dead letter of both: the same one.
for n in 1 2 3; do
    STATE=$work/state-$n
    sluice dlq list --json -c "$config" >"$work/dlq-$n.json" || fail "dlq list of worker $n"
done
same "dead letters" "$(jq -cS .receipts.dead "$DEMO_DIR/expected.json")" \
    "$(jq -s -cS '[.[].letters[] | {at: [.lane, .position], reason}] | unique | group_by(.reason) | map({key: .[0].reason, value: length}) | from_entries' "$work"/dlq-?.json)"
[ ! -s "$work/unbalanced" ] || fail "scrapes that are not balanced: $(head -n 3 "$work/unbalanced")"
at_least "scrapes" 20 "$(wc -l <"$work/scrapes")"
say "$receipts receipts, $faults faults of the product service, $(wc -l <"$work/scrapes") balanced scrapes: nothing lost, nothing doubled"
