#!/bin/sh
# Real purchases end in exactly the graph that SQL alone works out from the table (oracle):
# in the file's order, shuffled, doubled, split over two pipelines, killed and resumed.
. "$(dirname "$0")/lib.sh"

real_data
command -v sqlite3 >/dev/null || skip "the sqlite3 program is missing; on Debian: apt-get install sqlite3"
here=$(cd "$(dirname "$0")" && pwd)
config=$here/real.yaml
REAL=$real WORK=$work
export REAL WORK
zcat "$real/transactions.csv.gz" >"$work/table.csv"
head -n 1 "$work/table.csv" >"$work/header.csv"
tail -n +2 "$work/table.csv" >"$work/rows.csv"
all=$(wc -l <"$work/rows.csv")
want=$("$here/oracle" "$real/transactions.csv.gz" "$real/products.csv.gz") || fail "the oracle"

# halves FILE: splits the rows of a file over the two pipelines.
halves() {
    cat "$work/header.csv" >"$work/first.csv"
    cat "$work/header.csv" >"$work/second.csv"
    awk 'NR % 2' "$1" >>"$work/first.csv"
    awk 'NR % 2 == 0' "$1" >>"$work/second.csv"
    rm -rf "$work"/graph.db* "$work/state"
}

# whole FILE: all rows to the first pipeline.
whole() {
    cat "$work/header.csv" "$1" >"$work/first.csv"
    cat "$work/header.csv" >"$work/second.csv"
    rm -rf "$work"/graph.db* "$work/state"
}

exact() {
    got=$(fingerprint -c "$config")
    if [ "$got" != "$want" ]; then
        "$here/oracle" --diff "$work/graph.db" "$real/transactions.csv.gz" "$real/products.csv.gz" || true
        fail "$1: the graph differs from the oracle's ($got, should be $want)"
    fi
    say "$1: the graph is the oracle's"
}

# More than this many rows are in the graph, or the run has ended.
grew() {
    ended "$pid" || [ "$(sqlite3 -readonly "$work/graph.db" 'SELECT count(*) FROM purchases' 2>/dev/null || echo 0)" -gt "$1" ]
}

whole "$work/rows.csv"
run_to_end ordered -c "$config"
same "rows written" "$all" "$(count "$work/ordered.out" first written)"
exact "in the order of the file"
sluice audit -c "$config" >"$work/audit.out" || fail "audit finds something CRITICAL" "$work/audit.out"

awk 'BEGIN { srand(7) } { print rand() "\t" $0 }' "$work/rows.csv" | sort -g | cut -f 2- >"$work/shuffled.csv"
whole "$work/shuffled.csv"
run_to_end shuffled -c "$config"
exact "shuffled"

cat "$work/rows.csv" "$work/shuffled.csv" >"$work/doubled.csv"
halves "$work/doubled.csv"
run_to_end doubled -c "$config"
exact "doubled, over two pipelines"

halves "$work/shuffled.csv"
kills=0
while [ $kills -lt 5 ]; do
    start "killed.$kills" -c "$config"
    wait_until 60 "the graph to grow" grew $((all * (kills + 1) / 8))
    kill -9 "$pid" 2>/dev/null || true
    finished "$pid" 10
    kills=$((kills + 1))
done
run_to_end resumed -c "$config"
exact "killed $kills times and resumed"
