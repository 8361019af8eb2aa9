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
sluice flag share -c two.yaml 2>err || code=$?
same "exit code of what there is not" 2 "$code"
say "what cannot be listed is said"

# --- flag upload ------------------------------------------------------------------------
echo '{ "enabled": false, "segments": [ { "name": "t", "allowedIDs": "u1", "rollout": 100 } ] }' >flag.json
printf '\357\273\277user_id\r\nn1\r\n\r\nn2\r\nn1\r\n' >new.csv
upload() {
    code=0
    sluice flag upload -c flag.yaml "$@" >out 2>err || code=$?
}
upload --flag f --user-file new.csv --name list.csv --dry-run
same "exit code of a dry run" 0 "$code"
grep -q '^new.csv: 2 users, 1 duplicates, 1 blank lines, 0 invalid lines, a header$' err || fail "the file is not told" err
grep -q "^to do: in the page of the flag f add a segment with allowedS3IDs = list.csv and rollout 100, and switch the flag on$" err ||
    fail "it is not told what to click" err
[ ! -e list.csv ] || fail "a dry run uploaded"
upload --user-file new.csv --name list.csv
same "exit code" 0 "$code"
same "the list" "n1 n2" "$(tr '\n' ' ' <list.csv | sed 's/ $//')"
printf 'n1\nn 2\nn3,x\n' >bad.csv
upload --user-file bad.csv --name list.csv
same "exit code of invalid ids" 1 "$code"
grep -q '^  line 2: n 2: a space' err && grep -q '^  line 3: n3,x: more than one' err || fail "the invalid lines are not told" err
same "the list after a refusal" "n1 n2" "$(tr '\n' ' ' <list.csv | sed 's/ $//')"
upload --user-file none.csv
same "exit code without the file" 1 "$code"
upload --user-file new.csv --name ../x
same "exit code of a name outside" 2 "$code"
upload --user-file new.csv --worker http://127.0.0.1:1
same "exit code of a worker without --wait" 2 "$code"
say "a list of users is read with care and put in its place"

# --- flag upload --wait, with a worker --------------------------------------------------
cat >worker.yaml <<END
state_dir: state
http: { listen: "127.0.0.1:0" }
pipelines:
  p:
    source: { plugin: file, path: in.jsonl, follow: true }
    stages:
      - gate: { plugin: feature-flipper, flag: f, file: flag.json, lists: "file://$work", interval: 50ms }
    sink: { plugin: "null" }
END
: >in.jsonl
start worker -c worker.yaml
wait_until 20 "the server to listen" listening "$work/worker.log"
worker=http://$address
curl -sS -m 10 "$worker/pipelines" >pipelines.json
same "the flag in /pipelines" "feature-flipper f 16" "$(jq -r '.pipelines[0].flags[0] | "\(.gate) \(.flag) \(.version | length)"' pipelines.json)"
upload --user-file new.csv --name list.csv --wait --timeout 300ms --worker "$worker" --json
same "exit code while the flag lacks the list" 3 "$code"
same "what is missing" "not reached the flag is off and lets 0 of the 2 users through; no segment names the list" "$(jq -r '"\(.wait) \(.missing)"' out)"
echo '{ "enabled": true, "segments": [ { "name": "new", "allowedS3IDs": "list.csv", "rollout": 100 } ] }' >flag.new
mv flag.new flag.json
upload --user-file new.csv --name list.csv --wait --timeout 60s --worker "$worker" --json
same "exit code once it is there" 0 "$code"
same "nothing is to be clicked" "reached  true" "$(jq -r '"\(.wait) \(.to_do) \(.workers[0].ready)"' out)"
same "the version of the worker" "$(jq -r .version out)" "$(curl -sS -m 10 "$worker/pipelines" | jq -r '.pipelines[0].flags[0].version')"
upload --user-file extra.txt --name list.csv
same "exit code of a list that would lose users" 1 "$code"
grep -q '2 of its users are not in the file' err || fail "it is not told who would be lost" err
upload --user-file extra.txt --name list.csv --replace
same "exit code of --replace" 0 "$code"
upload --user-file extra.txt --name list.csv --wait --timeout 300ms --worker http://127.0.0.1:1
same "exit code of a worker that is not there" 3 "$code"
grep -q 'http://127.0.0.1:1 does not answer' err || fail "the worker that is not there is not named" err
kill -TERM "$pid"
finished "$pid" 20
same "exit code of the worker" 0 "$code"
say "waits until the worker has the version that holds the users"
