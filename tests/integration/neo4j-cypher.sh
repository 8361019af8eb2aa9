#!/bin/sh
# model: cypher: a statement of one's own gets the documents as maps; `applied + 1` shows how often
# a batch was sent; a row that the statement cannot take is dead-lettered alone; a statement that
# does not parse stops the pipeline.
# services: neo4j
. "$(dirname "$0")/lib.sh"

# words STATEMENT: the columns of its row with a space between.
words() { cypher "$1" | tr '\t' ' '; }

own_neo4j
n=500
i=0
while [ $i -lt $n ]; do
    echo "{\"id\":\"k$i\",\"n\":$i,\"tags\":[\"a\",\"b\"],\"in\":{\"deep\":true}}"
    i=$((i + 1))
done >"$work/in.jsonl"

config() {
    cat >"$work/c.yaml" <<END
state_dir: $work/state
pipelines:
  p:
    source: { plugin: file, path: $work/in.jsonl }
    batch: { records: 50 }
    sink:
      plugin: neo4j
      url: $NEO4J_URL
      user: $NEO4J_USER
      password: $NEO4J_PASSWORD
      api: $2
      model: cypher
      statement: "$1"
END
}
cypher 'CREATE CONSTRAINT thing FOR (t:Thing) REQUIRE t.id IS UNIQUE' >/dev/null
apply='UNWIND $rows AS row MERGE (t:Thing {id: row.id}) SET t.n = row.n, t.tags = row.tags, t.deep = row.in.deep, t.applied = coalesce(t.applied, 0) + 1'

for api in tx query; do
    rm -rf "$work/state"
    cypher 'MATCH (t:Thing) DELETE t' >/dev/null
    config "$apply" $api
    run_to_end once -c "$work/c.yaml"
    same "applied once each ($api)" "$n 1 1 $((n * (n - 1) / 2)) a" \
        "$(words 'MATCH (t:Thing) WHERE t.deep RETURN count(t), min(t.applied), max(t.applied), sum(t.n), min(t.tags[0])')"
    rm -rf "$work/state"
    run_to_end again -c "$work/c.yaml"
    same "a source read again applies again ($api)" "$n 2 2" \
        "$(words 'MATCH (t:Thing) RETURN count(t), min(t.applied), max(t.applied)')"
done
say "a statement that counts shows what came twice"

rm -rf "$work/state"
cypher 'MATCH (t:Thing) DELETE t' >/dev/null
sed -i '77s/.*/{"id":null,"n":7}/' "$work/in.jsonl"
config "$apply" tx
run_to_end bad -c "$work/c.yaml"
same "dead letters" 1 "$(count "$work/bad.out" p dead)"
same "the others, once each" "$((n - 1)) 1" "$(words 'MATCH (t:Thing) RETURN count(t), max(t.applied)')"

rm -rf "$work/state"
config 'UNWIND $rows AS row MERG (t:Thing)' tx
start syntax -c "$work/c.yaml"
finished "$pid" 60
[ "$code" -ne 0 ] || fail "a statement that does not parse was run"
contains "$work/syntax.log" "SyntaxError"
say "a statement that does not parse stops the pipeline"
