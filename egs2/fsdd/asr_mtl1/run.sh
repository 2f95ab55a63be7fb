#!/usr/bin/env bash
# Spoken digits of real people, joined to strings: see README.md.

set -e
set -u
set -o pipefail

# A frame every 16 ms: 15 encoder frames a second are enough for digits in word tokens.
# Half as many samples in a batch as for recordings of 16 kHz are as many seconds. An
# attention decoder without a grammar to lean on needs ever new strings: it learns 2400 of
# them by heart, and then leaves out digits said twice. The average of more epochs makes
# fewer of these errors.
corpus_args="--frontend_conf hop_length=128 --batch_bins 125000 --max_epoch 10 --keep_nbest_models 6"

./asr_mtl.sh \
    --lang en \
    --hf_license cc-by-sa-4.0 \
    --ngpu 0 \
    --nj 2 \
    --inference_nj 2 \
    --fs 8k \
    --audio_format wav \
    --token_type word \
    --feats_normalize utterance_mvn \
    --asr_config conf/train_asr_mtl.yaml \
    --asr_config_fs 16k \
    --asr_corpus_args "${corpus_args}" \
    --inference_config conf/decode_hybrid.yaml \
    --train_set train \
    --valid_set valid \
    --test_sets test \
    --allow_shared_speakers true \
    "$@"
