#!/usr/bin/env bash
# Names of experiments and their files, made from the settings as ESPnet makes them, and
# options that several commands share. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

# Options as part of a file name: "--optim_conf lr=0.1" becomes "_optim_conflr0.1".
name_of_args() { # name_of_args "<options>"
    sed -e 's/--/_/g' -e 's/[][ |=/"{}]//g' -e "s/'//g" -e 's/,/-/g' <<< "$1"
}

name_of_weights() { # name_of_weights <file>: ave/valid.loss.pth becomes ave_valid.loss
    local name=${1%.*}
    echo "${name//\//_}"
}

make_names() {
    local name
    given_texts=
    for name in bpe_train_text lm_dev_text lm_test_text; do
        given_texts+=${!name:+ ${name}}
    done
    base_train_set=${train_set}
    local sp=''
    if [ -n "${speed_perturb_factors}" ]; then
        train_set=${train_set}_sp
        sp=_sp
    fi
    data_feats=${dumpdir}/${feats_type}

    # 1. Tokens and accents
    local lang_part=
    if [ "${lang}" != noinfo ]; then
        lang_part=_${lang}
    fi
    local token_dir=${datadir}/${lang_part:+${lang}_}token_list/${token_type}
    local tokens=${token_type}
    bpemodel=none
    if [ "${token_type}" = bpe ]; then
        tokens=bpe${nbpe}
        token_dir+=_${bpemode}${nbpe}
        bpemodel=${token_dir}/bpe.model
    fi
    token_list=${token_dir}/tokens.txt
    default_accents=${datadir}/${lang_part:+${lang}_}accent_list/accents.txt
    accents=${accent_list:-${default_accents}}
    token_opts=(
        --token_type "${token_type}"
        --bpemodel "${bpemodel}"
        --non_linguistic_symbols "${nlsyms_txt}"
        --cleaner "${cleaner}"
    )
    scoring_opts=(
        --cleaner "${cleaner}"
        --hyp_cleaner "${hyp_cleaner}"
        --nlsyms_txt "${nlsyms_txt}"
    )

    # 2. Training
    local settings=${feats_type}${lang_part}_${tokens}
    if [ -z "${asr_tag}" ]; then
        asr_tag=$(basename "${asr_config:-train}" .yaml)
        asr_tag+=_${settings}$(name_of_args "${asr_args}")${sp}
    fi
    asr_stats_dir=${asr_stats_dir:-${expdir}/asr_mtl_stats_${settings}${sp}}
    asr_exp=${asr_exp:-${expdir}/asr_mtl_${asr_tag}}
    local exp_name
    exp_name=$(basename "${asr_exp}")
    system_name=${system_name:-${exp_name#asr_mtl_}}
    packed_model=${packed_model:-${asr_exp}/${exp_name}_$(name_of_weights "${inference_asr_model}").zip}

    # 3. Language models. The text is that of before the speed perturbation, which has
    #    each sentence several times.
    if [ -z "${lm_tag}" ]; then
        lm_tag=$(basename "${lm_config:-train}" .yaml)
        lm_tag+=${lang_part}_${tokens}$(name_of_args "${lm_args}")
    fi
    lm_stats_dir=${lm_stats_dir:-${expdir}/lm_stats${lang_part}_${tokens}}
    lm_exp=${lm_exp:-${expdir}/lm_${lm_tag}}
    # ESPnet's counts words, and is called ngram; this one counts tokens.
    ngram_exp=${ngram_exp:-${expdir}/ngram${lang_part}_${tokens}}
    inference_ngram=${inference_ngram:-${ngram_num}gram.bin}
    lm_text=${data_feats}/lm_train.txt
    if [ -z "${lm_train_text}" ]; then
        lm_train_text=${data_feats}/${train_set}/text
        if [ -n "${sp}" ]; then
            lm_train_text=${datadir}/${base_train_set}/text
        fi
    fi
    lm_dev_text=${lm_dev_text:-${data_feats}/${valid_set}/text}
    lm_test_text=${lm_test_text:-${test_sets:+${data_feats}/${test_sets%% *}/text}}
    lm_test_text=${lm_test_text:-${lm_dev_text}}

    # 4. Decoding
    if [ -z "${inference_tag}" ]; then
        inference_tag=$(basename "${inference_config:-inference}" .yaml)
        inference_tag+=$(name_of_args "${inference_args}")
        if "${use_lm}"; then
            inference_tag+=_lm_$(basename "${lm_exp}")_$(name_of_weights "${inference_lm}")
        fi
        if "${use_ngram}"; then
            inference_tag+=_ngram_$(basename "${ngram_exp}")_$(name_of_weights "${inference_ngram}")
        fi
        inference_tag+=_asr_model_$(name_of_weights "${inference_asr_model}")
    fi
    decoding_opts=()
    if [ -n "${inference_config}" ]; then
        decoding_opts+=(--inference_config "${inference_config}")
    fi
    if [ -n "${inference_args}" ]; then
        decoding_opts+=("--inference_args=${inference_args}")
    fi

    # 5. Attack
    if [ -z "${attack_tag}" ]; then
        attack_tag=$(basename "${attack_config}" .yaml)
        attack_tag=attack_${attack_tag#attack_}  # conf/attacks/cw.yaml: attack_cw
        if [ -n "${attack_args}" ]; then
            attack_tag+=_$(name_of_args "${attack_args}")
        fi
    fi
}

# The formatted data of a set. Nothing was dropped from what is decoded, so the validation
# set is the one that stage 3 made.
eval_data() { # eval_data <set>
    if [ "$1" = "${valid_set}" ]; then
        echo "${data_feats}/org/$1"
    else
        echo "${data_feats}/$1"
    fi
}

# The sets that stage 3 makes whole: to decode or to attack, and not to train with.
whole_sets() {
    local dset sets=()
    for dset in ${test_sets} ${attack_sets}; do
        if ! contains "${train_set} ${valid_set} ${sets[*]-}" "${dset}"; then
            sets+=("${dset}")
        fi
    done
    echo "${sets[*]-}"
}

# The sets to decode.
eval_sets() {
    if "${eval_valid_set}"; then
        echo "${valid_set} ${test_sets}"
    else
        echo "${test_sets}"
    fi
}
