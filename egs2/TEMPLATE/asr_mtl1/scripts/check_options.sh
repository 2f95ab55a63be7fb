#!/usr/bin/env bash
# Check the options, and choose the stages, before anything runs. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

# ESPnet's; some need a package of their own, which ESPnet then asks for.
cleaners=(none tacotron jaconv vietnamese korean_cleaner whisper_en whisper_basic)

check_options() {
    check_refused_options
    check_paths
    check_numbers
    check_choice feats_type raw
    check_choice audio_format flac wav flac.ark wav.ark ark
    check_choice channels error mix first
    check_choice token_type bpe char word
    check_choice bpemode unigram bpe
    check_choice feats_normalize global_mvn utterance_mvn none
    check_choice cleaner "${cleaners[@]}"
    check_choice hyp_cleaner "${cleaners[@]}"
    if "${use_word_lm}"; then
        die "--use_word_lm true is not supported, and ESPnet does not support it either:" \
            "choose --token_type word for a language model of words."
    fi
    choose_sets
    choose_stages
    check_files
}

# The Python may be a command of several words, and lists of files are split at blanks.
check_paths() {
    local name
    for name in PWD datadir dumpdir expdir; do
        if [[ ${!name} == *[[:space:]]* ]]; then
            die "${name}=${!name}: a path with a blank; move or rename it."
        fi
    done
}

check_numbers() {
    local name
    for name in stage stop_stage ngpu num_nodes nj inference_nj attack_nj nbpe batch_size \
            bpe_input_sentence_size lm_fold_length num_splits_lm ngram_num; do
        if ! [[ ${!name} =~ ^[0-9]+$ ]]; then
            die "--${name} takes a number, not '${!name}'."
        fi
    done
    for name in num_nodes nj inference_nj attack_nj num_splits_lm ngram_num; do
        if [ "${!name}" -lt 1 ]; then
            die "--${name} takes a number above 0."
        fi
    done
    if ! [[ ${skip_stages} =~ ^[0-9\ ]*$ ]]; then
        die "--skip_stages takes numbers, such as \"12 13\", not '${skip_stages}'."
    fi
    if [ -n "${num_attack_utts}" ] && ! [[ ${num_attack_utts} =~ ^[1-9][0-9]*$ ]]; then
        die "--num_attack_utts takes a number above 0, or nothing for all utterances."
    fi
    if [ "${batch_size}" -ne 1 ]; then
        die "--batch_size ${batch_size}: decoding takes one utterance at a time."
    fi
    for name in max_bad_audio max_ctc_too_short bpe_char_cover; do
        if ! [[ ${!name} =~ ^(0|1|0?\.[0-9]+|[01]\.0*)$ ]]; then
            die "--${name} takes a share from 0 to 1, such as 0.01, not '${!name}'."
        fi
    done
    for name in fs asr_config_fs; do
        if ! [[ ${!name:-${fs}} =~ ^[0-9]+k?$ ]]; then
            die "--${name} takes a sampling rate such as 16k or 22050, not '${!name}'."
        fi
    done
}

check_choice() { # check_choice <option> <allowed value>...
    local name=$1
    shift
    if ! contains "$*" "${!name}"; then
        die "--${name} takes one of: $*. Not '${!name}'."
    fi
}

