#!/usr/bin/env bash
# Look at the options before anything runs. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

check_options() {
    check_numbers
    check_choice feats_type raw
    check_choice audio_format flac wav flac.ark wav.ark ark
    check_choice token_type bpe char word
    check_choice bpemode unigram bpe
    check_choice feats_normalize global_mvn utterance_mvn none
    check_sets
    local file
    if any_wanted 15 && ! "${skip_attack}"; then
        if [ ! -f "${attack_config}" ]; then
            die "--attack_config ${attack_config} does not exist."
        fi
        for file in ${attack_source_zips}; do
            if [ ! -f "${file}" ]; then
                die "--attack_source_zips: ${file} does not exist; stage 14 packs a model."
            fi
        done
    fi
    for file in ${asr_config} ${lm_config} ${inference_config} ${accent_list}; do
        if [ ! -f "${file}" ]; then
            die "${file} does not exist (asr_config, lm_config, inference_config or accent_list)."
        fi
    done
    if "${use_word_lm}"; then
        die "--use_word_lm true is not supported, nor is it by ESPnet: choose --token_type" \
            "word for a language model of words."
    fi
}

# What is missing for a late stage is said before the first one.
check_models() {
    local model
    if is_wanted 11; then
        for model in ${pretrained_model}; do
            if [ ! -f "${model%%:*}" ]; then
                die "--pretrained_model: ${model%%:*} does not exist."
            fi
        done
    fi
    if any_wanted 7 11; then
        check_nodes
    fi
    if "${use_lm}"; then
        warn_of_idle_lm
    fi
    if "${use_ngram}"; then
        check_kenlm
    fi
    check_trained
    if is_wanted 19; then
        check_upload
    fi
}

# ESPnet's launcher hands several nodes to srun (slurm) or mpirun (the others).
check_nodes() {
    if [ "${num_nodes}" -gt 1 ] && contains "local stdout ssh" "${cmd_backend}"; then
        die "--num_nodes ${num_nodes}: cmd_backend=${cmd_backend} cannot train on several nodes." \
            "Those that can: slurm, and inside an ESPnet checkout sge, pbs and jhu (cmd.sh)."
    fi
}

# Models that no stage of this run trains, though some decode or pack with them.
check_trained() {
    local uses="12 14 15 16 19"
    if any_wanted ${uses} && ! is_wanted 11; then
        need_model
    fi
    if "${use_lm}" && any_wanted 8 ${uses} && ! is_wanted 7; then
        need_lm
    fi
    if "${use_ngram}" && any_wanted ${uses} && ! is_wanted 9; then
        need_file "${ngram_exp}/${inference_ngram}" 9
    fi
}

# ESPnet decodes with whatever weight it is given: 0 takes the model along for nothing.
warn_of_idle_lm() {
    local weight
    if ! any_wanted 12 15 16; then
        return
    fi
    weight=$(sed -n 's/.*--lm_weight[ =]*\([^ ]*\).*/\1/p' <<< "${inference_args}")
    if [ -z "${weight}" ] && [ -n "${inference_config}" ]; then
        weight=$(sed -n 's/^lm_weight: *\([^ #]*\).*/\1/p' "${inference_config}")
    fi
    if [ -n "${weight}" ] && awk -v w="${weight}" 'BEGIN { exit w != 0 }'; then
        log "The language model changes nothing: lm_weight is ${weight}. Give" \
            "--inference_args \"--lm_weight 0.3\", or another --inference_config."
    fi
}

check_kenlm() {
    local program
    if is_wanted 9; then
        for program in lmplz build_binary; do
            if ! command -v "${program}" > /dev/null; then
                die "--use_ngram true: KenLM's ${program} is not on the path. Build it" \
                    "(https://github.com/kpu/kenlm: cmake, make) and add its bin/ to PATH."
            fi
        done
    fi
    if any_wanted 12 15 16 && ! has_package kenlm; then
        die "--use_ngram true: ESPnet decodes with KenLM's Python package, which is missing:" \
            "${python} -m pip install kenlm."
    fi
}

check_upload() {
    if ! [[ ${hf_repo} =~ ^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$ ]]; then
        die "--hf_repo takes <user>/<name>, the repository to upload to, not '${hf_repo}'."
    fi
    if ! "${upload_dry_run}" && ! has_package huggingface_hub; then
        die "--upload_dry_run false: the upload needs a package that is missing:" \
            "${python} -m pip install huggingface_hub, then 'hf auth login'."
    fi
}

has_package() { # has_package <name>
    ${python} -c 'import sys; from importlib.util import find_spec
sys.exit(find_spec(sys.argv[1]) is None)' "$1"
}

