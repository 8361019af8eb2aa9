#!/bin/sh
# `expect:` before real servers: what belongs to the environment runs, what does not is stopped before a
# message is read, and so is what cannot be verified.
# services: kafka neo4j moto
. "$(dirname "$0")/lib.sh"

topic=$(unique t)
group=$(unique g)
topic "$topic" 1
echo '{"id":1}' >"$work/messages"
produce "$topic" "$work/messages"
database=$(cypher 'CALL db.info() YIELD id RETURN id')

# config NAME EXPECT
config() {
    cat >"$work/$1.yaml" <<END
state_dir: $work/$1.state
expect: { $2 }
pipelines:
  p:
    source: { plugin: kafka, brokers: "$KAFKA_BROKERS", topic: $topic, group: $group, until_end: true }
    sink: { plugin: neo4j, url: "$NEO4J_URL", user: $NEO4J_USER, password: "$NEO4J_PASSWORD", model: cypher,
            statement: "UNWIND \$rows AS row RETURN count(row)" }
END
}
# stopped NAME COMMAND EXIT WORDS...
stopped() {
    name=$1 command=$2 wanted=$3
    shift 3
    code=0
    sluice $command -c "$work/$name.yaml" >"$work/$name.out" 2>"$work/$name.log" || code=$?
    same "exit of $command with $name" "$wanted" "$code"
    for words; do contains "$work/$name.log" "$words"; done
}
config cluster "kafka_cluster: someone-elses, neo4j_database: neo4j"
stopped cluster run 1 "cluster.yaml:2:26: error: kafka_cluster: 'someone-elses' is expected" "talks to '$KAFKA_CLUSTER'"
stopped cluster "check --online" 1 "kafka_cluster: 'someone-elses' is expected"
config database "kafka_cluster: $KAFKA_CLUSTER, neo4j_database: 0123456789ABCDEF"
stopped database run 1 "neo4j_database: '0123456789ABCDEF' is expected" "'$database'"
config account "kafka_cluster: $KAFKA_CLUSTER, aws_account: '123456789012'"
stopped account run 1 "\`aws_account\` of expect: nothing in this config can tell it"
stopped account check 1 "\`aws_account\` of expect: nothing in this config can tell it"
same "state of the group, which nobody joined" 3 "$(sluice lag -c "$work/cluster.yaml" >"$work/lag.out" || echo $?)"
contains "$work/lag.out" "absent"

config right "kafka_cluster: [other, $KAFKA_CLUSTER], neo4j_database: $database"
stopped right "check --online" 0
stopped right run 0
contains "$work/right.log" "written=1"

# An AWS account, told by STS: of the keys with which a Kafka source logs in.
if [ -n "${KAFKA_IAM_BROKERS:-}" ]; then
    export AWS_ACCESS_KEY_ID="$MOTO_ACCESS_KEY_ID" AWS_SECRET_ACCESS_KEY="$MOTO_SECRET"
    export AWS_ENDPOINT_URL_STS="$AWS_ENDPOINT"
    echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY" >>"$KAFKA_IAM_KEYS"
    for account in 123456789012 999999999999; do
        cat >"$work/iam-$account.yaml" <<END
state_dir: $work/iam.state
expect: { aws_account: "$account", kafka_cluster: $KAFKA_CLUSTER }
pipelines:
  p:
    source: { plugin: kafka, brokers: "$KAFKA_IAM_BROKERS", topic: $topic, group: $group-iam, until_end: true, tls: true,
              ca_file: $KAFKA_CA, mechanism: aws-msk-iam, aws_region: $KAFKA_IAM_REGION }
    sink: { plugin: "null" }
END
    done
    stopped iam-999999999999 run 1 "aws_account: '999999999999' is expected" "talks to '123456789012'"
    stopped iam-123456789012 run 0
fi
say "another cluster, database or account stops the run before a message is read"
