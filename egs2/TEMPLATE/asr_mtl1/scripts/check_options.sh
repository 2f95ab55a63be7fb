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
    check_not_yet
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
    for file in ${asr_config} ${inference_config} ${accent_list}; do
        if [ ! -f "${file}" ]; then
            die "${file} does not exist (asr_config, inference_config or accent_list)."
        fi
    done
}

check_numbers() {
    local name value
    for name in stage stop_stage ngpu num_nodes nj inference_nj attack_nj nbpe batch_size; do
        value=${!name}
        if ! [[ ${value} =~ ^[0-9]+$ ]]; then
            die "--${name} takes a number, not '${value}'."
        fi
    done
    for name in num_nodes nj inference_nj attack_nj; do
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

check_not_yet() {
    local name unused=
    for name in lm_config lm_args lm_exp lm_tag lm_stats_dir lm_train_text lm_dev_text \
            lm_test_text inference_lm hf_repo; do
        if [ -n "${!name}" ]; then unused+="${unused:+, }--${name}"; fi
    done
    if [ -n "${unused}" ]; then
        log "No effect yet: ${unused} (language models and uploading come later)."
    fi
    if "${use_lm}"; then
        die "--use_lm true is not supported yet: language models (stages 6 to 8) come later."
    elif "${use_ngram}"; then
        die "--use_ngram true is not supported yet: n-gram models (stage 9) come later."
    elif ! "${skip_upload_hf}"; then
        die "--skip_upload_hf false is not supported yet: uploading (stage 19) comes later."
    fi
}

# Print the stages to leave out: those named, and those that the skip_* options stand for.
expand_skip_options() {
    local words=${skip_stages}
    if "${skip_data_prep}"; then words+=" 1 2 3 4 5"; fi
    if "${skip_train}"; then words+=" 2 4 5 10 11"; fi
    if "${skip_eval}"; then words+=" 12 13"; fi
    if "${skip_packing}"; then words+=" 14"; fi
    if "${skip_attack}"; then words+=" 15 16 17 18"; fi
    if [ -z "${speed_perturb_factors}" ]; then words+=" 2"; fi
    tr -s ' ' '\n' <<< "${words}" | sed '/^$/d' | sort -nu | paste -s -d ' ' -
}

# Asking for nothing but stages that do not exist yet is an error; where they lie inside a
# range, one line says that they are left out.
refuse_unsupported_stages() {
    local n inside='' other=false
    for n in ${unsupported_stages}; do
        if is_wanted "${n}"; then inside+="${inside:+, }${n}"; fi
    done
    for n in ${supported_stages}; do
        if in_range "${n}"; then other=true; fi
    done
    if "${other}"; then
        if [ -n "${inside}" ]; then
            log "Stages not supported yet are left out: ${inside}" \
                "(6 to 9: language model, 19: upload)."
        fi
    elif [ -n "${inside}" ]; then
        die "Stage ${inside} is not supported yet: language models (6 to 9) and uploading" \
            "(19) come later. Stages 1 to 5 and 10 to 18 work."
    else
        die "No stage lies between --stage ${stage} and --stop_stage ${stop_stage}."
    fi
}
