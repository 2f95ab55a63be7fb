#!/usr/bin/env bash
# Run a module of this package from any directory: run_module.sh <module> [arguments]
#
# For tools that are called before or without path.sh, as Kaldi's are. Links to this
# script have Kaldi's names: combine_data.sh runs espnet_mtl.bin.combine_data.
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../../.." && pwd)
export PYTHONPATH=${root}${PYTHONPATH:+:${PYTHONPATH}}
if ! python3 -c 'import sys; from importlib.util import find_spec
sys.exit(find_spec("soundfile") is None)' 2> /dev/null; then
    PATH=${root}/.venv/bin:${PATH}
fi
name=$(basename "${BASH_SOURCE[0]}" .sh)
if [ "${name}" != run_module ]; then
    set -- "espnet_mtl.bin.${name}" "$@"
fi
exec python3 -m "$@"
