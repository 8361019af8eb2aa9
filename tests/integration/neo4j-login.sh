#!/bin/sh
# To whom sink/neo4j speaks, and as whom: HTTPS of the real server with its authority, with another one and
# under a name that its certificate does not have; a wrong password; bearer tokens.  Neo4j Community has no
# provider of tokens: it refuses them, and one that takes them is played by a proxy before it, which
# wants the token as Neo4j does and goes on as the user neo4j.
# services: neo4j
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/neo4j_lib.sh"
command -v openssl >/dev/null || skip "the program openssl is missing; on Debian: apt-get install openssl"

own_neo4j
cat >"$work/in.jsonl" <<'END'
{"user_id":"u1","purchases":[{"receipt_id":"r1","time":1500000000000,"product_id":"p1","retailer":"Shop","category":"Dairy"}]}
{"user_id":"u2","purchases":[{"receipt_id":"r2","time":1500000000000,"product_id":"p1","retailer":"Shop","category":"Dairy"}]}
END
# config NAME URL OPTION...
config() {
    name=$1 url=$2
    shift 2
    cat >"$work/$name.yaml" <<END
state_dir: $work/state-$name
pipelines:
  p:
    source: { plugin: file, path: $work/in.jsonl }
    sink:
      plugin: neo4j
      url: $url
END
    for option; do
        echo "      $option"
    done >>"$work/$name.yaml"
}
user="user: $NEO4J_USER"
password="password: $NEO4J_PASSWORD"

# writes NAME: the run ends with both records written.
writes() {
    cypher 'MATCH (n) DETACH DELETE n' >/dev/null
    sluice check --online -c "$work/$1.yaml" >"$work/$1.check" 2>&1 || fail "check --online of $1" "$work/$1.check"
    run_to_end "$1" -c "$work/$1.yaml"
    same "users written ($1)" 2 "$(cypher 'MATCH (u:User) RETURN count(u)')"
}

# refused NAME WORDS...: check --online says them, and never a secret; nothing is written.
refused() {
    name=$1
    shift
    code=0
    sluice check --online -c "$work/$name.yaml" >"$work/$name.log" 2>&1 || code=$?
    [ "$code" -ne 0 ] || fail "check --online finds nothing in $name" "$work/$name.log"
    for words; do contains "$work/$name.log" "$words"; done
    lacks "$work/$name.log" "$NEO4J_PASSWORD"
    lacks "$work/$name.log" a.good.token
    lacks "$work/$name.log" a.bad.token
}

# --- TLS ------------------------------------------------------------------------------------
for api in tx query; do
    config "tls-$api" "$NEO4J_HTTPS_URL" "ca_file: $NEO4J_CA" "api: $api" "$user" "$password"
    writes "tls-$api"
done
config stranger "$NEO4J_HTTPS_URL" "$user" "$password"
refused stranger certificate "in ca_file"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=another authority" \
    -keyout "$work/other.key" -out "$work/other.pem" 2>"$work/openssl.log" || fail "openssl" "$work/openssl.log"
config other "$NEO4J_HTTPS_URL" "ca_file: $work/other.pem" "$user" "$password"
refused other certificate "in ca_file"
config name "$(echo "$NEO4J_HTTPS_URL" | sed 's/127\.0\.0\.1/localhost/')" "ca_file: $NEO4J_CA" "$user" "$password"
refused name localhost "url must name the server as its certificate does"
config plain "$(echo "$NEO4J_URL" | sed 's/http:/https:/')" "ca_file: $NEO4J_CA" "$user" "$password"
refused plain "url wants the port for https"
config nothing "$NEO4J_HTTPS_URL" "ca_file: $work/in.jsonl" "$user" "$password"
refused nothing ca_file
say "TLS: the right authority passes; another, a wrong name and a port without TLS are refused"

# A run before such a server waits, says why, and writes nothing.
cypher 'MATCH (n) DETACH DELETE n' >/dev/null
start waits -c "$work/other.yaml"
wait_until 30 "the reason" grep -q "in ca_file" "$work/waits.log"
kill -TERM "$pid"
finished "$pid" 30
same "nodes written to a server that nobody vouches for" 0 "$(cypher 'MATCH (n) RETURN count(n)')"

# --- who -----------------------------------------------------------------------------------
config wrong "$NEO4J_URL" "$user" "password: not-the-password"
refused wrong "does not accept the user name, password or token"
lacks "$work/wrong.log" not-the-password
config community "$NEO4J_URL" "token: a.good.token"
refused community "does not accept the user name, password or token"

cat >"$work/proxy.py" <<'END'
import base64, http.client, http.server, os, sys, urllib.parse
upstream = urllib.parse.urlsplit(os.environ["NEO4J_URL"])
wanted = "Bearer " + base64.b64encode(b"a.good.token").decode()
basic = "Basic " + base64.b64encode((os.environ["NEO4J_USER"] + ":" + os.environ["NEO4J_PASSWORD"]).encode()).decode()
refusal = b'{"errors":[{"code":"Neo.ClientError.Security.Unauthorized","message":"Invalid credential."}]}'
class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def forward(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/" and self.headers.get("Authorization") != wanted:
            return self.answer(401, refusal)
        c = http.client.HTTPConnection(upstream.hostname, upstream.port, timeout=60)
        c.request(self.command, self.path, body, {"Authorization": basic, "Content-Type": "application/json", "Accept": "application/json"})
        r = c.getresponse()
        self.answer(r.status, r.read())
        c.close()
    do_GET = do_POST = do_DELETE = forward
    def log_message(self, *a):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
print(server.server_address[1], file=open(sys.argv[1] + ".new", "w"), flush=True)
os.rename(sys.argv[1] + ".new", sys.argv[1])
server.serve_forever()
END
export NEO4J_URL NEO4J_USER NEO4J_PASSWORD
python3 "$work/proxy.py" "$work/port" >"$work/proxy.log" 2>&1 &
running="$running $!"
wait_until 20 "the proxy" test -f "$work/port"
proxy=http://127.0.0.1:$(cat "$work/port")
config token "$proxy" "token: a.good.token"
writes token
config bad-token "$proxy" "token: a.bad.token"
refused bad-token "does not accept the user name, password or token"
config no-token "$proxy" "$user" "$password"
refused no-token "does not accept the user name, password or token"
say "a token is sent as Neo4j wants it; a wrong one, and one for Community, are refused in words"
