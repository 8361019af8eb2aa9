#!/bin/sh
# source/neo4j-users walks the users of the real Neo4j while others come, go and are written: who is
# there all the time comes exactly once, through both endpoints, and over a kill; and the conformance suite.
# services: neo4j
. "$(dirname "$0")/lib.sh"

own_neo4j
stay=6000
cypher "CREATE CONSTRAINT users FOR (u:User) REQUIRE u.user_id IS UNIQUE" >/dev/null
people() {
    cypher 'MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS' >/dev/null
    cypher "UNWIND range(1, $stay) AS i CREATE (:User {user_id: 'stay-' + i})" >/dev/null
    cypher "UNWIND range(1, 2000) AS i CREATE (:User {user_id: 'stay-' + i + '-goes'})" >/dev/null
}
seq "$stay" | sed 's/^/stay-/' | LC_ALL=C sort >"$work/wanted"

# config NAME API RATE OPTION...
config() {
    cat >"$work/$1.yaml" <<END
state_dir: $work/state-$1
pipelines:
  p:
    source: { plugin: neo4j-users, url: "$NEO4J_URL", user: $NEO4J_USER, password: $NEO4J_PASSWORD, api: $2, page: 100 }
    rate_limit: $3
    commit_interval: 50ms
    sink: { plugin: file, path: $work/$1.seen, write: payload }
END
}
# Somebody comes, goes and is written in each of many small transactions, all over the ids.
busy() {
    k=0
    while [ ! -e "$work/enough" ]; do
        k=$((k + 1))
        cypher "UNWIND range(1, 20) AS i WITH $k * 20 + i AS n CREATE (:User {user_id: 'stay-' + (n * 7919 % $stay) + '-comes-' + n})
            WITH n MATCH (g:User {user_id: 'stay-' + (n % 2000 + 1) + '-goes'}) DETACH DELETE g" >/dev/null
        cypher "UNWIND range(1, 50) AS i MATCH (u:User {user_id: 'stay-' + (($k * 50 + i) % $stay + 1)})
            SET u.user_id = u.user_id, u.revision = coalesce(u.revision, 0) + 1" >/dev/null
    done
}
# once NAME: each that stayed, once; nobody twice.
once() {
    sed 's/^{"user_id":"\(.*\)"}$/\1/' "$work/$1.seen" | LC_ALL=C sort >"$work/$1.ids"
    same "users seen twice ($1)" 0 "$(uniq -d "$work/$1.ids" | wc -l)"
    same "users that stayed and were not seen ($1)" 0 "$(LC_ALL=C comm -23 "$work/wanted" "$work/$1.ids" | wc -l)"
}

for api in tx query; do
    people
    config "walk-$api" $api 4000
    rm -f "$work/enough"
    (busy) &
    writer=$!
    running="$running $writer"
    run_to_end "walk-$api" -c "$work/walk-$api.yaml"
    : >"$work/enough"
    finished "$writer" 60
    once "walk-$api"
    say "$(wc -l <"$work/walk-$api.ids") users through $api while others came and went"
done

# Killed in the middle: what was not settled comes again, what was settled does not, and nobody is lost.
people
config killed tx 2000
start killed -c "$work/killed.yaml" --json
some() { ended "$pid" || [ "$(lines "$work/killed.seen")" -ge 1500 ]; }
wait_until 60 "users" some
kill -9 "$pid" 2>/dev/null || true
finished "$pid" 10
first=$(lines "$work/killed.seen")
config killed tx 0
run_to_end killed.2 -c "$work/killed.yaml"
again=$(count "$work/killed.2.out" p in)
at_least "users after the kill" $((stay + 2000 - first)) "$again"
[ "$again" -lt $((stay + 2000)) ] || fail "the walk began anew after the kill: $again users"
sort -u "$work/killed.seen" >"$work/once.seen"
once once
run_to_end killed.3 -c "$work/killed.yaml"
same "users of a walk that was over" 0 "$(count "$work/killed.3.out" p in)"
say "killed after $first of $((stay + 2000)) users, went on with $again"

# What is no user of the walk is told; label and property are options.
cypher "CREATE (:Customer {number: 'c1'}), (:Customer {number: 'c2'}), (:Customer {number: 3}), (:Customer)" >/dev/null
sed -e 's/page: 100/label: Customer, property: number/' -e "s/killed/customers/g" "$work/killed.yaml" >"$work/customers.yaml"
run_to_end customers -c "$work/customers.yaml"
same "customers" '{"user_id":"c1"} {"user_id":"c2"} ' "$(sort "$work/customers.seen" | tr '\n' ' ')"
contains "$work/customers.log" "2 nodes :Customer have no text in number"
contains "$work/customers.log" "CREATE INDEX FOR (n:Customer) ON (n.number)"

cypher 'MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS' >/dev/null
cypher "UNWIND range(1, 150) AS i CREATE (:User {user_id: 'u' + i})" >/dev/null
sluice plugin test "$top_builddir/plugins/source-neo4j-users/.libs/source-neo4j-users.so" --set "url=$NEO4J_URL" \
    --set "user=$NEO4J_USER" --set "password=$NEO4J_PASSWORD" --set page=40 >"$work/conformance.log" 2>&1 ||
    fail "the conformance suite" "$work/conformance.log"
say "conformance with users to deliver: $(tail -n 1 "$work/conformance.log")"
