#!/bin/sh
# The login of Amazon MSK by IAM, before a real broker whose verifier (tests/services/IamLogin.java)
# computes every token's signature anew: right, with a wrong secret, without credentials, and with
# keys that end while a worker runs, so that the broker cuts the connection and wants a new token.
# services: kafka
. "$(dirname "$0")/lib.sh"
[ -n "${KAFKA_IAM_BROKERS:-}" ] || skip "no Java compiler for the broker's verifier; on Debian: apt-get install default-jdk-headless"

unset AWS_PROFILE AWS_REGION AWS_DEFAULT_REGION AWS_SESSION_TOKEN 2>/dev/null || true
export AWS_EC2_METADATA_DISABLED=true AWS_SHARED_CREDENTIALS_FILE="$work/none" AWS_CONFIG_FILE="$work/none"
id=$(unique AKID | tr -dc 'A-Za-z0-9')
echo "$id right-secret" >>"$KAFKA_IAM_KEYS"
topic=$(unique t)
topic "$topic" 1
seq 1 200 >"$work/messages"
produce "$topic" "$work/messages"

# config NAME GROUP MORE
config() {
    cat >"$work/$1.yaml" <<END
state_dir: $work/$1.state
pipelines:
  p:
    commit_interval: 50ms
    source: { plugin: kafka, brokers: "$KAFKA_IAM_BROKERS", topic: $topic, group: $2, tls: true, ca_file: $KAFKA_CA,
              mechanism: aws-msk-iam, aws_region: $KAFKA_IAM_REGION $3 }
    decoder: { plugin: lines }
    sink: { plugin: file, path: $work/$1.lines, write: payload }
END
}
group=$(unique g)
config right "$group" ", until_end: true"
export AWS_ACCESS_KEY_ID="$id" AWS_SECRET_ACCESS_KEY=right-secret
sluice run -c "$work/right.yaml" >"$work/right.log" 2>&1 || fail "the right keys" "$work/right.log"
same "messages with the right keys" 200 "$(lines "$work/right.lines")"
contains "$KAFKA_LOG" "IAM login of $id"
code=0
sluice lag -c "$work/right.yaml" --json >"$work/lag.json" 2>"$work/lag.log" || code=$?
same "exit of lag, since nobody is in the group" 3 "$code"
same "lag with the right keys" 0 "$(jq '.sources[0].lag' "$work/lag.json")"
sluice check --online -c "$work/right.yaml" >"$work/check.log" 2>&1 || fail "check --online with the right keys" "$work/check.log"
same "logins without a signature that is right" 0 "$(grep -c "IAM refusal: .*$id" "$KAFKA_LOG")"

# refused WORDS...: check --online says them, and never the secret
refused() {
    code=0
    sluice check --online -c "$work/right.yaml" >"$work/refused.log" 2>&1 || code=$?
    same "exit of check --online" 3 "$code"
    for words; do contains "$work/refused.log" "$words"; done
    lacks "$work/refused.log" "wrong-secret"
}
AWS_SECRET_ACCESS_KEY=wrong-secret
refused "the brokers refuse the IAM login" "option 'mechanism'" "Access denied"
contains "$KAFKA_LOG" "IAM refusal: the signature of $id"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
refused "no token for the login: no AWS credentials" "option 'aws_profile'"
say "right keys read, a wrong secret and no keys are told apart"

# --- keys that end: each question to this endpoint brings other ones, good for seconds -------------
cat >"$work/keys.py" <<'END'
import datetime, http.server, json, sys
prefix, file, port = sys.argv[1:4]
n = 0
class Keys(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global n
        n += 1
        with open(file, "a") as keys:
            keys.write(f"{prefix}S{n} passing-secret 2\n")
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
        body = json.dumps({"AccessKeyId": f"{prefix}S{n}", "SecretAccessKey": "passing-secret", "Token": "a/session+token=",
                           "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Keys)
with open(port + ".new", "w") as out:
    out.write(str(server.server_port))
import os
os.rename(port + ".new", port)
server.serve_forever()
END
python3 "$work/keys.py" "$id" "$KAFKA_IAM_KEYS" "$work/port" &
running="$running $!"
wait_until 10 "the endpoint of keys" test -f "$work/port"
export AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:$(cat "$work/port")/"
config passing "$(unique passing)" ""
start passing -c "$work/passing.yaml"
worker=$pid
arrived() { [ "$(lines "$work/passing.lines")" -ge "$wanted" ]; }
wanted=200
wait_until 30 "the first messages" arrived
logged_in() { grep -q "IAM login of ${id}S$1," "$KAFKA_LOG"; }
wait_until 30 "a login with the second keys" logged_in 2
wait_until 30 "a login with the third keys" logged_in 3
produce "$topic" "$work/messages"
wanted=400
wait_until 30 "messages after that" arrived
kill -TERM "$worker"
finished "$worker" 20
same "exit after a drain" 0 "$code"
same "messages, each once" 400 "$(lines "$work/passing.lines")"
lacks "$work/passing.log" "passing-secret"
say "a worker outlives three sets of keys: the broker cut it, it came back with the next token"
