# Apache Kafka, one node, KRaft: a plain listener, one with SASL_SSL (SCRAM), one that wants a
# certificate of the client (SSL), and, where there is a Java compiler, one that lets in who logs in
# as to Amazon MSK by IAM (IamLogin.java).  The certificates are made here.
kafka_version=3.9.1
kafka_digest=0171654a7aaa1bf44445894f4e427cc755379211c07b6d4ab1e7e4e1e10d861a
kafka_user=worker
kafka_password=worker-secret
kafka_key_password=key-secret

kafka_fetch() {
    need_java
    need kcat kcat
    need openssl openssl
    fetched "kafka-$kafka_version" || need mvn maven
    fetch "kafka-$kafka_version" fetch_jars "$services/kafka.pom.xml" "$kafka_digest"
}

# PKCS#8 key and certificate in one file, as Kafka reads PEM; the authority's own key is not kept.
kafka_certificates() {
    cd "$home"
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=sluice test authority" \
        -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj "/CN=127.0.0.1" -keyout server.key -out server.csr
    echo "subjectAltName=IP:127.0.0.1,DNS:localhost" >server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile server.ext \
        -out server.crt
    cat server.key server.crt >server.pem
    for name in client locked; do
        openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr
        openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -out $name.crt
    done
    openssl pkcs8 -topk8 -in locked.key -out locked.pem -passout "pass:$kafka_key_password"
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=stranger" -keyout stranger.key -out stranger.crt
    mv locked.pem locked.key
    rm ca.key server.key *.csr server.ext
}

kafka_prepare() {
    set -- $(free_ports 5)
    printf 'plain=%s\nsasl=%s\ncontroller=%s\nmtls=%s\niam=%s\n' "$@" >"$home/ports"
    (kafka_certificates) >"$home/openssl.log" 2>&1 || fail "openssl could not make certificates; see $home/openssl.log"
    : >"$home/iam-keys"
    ! command -v javac >/dev/null ||
        javac -cp "$cache/kafka-$kafka_version/lib/*" -d "$home/classes" "$services/IamLogin.java" >"$home/javac.log" 2>&1 ||
        fail "IamLogin.java does not compile; see $home/javac.log"
    cat >"$home/log4j.properties" <<END
log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d %p %m (%c)%n
END
    cat >"$home/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$3
listeners=PLAINTEXT://127.0.0.1:$1,SASL_SSL://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3,MTLS://127.0.0.1:$4,IAM://127.0.0.1:$5
advertised.listeners=PLAINTEXT://127.0.0.1:$1,SASL_SSL://127.0.0.1:$2,MTLS://127.0.0.1:$4,IAM://127.0.0.1:$5
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,MTLS:SSL,IAM:SASL_SSL
inter.broker.listener.name=PLAINTEXT
log.dirs=$home/data
num.partitions=3
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
ssl.keystore.type=PEM
ssl.keystore.location=$home/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$home/ca.pem
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.mtls.ssl.client.auth=required
listener.name.iam.sasl.enabled.mechanisms=OAUTHBEARER
listener.name.iam.connections.max.reauth.ms=3600000
listener.name.iam.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
END
    [ ! -d "$home/classes" ] ||
        echo "listener.name.iam.oauthbearer.sasl.server.callback.handler.class=IamLogin" >>"$home/server.properties"
    cluster=$(python3 -c 'import base64, uuid; print(base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A"))')
    java -Xmx128m -cp "$cache/kafka-$kafka_version/lib/*" kafka.tools.StorageTool format -t "$cluster" \
        -c "$home/server.properties" --add-scram "SCRAM-SHA-256=[name=$kafka_user,password=$kafka_password]" \
        >"$home/format.log" 2>&1 || fail "kafka could not format its folder; see $home/format.log"
}

kafka_start() {
    launch java -Xmx512m -cp "$cache/kafka-$kafka_version/lib/*:$home/classes" \
        -Diam.keys="$home/iam-keys" -Diam.region=us-west-2 \
        -Dlog4j.configuration="file:$home/log4j.properties" kafka.Kafka "$home/server.properties"
}

kafka_ready() { kcat -b "127.0.0.1:$(value plain kafka)" -L -m 1 -X log_level=0; }

kafka_env() {
    cat <<END
KAFKA_BROKERS=127.0.0.1:$(value plain kafka)
KAFKA_SASL_BROKERS=127.0.0.1:$(value sasl kafka)
KAFKA_MTLS_BROKERS=127.0.0.1:$(value mtls kafka)
KAFKA_IAM_BROKERS=$([ ! -d "$home/classes" ] || echo "127.0.0.1:$(value iam kafka)")
KAFKA_IAM_KEYS=$home/iam-keys
KAFKA_IAM_REGION=us-west-2
KAFKA_LOG=$home/log
KAFKA_CLUSTER=$(sed -n 's/^cluster.id=//p' "$home/data/meta.properties")
KAFKA_CA=$home/ca.pem
KAFKA_CERTIFICATES=$home
KAFKA_KEY_PASSWORD=$kafka_key_password
KAFKA_USER=$kafka_user
KAFKA_PASSWORD=$kafka_password
END
}
