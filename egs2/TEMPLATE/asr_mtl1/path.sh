#!/usr/bin/env bash
# Find the Python that has ESPnet, and this package. Sourced in a recipe's directory.

MAIN_ROOT=$PWD/../../..

# 1. The Python. One given by path wins (${python}), then ESPnet's own when this lies in an
#    ESPnet checkout, then an active environment that has ESPnet, then the .venv of
#    local/install.sh.
_has_espnet() {
    python3 -c 'import sys; from importlib.util import find_spec
sys.exit(None in (find_spec("espnet2"), find_spec("torch")))' 2>/dev/null
}

_no_espnet() {
    local fname=${BASH_SOURCE[1]##*/} root install
    root=$(cd "${MAIN_ROOT}" && pwd)
    if [ -d "${root}/tools" ]; then
        install="make -C ${root}/tools"
    else
        install=${root}/local/install.sh
    fi
    echo "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:path.sh) Error:" \
        "ESPnet cannot be found by $(command -v python3 || echo 'python3, which is missing')." \
        "Make an environment with '${install}', or activate one that has ESPnet, or give" \
        "its python with --python." >&2
}

if [[ ${python:-} == */* && ${python} != *" "* ]]; then
    # Scripts that say python3 are to find the same one.
    PATH=$(dirname "${python}"):${PATH}
elif [ -e "${MAIN_ROOT}/tools/activate_python.sh" ]; then
    . "${MAIN_ROOT}/tools/activate_python.sh"
elif ! _has_espnet && [ -e "${MAIN_ROOT}/.venv/bin/activate" ]; then
    . "${MAIN_ROOT}/.venv/bin/activate"
fi

# 2. Commands and packages. Those of an ESPnet checkout come after ours: what was built in
#    its tools/, such as sclite, and queue.pl, ssh.pl and pbs.pl.
if [ -e "${MAIN_ROOT}/tools/extra_path.sh" ]; then
    . "${MAIN_ROOT}/tools/extra_path.sh"
fi
if [ -d "${MAIN_ROOT}/egs2/TEMPLATE/asr1/utils" ]; then
    PATH=${MAIN_ROOT}/egs2/TEMPLATE/asr1/utils:${PATH}
    PYTHONPATH=${MAIN_ROOT}/egs2/TEMPLATE/asr1/pyscripts${PYTHONPATH:+:${PYTHONPATH}}
fi
export PATH=$PWD/utils:${PATH}
export PYTHONPATH=${MAIN_ROOT}${PYTHONPATH:+:${PYTHONPATH}}

# 3. The same order of sorting everywhere; text is UTF-8; one thread for each job, unless
#    the caller knows better.
export LC_ALL=C
export PYTHONIOENCODING=UTF-8
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

if ! _has_espnet; then
    _no_espnet
    exit 1
fi

# 4. What a recipe needs besides
if [ -f local/path.sh ]; then
    . local/path.sh
fi
