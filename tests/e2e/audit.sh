#!/bin/sh
# audit counts, names damage that another program did, keeps a baseline and judges against it,
# with the exit codes that scripts rely on; explain shows one user whole.
. "$(dirname "$0")/lib.sh"

command -v sqlite3 >/dev/null || skip "the sqlite3 program is missing; on Debian: apt-get install sqlite3"
cd "$work"
cat >graph.yaml <<'END'
state_dir: state
pipelines:
  first:
    source: { plugin: file, path: in.jsonl }
    stages: [ { gate: { plugin: list, path: users.txt } } ]
    sink: { plugin: sqlite, path: graph.db }
  second:
    source: { plugin: file, path: more.jsonl }
    sink: { plugin: sqlite, path: graph.db, load: full }
END
printf 'u1\nu2\n' >users.txt
cat >in.jsonl <<'END'
{"user_id":"u1","purchases":[{"receipt_id":"r1","time":1500000000000,"product_id":"p1","name":"Milk","category":"Dairy","retailer":"Shop"},{"receipt_id":"r2","time":1500200000000,"product_id":"p1","name":"Milk","category":"Dairy","retailer":"Other"}]}
{"user_id":"u1","purchases":[{"receipt_id":"r3","product_id":"p1"}]}
{"user_id":"u2","purchases":[]}
{"user_id":"u3","purchases":[{"receipt_id":"r4","time":1500000000000,"product_id":"p2"}]}
END
: >more.jsonl
run_to_end run -c graph.yaml

code=0
audit() {
    code=0
    sluice audit -c graph.yaml "$@" >audit.out 2>audit.err || code=$?
}

audit
same "exit code of an audit of a sound graph" 0 "$code"
contains audit.out HEALTHY
same "graphs audited: two pipelines write one" 1 "$(grep -c '^graph ' audit.out)"
audit --json
same "users" 2 "$(jq .counts.users audit.out)"
same "purchases" 2 "$(jq .counts.purchases audit.out)"
same "the fingerprint of the report" "$(fingerprint -c graph.yaml)" "$(jq -r .fingerprint audit.out)"

printf 'user_id\r\nu1\r\nu9\r\n' >backfill.txt
audit --save base.json --users-file backfill.txt
same "exit code of --save" 0 "$code"
audit --compare base.json
same "exit code of a comparison with itself" 0 "$code"
audit --compare base.json --users-file backfill.txt
same "exit code while a user of the file is missing" 3 "$code"
contains audit.out "1 of 2 users of the file are in the graph"
echo '{"user_id":"u9","purchases":[{"receipt_id":"r9","time":1500000000000,"product_id":"p1","name":"Milk","category":"Dairy"}]}' >>more.jsonl
run_to_end more -c graph.yaml
audit --compare base.json --users-file backfill.txt
same "exit code once the backfill is whole" 0 "$code"
audit --json --compare base.json --users-file backfill.txt
same "all expectations hold" true "$(jq '[.compare.expectations[].held] | all' audit.out)"
same "difference of users" 1 "$(jq .compare.counts.users.difference audit.out)"

# damage CHECK SQL: what another program did is found under this name, and comes to exit code 3.
damage() {
    cp graph.db graph.kept
    sqlite3 graph.db "$2" || fail "the damage itself: $2"
    audit
    same "exit code with damage to $1" 3 "$code"
    grep -q "CRITICAL  $1 " audit.out || fail "damage is not called $1" audit.out
    audit --compare base.json
    same "exit code of a comparison with damage to $1" 3 "$code"
    rm -f graph.db graph.db-wal graph.db-shm
    mv graph.kept graph.db
}
figures="WHERE receipt = ''"
damage times "UPDATE purchases SET times = times + 1 $figures"
damage last "UPDATE purchases SET time = time + 1 $figures"
damage interval "UPDATE purchases SET avg_interval_days = 99 $figures"
damage likelihood "UPDATE purchases SET repurchase_likelihood = 0.75 $figures"
damage shops_at_unexplained "INSERT INTO older_counts SELECT user, 'SHOPS_AT', retailer, frequency, last_visit FROM shops_at"
damage shops_in_unexplained "INSERT INTO older_counts SELECT user, 'SHOPS_IN', category, frequency, last_purchase FROM shops_in"
damage missing_node "DELETE FROM retailers"
damage missing_node "DELETE FROM user_keys WHERE user_id = 'u1'"
damage empty_id "UPDATE products SET product_id = ''"
damage future "INSERT INTO older_counts SELECT user, 'SHOPS_AT', retailer, 9, 99999999999999 FROM shops_at"
say "every damage was found by its name"

audit --pipeline nobody
same "exit code for a pipeline that is not there" 1 "$code"
audit --fingerprint --save x
same "exit code of a misuse" 2 "$code"
contains audit.err "sluice audit"

sluice explain user u1 -c graph.yaml --ascii >explain.out || fail "explain" explain.out
for words in "user u1" "Milk (p1)" "2 times" "at Shop  receipt r1" "at Other  receipt r2" "repurchase likelihood 0.500000" \
    "Dairy (CAT_dairy): 2 receipts" "first: list admits" "no_time"; do
    contains explain.out "$words"
done
lacks explain.out r4
sluice explain user u3 -c graph.yaml --ascii >explain.out || fail "explain of a user who is not there" explain.out
contains explain.out "not in this graph"
contains explain.out "first: list denies (not_listed)"
sluice explain user u1 -c graph.yaml --json >explain.json || fail "explain --json"
same "receipts of the one edge" '["r1","r2"]' "$(jq -c '[.graphs[0].PURCHASED[0].receipts[].receipt_id]' explain.json)"
same "dead letters of the user" 1 "$(jq '.dead_letters | length' explain.json)"
sluice explain graph x -c graph.yaml >/dev/null 2>explain.err && fail "explain of no user was taken"
contains explain.err "only a user"
say "explain shows a user whole"
