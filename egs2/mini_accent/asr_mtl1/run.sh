#!/usr/bin/env bash
# Synthetic English in several accents, made on the spot: see README.md.

set -e
set -u
set -o pipefail

# A frame every 16 ms: 15 encoder frames a second are enough for commands in word tokens.
corpus_args="--frontend_conf hop_length=256"

./asr_mtl.sh \
    --lang en \
    --ngpu 0 \
    --nj 2 \
    --inference_nj 2 \
    --fs 16k \
    --audio_format wav \
    --token_type word \
    --feats_normalize utterance_mvn \
    --asr_config conf/train_asr_mtl.yaml \
    --asr_corpus_args "${corpus_args}" \
    --inference_config conf/decode_hybrid.yaml \
    --train_set train \
    --valid_set valid \
    --test_sets test \
    "$@"
