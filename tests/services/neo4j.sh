# Neo4j Community: HTTP (Query API and tx/commit) with user neo4j.
neo4j_version=5.26.12
neo4j_digest=c94884b7c207da9cd7458a3e4b4bc8e8750ede701bbd781378793443c29cd622
neo4j_password=test1234

neo4j_fetch() {
    need_java
    need curl curl
    fetched "neo4j-$neo4j_version" || need mvn maven
    fetch "neo4j-$neo4j_version" fetch_jars "$services/neo4j.pom.xml" "$neo4j_digest"
}

neo4j_prepare() {
    set -- $(free_ports 2)
    printf 'http=%s\nbolt=%s\n' "$@" >"$home/ports"
    mkdir -p "$home/conf" "$home/data" "$home/logs" "$home/run" "$home/plugins" "$home/import" "$home/licenses"
    cat >"$home/conf/neo4j.conf" <<END
server.default_listen_address=127.0.0.1
server.http.listen_address=127.0.0.1:$1
server.bolt.listen_address=127.0.0.1:$2
server.bolt.advertised_address=127.0.0.1:$2
server.https.enabled=false
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
NEO4J_USER=neo4j
NEO4J_PASSWORD=$neo4j_password
END
}
