#!/usr/bin/env bash
# One passage, read by people of many first languages, cut and spliced: see README.md.

set -e
set -u
set -o pipefail

# Half as many samples in a batch as for recordings of 16 kHz are as many seconds. Few
# epochs of many utterances: new ones cost nothing, and attention decoders learn a few
# thousand by heart.
corpus_args="--batch_bins 125000 --max_epoch 8"

./asr_mtl.sh \
    --lang en \
    --hf_license other \
    --hf_license_name cc-by-nc-sa \
    --hf_license_link https://accent.gmu.edu \
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
    "$@"
