#!/bin/sh
# The group on the real broker: two workers with one instance_id, a wait for a group that nobody is in,
# and messages without a value.
# services: kafka
. "$(dirname "$0")/lib.sh"

topic=$(unique t)
group=$(unique g)
topic "$topic" 1
seq 1 100 | sed 's/.*/{"user_id":"u&"}/' >"$work/messages"
produce "$topic" "$work/messages"

# config NAME GROUP MORE-OF-THE-SOURCE STAGES
config() {
    cat >"$work/$1.yaml" <<END
state_dir: $work/$1.state
pipelines:
  p:
    commit_interval: 50ms
    source: { plugin: kafka, brokers: "$KAFKA_BROKERS", topic: $topic, group: $2, session_timeout: 6s ${3:-} }
    stages: [ ${4:-} ]
    sink: { plugin: file, path: $work/$1.lines, write: payload }
END
}

# --- nobody is in the group: the wait ends and says why ----------------------------------------------
config nobody "$group-nobody" ""
code=0
timeout 60 "$top_builddir/sluice-dev" lag -c "$work/nobody.yaml" --wait >"$work/wait.out" 2>"$work/wait.log" || code=$?
same "exit of a wait for nobody" 3 "$code"
contains "$work/wait.log" "nobody is in group $group-nobody since 15 s, and 100 messages wait for it: start its workers"
contains "$work/wait.out" "not active"

# --- the same instance_id twice: the older worker stops and says so ----------------------------------
config older "$group" ", instance_id: w1"
config newer "$group" ", instance_id: w1"
start older -c "$work/older.yaml"
older=$pid
reached() { [ "$(lines "$work/$1.lines")" -ge "$2" ]; }
wait_until 60 "the older worker" reached older 100
start newer -c "$work/newer.yaml"
newer=$pid
finished "$older" 60
same "exit of the older worker" 1 "$code"
contains "$work/older.log" "another member joined with the same instance_id; give each worker its own"
contains "$work/older.log" "instance_id"
produce "$topic" "$work/messages"
wait_until 60 "the newer worker" reached newer 100
kill -TERM "$newer"
finished "$newer" 20
same "exit of the newer worker" 0 "$code"

# --- messages without a value ------------------------------------------------------------------------
topic=$topic-tombstones
topic "$topic" 1
produce "$topic" "$work/messages"
echo "gone;" >"$work/tombstone"
produce "$topic" "$work/tombstone" -K ";" -Z
echo "{" >"$work/broken"
produce "$topic" "$work/broken"
# An empty gate sees them first: a message without a value names no user.
echo u1 >"$work/users"
for gate in "" "{ gate: { plugin: list, path: $work/users, deny_listed: true } }"; do
    name=record${gate:+-gate}
    config "$name" "$group-$name" ", until_end: true" "$gate"
    sluice run -c "$work/$name.yaml" --json >"$work/$name.json" 2>"$work/$name.log" || fail "run with a tombstone" "$work/$name.log"
    same "dead letters of $name" 2 "$(count "$work/$name.json" p dead)"
    sluice dlq list -c "$work/$name.yaml" >"$work/$name.dlq" 2>&1 || fail "dlq list" "$work/$name.dlq"
    contains "$work/$name.dlq" tombstone
    contains "$work/$name.dlq" bad_json
done
config skip "$group-skip" ", until_end: true, tombstones: skip"
sluice run -c "$work/skip.yaml" --json >"$work/skip.json" 2>"$work/skip.log" || fail "run with tombstones: skip" "$work/skip.log"
same "dead letters where they are skipped" 1 "$(count "$work/skip.json" p dead)"
same "written where they are skipped" 100 "$(count "$work/skip.json" p written)"
say "nobody in the group, two of one name and messages without a value are told"
