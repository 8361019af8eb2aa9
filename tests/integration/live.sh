#!/bin/sh
# The how-to page of the live stack holds, command by command, in the order of the page: the stack
# comes up filled, the worker of the example runs on it, and everything on the page can be typed.
# The worker goes on through what the page breaks.
#
# It brings a stack of its own up, smaller than the page's.
. "$(dirname "$0")/lib.sh"

page=$top_srcdir/docs/how-to/live-stack.md
# The page speaks from the top of the clone; its folder `live` is ours.
mkdir "$work/clone"
for entry in docs tests include core plugins configure Makefile.am; do
    [ ! -e "$top_srcdir/$entry" ] || ln -s "$top_srcdir/$entry" "$work/clone/$entry"
done
cd "$work/clone"
cleanup() { "$top_srcdir/tests/services/down" "$work/clone/live" || true; }
BUILD=$top_builddir
DEMO_OPTIONS="--users 600 --admitted 250 --products 400 --receipts 3000 --factoids 4000"
export BUILD DEMO_OPTIONS
tests/services/up live >"$work/up.log" 2>&1 || fail "up live" "$work/up.log"
contains "$work/up.log" "Everything answers"

awk -v dir="$work" '
    /^```sh live$/ { n++; file = sprintf("%s/block.%02d", dir, n); next }
    /^```/ { file = "" }
    file != "" { print >file }' "$page"
worker=
for block in "$work"/block.*; do
    # What runs for ever runs beside the rest; each other command must succeed.
    sed -n '/^sluice run /p' "$block" >"$work/background"
    sed '/^sluice run /d' "$block" >"$work/now"
    sh -eu "$work/now" >"$block.log" 2>&1 </dev/null || {
        [ -z "$worker" ] || tail -n 5 "$work/worker.log"
        fail "$(head -n 2 "$block" | tail -n 1): failed" "$block.log"
    }
    if [ -s "$work/background" ]; then
        (. live/env && sed 's/^/exec /' "$work/background" >"$work/exec" && exec sh "$work/exec") >"$work/worker.log" 2>&1 </dev/null &
        worker=$!
        running="$running $worker"
        # What the page types next asks for its consumer groups.
        assigned() { ended "$worker" || [ "$(grep -c 'partitions assigned' "$work/worker.log")" -ge 2 ]; }
        wait_until 120 "the worker to have its partitions" assigned
    fi
    # The last block takes the servers away, so the worker drains before.
    if [ -n "$worker" ] && grep -q '_reset' "$block"; then
        ! ended "$worker" || fail "the worker ended by itself" "$work/worker.log"
        kill -TERM "$worker"
        finished "$worker" 60
        [ "$code" -eq 0 ] || fail "the worker ended with $code" "$work/worker.log"
        worker=
    fi
done
at_least "blocks of the page" 5 "$(ls "$work"/block.??.log | wc -l)"
say "every command of the page holds"
