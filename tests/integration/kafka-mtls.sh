#!/bin/sh
# Kafka that wants a certificate of the client: right, with a key that has a password, without one, and
# with one that its authority did not sign.
# services: kafka
. "$(dirname "$0")/lib.sh"

topic=$(unique t)
topic "$topic" 1
seq 1 200 >"$work/messages"
produce "$topic" "$work/messages"
certificates=$KAFKA_CERTIFICATES

# config NAME MORE
config() {
    cat >"$work/$1.yaml" <<END
state_dir: $work/$1.state
pipelines:
  p:
    source: { plugin: kafka, brokers: "$KAFKA_MTLS_BROKERS", topic: $topic, group: $(unique g)-$1, until_end: true,
              tls: true, ca_file: $KAFKA_CA $2 }
    decoder: { plugin: lines }
    sink: { plugin: file, path: $work/$1.out, write: payload }
END
}
config client ", cert_file: $certificates/client.crt, key_file: $certificates/client.key"
config locked ", cert_file: $certificates/locked.crt, key_file: $certificates/locked.key, key_password: '$KAFKA_KEY_PASSWORD'"
for name in client locked; do
    sluice run -c "$work/$name.yaml" >"$work/$name.log" 2>&1 || fail "the certificate of $name" "$work/$name.log"
    same "messages with the certificate of $name" 200 "$(lines "$work/$name.out")"
done

# refused NAME WORDS...: check --online says them, and never the password
refused() {
    name=$1
    shift
    code=0
    sluice check --online -c "$work/$name.yaml" >"$work/$name.log" 2>&1 || code=$?
    same "exit of check --online with $name" 3 "$code"
    for words; do contains "$work/$name.log" "$words"; done
    lacks "$work/$name.log" "not-the-password"
}
config none ""
refused none "option 'cert_file'" "the broker wants a certificate of the client"
config stranger ", cert_file: $certificates/stranger.crt, key_file: $certificates/stranger.key"
refused stranger "option 'cert_file'" "the broker does not take the client's certificate"
config wrong ", cert_file: $certificates/locked.crt, key_file: $certificates/locked.key, key_password: not-the-password"
refused wrong "option 'key_file'" "and key_password its password?"
config mixed ", cert_file: $certificates/client.crt, key_file: $certificates/stranger.key"
refused mixed "option 'key_file'" "is it the key to cert_file"
say "certificates that are right are taken, others are told apart"
