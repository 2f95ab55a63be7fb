#!/usr/bin/env bash
# AESRC2020, ten accents of English: see README.md.

set -e
set -u
set -o pipefail

./asr_mtl.sh \
    --lang en \
    --nj 8 \
    --inference_nj 8 \
    --fs 16k \
    --token_type bpe \
    --nbpe 1000 \
    --asr_config conf/train_asr_mtl_conformer.yaml \
    --inference_config conf/decode_hybrid.yaml \
    --train_set train \
    --valid_set valid \
    --test_sets test \
    "$@"
