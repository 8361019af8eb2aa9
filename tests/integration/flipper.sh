#!/bin/sh
# gate/feature-flipper against the double of the flag service and a list in S3 whose server checks
# signatures: the users of the flag pass, and each trouble is told in words.
# services: retailer moto
. "$(dirname "$0")/lib.sh"

flag=$(unique flag)
bucket=$(unique bucket | tr 'A-Z' 'a-z' | cut -c 1-60)
key_id=$MOTO_ACCESS_KEY_ID
secret=$MOTO_SECRET
export AWS_EC2_METADATA_DISABLED=true AWS_SHARED_CREDENTIALS_FILE="$work/credentials" AWS_CONFIG_FILE="$work/config"
cat >"$work/credentials" <<END
[default]
aws_access_key_id = $key_id
aws_secret_access_key = $secret
[wrong]
aws_access_key_id = $key_id
aws_secret_access_key = canary-$secret
[stranger]
aws_access_key_id = AKIASTRANGER
aws_secret_access_key = $secret
END
printf '[default]\nregion = us-east-1\n[profile wrong]\nregion = us-east-1\n[profile stranger]\nregion = us-east-1\n' >"$work/config"

# s3 STATEMENT: Python of an independent client.
s3() {
    PYTHONPATH=$MOTO_PYTHONPATH python3 - "$AWS_ENDPOINT" "$bucket" 2>"$work/boto.log" <<END || fail "boto3 could not prepare the bucket" "$work/boto.log"
import boto3, sys
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
bucket = sys.argv[2]
$1
END
}
s3 's3.create_bucket(Bucket=bucket)
s3.put_object(Bucket=bucket, Key="segments/beta users+1.csv", Body=b"not this one\n")
s3.put_object(Bucket=bucket, Key="segments/beta+1=a@b.csv", Body="user_id\r\n".encode() + b"".join(b"s%d\r\n" % i for i in range(1000)))'

cat >"$RETAILER_FLAGS/$flag.json" <<END
{"enabled": true, "segments": [
  {"name": "inline", "allowedIDs": "u1, u2", "rollout": 100},
  {"name": "file", "allowedS3IDs": "beta+1=a@b.csv", "rollout": 100},
  {"name": "off", "allowedIDs": "u3", "rollout": 0}]}
END
{
    for user in u1 u2 u3 u4; do echo "{\"user_id\":\"$user\"}"; done
    seq 0 1999 | sed 's/.*/{"user_id":"s&"}/'
} >"$work/users.jsonl"

# config [LINE...]: of the pipeline, with more options of the gate.
config() {
    cat >"$work/gate.yaml" <<END
state_dir: $work/state
pipelines:
  p:
    source: { plugin: file, path: $work/users.jsonl }
    stages:
      - gate:
          plugin: feature-flipper
          url: $RETAILER_URL
          flag: $flag
          lists: s3://$bucket/segments/
          aws_endpoint: $AWS_ENDPOINT
END
    for line; do echo "          $line" >>"$work/gate.yaml"; done
    echo "    sink: { plugin: file, path: $work/out.jsonl }" >>"$work/gate.yaml"
    rm -rf "$work/state" "$work/out.jsonl"
}

run() { sluice run -c "$work/gate.yaml" --json >"$work/run.json" 2>"$work/run.log" || fail "run ended with $?" "$work/run.log"; }

config
sluice check --online -c "$work/gate.yaml" >"$work/check.log" 2>&1 || fail "check --online finds fault" "$work/check.log"
run
same "written and gated" "1002 1002" "$(jq -r '.pipelines[0] | "\(.written) \(.gated)"' "$work/run.json")"
grep -q 'at version [0-9a-f]\{16\}: enabled, 3 segments' "$work/run.log" || fail "the version is not told" "$work/run.log"
version=$(sed -n 's/.*at version \([0-9a-f]*\):.*/\1/p' "$work/run.log")
config
run
same "the version of another process" "$version" "$(sed -n 's/.*at version \([0-9a-f]*\):.*/\1/p' "$work/run.log")"
say "a list out of S3, signed; the same version in each process"

# says WORDS [LINE...]: check --online fails and says so.
says() {
    words=$1
    shift
    config "$@"
    ! sluice check --online -c "$work/gate.yaml" >"$work/check.log" 2>&1 || fail "check --online is content: $words" "$work/check.log"
    grep -q "$words" "$work/check.log" || fail "check --online does not say '$words'" "$work/check.log"
    ! grep -q "canary\|$secret" "$work/check.log" || fail "check --online shows a secret"
}
says 'the secret does not belong to the access key id' 'aws_profile: wrong'
says 'AWS does not know these credentials' 'aws_profile: stranger'
says 'there is no profile nobody' 'aws_profile: nobody'
s3 's3.delete_object(Bucket=bucket, Key="segments/beta+1=a@b.csv")'
says 'segment file: .*there is no such thing'
misbehave '{"service":"flags","status":503,"times":20}'
says 'answered 503'
behave
misbehave '{"service":"flags","wrong_json":true,"times":20}'
says 'no JSON'
behave
rm "$RETAILER_FLAGS/$flag.json"
says "flags/$flag is not there (404)"
say "each trouble is told in words, and no secret with it"
