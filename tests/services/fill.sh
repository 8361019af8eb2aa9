# Puts the demo's data (docs/demo/generate) where the live path finds it: two topics, the flags,
# the enrolment keys, the retailer's catalogue.  Sourced by `up live` and by the integration tests;
# $fill_admin is the program kafka_admin of a build.
receipts_topic=pipeline-v1-processed-receipt-events
orders_topic=factoid-stream
# The topics take what is too large for the pipelines: that is theirs to find out.
fill_max_bytes=5000000

# fill_keyed FILE: every line with its user_id before it and a tab between, as the producers key the
# topics; a line without one has an empty key.
fill_keyed() {
    python3 -c '
import re, sys
find = re.compile(rb"\"user_id\": ?\"([^\"\t]*)\"").search
for line in open(sys.argv[1], "rb"):
    m = find(line)
    sys.stdout.buffer.write((m.group(1) if m else b"") + b"\t" + line)' "$1"
}

# fill_topic BROKERS TOPIC FILE [KCAT-OPTION...]: each line a message under its user's key; fails unless
# the topic then holds as many more as the file has lines.
fill_topic() {
    fill_to=$1 fill_name=$2 fill_file=$3
    shift 3
    fill_before=$(fill_count "$fill_to" "$fill_name") || return 1
    fill_keyed "$fill_file" | kcat -b "$fill_to" -P -t "$fill_name" -K '\t' -X acks=all -X linger.ms=5 \
        -X message.max.bytes=$fill_max_bytes -X enable.idempotence=true -X log_level=3 "$@" || return 1
    fill_after=$(fill_count "$fill_to" "$fill_name") || return 1
    [ $((fill_after - fill_before)) -eq "$(wc -l <"$fill_file")" ] || {
        echo "$fill_name took $((fill_after - fill_before)) messages of the $(wc -l <"$fill_file") lines of $fill_file" >&2
        return 1
    }
}

# fill_count BROKERS TOPIC: messages in all partitions.
fill_count() {
    fill_ends=$("$fill_admin" "$1" ends "$2") || return 1
    echo "$fill_ends" | awk '{ n += $3 - $2 } END { print n + 0 }'
}

# fill_create BROKERS TOPIC PARTITIONS
fill_create() { "$fill_admin" "$1" create "$2" "$3" max.message.bytes=$fill_max_bytes; }

# fill_flags DIR FILES USERS: the flags of the two pipelines; the users of the file are admitted.
fill_flags() {
    cp "$3" "$2/enabled-users.txt"
    cat >"$1/consumer_graph_ingestion.json" <<'END'
{"enabled": true, "segments": [{"name": "enabled users", "allowedS3IDs": "enabled-users.txt", "rollout": 100}]}
END
    for switch in consumer_graph_receipt_killswitch consumer_graph_factoid_killswitch; do
        echo '{"enabled": false, "segments": []}' >"$1/$switch.json"
    done
}

# fill_enrolment ADDRESS USERS: the keys that gate/valkey-enrollment looks for.
fill_enrolment() {
    sed 's/.*/SET experiment:enrolled:& 1/' "$2" | redis-cli -h "${1%:*}" -p "${1##*:}" --pipe >/dev/null
}
