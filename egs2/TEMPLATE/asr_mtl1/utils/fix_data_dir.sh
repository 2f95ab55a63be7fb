#!/usr/bin/env bash
# Kaldi's name for: python3 -m espnet_mtl.data.fix "$@"
exec python3 -m espnet_mtl.data.fix "$@"