check_numbers() {
    local name value
    for name in stage stop_stage ngpu num_nodes nj inference_nj attack_nj nbpe batch_size \
            lm_fold_length num_splits_lm ngram_num; do
        value=${!name}
        if ! [[ ${value} =~ ^[0-9]+$ ]]; then
            die "--${name} takes a number, not '${value}'."
        fi
    done
    for name in num_nodes nj inference_nj attack_nj num_splits_lm ngram_num; do
        if [ "${!name}" -lt 1 ]; then
            die "--${name} takes a number above 0."
        fi
    done
    if [ -n "${num_attack_utts}" ] && ! [[ ${num_attack_utts} =~ ^[1-9][0-9]*$ ]]; then
        die "--num_attack_utts takes a number above 0, or nothing for all utterances."
    fi
    if [ "${batch_size}" -ne 1 ]; then
        die "--batch_size ${batch_size}: decoding takes one utterance at a time."
    fi
    if ! [[ ${max_bad_audio} =~ ^(0|1|0?\.[0-9]+|[01]\.0*)$ ]]; then
        die "--max_bad_audio takes a share from 0 to 1, such as 0.01, not '${max_bad_audio}'."
    fi
    if ! [[ ${fs} =~ ^[0-9]+k?$ ]]; then
        die "--fs takes a sampling rate such as 16k or 22050, not '${fs}'."
    fi
}

check_choice() { # check_choice <option> <allowed value>...
    local name=$1
    shift
    if ! contains "$*" "${!name}"; then
        die "--${name} takes one of: $*. Not '${!name}'."
    fi
}

check_sets() {
    if ! "${skip_train}"; then
        [ -n "${train_set}" ] || die "--train_set is required."
        [ -n "${valid_set}" ] || die "--valid_set is required."
    fi
    if ! "${skip_eval}"; then
        [ -n "${test_sets}" ] || die "--test_sets is required."
    fi
    if [ -n "${train_set}" ] && [ "${train_set}" = "${valid_set}" ]; then
        die "--train_set and --valid_set must be different sets, not both '${train_set}'."
    fi
    local dset unique=
    for dset in ${test_sets}; do
        if [ "${dset}" = "${train_set}" ]; then
            die "--test_sets has the training set '${train_set}' in it."
        elif [ "${dset}" = "${valid_set}" ]; then
            log "'${valid_set}' of --test_sets is the validation set: eval_valid_set=true."
            eval_valid_set=true
        elif ! contains "${unique}" "${dset}"; then
            unique+="${unique:+ }${dset}"
        fi
    done
    test_sets=${unique}
    attack_sets=${attack_sets:-${test_sets}}
}

# Which options leave out which stages, one option a line: "--skip_eval true: 12 13".
list_skip_options() {
    if [ -n "${skip_stages}" ]; then echo "--skip_stages \"${skip_stages}\": ${skip_stages}"; fi
    if "${skip_data_prep}"; then echo "--skip_data_prep true: 1 2 3 4 5"; fi
    if "${skip_train}"; then echo "--skip_train true: 2 4 5 6 7 8 9 10 11"; fi
    if ! "${use_lm}"; then echo "--use_lm false: 6 7 8"; fi
    if ! "${use_ngram}"; then echo "--use_ngram false: 9"; fi
    if "${skip_eval}"; then echo "--skip_eval true: 12 13"; fi
    if "${skip_packing}"; then echo "--skip_packing true: 14"; fi
    if "${skip_attack}"; then echo "--skip_attack true: 15 16 17 18"; fi
    if "${skip_upload_hf}"; then echo "--skip_upload_hf true: 19"; fi
    if [ -z "${speed_perturb_factors}" ]; then echo "--speed_perturb_factors \"\": 2"; fi
}

# Put all stages to leave out into skip_stages, and what leaves them out into skip_options.
expand_skip_options() {
    skip_options=$(list_skip_options)
    skip_stages=$(sed 's/.*: //' <<< "${skip_options}" | tr -s ' ' '\n' \
        | sed '/^$/d' | sort -nu | paste -s -d ' ' -)
}

# Which options leave out stages of the range: "--use_lm false leaves out 6 7 8, ...".
explain_skipped() {
    local option stages n found
    while IFS= read -r option; do
        stages=${option##*: }
        found=
        for n in ${stages}; do
            if in_range "${n}"; then
                found+=" ${n}"
            fi
        done
        if [ -n "${found}" ]; then
            echo "${option%: *} leaves out${found}"
        fi
    done <<< "${skip_options}" | paste -s -d , - | sed 's/,/, /g'
}

# Stages that options leave out are left out of a range without a word; alone, they are a
# mistake.
check_stages() {
    local n
    if ! any_in_range ${all_stages}; then
        die "No stage lies between --stage ${stage} and --stop_stage ${stop_stage}."
    fi
    if ! any_wanted ${all_stages} && any_in_range 6 7 8 9 19; then
        die "There is nothing to run from --stage ${stage} to --stop_stage ${stop_stage}:" \
            "$(explain_skipped)."
    fi
}
