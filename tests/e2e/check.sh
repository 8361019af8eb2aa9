#!/bin/sh
# check refuses what run refuses, in the same words, with file, line and column; and what check
# accepts runs.
. "$(dirname "$0")/lib.sh"

cd "$work"
echo '{"user_id":"u1","n":1}' >in.jsonl
echo u1 >users.txt
printf 'id,name\np1,Milk\n' >products.csv
mkdir folder

good() {
    cat <<'END'
state_dir: state
pipelines:
  p:
    source: { plugin: file, path: in.jsonl }
    stages:
      - gate: { plugin: list, path: users.txt }
      - enrich: { plugin: table, path: products.csv, key: id, from: product_id, set: { name: name } }
    sink: { plugin: sqlite, path: graph.db }
END
}
good >good.yaml
sluice check -c good.yaml >out 2>&1 || fail "check refuses a good config" out
run_to_end good -c good.yaml

n=0
# refuse WORDS SED-SCRIPT: the good config, changed so, is refused by both with these words.
refuse() {
    n=$((n + 1))
    good | sed "$2" >"bad$n.yaml"
    ! cmp -s "bad$n.yaml" good.yaml || fail "case $n ($1) changes nothing: the test is wrong"
    code=0
    sluice check -c "bad$n.yaml" >check.out 2>check.err || code=$?
    [ "$code" -eq 1 ] || fail "case $n: check ended with $code, expected 1, for: $2" check.err "bad$n.yaml"
    code=0
    timeout 20 "$top_builddir/sluice-dev" run -c "bad$n.yaml" >run.out 2>run.err || code=$?
    [ "$code" -eq 1 ] || fail "case $n: run ended with $code, expected 1, for: $2" run.err "bad$n.yaml"
    cmp -s check.err run.err || fail "case $n: check and run say different things: $(diff check.err run.err)"
    grep -qE "bad$n.yaml:[0-9]+:[0-9]+: error: " check.err || fail "case $n: no file:line:column" check.err
    grep -qF -- "$1" check.err || fail "case $n: '$1' is not said" check.err
}

refuse "source/fil" 's/plugin: file/plugin: fil/'
refuse "file" 's/plugin: file/plugin: fiel/'
refuse "pth" 's/path: in.jsonl/pth: in.jsonl/'
refuse "path" 's/, path: in.jsonl//'
refuse "absent.jsonl" 's/in.jsonl/absent.jsonl/'
refuse "absent.txt" 's/users.txt/absent.txt/'
refuse "sorce" 's/    source:/    sorce:/'
refuse "sink" '/sink:/d'
refuse "source" '/source:/d'
refuse "stages" 's/stages:/stage:/'
refuse "gates" 's/- gate:/- gates:/'
refuse "pipeline" 's/^pipelines:/pipeline:/'
refuse "set" 's/, set: { name: name }//'
refuse "key" 's/, key: id//'
refuse "max_record" 's/path: in.jsonl/path: in.jsonl, max_record: many/'
refuse "max_record" 's/path: in.jsonl/path: in.jsonl, max_record: 1GiB/'
refuse "jsonl|csv|lines" 's/path: in.jsonl/path: in.jsonl, format: xml/'
refuse "true" 's/path: in.jsonl/path: in.jsonl, follow: yes/'
refuse "writers" 's/path: graph.db/path: graph.db, writers: 0/'
refuse "attempts" 's/^  p:/  p:\n    retry: { attempts: 0 }/'
refuse "memory" 's/^  p:/  p:\n    memory: 1/'
refuse "memroy" 's/^  p:/  p:\n    memroy: 1MiB/'
refuse "linger" 's/^  p:/  p:\n    batch: { linger: 2h }/'
refuse "drain" 's/^state_dir/drain: soon\nstate_dir/'
refuse "SLUICE_NOT_SET" 's/in.jsonl/"${SLUICE_NOT_SET}"/'
refuse "secret.txt" 's#in.jsonl#"${file:secret.txt}"#'
refuse "listen" 's/^state_dir/http: { listen: "0.0.0.0:0" }\nstate_dir/'
refuse "unavailable" 's/path: users.txt/path: users.txt, unavailable: maybe/'
refuse "not valid YAML" 's/^  p:/  p: [/'
refuse "twice" 's/^  p:/  p:\n    order_key: a\n    order_key: b/'
refuse "list" 's/- gate: { plugin: list, path: users.txt }/- gate: { any: [ { plugin: lst, path: users.txt } ] }/'
refuse "not" 's/- gate: { plugin: list, path: users.txt }/- gate: { not: [ ] }/'
refuse "state_dir" '/^state_dir/d'
refuse "name" 's/- enrich: { plugin: table/- enrich: { plugin: table, name: list/'
say "$n bad configs, each refused by check and run in the same words"

# Several findings are told at once.
good | sed 's/plugin: file/plugin: fil/; s/users.txt/absent.txt/; s/, key: id//' >many.yaml
code=0
sluice check -c many.yaml 2>many.err || code=$?
same "exit code" 1 "$code"
at_least "findings told at once" 3 "$(grep -c ': error: ' many.err)"
sluice check --json -c many.yaml >many.json || true
same "findings as JSON" "$(grep -c ': error: ' many.err)" "$(jq '[.problems[] | select(.severity == "error")] | length' many.json)"
say "several findings are told at once, for people and as JSON"

# --online: nobody listens at port 1, and the file is there.
good | sed 's/- gate: { plugin: list, path: users.txt }/- gate: { plugin: valkey-enrollment, address: "127.0.0.1:1" }/' >online.yaml
sluice check -c online.yaml >out 2>&1 || fail "check without --online asks somebody" out
code=0
sluice check --online -c online.yaml >online.out 2>online.err || code=$?
same "exit code when something does not answer" 3 "$code"
grep -q "^FAILED  p/valkey-enrollment " online.out || fail "the gate is not listed as failed" online.out
grep -q "^ok      p/file " online.out || fail "the source is not listed as ok" online.out
grep -qE "online.yaml:6:[0-9]+: error: .*option 'address': nothing listens at 127.0.0.1:1" online.err ||
    fail "the option that points at it is not named" online.err
code=0
sluice check --online --json -c online.yaml >online.json 2>/dev/null || code=$?
same "exit code with --json" 3 "$code"
same "who failed, as JSON" "valkey-enrollment address 6" \
    "$(jq -r '.services[] | select(.ok | not) | "\(.instance) \(.option) \(.line)"' online.json)"
sluice check --online -c good.yaml >online.out 2>&1 || fail "check --online refuses what answers" online.out
say "--online names what does not answer, and the option that points at it"
