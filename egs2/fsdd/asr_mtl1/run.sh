#!/usr/bin/env bash
# Spoken digits of real people, joined to strings: see README.md.

set -e
set -u
set -o pipefail

# The recordings have 8 kHz. With half the samples in a window and in a step, the encoder
# sees as many frames a second as conf/train_asr_mtl.yaml means. Half the samples in a
# batch are as many seconds, too: without a grammar to lean on, an attention decoder needs
# more updates to align, not longer epochs.
corpus_args="--frontend_conf n_fft=256 --frontend_conf hop_length=128"
corpus_args+=" --batch_bins 125000 --max_epoch 14"

./asr_mtl.sh \
    --lang en \
    --ngpu 0 \
    --nj 2 \
    --inference_nj 2 \
    --fs 8k \
    --audio_format wav \
    --token_type word \
    --feats_normalize utterance_mvn \
    --asr_config conf/train_asr_mtl.yaml \
    --asr_corpus_args "${corpus_args}" \
    --inference_config conf/decode_hybrid.yaml \
    --train_set train \
    --valid_set valid \
    --test_sets test \
    --allow_shared_speakers true \
    "$@"
