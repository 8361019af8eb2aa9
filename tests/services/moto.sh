# moto: SQS, S3, STS, IAM and CloudWatch on one port.  It checks signatures: MOTO_ACCESS_KEY_ID with
# MOTO_SECRET may do everything, and whoever else signs is refused.  Not among `all`, since the live path
# needs no AWS.
moto_version=5.2.5

moto_fetch() {
    need curl curl
    fetch "moto-$moto_version" moto_install
}

# The folder is renamed once it is whole, so nothing in it may know its own path: `--target`, no venv.
moto_install() {
    python3 -m pip --version || { echo "pip is missing; on Debian: apt-get install python3-pip"; return 1; }
    python3 -m pip install -q --no-cache-dir --disable-pip-version-check --target lib "moto[server]==$moto_version"
}

moto_prepare() {
    printf 'port=%s\n' "$(free_ports 1)" >"$home/ports"
}

# The first thousand requests pass unchecked; moto_ready ends that once the key is made.
moto_start() {
    rm -f "$home/key"
    launch env "PYTHONPATH=$cache/moto-$moto_version/lib" INITIAL_NO_AUTH_ACTION_COUNT=1000 \
        python3 -c 'import sys; from moto.server import main; main(sys.argv[1:])' -H 127.0.0.1 -p "$(value port moto)"
}

moto_iam() {
    curl -sS -f -m 10 -H 'Authorization: AWS4-HMAC-SHA256 Credential=any/20250101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=any' \
        "http://127.0.0.1:$(value port moto)/" -d "Version=2010-05-08" "$@"
}

moto_ready() {
    [ ! -s "$home/key" ] || return 0
    moto_iam -d Action=CreateUser -d UserName=worker >/dev/null || [ -f "$home/user" ] || return 1
    : >"$home/user"
    moto_iam -d Action=CreateAccessKey -d UserName=worker >"$home/key.xml" || return 1
    echo >>"$home/key.xml"
    moto_iam -d Action=PutUserPolicy -d UserName=worker -d PolicyName=all \
        --data-urlencode 'PolicyDocument={"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}' >/dev/null || return 1
    curl -sS -f -m 10 -H 'Content-Type: text/plain' -d 0 "http://127.0.0.1:$(value port moto)/moto-api/reset-auth" >/dev/null || return 1
    sed -n 's/.*<AccessKeyId>\(.*\)<\/AccessKeyId>.*/\1/p' "$home/key.xml" >"$home/key.new"
    sed -n 's/.*<SecretAccessKey>\(.*\)<\/SecretAccessKey>.*/\1/p' "$home/key.xml" >>"$home/key.new"
    [ "$(wc -l <"$home/key.new")" -eq 2 ] && mv "$home/key.new" "$home/key"
}

moto_env() {
    cat <<END
AWS_ENDPOINT=http://127.0.0.1:$(value port moto)
MOTO_ACCESS_KEY_ID=$(sed -n 1p "$home/key")
MOTO_SECRET=$(sed -n 2p "$home/key")
MOTO_PYTHONPATH=$cache/moto-$moto_version/lib
END
}
