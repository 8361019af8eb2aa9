#!/bin/sh
# The demo ends as its generator knows it must; a second run changes nothing, nor does a
# replay of every line, nor another source by overlay.
. "$(dirname "$0")/lib.sh"

DEMO_DIR=$work/demo
export DEMO_DIR
config=$top_srcdir/docs/demo/demo.yaml
if [ "$SLUICE_TIER" = quick ]; then
    demo_data "$DEMO_DIR" --users 600 --admitted 250 --products 400 --receipts 3000 --factoids 4000
else
    demo_data "$DEMO_DIR"
fi
expected=$DEMO_DIR/expected.json

run_to_end first -c "$config"
expected_ends "$expected" >"$work/want"
ends "$work/first.out" >"$work/got"
cmp -s "$work/want" "$work/got" || fail "records by class and reason differ: $(diff "$work/want" "$work/got")"
say "every record ended as the generator knows it must"

sluice audit --json -c "$config" >"$work/audit.json" || fail "audit has findings" "$work/audit.json"
for what in users products categories retailers purchased shops_at shops_in in_category; do
    same "audit: $what" "$(jq ".graph.$what" "$expected")" "$(jq ".counts.$what" "$work/audit.json")"
done
print=$(fingerprint -c "$config")
[ -n "$print" ] || fail "the fingerprint is empty"

run_to_end second -c "$config"
same "records of a second run" 0 "$(count "$work/second.out" receipts in)"
same "fingerprint after a second run" "$print" "$(fingerprint -c "$config")"
say "a second run over the same input changed nothing"

dead_letters -c "$config" >"$work/dead.first"
at_least "dead letters" 10 "$(wc -l <"$work/dead.first")"
rm -r "$DEMO_DIR/state"
run_to_end replay -c "$config"
ends "$work/replay.out" >"$work/got"
cmp -s "$work/want" "$work/got" || fail "a replay ended differently: $(diff "$work/want" "$work/got")"
same "fingerprint after a replay" "$print" "$(fingerprint -c "$config")"
dead_letters -c "$config" >"$work/dead.replay"
cmp -s "$work/dead.first" "$work/dead.replay" || fail "the dead letters of the replay differ"
say "a replay of every line changed nothing"

run_to_end csv -c "$config" --env csv
same "fingerprint of the CSV variant" "$print" "$(fingerprint -c "$config" --env csv)"
say "the same purchases from gzipped CSV files, by overlay alone, gave the same graph"

user=$(cat "$DEMO_DIR/interesting.txt")
sluice explain user "$user" -c "$config" >"$work/explain" || fail "explain user" "$work/explain"
for words in "user $user" "receipts: list admits" "repurchase likelihood" "shops at" "shops in" "dead letters of this user" "bad_"; do
    contains "$work/explain" "$words"
done
shown=$(grep -oE 'receipt 6[0-9a-f]{23}' "$work/explain" | cut -d' ' -f2 | sort -u)
[ -n "$shown" ] || fail "explain names no receipt" "$work/explain"
for receipt in $shown; do
    grep -ahF "$receipt" "$DEMO_DIR"/*.jsonl | grep -qF "$user" || fail "explain shows receipt $receipt, which is not of this user"
done
say "explain shows the user's $(echo "$shown" | wc -l) receipts, gates and dead letters"
