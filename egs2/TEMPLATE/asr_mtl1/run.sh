#!/usr/bin/env bash
# A corpus from one table (CSV or TSV: path, text, speaker, accent and, if you like,
# split): ./run.sh --table FILE, or the file's name in db.sh.
#
# What is set here are defaults: any option of asr_mtl.sh can follow (--help lists them).

set -e
set -u
set -o pipefail

# --table is for local/data.sh; rate and configuration decide about the features.
fs=16k
asr_config=conf/train_asr_mtl.yaml
options=()
while [ $# -gt 0 ]; do
    case $1 in
        --table | --fs | --asr_config)
            if [ $# -lt 2 ]; then
                echo "$0: Error: $1 needs a value" >&2
                exit 2
            fi
            set -- "$1=$2" "${@:3}"
            continue
            ;;
        --table=*) export TABLE=${1#*=} ;;
        --fs=*) fs=${1#*=} ;;
        --asr_config=*) asr_config=${1#*=} ;;
        --help | -h)
            echo "This recipe: --table FILE  # CSV or TSV with the columns path, text," \
                "speaker, accent and, if you like, split. Its defaults stand at the end" \
                "of run.sh and win over those below. Options of stage 1:" \
                "local/data.sh --help."
            exec ./asr_mtl.sh --help
            ;;
        *) options+=("$1") ;;
    esac
    shift
done

# Configurations are written for 16 kHz: at another rate, windows and steps of as many
# milliseconds have as many samples more or fewer.
corpus_args=
if [[ ${fs} =~ ^[0-9]+k?$ ]] && [ -f "${asr_config}" ]; then  # else asr_mtl.sh says it
    hz=$((10#${fs%k}))
    if [[ ${fs} == *k ]]; then hz=$((hz * 1000)); fi
    for name in n_fft win_length hop_length; do
        samples=$(sed -n "s/^ *${name}: *\\([0-9][0-9]*\\).*/\\1/p" "${asr_config}")
        if [ -n "${samples}" ] && [ "${hz}" -ne 16000 ]; then
            corpus_args+=" --frontend_conf ${name}=$((samples * hz / 16000))"
        fi
    done
fi

# char needs no number of units; with hours of speech, --token_type bpe --nbpe 500 is better.
./asr_mtl.sh \
    --ngpu 0 \
    --nj 4 \
    --inference_nj 4 \
    --fs "${fs}" \
    --token_type char \
    --feats_normalize utterance_mvn \
    --asr_config "${asr_config}" \
    --asr_corpus_args "${corpus_args}" \
    --inference_config conf/decode_hybrid.yaml \
    --train_set train \
    --valid_set valid \
    --test_sets test \
    ${options[@]+"${options[@]}"}
