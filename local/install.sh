#!/usr/bin/env bash
# Make the Python environment: .venv in this checkout, with what requirements*.txt name.

set -e
set -u
set -o pipefail

dev=false           # Install what the tests need too.
python=             # Python to make it with. Empty: the first one that is new enough.
venv=.venv          # Where to make it.
print_python=false  # Only print the environment's Python.

help_message=$(cat << EOF
Usage: $0 [--dev] [--python PYTHON] [--venv DIR] [--print_python]

Makes .venv in this checkout and installs what local/requirements*.txt name: about 3 GB, or
9 GB where torch brings CUDA; a few minutes, no root and no compiler. ESPnet is the newest
release for that Python: 202611 for 3.12 and 3.13, otherwise 202511. Does nothing when that
is done already; killed half-way, the same command continues. Where an environment that has
ESPnet is active, nothing is installed: that one is used.

Options:
    --dev             # Install local/requirements-dev.txt too: what the tests need.
    --python          # Python >= 3.11 to make .venv with (default: the first found).
    --venv            # Another place for the environment, seen from the checkout.
    --print_python    # Print the path of the environment's Python, install nothing.
EOF
)

log() {
    local fname=${BASH_SOURCE[1]##*/}
    echo "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) $*" >&2
}

fail() {
    log "Error: $*"
    exit 1
}

while [ $# -gt 0 ]; do
    case "$1" in
        --dev) dev=true ;;
        --print_python | --print-python) print_python=true ;;
        --python)
            [ $# -ge 2 ] || fail "--python needs a value."
            python=$2
            shift
            ;;
        --venv)
            [ $# -ge 2 ] || fail "--venv needs a value."
            venv=$2
            shift
            ;;
        -h | --help)
            echo "${help_message}"
            exit 0
            ;;
        *)
            log "${help_message}"
            log "Error: unknown option: $1"
            exit 2
            ;;
    esac
    shift
done

