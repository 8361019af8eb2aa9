#!/bin/sh
# audit --repair rewrites the SHOPS_IN edges that a changed catalogue left behind, and nothing else: the
# graph is then that of a load with the new catalogue alone.  A dry run changes nothing.
. "$(dirname "$0")/lib.sh"

command -v sqlite3 >/dev/null || skip "the sqlite3 program is missing; on Debian: apt-get install sqlite3"
cd "$work"
# Products p1 to p9 stand in the categories A, B, C; with the new catalogue each in the next one, and p9 in none.
# config NAME CATALOGUE FILE
config() {
    cat >"$1.yaml" <<END
state_dir: state-$1-$2
pipelines:
  p:
    source: { plugin: file, path: $3 }
    stages: [ { enrich: { plugin: table, path: $2.jsonl, key: product_id, from: "purchases[].product_id", set: { name: name, category: category } } } ]
    sink: { plugin: sqlite, path: $1.db }
END
}
for i in 1 2 3 4 5 6 7 8 9; do
    echo "{\"product_id\":\"p$i\",\"name\":\"Product $i\",\"category\":\"$(echo A B C | cut -d ' ' -f $((i % 3 + 1)))\"}" >>old.jsonl
    echo "{\"product_id\":\"p$i\",\"name\":\"Product $i\",\"category\":\"$(echo B C A | cut -d ' ' -f $((i % 3 + 1)))\"}" >>new.jsonl
done
# 260 users, so that a repair takes several pages; receipts of several products, at several times.
awk 'BEGIN {
    for (u = 0; u < 260; u++)
        for (r = 0; r < 3; r++) {
            printf "{\"user_id\":\"u%03d\",\"purchases\":[", u
            for (k = 0; k <= (u + r) % 3; k++)
                printf "%s{\"receipt_id\":\"r%d-%d\",\"time\":%d,\"product_id\":\"p%d\",\"retailer\":\"S%d\"}",
                    k ? "," : "", u, r, 1500000000000 + u * 1000 + r * 86400000 + k * 60000, (u * 7 + r * 5 + k * 4) % 9 + 1, u % 4
            print "]}"
        }
}' >all.jsonl
head -n 700 all.jsonl >most.jsonl
code=0
audit() {
    code=0
    sluice audit -c graph.yaml "$@" >audit.out 2>audit.err || code=$?
}
differs() { sluice audit -c graph.yaml --json 2>>audit.log | jq '.checks[] | select(.check == "shops_in_differs") | .count'; }

config want new all.jsonl
run_to_end want -c want.yaml
want=$(fingerprint -c want.yaml)
# The greater part with the old catalogue, then all of it with the new one.
config graph old most.jsonl
run_to_end graph -c graph.yaml
same "edges that differ while the catalogue stands still" 0 "$(differs)"
audit --repair
same "exit code where nothing is to be repaired" 0 "$code"
contains audit.out "repair: 0 SHOPS_IN edges"
config graph new all.jsonl
run_to_end graph -c graph.yaml
wrong=$(differs)
at_least "edges that differ once the catalogue changed" 300 "$wrong"
before=$(fingerprint -c graph.yaml)

audit --repair --dry-run
same "exit code of a dry run that finds something" 3 "$code"
same "lines of a dry run" "$wrong" "$(grep -c '^would be ' audit.out)"
contains audit.out "dry run: $wrong SHOPS_IN edges"
same "the graph after a dry run" "$before" "$(fingerprint -c graph.yaml)"
audit --repair --dry-run --json
same "edges in the JSON" "$wrong" "$(jq '.repair | .made + .rewritten + .removed' audit.out)"
same "a dry run" true "$(jq .repair.dry_run audit.out)"

audit --repair --json
same "exit code of a repair" 0 "$code"
same "edges changed" "$wrong" "$(jq '.repair | .made + .rewritten + .removed' audit.out)"
same "edges that differ after it, in the same report" 0 "$(jq '.checks[] | select(.check == "shops_in_differs") | .count' audit.out)"
same "the graph after the repair" "$want" "$(fingerprint -c graph.yaml)"
audit --repair
contains audit.out "repair: 0 SHOPS_IN edges"
# Replays with the present catalogue change nothing any more.
rm -rf state-graph-new
run_to_end again -c graph.yaml
same "the graph after a replay" "$want" "$(fingerprint -c graph.yaml)"
say "a changed catalogue was repaired: $wrong edges"

# What an older system counted stays; a product without a category gives none.
sqlite3 graph.db "INSERT INTO older_counts SELECT user, 'SHOPS_IN', category, 5, last_purchase FROM shops_in WHERE user <= 10;
    DELETE FROM in_category WHERE product IN (SELECT id FROM products WHERE product_id IN ('p3', 'p9'))"
audit --repair --json
at_least "edges that lose receipts" 10 "$(jq '.repair | .rewritten + .removed' audit.out)"
same "edges made" 0 "$(jq .repair.made audit.out)"
same "differing after it" 0 "$(differs)"
same "what an older system counted" 5 "$(sqlite3 graph.db "SELECT DISTINCT frequency FROM older_counts")"
at_least "edges that only an older system explains" 1 "$(sqlite3 graph.db "SELECT count(*) FROM shops_in_edges WHERE receipt_ids = '[]' AND frequency = 5")"

# What cannot be decided is not touched.
before=$(fingerprint -c graph.yaml)
audit --dry-run
same "exit code of --dry-run alone" 2 "$code"
audit --fingerprint --repair
same "exit code of --fingerprint --repair" 2 "$code"
same "the graph" "$before" "$(fingerprint -c graph.yaml)"
say "what no receipt explains stays; what goes with nothing is refused"
