# Neo4j Community: HTTP and HTTPS (Query API and tx/commit) with user neo4j.
neo4j_version=5.26.12
neo4j_digest=c94884b7c207da9cd7458a3e4b4bc8e8750ede701bbd781378793443c29cd622
neo4j_password=test1234

neo4j_fetch() {
    need_java
    need curl curl
    need openssl openssl
    fetched "neo4j-$neo4j_version" || need mvn maven
    fetch "neo4j-$neo4j_version" fetch_jars "$services/neo4j.pom.xml" "$neo4j_digest"
}

# For 127.0.0.1 and not for localhost, so that a wrong name can be tried.
neo4j_certificate() {
    mkdir "$home/tls"
    cd "$home/tls"
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=sluice test authority" -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj "/CN=neo4j" -keyout server.key -out server.csr
    echo "subjectAltName=IP:127.0.0.1" >server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext \
        -out server.crt
    rm ca.key server.csr server.ext
}

neo4j_prepare() {
    set -- $(free_ports 3)
    printf 'http=%s\nbolt=%s\nhttps=%s\n' "$@" >"$home/ports"
    (neo4j_certificate) >"$home/openssl.log" 2>&1 || fail "openssl could not make certificates; see $home/openssl.log"
    mkdir -p "$home/conf" "$home/data" "$home/logs" "$home/run" "$home/plugins" "$home/import" "$home/licenses"
    cat >"$home/conf/neo4j.conf" <<END
server.default_listen_address=127.0.0.1
server.http.listen_address=127.0.0.1:$1
server.bolt.listen_address=127.0.0.1:$2
server.bolt.advertised_address=127.0.0.1:$2
server.https.enabled=true
server.https.listen_address=127.0.0.1:$3
dbms.ssl.policy.https.enabled=true
dbms.ssl.policy.https.base_directory=$home/tls
dbms.ssl.policy.https.private_key=server.key
dbms.ssl.policy.https.public_certificate=server.crt
dbms.ssl.policy.https.client_auth=NONE
server.memory.heap.initial_size=512m
server.memory.heap.max_size=512m
server.memory.pagecache.size=256m
dbms.usage_report.enabled=false
dbms.security.auth_minimum_password_length=4
END
    NEO4J_HOME=$home NEO4J_CONF=$home/conf java -Xmx256m -cp "$cache/neo4j-$neo4j_version/lib/*" \
        org.neo4j.cli.AdminTool dbms set-initial-password "$neo4j_password" >"$home/password.log" 2>&1 ||
        fail "neo4j could not set its password; see $home/password.log"
}

neo4j_start() {
    launch java -Xmx512m -XX:+UseG1GC --add-opens=java.base/java.nio=ALL-UNNAMED \
        --add-opens=java.base/java.io=ALL-UNNAMED --add-opens=java.base/sun.nio.ch=ALL-UNNAMED \
        -cp "$cache/neo4j-$neo4j_version/lib/*" org.neo4j.server.CommunityEntryPoint \
        --home-dir="$home" --config-dir="$home/conf" --console-mode
}

# A statement must succeed: the page at / answers before the database does.
neo4j_ready() {
    curl -sS -m 5 -u "neo4j:$neo4j_password" -H 'Content-Type: application/json' \
        -d '{"statements":[{"statement":"RETURN 1"}]}' "http://127.0.0.1:$(value http neo4j)/db/neo4j/tx/commit" |
        grep -q '"errors":\[\]'
}

neo4j_env() {
    cat <<END
NEO4J_URL=http://127.0.0.1:$(value http neo4j)
NEO4J_HTTPS_URL=https://127.0.0.1:$(value https neo4j)
NEO4J_CA=$home/tls/ca.pem
NEO4J_USER=neo4j
NEO4J_PASSWORD=$neo4j_password
END
}
