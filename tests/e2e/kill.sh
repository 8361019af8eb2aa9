#!/bin/sh
# kill -9 at random moments of the demo: nothing is lost and nothing counts twice. The graph
# and the dead letters are those of a run that nobody disturbed.
. "$(dirname "$0")/lib.sh"

kills=${SLUICE_KILLS:-50}
[ "$SLUICE_TIER" = full ] || kills=6
config=$top_srcdir/docs/demo/demo.yaml
demo_data "$work/data" --users 1500 --admitted 700 --products 800 --receipts 12000 --factoids 16000
cat >"$work/often.yaml" <<END
pipelines:
  receipts: { commit_interval: 10ms, batch: { records: 100 } }
  shop-orders: { commit_interval: 10ms, batch: { records: 100 } }
END
for run in quiet killed; do
    mkdir "$work/$run"
    cp "$work"/data/* "$work/$run"
done

DEMO_DIR=$work/quiet
export DEMO_DIR
run_to_end quiet -c "$config"
print=$(fingerprint -c "$config")
dead_letters -c "$config" >"$work/dead.quiet"
took=$(jq '[.pipelines[].elapsed_seconds] | max' "$work/quiet.out" 2>/dev/null || echo 2)

DEMO_DIR=$work/killed
done_kills=0 rounds=0 complete=0
seed=${SLUICE_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
say "seed $seed, $kills kills"
delays=$(awk -v seed="$seed" 'BEGIN { srand(seed); for (i = 0; i < 5000; i++) printf "%.3f ", 0.03 + rand() * rand() * 0.8 }')
for delay in $delays; do
    start killed -c "$config" -c "$work/often.yaml"
    sleep "$delay"
    if kill -9 "$pid" 2>/dev/null; then
        finished "$pid" 10
        if [ "$code" -eq 137 ]; then
            done_kills=$((done_kills + 1))
            [ "$done_kills" -lt "$kills" ] || break
            continue
        fi
    else
        finished "$pid" 10
    fi
    [ "$code" -eq 0 ] || fail "a run that nobody killed in time ended with $code" "$work/killed.log"
    # Through before the kill: everything again, over the graph that is there.
    complete=$((complete + 1))
    same "fingerprint after $done_kills kills" "$print" "$(fingerprint -c "$config")"
    dead_letters -c "$config" >"$work/dead.killed"
    cmp -s "$work/dead.quiet" "$work/dead.killed" ||
        fail "dead letters differ after $done_kills kills: $(diff "$work/dead.quiet" "$work/dead.killed" | head -n 6)"
    rm -r "$DEMO_DIR/state"
    # Every third time the graph goes too, so that kills hit first writes as well as repetitions.
    [ $((complete % 3)) -eq 0 ] || rm -f "$DEMO_DIR"/graph.db*
done
same "kills" "$kills" "$done_kills"
run_to_end killed -c "$config" -c "$work/often.yaml"
same "fingerprint after $done_kills kills" "$print" "$(fingerprint -c "$config")"
dead_letters -c "$config" >"$work/dead.killed"
cmp -s "$work/dead.quiet" "$work/dead.killed" ||
    fail "dead letters differ: $(diff "$work/dead.quiet" "$work/dead.killed" | head -n 6)"
say "$done_kills kills, $complete runs came through between them; graph and dead letters are those of an undisturbed run"
