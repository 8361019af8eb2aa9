#!/bin/sh
# audit --repair on Neo4j: the graph that it leaves is the one that it leaves in SQLite; a dry run changes
# nothing; and while writers are at the same users neither undoes the other.
# services: neo4j
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/neo4j_lib.sh"

command -v sqlite3 >/dev/null || skip "the sqlite3 program is missing; on Debian: apt-get install sqlite3"
real_rows
own_neo4j
head -n 9000 "$work/rows.csv" | with_header "$work/part.csv"
# The same categories, each product in another one: half of those that are in one (a category that is
# known never gives way to none).
python3 - "$catalogue" "$work/moved.csv" <<'END'
import csv, gzip, sys
with gzip.open(sys.argv[1], "rt", newline="") as f:
    rows = list(csv.DictReader(f))
names = [r["product_category"] for r in rows if r["product_category"]]
for i, r in enumerate(rows):
    if i % 2 == 0 and r["product_category"]:
        r["product_category"] = names[(i + 1234) % len(names)]
with open(sys.argv[2], "w", newline="") as f:
    w = csv.DictWriter(f, rows[0].keys())
    w.writeheader()
    w.writerows(rows)
END
old=$catalogue
audit() { # NAME OPTION...: its exit code in $code, its report in NAME.audit
    which=$1
    shift
    code=0
    sluice audit -c "$work/$which.yaml" "$@" >"$work/$which.audit" 2>>"$work/audit.log" || code=$?
}
changes() { jq -c '.repair | [.made, .rewritten, .removed, .users]' "$work/$1.audit"; }

# The first half with the old catalogue, then the whole with the new one, into both.
head -n 5000 "$work/rows.csv" | with_header "$work/half.csv"
for which in lite graph; do
    for step in old new; do
        [ $step = old ] && catalogue=$old file=half || catalogue=$work/moved.csv file=part
        case $which in
        lite) sqlite_config lite "$work/$file.csv" ;;
        graph) neo4j_config graph "$work/$file.csv" "writers: 2" ;;
        esac
        rm -rf "$work/state-$which"
        run_to_end $which -c "$work/$which.yaml"
    done
done
before=$(fingerprint -c "$work/lite.yaml")
same "both graphs before" "$before" "$(fingerprint -c "$work/graph.yaml")"
for which in lite graph; do
    audit $which --repair --dry-run --json
    same "exit code of a dry run ($which)" 3 "$code"
    at_least "edges ($which)" 500 "$(jq '.repair | .made + .rewritten + .removed' "$work/$which.audit")"
    same "what it would change, and what the audit finds ($which)" "$(jq '.checks[] | select(.check == "shops_in_differs") | .count' "$work/$which.audit")" \
        "$(jq '.repair | .made + .rewritten + .removed' "$work/$which.audit")"
done
same "what would change in both" "$(changes lite)" "$(changes graph)"
same "the graph after a dry run" "$before" "$(fingerprint -c "$work/graph.yaml")"
for which in lite graph; do
    audit $which --repair --json
    same "exit code of a repair ($which)" 0 "$code"
    same "differing after it ($which)" 0 "$(jq '.checks[] | select(.check == "shops_in_differs") | .count' "$work/$which.audit")"
done
same "what changed in both" "$(changes lite)" "$(changes graph)"
want=$(fingerprint -c "$work/lite.yaml")
same "both graphs after" "$want" "$(fingerprint -c "$work/graph.yaml")"
[ "$want" != "$before" ] || fail "the repair changed nothing"
sqlite_config clean "$work/part.csv"
run_to_end clean -c "$work/clean.yaml"
# (Categories of the old catalogue stay as nodes, so not the whole fingerprint is that of the new one.)
shops_in() { sqlite3 "$1" "SELECT user_id, category_id, receipt_ids, timestamps, frequency, last_purchase FROM shops_in_edges ORDER BY 1, 2"; }
shops_in "$work/lite.db" >"$work/lite.edges"
shops_in "$work/clean.db" >"$work/clean.edges"
at_least "SHOPS_IN edges" 1000 "$(lines "$work/lite.edges")"
cmp "$work/lite.edges" "$work/clean.edges" || fail "the SHOPS_IN edges are not those of the new catalogue alone"
want=$(fingerprint -c "$work/clean.yaml")
audit graph --repair --json
same "a second repair" "[0,0,0,0]" "$(changes graph)"
say "repaired alike: $(changes lite) edges made, rewritten, removed, and users"

