#!/usr/bin/env bash
# Run all tests: make the environment, look for mistakes, test the shell scripts and the
# Python package.

set -u
set -o pipefail

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
    cat << EOF
Usage: $0 [options and paths of pytest]

Makes the environment (local/install.sh --dev), then runs
    tests/lint.sh      ruff and shellcheck
    bats tests/shell   the shell scripts
    pytest             everything else; arguments go here, such as "-k attack"
and says which of them failed. Ends with status 1 if any did.
EOF
    exit
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

local/install.sh --dev || exit
python=$(local/install.sh --print_python) || exit
# Scripts that say python3 are to find the same one, and the tools beside it.
PATH=$(dirname "${python}"):${PATH}
export PATH
export PYTHONPATH=${PWD}${PYTHONPATH:+:${PYTHONPATH}}
# Small tests: threads that wait for each other take longer than one.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

failed=
tests/lint.sh || failed+=" lint"
bats tests/shell || failed+=" bats"
"${python}" -m pytest "$@" || failed+=" pytest"

if [ -n "${failed}" ]; then
    echo "tests: failed:${failed}"
    exit 1
fi
echo "tests: all passed"
