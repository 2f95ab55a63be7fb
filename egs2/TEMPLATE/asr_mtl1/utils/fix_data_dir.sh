#!/usr/bin/env bash
# Kaldi's name for: python3 -m espnet_mtl.data.fix "$@"
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../../.." && pwd)
export PYTHONPATH=${root}${PYTHONPATH:+:${PYTHONPATH}}
python3 -c 'import soundfile' 2> /dev/null || PATH=${root}/.venv/bin:${PATH}
exec python3 -m espnet_mtl.data.fix "$@"
