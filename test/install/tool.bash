# What the scripts have in common that install a tool for the tests from Python's package registry; they source this.
#
# Each gives its tool's name and its own folder, which has a requirements-VERSION.txt for each version that is pinned,
# and defines two functions:
#   executable FOLDER   prints what FOLDER has to run
#   fill VERSION        puts that version into the folder $partial, by the pins of $requirements
# A tool that is good for one Python alone takes stamp_with_python for its stamp.
#
# A tool is installed below .tools of this repository, and every package only with a hash that is pinned. A script may be
# interrupted at any time, and run several times at once: one installs while the others wait.

say() { echo "$tool: $*" >&2; }
fail() { say "$*"; exit 1; }

# main TOOL FOLDER [VERSION] makes sure that the version is there, and prints its executable as the only line of standard
# output. It does nothing but print when it is there already.
main() {
    tool=$1 here=$2
    shift 2
    local script=test/${here##*/}/install tools
    (($# == 1)) || fail "usage: $script VERSION, one of: $(pinned)"
    requirements=$here/requirements-$1.txt
    [[ -f $requirements ]] || fail "version \"$1\" is not pinned; pinned are: $(pinned)"

    tools=$(cd "$here/../.." && pwd)/.tools
    folder=$tools/$tool-$1
    partial=$folder.partial
    if ! complete; then
        command -v python3 >/dev/null || fail "python3 is not installed, and installs it: apt-get install python3-venv"
        mkdir -p "$tools"
        lock
        complete || install "$1"
    fi
    executable "$folder"
}

# pinned lists the versions that can be installed.
pinned() {
    local file versions=()
    for file in "$here"/requirements-*.txt; do
        file=${file##*/requirements-}
        versions+=("${file%.txt}")
    done
    echo "${versions[*]}"
}

# complete holds when an install ran to its end, and is good for what its stamp says.
complete() { [[ -x $(executable "$folder") && -f $folder/stamp && $(stamp 2>/dev/null) == "$(<"$folder/stamp")" ]]; }

# stamp is what an install is good for: the pins of today.
stamp() { cat "$requirements"; }

# stamp_with_python is that of a tool with compiled modules, which were chosen for the Python of today.
stamp_with_python() {
    cat "$requirements"
    python3 -c 'import sys; print("for", sys.implementation.cache_tag, "of", sys.base_prefix)'
}

# lock waits for its turn. The lock belongs to the open file, which this shell shares with the python3 that takes it,
# so the system gives it back however the shell ends. (There is no flock command on macOS.)
lock() {
    exec 9>"$folder.lock"
    python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

# install works in a folder of its own, writes the stamp last and renames: what bears the final name is complete.
install() {
    say "installing $1"
    rm -rf "$partial"
    fill "$1"
    stamp >"$partial/stamp"
    rm -rf "$folder"
    mv "$partial" "$folder"
}

# by_pip runs pip, as find_pip or make_environment set it, with what every install asks of it.
by_pip() {
    "${pip[@]}" install --quiet --disable-pip-version-check --no-deps --require-hashes "$@" >&2 ||
        fail "installing failed as shown above; the package registry must be in reach and have it for $(uname -s) on $(uname -m) and $(python3 --version)"
}

# make_environment FOLDER makes a virtual environment, which keeps all of this from touching the system, and sets pip to the
# command that installs into it: the environment's own, or where Debian has split that off, the pip of the system.
make_environment() {
    if python3 -c 'import ensurepip, venv' 2>/dev/null; then
        python3 -m venv "$1" >&2
        pip=("$1/bin/python" -m pip)
    elif python3 -c 'import venv' 2>/dev/null && python3 -m pip --version >/dev/null 2>&1; then
        python3 -m venv --without-pip "$1" >&2
        pip=(python3 -m pip --python "$1/bin/python")
    else
        fail "python3 has neither venv and ensurepip nor venv and pip, of which one is needed: apt-get install python3-venv"
    fi
}
