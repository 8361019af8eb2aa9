#!/bin/sh
# flag users lists whoever is behind a flag of the config, each once: inline, from files, extra ids;
# what it cannot list it says, and never takes a part for the whole.
. "$(dirname "$0")/lib.sh"

cd "$work"
cat >flag.json <<'END'
{ "enabled": true, "segments": [
  { "name": "testers", "allowedIDs": "u2, u1,,u2", "rollout": 100 },
  { "name": "beta", "allowedS3IDs": "beta.csv", "rollout": 100 },
  { "name": "some", "allowedIDs": ["u1", "5f2b0c9e7a"], "rollout": 73.78 } ] }
END
echo '{ "enabled": false, "segments": [] }' >stop.json
printf 'user_id\r\nu1\r\nb1\r\nb2\r\n' >beta.csv
printf 'user_id\ne1\nb1\n' >extra.txt
cat >flag.yaml <<END
state_dir: state
pipelines:
  p:
    source: { plugin: file, path: in.jsonl }
    stages:
      - gate: { plugin: feature-flipper, flag: f, file: flag.json, lists: "file://$work" }
    sink: { plugin: "null" }
END

users() {
    code=0
    sluice flag users -c flag.yaml "$@" >out 2>err || code=$?
}

users
same "exit code" 0 "$code"
same "users, in the order they were found" "u2 u1 b1 b2" "$(tr '\n' ' ' <out | sed 's/ $//')"
grep -q '^segment some: rollout 73.78, 2 ids, 0 new, 2 outside' err || fail "the segments are not told" err
grep -q '^4 users$' err || fail "the number is not told" err
users --any-rollout
same "with those outside a rollout" "u2 u1 b1 b2 5f2b0c9e7a" "$(tr '\n' ' ' <out | sed 's/ $//')"
users --ids e2,u1 --ids-file extra.txt --output all.txt --json
same "exit code with extra ids" 0 "$code"
same "extra ids" "u2 u1 b1 b2 e2 e1" "$(tr '\n' ' ' <all.txt | sed 's/ $//')"
same "the report" "f 6 true true" "$(jq -r '"\(.flag) \(.users) \(.enabled) \(.complete)"' out)"
say "each user once, in the file whole"

sed -i 's/"rollout": 73.78/"rollout": 100, "internalUsers": true/' flag.json
users --output part.txt
same "exit code with internal users" 3 "$code"
grep -q 'its internal users cannot be listed: give the gate internal_users' err || fail "it is not told that some cannot be listed" err
echo i1 >internal.txt
sed 's/feature-flipper,/feature-flipper, internal_users: internal.txt,/' flag.yaml >internal.yaml
same "internal users" i1 "$(sluice flag users -c internal.yaml 2>err | grep '^i')"

rm beta.csv
rm -f gone.txt
users --output gone.txt
same "exit code without a list" 1 "$code"
grep -q 'segment beta: .*beta.csv: No such file' err || fail "the missing list is not named" err
[ ! -e gone.txt ] || fail "a part was written as if it were the whole"
users other
same "exit code of an unknown flag" 1 "$code"
grep -q 'no gate of the config reads the flag other; there are: f' err || fail "the flags that there are are not told" err
sed '/feature-flipper/a\      - gate: { not: { plugin: feature-flipper, name: stop, flag: stop, subject: global, file: stop.json } }' flag.yaml >two.yaml
code=0
sluice flag users -c two.yaml >out 2>err || code=$?
same "exit code with two flags" 1 "$code"
grep -q 'several flags: f, stop' err || fail "the choice is not told" err
sluice flag users stop -c two.yaml >out 2>err || fail "a flag is not found by its name" err
grep -q 'is disabled' err || fail "it is not told that the flag is disabled" err
code=0
sluice flag upload -c two.yaml 2>err || code=$?
same "exit code of what there is not" 2 "$code"
say "what cannot be listed is said"