# Test sets without repetition; the validation set among them is decoded as such.
choose_sets() {
    local dset unique=
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
    for dset in ${test_sets}; do
        if [ "${dset}" = "${train_set}" ]; then
            die "--test_sets contains the training set '${train_set}'."
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

# Add to skip_stages what other options leave out.
choose_stages() {
    local n asked='' reasons='' skipped=${skip_stages}
    skip_stages=
    if [ -n "${skipped}" ]; then leave_out "--skip_stages \"${skipped}\"" ${skipped}; fi
    if "${skip_data_prep}"; then leave_out "--skip_data_prep true" 1 2 3 4 5; fi
    if "${skip_train}"; then leave_out "--skip_train true" 2 4 5 6 7 8 9 10 11; fi
    if ! "${use_lm}"; then leave_out "--use_lm false" 6 7 8; fi
    if ! "${use_ngram}"; then leave_out "--use_ngram false" 9; fi
    if "${skip_eval}"; then leave_out "--skip_eval true" 12 13; fi
    if "${skip_packing}"; then leave_out "--skip_packing true" 14; fi
    if "${skip_attack}"; then
        leave_out "--skip_attack true" 15 16 17 18
    elif [ -z "${attack_sets}" ]; then
        leave_out "no set to attack (--attack_sets)" 15 16 17 18
        if "${eval_valid_set}"; then
            log "Nothing is attacked: that would be the test sets, and '${valid_set}' is the" \
                "validation set. --attack_sets ${valid_set} attacks it."
        fi
    fi
    if "${skip_upload_hf}"; then leave_out "--skip_upload_hf true" 19; fi
    if [ -z "${speed_perturb_factors}" ]; then leave_out "--speed_perturb_factors \"\"" 2; fi
    if [ -n "${skip_stages}" ]; then
        skip_stages=$(printf '%s\n' ${skip_stages} | sort -nu | paste -s -d ' ' -)
        log "Skipped stages: ${skip_stages}"
    fi

    for n in ${all_stages}; do
        if in_range "${n}"; then
            asked+=" ${n}"
        fi
    done
    if [ -z "${asked}" ]; then
        die "There is no stage from --stage ${stage} to --stop_stage ${stop_stage}."
    fi
    # Stages 6 to 9 and 19 are off unless an option turns them on, which is easily forgotten.
    if ! is_wanted ${asked} && [[ "${asked} " =~ \ (6|7|8|9|19)\  ]]; then
        die "There is nothing to run from --stage ${stage} to --stop_stage ${stop_stage}:" \
            "${reasons#, }."
    fi
}

leave_out() { # leave_out <option that does> <stage>...
    local why=$1 n left_out=''
    shift
    skip_stages+=" $*"
    for n in "$@"; do
        if in_range "${n}"; then
            left_out+=" ${n}"
        fi
    done
    if [ -n "${left_out}" ]; then
        reasons+=", ${why} leaves out${left_out}"
    fi
}

# Files that options name
check_files() {
    local name file
    for name in asr_config lm_config inference_config accent_list nlsyms_txt; do
        if [ -n "${!name}" ] && [ "${!name}" != none ] && [ ! -f "${!name}" ]; then
            die "--${name} ${!name} does not exist."
        fi
    done
    # A file, or symbols such as <noise>: what looks like a path is meant as one.
    if [[ ${bpe_nlsyms} =~ ^[A-Za-z0-9_./~-]*[./][A-Za-z0-9_./~-]*$ ]] && [ ! -f "${bpe_nlsyms}" ]; then
        die "--bpe_nlsyms ${bpe_nlsyms} does not exist. (Symbols of your own, without a file," \
            "have commas between them.)"
    fi
    if is_wanted 13 && is_wanted 17 && [[ " ${score_opts} " == *" -s "* ]]; then
        die "--score_opts -s tells A from a, which an attack does not: the word error rates of" \
            "stages 13 and 17 would not be comparable. Leave it out, or add --skip_attack true."
    fi
    if is_wanted 15; then
        if [ ! -f "${attack_config}" ]; then
            die "--attack_config ${attack_config} does not exist."
        fi
        for file in ${attack_source_zips}; do
            if [ ! -f "${file}" ]; then
                die "--attack_source_zips: ${file} does not exist; stage 14 packs a model."
            fi
        done
    fi
    if is_wanted 11; then
        for file in ${pretrained_model}; do
            if [ ! -f "${file%%:*}" ]; then
                die "--pretrained_model: ${file%%:*} does not exist."
            fi
            file=${file%%:*}
            if [[ ${file} != *.zip ]] && [ ! -f "$(dirname "${file}")/config.yaml" ]; then
                log "Warning: --pretrained_model: there is no config.yaml beside ${file}," \
                    "so its tokens cannot be compared with those of this model: weights" \
                    "that fit are taken, even if they were learned for other tokens."
            fi
        done
    fi
}

# -- After make_names: report what a late stage needs before the first one runs.

check_needs() {
    # ESPnet's launcher gives several nodes to srun (slurm) or to mpirun (the others).
    if is_wanted 7 11 && [ "${num_nodes}" -gt 1 ] \
            && contains "local stdout ssh" "${cmd_backend}"; then
        die "--num_nodes ${num_nodes}: cmd_backend=${cmd_backend} cannot train on several nodes." \
            "Those that can: slurm, and inside an ESPnet checkout sge, pbs and jhu (cmd.sh)."
    fi
    check_gpus
    if "${use_ngram}"; then
        check_kenlm
    fi
    check_models
    if is_wanted 19; then
        check_upload
    fi
}

# On a cluster, the GPUs are elsewhere.
check_gpus() {
    local opts=()
    contains "local stdout" "${cmd_backend}" || return 0
    if [ "${ngpu}" -gt 0 ] && is_wanted 7 8 11 15; then
        opts+=(--ngpu "${ngpu}")
    fi
    if "${gpu_inference}" && is_wanted 12 16; then
        opts+=(--gpu_inference)
    fi
    if [ "${#opts[@]}" -gt 0 ] && ! ${python} -m espnet_mtl.bin.check_gpus "${opts[@]}"; then
        exit 2  # It has said why.
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
    if is_wanted 12 15 16 && ! has_package kenlm; then
        die "--use_ngram true: ESPnet decodes with KenLM's Python package, which is missing:" \
            "${python} -m pip install kenlm."
    fi
}

# Models that this run decodes with or packs, but does not train
check_models() {
    local uses="12 14 15 16 19"
    if is_wanted ${uses} && ! is_wanted 11; then
        need_model
    fi
    if "${use_lm}" && is_wanted 8 ${uses} && ! is_wanted 7; then
        need_lm
    fi
    if "${use_ngram}" && is_wanted ${uses} && ! is_wanted 9; then
        need_file "${ngram_exp}/${inference_ngram}" 9
    fi
    if "${use_lm}" && is_wanted 12 15 16; then
        ${python} -m espnet_mtl.bin.check_lm_weight ${decoding_opts[@]+"${decoding_opts[@]}"}
    fi
}

check_upload() {
    if ! [[ ${hf_repo} =~ ^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$ ]]; then
        die "--hf_repo takes <user>/<name>, the repository to upload to, not '${hf_repo}'."
    fi
    card_opts=(--lang "${hf_lang:-${lang}}" --license "${hf_license}")
    card_opts+=(--license_name "${hf_license_name}" --license_link "${hf_license_link}")
    ${python} -m espnet_mtl.bin.check_card "${card_opts[@]}"
    if ! "${upload_dry_run}" && ! has_package huggingface_hub; then
        die "--upload_dry_run false: the upload needs a package that is missing:" \
            "${python} -m pip install huggingface_hub, then 'hf auth login'."
    fi
}

has_package() { # has_package <name>
    ${python} -c 'import sys; from importlib.util import find_spec
sys.exit(find_spec(sys.argv[1]) is None)' "$1"
}
