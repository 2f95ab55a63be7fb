#!/usr/bin/env bash
# Run a module of this package from any directory: run_module.sh <module> [arguments]
#
# For tools that are called before or without path.sh, as Kaldi's are.
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../../.." && pwd)
export PYTHONPATH=${root}${PYTHONPATH:+:${PYTHONPATH}}
if ! python3 -c 'import sys; from importlib.util import find_spec
sys.exit(find_spec("soundfile") is None)' 2> /dev/null; then
    PATH=${root}/.venv/bin:${PATH}
fi
exec python3 -m "$@"
