# What sluice needs from Debian, and how it gets there.  Sourced by docs/demo/run,
# tests/run and .ci/run.
#
# Nothing is installed that is there already; what is going to be installed is said first.

packages_build="gcc g++ make autoconf automake libtool pkg-config libjansson-dev libyaml-dev \
libsqlite3-dev libmicrohttpd-dev libcurl4-openssl-dev zlib1g-dev libssl-dev libsimdjson-dev \
librdkafka-dev libhiredis-dev"
packages_demo="python3"
packages_test="check strace python3 curl jq sqlite3 prometheus procps xxd"
# The real servers of tests/services: Java for Kafka and Neo4j, Maven and pip to fetch them.
packages_integration="default-jdk-headless maven python3 python3-pip openssl util-linux curl jq kcat redis-tools"
packages_ci="clang libclang-rt-14-dev clang-format binutils xz-utils git"

packages_missing() {
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

# packages_install PACKAGE...: those that are missing, by apt-get, with sudo if need be.
packages_install() {
    command -v dpkg-query >/dev/null 2>&1 || {
        echo "this is not Debian: install what corresponds to: $*" >&2
        return 0
    }
    missing=$(packages_missing "$@")
    [ -n "$missing" ] || return 0
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            echo "missing packages; as root: apt-get install $missing" >&2
            return 1
        }
        as_root=sudo
    fi
    echo "installing from Debian: $missing"
    log=$(mktemp -p "${TMPDIR:-/tmp}" sluice-apt.XXXXXX)
    if ! { $as_root apt-get update && DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y --no-install-recommends $missing; } \
        >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        echo "apt-get failed; its output is in $log" >&2
        return 1
    fi
    rm -f "$log"
}
