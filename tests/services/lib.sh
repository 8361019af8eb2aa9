# Shared by up, down and restart: how a server is fetched, started, watched and stopped.
#
# A set of servers lives in one folder: DIR/env says where they are, DIR/NAME/ holds a server's
# data, ports, pid and log.  Two sets share nothing but the cache of downloads.  Every process
# is known by its pid and its start time, so that a stale pid file never kills a stranger.
#
# A server is one file, NAME.sh, with these functions:
#   NAME_fetch     makes sure that the program is in the cache (under a lock)
#   NAME_prepare   a new folder: choose ports, write what the server reads
#   NAME_start     launch PROGRAM..., nothing more
#   NAME_ready     succeeds once the server answers
#   NAME_env       NAME=value lines for DIR/env
set -eu
services=$(cd "$(dirname "$0")" && pwd)
cache=${SLUICE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice}
known="kafka neo4j valkey retailer moto elasticmq"
live="kafka neo4j valkey retailer"
ready_deadline=${SERVICES_DEADLINE:-240}

# What cannot be had here is a skip; what is there and does not work is a failure.
skip() {
    echo "SKIP: $*" >&2
    exit 77
}

fail() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null 2>&1 || skip "the program $1 is missing; on Debian: apt-get install $2"
}

# server NAME: loads it, and says where its folder is.
server() {
    case " $known " in
    *" $1 "*) ;;
    *) fail "there is no service '$1'; there are: $known" ;;
    esac
    . "$services/$1.sh"
    home=$dir/$1
}

# free_ports N: ports that nobody listens on, one a line.  They are chosen below the range from
# which the kernel takes the ports of outgoing connections, or one of those could sit on the port
# of a server that is being restarted.
free_ports() {
    python3 - "$1" <<'END'
import random, socket, sys
held = []
for _ in range(10000):
    if len(held) == int(sys.argv[1]):
        break
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randint(15000, 31999)))
        held.append(s)
    except OSError:
        s.close()
else:
    sys.exit("no free port between 15000 and 31999")
for s in held:
    print(s.getsockname()[1])
END
}

# --- downloads --------------------------------------------------------------------------------

# fetched NAME: the folder of a finished download, or nothing.
fetched() { [ -f "$cache/$1/.complete" ]; }

# fetch NAME COMMAND...: runs the command in a folder of its own, with the lock held, and gives the
# folder its name only when the command succeeded: a broken download never stays.
fetch() {
    what=$1
    shift
    ! fetched "$what" || return 0
    need flock util-linux
    mkdir -p "$cache"
    (
        flock 9
        ! fetched "$what" || exit 0
        rm -rf "$cache/$what" "$cache/$what".partial.*
        partial=$cache/$what.partial.$$
        mkdir "$partial"
        cd "$partial"
        echo "fetching $what into $cache" >&2
        if ! "$@" >"$cache/$what.log" 2>&1 </dev/null; then
            tail -n 5 "$cache/$what.log" >&2
            rm -rf "$partial"
            skip "$what could not be fetched (all of it: $cache/$what.log)"
        fi
        : >.complete
        mv "$partial" "$cache/$what"
    ) 9>"$cache/.lock"
}

# fetch_jars POM DIGEST: what a POM asks for, into lib/.  DIGEST is that of all the jars' digests.
# The group is part of a jar's name because Neo4j has two different artifacts of one name.
fetch_jars() {
    cp "$1" pom.xml
    mvn -q -B -C -Dmaven.repo.local="$PWD/repository" dependency:copy-dependencies -DoutputDirectory=lib \
        -DincludeScope=runtime -Dmdep.prependGroupId=true || return 1
    rm -rf repository
    (cd lib && LC_ALL=C sha256sum -- *.jar) >SHA256SUMS
    digest=$(sha256sum <SHA256SUMS | cut -d ' ' -f 1)
    [ "$digest" = "$2" ] || {
        echo "the jars are not those that this version was tested with: digest $digest instead of $2"
        return 1
    }
}

need_java() {
    need java default-jre-headless
    version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
    [ "${version:-0}" -ge 17 ] || skip "Java 17 or later is needed, this one is ${version:-unknown}; on Debian: apt-get install default-jre-headless"
}

