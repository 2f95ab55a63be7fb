#!/usr/bin/env bash
# A corpus from one table (CSV or TSV: path, text, speaker, accent and, if you like,
# split): ./run.sh --table FILE, or the file's name in db.sh.
#
# What is set here are defaults: any option of asr_mtl.sh can follow (--help lists them).

set -e
set -u
set -o pipefail

# --table is for local/data.sh; the sampling rate decides about the features.
fs=16k
options=()
while [ $# -gt 0 ]; do
    case $1 in
        --table) export TABLE=${2:?"--table needs a file"}; shift ;;
        --table=*) export TABLE=${1#*=} ;;
        --fs) fs=${2:?"--fs needs a rate"}; shift ;;
        --fs=*) fs=${1#*=} ;;
        *) options+=("$1") ;;
    esac
    shift
done

# A window of 32 ms and a step of 16 ms, as conf/train_asr_mtl.yaml has them at 16 kHz.
corpus_args=
if [[ ${fs} =~ ^[0-9]+k?$ ]]; then  # else asr_mtl.sh says what is wrong
    hz=$((10#${fs%k}))
    if [[ ${fs} == *k ]]; then hz=$((hz * 1000)); fi
    corpus_args="--frontend_conf n_fft=$((hz * 32 / 1000))"
    corpus_args+=" --frontend_conf hop_length=$((hz * 16 / 1000))"
fi

# char needs no number of units; with hours of speech, --token_type bpe --nbpe 500 is better.
./asr_mtl.sh \
    --ngpu 0 \
    --nj 4 \
    --inference_nj 4 \
    --fs "${fs}" \
    --token_type char \
    --feats_normalize utterance_mvn \
    --asr_config conf/train_asr_mtl.yaml \
    --asr_corpus_args "${corpus_args}" \
    --inference_config conf/decode_hybrid.yaml \
    --train_set train \
    --valid_set valid \
    --test_sets test \
    ${options[@]+"${options[@]}"}
