#!/bin/sh
# Every byte of a source may be wrong: each record still ends written, gated or dead-lettered
# with a reason, the rest of the file is processed, and memory stays small.
. "$(dirname "$0")/lib.sh"

size=100000000
[ "$SLUICE_TIER" = full ] || size=20000000
python3 - "$work" "$size" <<'END'
import gzip, sys
work, size = sys.argv[1], int(sys.argv[2])
good = lambda i: b'{"user_id":"u%d","n":%d}\n' % (i, i)
bad = [
    b'{"user_id":"u1"', b'{"user_id":', b'{', b'}', b'nul', b'{"user_id":"u1",}', b"{'user_id':'u1'}",
    b'{"user_id":"u1"} trailing', b'\x00', b'{"user_id":"a\x00b"}', b'{"user_id":"\xff\xfe"}', b'\xef\xbb\xbf{',
    b'{"user_id":"\xed\xa0\x80"}', b'{"user_id":"\xc0\xaf"}', b'"\\ud800"', b'{"a":"\\x"}', b'{"n":01}', b'{"n":1e}',
    b'{"n":+1}', b'{"n":.5}', b'{"n":NaN}', b'{"n":1e999}', b'[' * 100000, b'{"a":' * 5000 + b'1' + b'}' * 5000,
    b'<xml/>', b'\x1f\x8b\x08', b'{"user_id":"u1","user_id"', b'\r', b'{"n":123456789012345678901234567890123456789' + b'9' * 400,
    b'{"user_id":"u\x01"}',
]
with open(work + "/in.jsonl", "wb") as f:
    for i, line in enumerate(bad):
        f.write(good(2 * i))
        f.write(line + b"\n")
        f.write(good(2 * i + 1))
    f.write(b'{"user_id":"big","text":"' + b"x" * (size - 27) + b'"}\n')
    f.write(good(1000))
    f.write(b'{"user_id":"last","n":1}')  # no newline at the end
with open(work + "/lines.gz", "wb") as f:
    f.write(gzip.compress(b"".join(good(i) for i in range(50000)))[:-2000])
END
bad=$(grep -c . "$work/in.jsonl")
cat >"$work/bad.yaml" <<END
state_dir: state
pipelines:
  p:
    source: { plugin: file, path: in.jsonl }
    sink: { plugin: file, path: out.jsonl }
END
start bad -c "$work/bad.yaml" --json
peak=0
until ended "$pid"; do
    now=$(peak_kib "$pid" || echo 0)
    [ "${now:-0}" -le "$peak" ] || peak=$now
    sleep 0.05
done
finished "$pid" 60
same "exit code with bad input" 0 "$code"
good=$(($(wc -l <"$work/out.jsonl")))
same "good lines among bad ones" 62 "$good"
same "every record ended" "$(count "$work/bad.out" p in)" $(($(count "$work/bad.out" p written) + $(count "$work/bad.out" p dead)))
at_least "dead letters" 30 "$(count "$work/bad.out" p dead)"
[ "$peak" -gt 0 ] || fail "the run's memory was not seen"
sanitized || [ "$peak" -le 51200 ] || fail "peak memory with a line of $size bytes was $peak KiB (at most 51200)"
say "$bad lines, $(count "$work/bad.out" p dead) of them dead letters, peak memory $((peak / 1024)) MiB"

# The huge line is kept whole.
id=$(sluice dlq list --json -c "$work/bad.yaml" | jq -r '.letters[] | select(.reason == "too_large") | .id')
[ -n "$id" ] || fail "the huge line is not among the dead letters"
sluice dlq show "$id" --payload -c "$work/bad.yaml" >"$work/payload"
grep -a '"user_id":"big"' "$work/in.jsonl" | tr -d '\n' >"$work/huge"
cmp -s "$work/huge" "$work/payload" || fail "the huge line came out of the dead letters changed: $(wc -c <"$work/payload") bytes"
say "the line of $size bytes is whole in the dead letters"

# --- files that are not what they should be --------------------------------------------------
refused() {
    name=$1
    printf 'state_dir: state-%s\npipelines:\n  p:\n    source: { plugin: file, path: "%s" }\n    sink: { plugin: "null" }\n' \
        "$name" "$2" >"$work/$name.yaml"
    start "$name" -c "$work/$name.yaml" --json
    finished "$pid" 20
    [ "$code" -ne 0 ] || fail "$name: the run ended with 0" "$work/$name.log"
    cat "$work/$name.out" >>"$work/$name.log"
    contains "$work/$name.log" "$2"
}
mkdir "$work/folder"
mkfifo "$work/pipe"
refused folder "$work/folder"
refused pipe "$work/pipe"
refused gzip "$work/lines.gz"
refused absent "$work/absent.jsonl"
if [ "$(id -u)" -ne 0 ]; then
    : >"$work/closed.jsonl"
    chmod 0 "$work/closed.jsonl"
    refused closed "$work/closed.jsonl"
elif command -v setpriv >/dev/null 2>&1; then
    : >"$work/closed.jsonl"
    chmod 0 "$work/closed.jsonl"
    chmod 755 "$work"
    if setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$top_builddir/sluice-dev"; then
        mkdir "$work/nobody"
        chown 65534 "$work/nobody"
        printf 'state_dir: nobody/state\npipelines:\n  p:\n    source: { plugin: file, path: closed.jsonl }\n    sink: { plugin: "null" }\n' >"$work/closed.yaml"
        code=0
        setpriv --reuid=65534 --regid=65534 --clear-groups "$top_builddir/sluice-dev" run -c "$work/closed.yaml" >"$work/closed.log" 2>&1 || code=$?
        [ "$code" -ne 0 ] || fail "a file without permission: the run ended with 0"
        contains "$work/closed.log" "closed.jsonl"
    fi
fi
say "a folder, a FIFO, a truncated gzip, a missing file and a closed one are refused by name"

# --- a file that shrinks while it is followed -------------------------------------------------
awk 'BEGIN { for (i = 1; i <= 500; i++) printf "{\"user_id\":\"u%d\",\"n\":%d}\n", i % 7, i }' >"$work/shrink.jsonl"
cat >"$work/shrink.yaml" <<END
state_dir: state-shrink
pipelines:
  p:
    commit_interval: 20ms
    source: { plugin: file, path: shrink.jsonl, follow: true }
    sink: { plugin: file, path: shrunk.jsonl }
END
all_out() { [ "$(lines "$work/shrunk.jsonl")" -ge "$1" ]; }
start shrink -c "$work/shrink.yaml" --json
wait_until 20 "500 lines" all_out 500
: >"$work/shrink.jsonl"
told() { grep -qE 'shr[ai]nk|truncat|shorter|smaller' "$work/shrink.log" || ended "$pid"; }
wait_until 20 "the shrunk file to be told" told
grep -qE 'shr[au]nk|truncat|shorter|smaller' "$work/shrink.log" || fail "a file that shrank was not told" "$work/shrink.log"
ended "$pid" || kill -TERM "$pid"
finished "$pid" 20
say "a file that shrinks is told, not misread"
