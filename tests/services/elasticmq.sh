# ElasticMQ: SQS with visibility timeouts and long polls as AWS has them; it checks no signature, which
# moto does.  Not among `all`, since the live path needs no AWS.
elasticmq_version=1.6.14
elasticmq_digest=573fea4522738ad784debc84738b478b039def557cad35da84dfee3dc28189ac

elasticmq_fetch() {
    need_java
    need curl curl
    fetched "elasticmq-$elasticmq_version" || need mvn maven
    fetch "elasticmq-$elasticmq_version" fetch_jars "$services/elasticmq.pom.xml" "$elasticmq_digest"
}

elasticmq_prepare() {
    printf 'port=%s\n' "$(free_ports 1)" >"$home/ports"
    cat >"$home/elasticmq.conf" <<END
include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = $(value port elasticmq), context-path = "" }
rest-sqs { enabled = true, bind-port = $(value port elasticmq), bind-hostname = "127.0.0.1", sqs-limits = strict }
rest-stats { enabled = false }
queues { }
END
}

elasticmq_start() {
    launch java -Xmx192m -Dconfig.file="$home/elasticmq.conf" -cp "$cache/elasticmq-$elasticmq_version/lib/*" \
        org.elasticmq.server.Main
}

elasticmq_ready() {
    curl -sS -f -m 5 -o /dev/null -H 'Content-Type: application/x-amz-json-1.0' -H 'X-Amz-Target: AmazonSQS.ListQueues' \
        -d '{}' "http://127.0.0.1:$(value port elasticmq)/"
}

elasticmq_env() {
    echo "ELASTICMQ_URL=http://127.0.0.1:$(value port elasticmq)"
}
