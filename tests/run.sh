#!/usr/bin/env bash
# Run all tests: make the environment, look for mistakes, test the shell scripts and the
# Python package.

set -u
set -o pipefail

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    cat << EOF
Usage: $0 [--python PYTHON] [options and paths of pytest]

Makes the environment (local/install.sh --dev), then runs
    tests/lint.sh      ruff, mypy and shellcheck
    bats tests/shell   the shell scripts
    pytest             everything else; arguments go here, such as "-k attack"
and says which of them failed. Ends with status 1 if any did. The tests that need the
real sclite, a real SLURM or Chromium are left out where these are not installed; root on
Debian and Ubuntu gets them here.

With --python, that of an environment with ESPnet, the tests run there. Any other Python
from 3.11 on gets an environment of its own beside .venv, such as .venv-3.13.
EOF
    exit
fi

python=
arguments=()
while [ $# -gt 0 ]; do
    case "$1" in
        --python)
            if [ $# -lt 2 ]; then
                echo "tests: --python needs a value" >&2
                exit 2
            fi
            python=$2
            shift
            ;;
        *) arguments+=("$1") ;;
    esac
    shift
done
if [[ ${python} == */* ]]; then
    python=$(cd "$(dirname "${python}")" && pwd)/$(basename "${python}") || exit
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# Activate an environment with a Python: all scripts and tests then use that one.
activate() { # activate <python>
    local prefix version venv=.venv
    if prefix=$("$1" -c 'import sys
from importlib.util import find_spec
print(sys.prefix)
sys.exit(find_spec("espnet2") is None)'); then
        VIRTUAL_ENV=${prefix}
    elif version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); then
        if [ "$(.venv/bin/python -V 2>&1)" != "$("$1" -V 2>&1)" ]; then
            venv=.venv-${version}
        fi
        local/install.sh --dev --python "$1" --venv "${venv}" || return
        VIRTUAL_ENV=${PWD}/${venv}
    else
        echo "tests: --python $1 cannot be run" >&2
        return 1
    fi
    export VIRTUAL_ENV
}

if [ -n "${python}" ]; then
    activate "${python}" || exit
fi
local/install.sh --dev || exit
python=$(local/install.sh --print_python) || exit
# Scripts that say python3 are to find the same one, and the tools beside it.
PATH=$(dirname "${python}"):${PATH}
export PATH
export PYTHONPATH=${PWD}${PYTHONPATH:+:${PYTHONPATH}}
# Small tests: threads that wait for each other take longer than one.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# Debian's package puts it beside the path.
has_sclite() {
    command -v sclite >/dev/null || [ -x /usr/lib/sctk/bin/sclite ]
}

# Under the names that tests/browser.py looks for.
has_chromium() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        if command -v "${name}" >/dev/null; then return; fi
    done
    return 1
}

. tests/shell/slurm_cluster.sh  # has_slurm

# Best effort: tests that need what cannot be had are left out, and the last line says so.
ensure() { # ensure <program> <package>...
    local program=$1
    shift
    if "has_${program}" || { install_packages "$@" && "has_${program}"; }; then
        return
    fi
    left_out+=" (those against ${program} left out: no ${program}; Debian has it in: $*)"
    echo "tests: there is no ${program}, and it cannot be installed: tests against it are left out"
}

install_packages() { # install_packages <package>...
    local log
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        return 1
    fi
    echo "tests: apt-get install $* ..."
    if ! log=$(apt_get_install "$@" 2>&1); then
        echo "${log}" | tail -n 3
        return 1
    fi
}

# Lists of packages may be missing or old.
apt_get_install() { # apt_get_install <package>...
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends "$@" \
        || { apt-get update && apt-get install -y --no-install-recommends "$@"; }
}

left_out=
ensure sclite sctk
ensure slurm slurm-wlm munge
ensure chromium chromium

failed=
tests/lint.sh || failed+=" lint"
bats tests/shell || failed+=" bats"
"${python}" -m pytest ${arguments[@]+"${arguments[@]}"} || failed+=" pytest"

if [ -n "${failed}" ]; then
    echo "tests: failed:${failed}${left_out}"
    exit 1
fi
echo "tests: all passed${left_out}"
