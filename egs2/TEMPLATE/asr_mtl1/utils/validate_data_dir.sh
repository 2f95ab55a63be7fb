#!/usr/bin/env bash
# Kaldi's name for: python3 -m espnet_mtl.data.validate "$@"
exec python3 -m espnet_mtl.data.validate "$@"