if [[ ${python} == */* ]]; then
    python=$(cd "$(dirname "${python}")" && pwd)/$(basename "${python}")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$(pwd)
[[ ${venv} == /* ]] || venv=${root}/${venv}
install_log=${venv}/install.log

. local/find_python.sh

# The newest release of ESPnet that runs with the environment's Python.
espnet_release() {
    case $("${venv}/bin/python" -V 2>&1) in
        "Python 3.12."* | "Python 3.13."*) echo 202611 ;;
        *) echo 202511 ;;
    esac
}

requirements() {
    echo local/requirements.txt "local/requirements-espnet-$(espnet_release).txt"
}

# What an environment was made from, to tell whether it is still the right one.
stamp_of() {  # <requirements>...
    cat "$@" | cksum
    "${venv}/bin/python" -V 2>&1
    echo "${venv}"
}

is_done() {  # <stamp> <requirements>...
    local stamp=$1
    shift
    [ -e "${stamp}" ] && [ "$(stamp_of "$@" 2>/dev/null)" == "$(cat "${stamp}")" ]
}

run_time_done() {
    # shellcheck disable=SC2046  # two files
    is_done "${venv}/install.stamp" $(requirements)
}

dev_done() {
    is_done "${venv}/install.dev.stamp" local/requirements-dev.txt
}

all_done() {
    run_time_done && { ! ${dev} || dev_done; } && is_asked_version
}

is_asked_version() {
    [ -z "${python}" ] || [ "$("${venv}/bin/python" -V 2>&1)" == "$("${python}" -V 2>&1)" ]
}

check_disk() {
    local free_kb
    free_kb=$(df -Pk "${venv}" | awk 'NR == 2 {print $4}')
    if [ "${free_kb}" -lt 3000000 ]; then
        fail "Only $((free_kb / 1000)) MB are free for ${venv}, and the environment" \
            "takes about 3000 MB (9000 MB where torch brings CUDA). Free some space" \
            "there and run this again."
    fi
}

# Why pip failed, in words, from what it logged.
explain_failure() {  # <what>
    local version missing unbuilt
    version=$("${venv}/bin/python" -V 2>&1)
    missing=$(last_named "No matching distribution found for")
    unbuilt=$(last_named "Failed building wheel for")
    show_log
    if grep -q -i -e "No space left on device" -e "Disk quota exceeded" "${install_log}"; then
        fail "The disk is full: the environment takes about 3 GB in ${venv} (9 GB where" \
            "torch brings CUDA), pip's cache and ${TMPDIR:-/tmp} take some more. Free" \
            "some space and run this again: what is installed is kept."
    elif [ -n "${missing}" ]; then
        fail "There is no package ${missing} for ${version}. Check the network and" \
            "pip's configuration ('pip config list'): the index that pip uses is not" \
            "reached, or does not carry it. Then run this again."
    elif [ -n "${unbuilt}" ]; then
        fail "The package ${unbuilt} cannot be built for ${version}. Try another Python:" \
            "local/install.sh --python python3.11"
    fi
    fail "Installing $1 failed. Check the network and pip's configuration ('pip config" \
        "list'), then run this again: what is installed is kept."
}

last_named() {  # <what pip says before a package's name>
    sed -n "s/.*$1 \([^ ]*\).*/\1/p" "${install_log}" | tail -n 1
}

show_log() {
    log "The last lines of ${install_log}:"
    tail -n 12 "${install_log}" | sed 's/^/    /' >&2
}

# Show only downloads of 20 MB and more: they are what takes the time.
large_downloads() {
    awk '/^ *Downloading .*\([0-9.]+ [MG]B\)/ {
        if ($NF ~ /GB/ || substr($(NF - 1), 2) + 0 >= 20) {
            sub(/.*\//, ""); sub(/^ *Downloading /, "")
            print "    downloading " $0
            fflush()
        }
    }'
}

run_pip() {  # <what> <options of pip install>
    local what=$1
    shift
    "${venv}/bin/python" -m pip install --no-input --progress-bar off "$@" 2>&1 \
        | tee -a "${install_log}" | large_downloads >&2 || explain_failure "${what}"
}

# What a killed pip left behind: packages without the list of files, which is written last.
remove_half_installed() {
    local path
    for path in "${venv}"/lib/python3*/site-packages/*.dist-info; do
        if [ -d "${path}" ] && [ ! -e "${path}/RECORD" ]; then
            rm -rf "${path}"
        fi
    done
    rm -rf "${venv}"/lib/python3*/site-packages/~*
}

# Scripts in a .venv hold its path, so that one that has been moved does not work; nor
# does one whose Python or pip is gone, nor, with --python, one of another version.
is_usable() {
    local made_at packages="${venv}/lib/python3*/site-packages"
    made_at=$(cat "${venv}/install.path" 2>/dev/null || echo "${venv}")
    [ "${made_at}" == "${venv}" ] \
        && "${venv}/bin/python" -c "${CHECK_PYTHON}" >/dev/null 2>&1 \
        && compgen -G "${packages}/pip-*.dist-info/RECORD" >/dev/null \
        && is_asked_version
}

prepare_venv() {  # <python>
    remove_half_installed
    if is_usable; then
        return
    fi
    if [ -L "${venv}" ]; then
        fail "${venv} is a link to an environment that cannot be used here. Remove the" \
            "link, or repair what it points to."
    fi
    log "Making ${venv} with $1 ..."
    find "${venv}" -mindepth 1 -maxdepth 1 ! -name install.lock ! -name install.log \
        -exec rm -rf {} +
    echo "${venv}" > "${venv}/install.path"
    if ! "$1" -m venv "${venv}" >> "${install_log}" 2>&1; then
        explain_failure "${venv}"
    fi
}

# torchaudio is built for CUDA only. With a torch for CPUs its compiled part cannot be
# loaded, which stops the import; without that file it imports, and all that ESPnet's
# recogniser uses of it is Python.
mend_torchaudio() {
    local library torchaudio=("${venv}"/lib/python3*/site-packages/torchaudio)
    if "${venv}/bin/python" -c "import torchaudio" >> "${install_log}" 2>&1; then
        return
    fi
    library=${torchaudio[0]}/lib/_torchaudio.abi3.so
    if [ -e "${library}" ] && "${venv}/bin/python" -c \
        "import sys, torch; sys.exit(torch.version.cuda is not None)"; then
        mv "${library}" "${library}.unused"
    fi
    if ! "${venv}/bin/python" -c "import torchaudio" >> "${install_log}" 2>&1; then
        show_log
        fail "torchaudio is installed, but cannot be imported: see above, or" \
            "${install_log}. 'rm -rf ${venv}' and another try may help."
    fi
}

install_run_time() {
    local torch release file pins=() files=()
    torch=$(grep -o '^torch==[^ ]*' local/requirements.txt)
    release=$(espnet_release)
    for file in $(requirements); do
        pins+=(-c "${file}")
        files+=(-r "${file}")
    done
    if ! compgen -G "${venv}/lib/python3*/site-packages/torch" >/dev/null; then
        check_disk
    fi
    log "Installing torch (about 200 MB; 3 GB where it brings CUDA) ..."
    run_pip torch "${pins[@]}" "${torch}"
    log "Installing ESPnet ${release} and the packages that run with it (about 350 MB) ..."
    if [ "${release}" -ge 202611 ]; then
        # Its own list of what it needs can be satisfied beside torch; pins hold there too.
        run_pip ESPnet "${pins[@]}" "espnet==${release}"
    fi
    run_pip ESPnet --no-deps "${files[@]}"
    mend_torchaudio
    # shellcheck disable=SC2046  # two files
    stamp_of $(requirements) > "${venv}/install.stamp"
}

install_dev() {
    log "Installing what the tests need (about 50 MB) ..."
    run_pip "what the tests need" --no-deps -r local/requirements-dev.txt
    stamp_of local/requirements-dev.txt > "${venv}/install.dev.stamp"
}

# 1. An active environment that has ESPnet is used as it is.
if [ "${venv}" == "${root}/.venv" ] && [ -z "${python}" ] && active=$(active_python); then
    if ${print_python}; then
        echo "${active}"
    else
        check_active "${active}" "${dev}"
    fi
    exit 0
fi
if ${print_python}; then
    [ -x "${venv}/bin/python" ] || fail "There is no environment yet: run local/install.sh."
    echo "${venv}/bin/python"
    exit 0
fi

# 2. Nothing to do?
if all_done; then
    log "The environment is ready: ${venv} ($("${venv}/bin/python" -V))."
    exit 0
fi

# 3. One at a time. pip inherits the lock, so that it also waits for a killed run's pip.
base=$(find_python "${python}") || exit 1
mkdir -p "${venv}"
if command -v flock >/dev/null; then
    exec 9> "${venv}/install.lock"
    if ! flock -n 9; then
        log "Another install.sh is at work in ${venv}: waiting for it ..."
        flock 9
    fi
fi

# 4. Install. Neither other packages nor a configuration for other places may interfere.
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX PIP_REQUIREMENT PIP_CONSTRAINT
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
if ! all_done; then
    : > "${install_log}"
    prepare_venv "${base}"
    if ! run_time_done; then
        install_run_time
    fi
    if ${dev} && ! dev_done; then
        install_dev
    fi
fi
log "The environment is ready: ${venv} ($("${venv}/bin/python" -V))."
