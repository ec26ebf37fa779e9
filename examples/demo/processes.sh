# shellcheck shell=bash disable=SC2154
# The programs that the demo starts, each known by its process id and ended by it. Sourced by run, which sets $scratch.

# Ids in the order of their starts.
started=()

# start NAME COMMAND...: runs a command in the background; what it prints goes to NAME.log.
start() {
    local name=$1
    shift
    "$@" >"$scratch/$name.log" 2>&1 </dev/null &
    started+=("$!")
    say "started $name (process $!)"
}

# stop_all ends what was started, the last first: with a word, and by force after ten seconds.
stop_all() {
    local i
    for ((i = ${#started[@]} - 1; i >= 0; i--)); do
        stop "${started[i]}"
    done
    started=()
}

stop() {
    local pid=$1 i
    kill -TERM "$pid" 2>/dev/null || true
    for ((i = 0; i < 100; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

# all_running fails when a program that was started has ended.
all_running() {
    local pid
    for pid in "${started[@]}"; do
        kill -0 "$pid" 2>/dev/null || return 1
    done
}

# free_ports COUNT: prints ports that nobody listens on, so that two demos can run at once.
# They lie below those that the system hands to outgoing connections, which could otherwise take one before we do.
free_ports() {
    python3 - "$1" <<'END'
import random, socket, sys

held = []
for port in random.sample(range(20000, 30000), 1000):
    if len(held) == int(sys.argv[1]):
        break
    listener = socket.socket()
    try:
        listener.bind(("127.0.0.1", port))
        held.append(listener)
    except OSError:
        listener.close()
else:
    sys.exit("no free ports between 20000 and 30000")
print(*[listener.getsockname()[1] for listener in held])
END
}
