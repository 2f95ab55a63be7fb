#!/usr/bin/env bash
# Stands in for a Python in install.bats: makes toy environments, notes each call of pip
# in ${CALLS} and does what ${FAKE_PIP} says. Questions to Python go to the real one, but
# for its version, which is ${FAKE_VERSION}.
#
# FAKE_<name>, such as FAKE_python3, says what this one is: empty for a good one, or
# Python code that makes it another, such as "sys.version_info = (3, 9, 1)".

set -e

pretend=FAKE_$(basename "$0")
pretend=${pretend//./_}
prefix=$(dirname "$(dirname "$0")")

case "$1 ${2:-}" in
    -V*) echo "Python ${FAKE_VERSION:-3.11.9}" ;;
    "-c import torchaudio")
        if [ -e "${prefix}"/lib/python3.11/site-packages/torchaudio/lib/_torchaudio.abi3.so ]; then
            echo "OSError: libtorch_cuda.so: cannot open shared object file" >&2
            exit 1
        fi
        ;;
    "-c import sys, torch;"*) exit "${FAKE_CUDA:-0}" ;;
    -c*)
        "${REAL_PYTHON}" -c "import sys; ${!pretend:-}"$'\n'"$2" > /dev/null
        echo "$0"
        ;;
    "-m venv")
        mkdir -p "$3/bin" "$3/lib/python3.11/site-packages/pip-1.dist-info"
        : > "$3/lib/python3.11/site-packages/pip-1.dist-info/RECORD"
        cp "$0" "$3/bin/python"
        echo "venv" >> "${CALLS}"
        ;;
    "-m pip")
        shift 2
        echo "pip $*" >> "${CALLS}"
        eval "${FAKE_PIP:-}"
        ;;
    *)
        echo "fake python: unexpected: $*" >&2
        exit 1
        ;;
esac
