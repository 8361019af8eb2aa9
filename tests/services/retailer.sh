# The double of the retailer's private services: products, categories, flags, histories (retailer.h).
# It is built with the tests (`make check TESTS=`); SERVICES_BUILD says where.  What it serves:
# RETAILER_OPTIONS, or else the folders flags/ and files/ beside its log.
retailer_fetch() {
    need curl curl
    retailer_program=${SERVICES_BUILD:-$services/../../build}/tests/services/retailer
    [ -x "$retailer_program" ] || skip "the retailer's double is not built: make -C BUILD check TESTS=, then SERVICES_BUILD=BUILD"
    retailer_program=$(cd "$(dirname "$retailer_program")" && pwd)/retailer
}

retailer_prepare() {
    printf 'port=%s\n' "$(free_ports 1)" >"$home/ports"
    mkdir -p "$home/flags" "$home/files"
    # A restart starts the same program with the same data.
    printf '%s\n' "$retailer_program" "${RETAILER_OPTIONS:-}" >"$home/command"
}

retailer_start() {
    launch "$(sed -n 1p "$home/command")" --port "$(value port retailer)" --flags "$home/flags" --files "$home/files" \
        $(sed -n 2p "$home/command")
}

retailer_ready() { curl -sS -f -m 5 "http://127.0.0.1:$(value port retailer)/_stats"; }

retailer_env() {
    cat <<END
RETAILER_URL=http://127.0.0.1:$(value port retailer)
RETAILER_FLAGS=$home/flags
RETAILER_FILES=$home/files
END
}
