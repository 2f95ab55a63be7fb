#!/usr/bin/env bash
# A corpus from one table (CSV or TSV: path, text, speaker, accent and, if you like,
# split): ./run.sh --table FILE, or the file's name in db.sh.
#
# What is set here are defaults: any option of asr_mtl.sh can follow (--help lists them).

set -e
set -u
set -o pipefail

# --table is for local/data.sh, all other options are for asr_mtl.sh.
options=()
while [ $# -gt 0 ]; do
    case $1 in
        --table)
            if [ $# -lt 2 ]; then
                echo "$0: Error: $1 needs a value" >&2
                exit 2
            fi
            export TABLE=$2
            shift
            ;;
        --table=*) export TABLE=${1#*=} ;;
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

# char needs no number of units; with hours of speech, --token_type bpe --nbpe 500 is better.
./asr_mtl.sh \
    --ngpu 0 \
    --nj 4 \
    --inference_nj 4 \
    --fs 16k \
    --token_type char \
    --feats_normalize utterance_mvn \
    --asr_config conf/train_asr_mtl.yaml \
    --asr_config_fs 16k \
    --inference_config conf/decode_hybrid.yaml \
    --train_set train \
    --valid_set valid \
    --test_sets test \
    ${options[@]+"${options[@]}"}
