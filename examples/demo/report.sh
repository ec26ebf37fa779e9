# shellcheck shell=bash disable=SC2154
# What the demo says, and how it makes sure that what it says is so. Sourced by run, which sets $scratch.

# step TEXT: begins a part of the demo.
step() {
    printf '\n== %s\n' "$*"
}

# say TEXT: what the demo does.
say() {
    printf '   %s\n' "$*"
}

# saw TEXT: what the demo found, after it made sure.
saw() {
    printf '   saw: %s\n' "$*"
}

# fail TEXT: ends the demo, which did not go as it should.
fail() {
    printf '\ndemo: %s\n' "$*" >&2
    exit 1
}

# eventually COMMAND...: tries a command until it succeeds, and fails after 20 seconds or when a program of ours has ended.
eventually() {
    local deadline=$((SECONDS + 20))
    until "$@"; do
        all_running || fail "a program ended that should be running"
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

# fetch OPTIONS... URL: curl that bothers neither a person nor a proxy.
fetch() {
    curl --silent --noproxy '*' --max-time 5 "$@"
}

# answers TEXT CURL_ARGUMENTS...: whether a request is answered with status 200 and just this text.
answers() {
    local text=$1
    shift
    [[ $(fetch --fail "$@") == "$text" ]]
}

# expect_answer TEXT CURL_ARGUMENTS...: waits for that answer and says that it came.
expect_answer() {
    local text=$1
    eventually answers "$@" || fail "expected \"$text\" from curl ${*:2}, got: $(fetch --show-error "${@:2}" 2>&1 || true)"
    saw "${*: -1} answers \"$text\""
}

# metric SERIES: prints the value of a series at contour's /metrics, 0 if there is none yet.
metric() {
    fetch --fail "$metrics_url" | awk -v series="$1" '$1 == series { value = $2 } END { print value + 0 }'
}

metric_is() {
    [[ $(metric "$1") == "$2" ]]
}

# show_logs prints the end of what each program said.
show_logs() {
    local log
    for log in "$scratch"/*.log; do
        [[ -e $log ]] || continue
        printf '\n-- the end of %s\n' "$log"
        tail -n 15 "$log"
    done >&2
}