# --- processes --------------------------------------------------------------------------------

started_at() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
state_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c 1; }

# launch PROGRAM...: in a session of its own, its output appended to the log, no descriptor of ours
# left open in it (a lock that a test holds would otherwise outlive the test).
launch() {
    setsid "$@" >>"$home/log" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    pid=$!
    echo "$pid $(started_at "$pid")" >"$home/pid.new"
    mv "$home/pid.new" "$home/pid"
}

# alive FOLDER: the process of this pid file still runs; its pid in $pid.
alive() {
    [ -f "$1/pid" ] || return 1
    read -r pid began <"$1/pid" || return 1
    [ -n "$began" ] && [ "$(started_at "$pid")" = "$began" ] && [ "$(state_of "$pid")" != Z ]
}

port_taken() { grep -qiE 'address already in use|failed to bind|could not create server tcp' "$home/log"; }

# await NAME: until it answers; 1 if it ended because a port was taken meanwhile.
await() {
    deadline=$(($(date +%s) + ready_deadline))
    until "$1_ready" >/dev/null 2>&1; do
        if ! alive "$home"; then
            ! port_taken || return 1
            tail -n 15 "$home/log" >&2
            fail "$1 ended before it was ready; its log is $home/log"
        fi
        [ "$(date +%s)" -le "$deadline" ] || {
            tail -n 15 "$home/log" >&2
            fail "$1 is not ready after $ready_deadline s; its log is $home/log"
        }
        sleep 0.05
    done
}

# bring_up NAME...: all at once, since each takes seconds; a server whose port was taken in the
# moment between choosing and binding gets other ports.
bring_up() {
    started=
    trap 'take_back $?' EXIT
    trap 'exit 130' INT TERM HUP
    for name in "$@"; do
        server "$name"
        ! alive "$home" || fail "$name already runs in $dir"
        "${name}_fetch"
    done
    for name in "$@"; do
        server "$name"
        rm -rf "$home"
        mkdir -p "$home"
        "${name}_prepare"
        started="$started $name"
        "${name}_start"
    done
    for name in "$@"; do
        server "$name"
        tries=1
        until await "$name"; do
            [ "$tries" -lt 5 ] || fail "$name found its port taken $tries times; its log is $home/log"
            tries=$((tries + 1))
            rm -rf "$home"
            mkdir -p "$home"
            "${name}_prepare"
            "${name}_start"
        done
        "${name}_env" >"$home/env"
    done
    write_env
    trap - EXIT INT TERM HUP
}

# Nothing is left running by an `up` that failed.
take_back() {
    trap - EXIT
    for name in $started; do
        stop "$name"
    done
    exit "$1"
}

write_env() {
    {
        echo "export SERVICES_DIR='$dir'"
        for name in $known; do
            ! alive "$dir/$name" || sed "s/^\([A-Z0-9_]*\)=\(.*\)/export \1='\2'/" "$dir/$name/env"
        done
    } >"$dir/env.new"
    mv "$dir/env.new" "$dir/env"
}

# stop NAME [KILL]: asks it to end and waits; what does not end in time is killed, and that is said.
stop() {
    home=$dir/$1
    alive "$home" || { rm -f "$home/pid"; return 0; }
    # A process that is stopped takes no SIGTERM before it goes on.
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true
    deadline=$(($(date +%s) + 60))
    while alive "$home"; do
        if [ "$(date +%s)" -gt "$deadline" ]; then
            echo "$(basename "$0"): $1 did not end within 60 s of SIGTERM and was killed" >&2
            kill -KILL "$pid" 2>/dev/null || true
            deadline=$((deadline + 60))
        fi
        sleep 0.05
    done
    rm -f "$home/pid"
}

# value NAME SERVICE: one line of a server's `ports` file.
value() { sed -n "s/^$1=//p" "$dir/$2/ports"; }

# set_dir DIR: makes it absolute, since servers do not run where the caller stands.
set_dir() {
    case $1 in
    /*) dir=$1 ;;
    *) dir=$PWD/$1 ;;
    esac
}
