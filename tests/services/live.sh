# `tests/services/up live [DIR]`: the whole stack, filled with the demo's data, and what to type next.
# Builds what is missing (BUILD, default: build) and installs what is missing from Debian.
. "$services/fill.sh"

live_quietly() {
    log=$dir/build.log
    "$@" >>"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        fail "could not build; all of it is in $log"
    }
}

# The program and the two helpers of the tests, in the build folder.
live_build() {
    top=$(cd "$services/../.." && pwd)
    BUILD=${BUILD:-build}
    case $BUILD in /*) ;; *) BUILD=$top/$BUILD ;; esac
    mkdir -p "$BUILD" "$dir"
    if [ ! -f "$BUILD/Makefile" ]; then
        echo "building into $BUILD"
        cd "$top"
        [ -x configure ] || live_quietly ./autogen.sh
        live_quietly sh -c "cd '$BUILD' && '$top/configure'"
    fi
    live_quietly make -C "$BUILD" -j "$(nproc)"
    live_quietly make -C "$BUILD" tests/services/retailer tests/services/kafka_admin
    SERVICES_BUILD=$BUILD
    fill_admin=$BUILD/tests/services/kafka_admin
}

live_up() {
    . "$services/../support/packages.sh"
    packages_install $packages_build $packages_integration || exit 1
    live_build
    demo=$dir/demo
    [ -f "$demo/expected.json" ] ||
        python3 "$top/docs/demo/generate" "$demo" ${DEMO_OPTIONS:-} || fail "docs/demo/generate"
    RETAILER_OPTIONS="--products $demo/products.csv --categories $demo/categories.csv \
--purchases $demo/receipts.jsonl --orders $demo/shop-orders.jsonl"
    echo "starting Kafka, Neo4j, Valkey and the retailer's double in $dir"
    bring_up kafka neo4j valkey retailer
    . "$dir/env"
    trap 'started="kafka neo4j valkey retailer"; take_back $?' EXIT
    echo "filling $receipts_topic and $orders_topic"
    for one in "$receipts_topic receipts" "$orders_topic shop-orders"; do
        fill_create "$KAFKA_BROKERS" "${one% *}" 3 && fill_topic "$KAFKA_BROKERS" "${one% *}" "$demo/${one#* }.jsonl" ||
            fail "could not fill ${one% *}"
    done
    fill_flags "$RETAILER_FLAGS" "$RETAILER_FILES" "$demo/users.txt"
    fill_enrolment "$VALKEY_ADDRESS" "$demo/users.txt" || fail "could not fill Valkey"
    {
        echo "export DEMO_DIR='$demo'"
        echo "export PATH='$dir/bin':\"\$PATH\""
    } >>"$dir/env"
    : >"$dir/user-load.jsonl" # requests to load a user go here, a line each
    mkdir -p "$dir/bin"
    ln -sf "$BUILD/sluice-dev" "$dir/bin/sluice"
    trap - EXIT
    live_told
}

live_told() {
    cat <<END

$(sed -n 's/^export \([A-Z0-9_]*\)=/  \1=/p' "$dir/env")

Everything answers. In a shell:

  . $dir/env
  sluice run -c $top/docs/examples/unified-worker/unified-worker.yaml --env laptop

$(wc -l <"$demo/receipts.jsonl") receipts and $(wc -l <"$demo/shop-orders.jsonl") shop orders wait in the two topics; docs/how-to/live-stack.md says
what to look at. Stop it all with

  $services/down $dir
END
}
