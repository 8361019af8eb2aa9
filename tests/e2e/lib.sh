# Shared by the end-to-end tests; sourced first.
#
# Each test has a folder of its own ($work), picks no port, and waits for conditions with a
# deadline, never for a length of time.  It exits 0, 1 with one line that says what is wrong,
# or 77 with the reason why it cannot run here.
set -eu
: "${top_srcdir:=$(cd "$(dirname "$0")/../.." && pwd)}" "${top_builddir:=$PWD}"
: "${SLUICE_TIER:=full}"
me=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/sluice-$me.XXXXXX")
running=
keep_work=${SLUICE_KEEP:-}

# A test that has more to undo defines its own.
cleanup() { :; }

finish() {
    status=$?
    trap - EXIT
    for pid in $running; do
        kill -9 "$pid" 2>/dev/null || true
    done
    wait 2>/dev/null || true
    cleanup
    if [ -n "$keep_work" ]; then
        echo "kept $work"
    else
        chmod -R u+rwX "$work" 2>/dev/null || true
        rm -rf "$work"
    fi
    exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { echo "$me: $*"; }

# fail WHAT [FILE...]: one line, and the end of each file that explains it.
fail() {
    echo "$me: FAILED: $1"
    shift
    for file in "$@"; do
        [ -f "$file" ] || continue
        echo "--- the end of $(basename "$file"):"
        tail -n 25 "$file"
    done
    exit 1
}

skip() {
    echo "$me: skipped: $*"
    exit 77
}

# wait_until SECONDS WHAT COMMAND...: polls the command until it succeeds.
wait_until() {
    deadline=$(($(date +%s) + $1))
    what=$2
    shift 2
    until "$@"; do
        [ "$(date +%s)" -le "$deadline" ] || fail "waited in vain: $what" "$work"/*.log
        sleep 0.05
    done
}

# The program as it stands in the build, with the plugins beside it.
sluice() {
    "$top_builddir/sluice-dev" "$@"
}

# Lines of a file that may not be there yet.
lines() { if [ -f "$1" ]; then wc -l <"$1"; else echo 0; fi; }

same() {
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'" "$work"/*.log
}

at_least() {
    [ "$3" -ge "$2" ] || fail "$1: expected at least $2, got $3" "$work"/*.log
}

contains() {
    grep -qF -- "$2" "$1" || fail "$(basename "$1") does not say '$2'" "$1"
}

lacks() {
    ! grep -qF -- "$2" "$1" || fail "$(basename "$1") holds '$2'" "$1"
}

# start NAME ARGUMENT...: `sluice run` in the background; its pid in $pid, its log in NAME.log,
# its report in NAME.out.
start() {
    name=$1
    shift
    : >"$work/$name.log"
    "$top_builddir/sluice-dev" run "$@" >"$work/$name.out" 2>"$work/$name.log" &
    pid=$!
    running="$running $pid"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# finished PID SECONDS: waits until the process has ended; its exit code in $code.
finished() {
    wait_until "$2" "process $1 to end" ended "$1"
    code=0
    wait "$1" || code=$?
    running=$(echo " $running " | sed "s/ $1 / /")
}

# Ended, also as a zombie that nobody has waited for.
ended() {
    [ ! -d "/proc/$1" ] || [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)" = Z ] ||
        [ ! -e "/proc/$1/stat" ]
}

# count REPORT PIPELINE MEMBER: a number of the report of `run --json`.
count() {
    jq -r --arg p "$2" '.pipelines[] | select(.name == $p) | .'"$3" "$1"
}

# ends REPORT: records by class and reason, one line a pipeline, as expected.json has them.
ends() {
    jq -cS '.pipelines | sort_by(.name)[] | {name, in, written, gated: .gated_by, dead: .dead_by}' "$1"
}

expected_ends() {
    jq -cS 'del(.graph) | to_entries | sort_by(.key)[] | {name: .key} + .value' "$1"
}

# run_to_end NAME ARGUMENT...: a run that has to end well; its report in NAME.out.
run_to_end() {
    start "$@" --json
    finished "$pid" 300
    [ "$code" -eq 0 ] || fail "run $1 ended with exit code $code" "$work/$1.log"
}

# dead_letters -c FILE...: what is in the dead-letter store, without what differs from run to run.
dead_letters() {
    sluice dlq list --json "$@" | jq -cS '.letters[] | {pipeline, step, stage, lane: (.lane | split("/") | last), position, ordinal, reason, size}' | sort
}

# The fingerprint of the graph of a config: fingerprint -c FILE...
fingerprint() {
    sluice audit --fingerprint "$@" 2>"$work/audit.log" || fail "audit --fingerprint" "$work/audit.log"
}

# demo_data FOLDER OPTION...: the demo's data, made there.
demo_data() {
    python3 "$top_srcdir/docs/demo/generate" "$@" || fail "docs/demo/generate"
}

# Where the server of a run listens, from its log; fails until it is known.
listening() {
    address=127.0.0.1:$(sed -n 's/.*event=http_listening .*port=\([0-9]*\).*/\1/p' "$1" | tail -n 1)
    [ "$address" != 127.0.0.1: ]
}

fetch() { curl -sS -m 5 "http://$address$1"; }

# metric FILE NAME{LABELS}: the value in a scrape, or nothing.
metric() {
    awk -v want="$2" '$1 == want {print $2}' "$1"
}

# Built with a sanitizer: then memory says nothing about the program.
sanitized() { grep -qaE '__asan_init|__tsan_init' "$top_builddir/sluice"; }

# Peak memory of a live process in KiB.
peak_kib() {
    sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

# The real purchases, or skip.
real_data() {
    for dir in "${SLUICE_SHARED:-$top_srcdir/../shared}/data" "$top_srcdir/../shared/data"; do
        if [ -f "$dir/completejourney/transactions.csv.gz" ]; then
            real=$dir/completejourney
            return 0
        fi
    done
    skip "../shared/data is absent (looked at ${SLUICE_SHARED:-$top_srcdir/../shared}/data)"
}
