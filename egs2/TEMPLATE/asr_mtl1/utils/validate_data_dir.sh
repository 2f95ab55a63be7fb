#!/usr/bin/env bash
# Kaldi's name for: python3 -m espnet_mtl.data.tools.validate "$@"
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/run_module.sh" espnet_mtl.data.tools.validate "$@"
