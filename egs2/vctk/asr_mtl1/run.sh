#!/usr/bin/env bash
# CSTR VCTK, speakers of English with many accents: see README.md.

set -e
set -u
set -o pipefail

./asr_mtl.sh \
    --lang en \
    --nj 8 \
    --inference_nj 8 \
    --fs 16k \
    --token_type bpe \
    --nbpe 150 \
    --asr_config conf/train_asr_mtl_conformer.yaml \
    --inference_config conf/decode_hybrid.yaml \
    --train_set train \
    --valid_set valid \
    --test_sets test \
    "$@"
