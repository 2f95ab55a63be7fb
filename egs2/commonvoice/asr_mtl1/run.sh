#!/usr/bin/env bash
# Mozilla Common Voice, any release and language: see README.md.

set -e
set -u
set -o pipefail

# The language is part of the names of sets, so it is looked for before asr_mtl.sh does.
lang=en
previous=
for word in "$@"; do
    if [ "${previous}" = --lang ]; then
        lang=${word}
    fi
    case ${word} in
        --lang=*) lang=${word#--lang=} ;;
    esac
    previous=${word}
done
export COMMONVOICE_LANG=${lang}

./asr_mtl.sh \
    --lang "${lang}" \
    --nj 8 \
    --inference_nj 8 \
    --fs 16k \
    --token_type bpe \
    --nbpe 150 \
    --max_bad_audio 0.01 \
    --asr_config conf/train_asr_mtl_conformer.yaml \
    --inference_config conf/decode_hybrid.yaml \
    --train_set "train_${lang}" \
    --valid_set "dev_${lang}" \
    --test_sets "test_${lang}" \
    "$@"
