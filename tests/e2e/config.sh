#!/bin/sh
# Overlays: config show says what would run and where each value came from, config diff what
# differs between two environments; secrets appear nowhere.
. "$(dirname "$0")/lib.sh"

config=$top_srcdir/docs/demo/demo.yaml
DEMO_DIR=$work/demo
export DEMO_DIR
for env in stage prod csv; do
    sluice check --no-files -c "$config" --env $env >"$work/out" 2>&1 || fail "check --env $env" "$work/out"
    [ ! -s "$work/out" ] || fail "check --env $env warns" "$work/out"
done
sluice config show -c "$config" --env prod >"$work/show"
contains "$work/show" "/var/lib/sluice"
contains "$work/show" "demo.prod.yaml"
contains "$work/show" "demo.yaml"
contains "$work/show" "/srv/topics/receipts.jsonl"
contains "$work/show" "purchases[].product_id" # of the base, in a block that prod changes
code=0
sluice config diff -c "$config" --env stage --env prod >"$work/diff" || code=$?
same "exit code of a diff that finds something" 3 "$code"
contains "$work/diff" "rate_limit"
contains "$work/diff" "/var/lib/sluice"
sluice config diff -c "$config" --env prod --env prod >"$work/diff" || fail "prod differs from prod" "$work/diff"
code=0
sluice check -c "$config" --env nowhere >"$work/out" 2>&1 || code=$?
same "exit code for an environment without overlay" 1 "$code"
contains "$work/out" "nowhere"
cat >"$work/token.yaml" <<END
state_dir: state
http: { listen: "127.0.0.1:0", token_file: token }
pipelines: { p: { source: { plugin: file, path: none.jsonl }, sink: { plugin: "null" } } }
END
: >"$work/none.jsonl"
: >"$work/token"
for command in check run; do
    code=0
    sluice $command -c "$work/token.yaml" >"$work/out" 2>&1 || code=$?
    same "exit code of $command with an empty token file" 1 "$code"
    contains "$work/out" "holds no token"
done
say "the demo's overlays show, differ and check as they should"

# --- a canary secret ------------------------------------------------------------------------
canary=canary-5up3r-s3cret-0f-7he-7es7
printf '%s\n' "$canary" >"$work/token"
chmod 600 "$work/token"
printf '{"user_id":"u1"\n{"user_id":"u2","n":1}\n' >"$work/in.jsonl"
cat >"$work/c.yaml" <<END
state_dir: state
log: { level: debug }
http: { listen: "127.0.0.1:0", token_file: token }
x-note: "\${file:token}"
pipelines:
  p:
    source: { plugin: file, path: in.jsonl, follow: true }
    sink: { plugin: file, path: out.jsonl }
END
sluice config show -c "$work/c.yaml" >"$work/show" 2>&1 || fail "config show" "$work/show"
lacks "$work/show" "$canary"
sluice check -c "$work/c.yaml" >"$work/check.out" 2>&1 || fail "check" "$work/check.out"
lacks "$work/check.out" "$canary"
start c -c "$work/c.yaml" --json
wait_until 20 "the server to listen" listening "$work/c.log"
same "metrics without the token" 401 "$(curl -s -m 5 -o "$work/denied" -w '%{http_code}' "http://$address/metrics")"
same "metrics with a wrong token" 401 "$(curl -s -m 5 -o "$work/denied2" -w '%{http_code}' -H 'Authorization: Bearer canary' "http://$address/metrics")"
settled() { curl -s -m 5 -H "Authorization: Bearer $canary" "http://$address/metrics" >"$work/metrics" && grep -q 'sluice_records_in_total{pipeline="p"} 2' "$work/metrics"; }
wait_until 20 "both records" settled
for path in / /pipelines /readyz /healthz /nothing; do
    curl -s -m 5 -H "Authorization: Bearer $canary" "http://$address$path" >>"$work/answers"
done
tr '\0' ' ' <"/proc/$pid/cmdline" >"$work/cmdline"
kill -HUP "$pid"
told() { grep -q event=reload "$work/c.log"; }
wait_until 10 "the answer to SIGHUP" told
kill -TERM "$pid"
finished "$pid" 15
sluice dlq list --json -c "$work/c.yaml" >"$work/dead" 2>&1
sluice dlq show 1 -c "$work/c.yaml" >>"$work/dead" 2>&1
for file in show check.out c.log c.out metrics answers denied denied2 cmdline dead; do
    [ -f "$work/$file" ] || fail "$file was not looked at"
    lacks "$work/$file" "$canary"
done
[ -s "$work/metrics" ] && [ -s "$work/answers" ] && [ -s "$work/cmdline" ] || fail "there was nothing to look at"
! grep -raqF "$canary" "$work/state" || fail "the state_dir holds the secret"
say "a secret appears in no output, answer, log, metric, dead letter or command line"
