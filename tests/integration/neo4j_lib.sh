# Shared by the tests of sink/neo4j; sourced after lib.sh.
#
# Purchases are rows of a CSV file; the graph of the SQLite sink is what Neo4j's has to be.

# neo4j_config NAME FILE [OPTION...]: a pipeline from the rows of FILE to Neo4j.
neo4j_config() {
    name=$1 file=$2
    shift 2
    graph_config "$name" "$file" "
      plugin: neo4j
      url: $NEO4J_URL
      user: $NEO4J_USER
      password: $NEO4J_PASSWORD" "$@"
}

sqlite_config() {
    name=$1 file=$2
    shift 2
    graph_config "$name" "$file" "
      plugin: sqlite
      path: $work/$name.db" "$@"
}

graph_config() {
    name=$1 file=$2 sink=$3
    shift 3
    {
        cat <<END
state_dir: $work/state-$name
pipelines:
  p:
    source: { plugin: file, path: $file, format: csv }
    decoder: { plugin: csv }
    order_key: household_id
    batch: { records: 500 }
    retry: { attempts: 100 }
    stages:
      - enrich:
          plugin: purchase
          from: row
          fields: { user_id: household_id, receipt_id: basket_id, product_id: product_id, time: transaction_timestamp, retailer: store_id }
END
        [ -z "${catalogue:-}" ] || cat <<END
      - enrich:
          plugin: table
          path: $catalogue
          key: product_id
          from: "purchases[].product_id"
          set: { name: product_type, brand: brand, category: product_category, category_hierarchy: [ department, product_category, product_type ] }
END
        echo "    sink:$sink"
        for option; do
            echo "      $option"
        done
    } >"$work/$name.yaml"
}

# rows FILE: the rows of the real purchases under their header, as FILE.csv.
with_header() { cat "$work/header.csv" - >"$1"; }

real_rows() {
    real_data
    catalogue=$real/products.csv.gz
    zcat "$real/transactions.csv.gz" >"$work/table.csv"
    head -n 1 "$work/table.csv" >"$work/header.csv"
    tail -n +2 "$work/table.csv" >"$work/rows.csv"
}

# exact WHAT NAME WANT: the graph that the config NAME leads to.
exact() {
    got=$(fingerprint -c "$work/$2.yaml")
    [ "$got" = "$3" ] || {
        sluice audit -c "$work/$2.yaml" || true
        fail "$1: the fingerprint is $got, should be $3" "$work"/*.log
    }
    say "$1: the graph is that of the SQLite sink"
}

written() { count "$work/$1.out" p written; }