# Through the query api, with visits of an older system: they stay.
cypher "MATCH (u:User) WITH u ORDER BY u.user_id LIMIT 20 MATCH (c:Category) WHERE NOT (u)-[:SHOPS_IN]->(c) WITH u, min(c.category_id) AS id
    MATCH (c:Category {category_id: id}) CREATE (u)-[:SHOPS_IN {receipt_ids: ['none'], receipt_times: [5], frequency: 4, last_purchase: datetime({epochMillis: 5})}]->(c)" >/dev/null
cypher "MATCH (:User)-[e:SHOPS_IN]->() WHERE NOT 'none' IN e.receipt_ids WITH e LIMIT 300 SET e.receipt_ids = e.receipt_ids[1..], e.receipt_times = e.receipt_times[1..]" >/dev/null
cypher "MATCH (u:User)-[:PURCHASED]->(:Product)-[:IN_CATEGORY]->(c) WITH u, c LIMIT 200 MATCH (u)-[e:SHOPS_IN]->(c) DELETE e" >/dev/null
neo4j_config graph "$work/part.csv" "api: query"
audit graph --repair --json
same "differing after it" 0 "$(jq '.checks[] | select(.check == "shops_in_differs") | .count' "$work/graph.audit")"
at_least "edges made again" 50 "$(jq .repair.made "$work/graph.audit")"
same "visits that no receipt explains" "20 3" "$(cypher "MATCH ()-[e:SHOPS_IN]->() WHERE e.receipt_ids = [] RETURN count(e), min(e.frequency)" | tr '\t' ' ')"
say "the query api does the same; visits of an older system stay"

# Two edges to one category, a product in two categories: refused, nothing changes.
cypher "MATCH (u:User)-[e:SHOPS_IN]->(c) WITH u, c LIMIT 1 CREATE (u)-[:SHOPS_IN {frequency: 1, receipt_ids: [], receipt_times: [], last_purchase: datetime()}]->(c)" >/dev/null
audit graph --repair
same "exit code with a duplicate edge" 1 "$code"
contains "$work/audit.log" "merge them first"
empty_neo4j

# While writers are at the same users: damage everywhere, one repair, and two processes that go on writing.
# What the repair wrote over would be missing at the end.
head -n 4500 "$work/rows.csv" | with_header "$work/first.csv"
tail -n +4501 "$work/rows.csv" | head -n 4500 | awk 'NR % 2' | with_header "$work/w1.csv"
tail -n +4501 "$work/rows.csv" | head -n 4500 | awk 'NR % 2 == 0' | with_header "$work/w2.csv"
neo4j_config first "$work/first.csv" "writers: 2"
run_to_end first -c "$work/first.yaml"
cypher "MATCH (u:User)-[e:SHOPS_IN]->() WHERE e.frequency > 1 SET e.receipt_ids = e.receipt_ids[1..], e.receipt_times = e.receipt_times[1..], e.frequency = e.frequency - 1" >/dev/null
cypher "MATCH (u:User)-[e:SHOPS_IN]->() WITH e, rand() AS r WHERE r < 0.3 DELETE e" >/dev/null
for w in w1 w2; do
    neo4j_config $w "$work/$w.csv"
    sed -i 's/records: 500/records: 50/' "$work/$w.yaml"
done
start w1 -c "$work/w1.yaml" --json
w1=$pid
start w2 -c "$work/w2.yaml" --json
w2=$pid
audit first --repair --json
case $code in 0 | 3) ;; *) fail "the repair beside writers ended with $code" "$work/first.audit" "$work/audit.log" ;; esac
cp "$work/first.audit" "$work/beside.audit"
for pid in $w1 $w2; do
    finished "$pid" 300
    same "exit code of a writer" 0 "$code"
done
# The damage that came before the repair reached its user is all that the repair had to mend.
exact "a repair beside two writers" first "$want"
say "beside two writers it changed $(jq -c '.repair | [.made, .rewritten, .removed, .users]' "$work/beside.audit") and nothing was lost"
