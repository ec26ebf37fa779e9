# shellcheck shell=bash disable=SC2154
# The commands of a document, so that the demo runs what a person is told to run and neither can drift. Sourced by run.

# commands_of FILE [HEADING]: prints what stands in a Markdown file's fences marked "sh", of one section or of all.
commands_of() {
    awk -v heading="${2-}" '
        /^#+ / && !fenced  { inside = (heading == "" || $0 == heading) }
        /^```/ && fenced   { fenced = 0; next }
        /^```sh$/ && inside { fenced = 1; found = 1; next }
        /^```/             { fenced = -1; next }
        fenced == 1        { print }
        END                { exit !found }
    ' "$1"
}

# run_document FILE [HEADING]: runs those commands in the current folder, and stops at the first that fails.
run_document() {
    local commands
    commands=$(commands_of "$@") || fail "$1 has no commands ${2:+under \"$2\"}"
    bash -euo pipefail -c "$commands" 2>&1
}
