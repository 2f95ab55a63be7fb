#!/usr/bin/env bash
# Stages 1 to 5: data, tokens and accents. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

stage_1() {
    log "Stage 1: Data preparation for ${base_train_set}, ${valid_set}, ${test_sets}"
    local opts=()
    if [ "${datadir}" != data ]; then
        opts+=(--datadir "${datadir}")
    fi
    # [Task dependent] The recipe makes its data directories, utt2accent included.
    local/data.sh ${opts[@]+"${opts[@]}"} ${local_data_opts}

    # Stage 4 leaves out empty text, of what is not tested on. No stage needs an order of
    # speakers.
    local dset
    for dset in ${base_train_set} ${valid_set}; do
        opts=(--empty-text)
        if contains "$(eval_sets) ${attack_sets}" "${dset}"; then
            opts=()
        fi
        ${python} -m espnet_mtl.bin.validate_data_dir --no-spk-sort ${opts[@]+"${opts[@]}"} "${datadir}/${dset}"
    done
    for dset in $(whole_sets); do
        ${python} -m espnet_mtl.bin.validate_data_dir --no-spk-sort "${datadir}/${dset}"
    done
    survey_audio
}

# What stages 3 and 4 will refuse or leave out is said before anything is made.
survey_audio() {
    local dset trained=() tested=()
    if [[ " ${local_data_opts} " =~ \ --check_audio[\ =]false\  ]]; then
        log "No audio is opened (--check_audio false): stage 3 will find what is wrong with it."
        return
    fi
    for dset in ${base_train_set} ${valid_set}; do
        trained+=("${datadir}/${dset}")
    done
    for dset in $(whole_sets); do
        tested+=("${datadir}/${dset}")
    done
    ${python} -m espnet_mtl.bin.survey_audio \
        --channels "${channels}" --max_bad_audio "${max_bad_audio}" \
        --min_wav_duration "${min_wav_duration}" --max_wav_duration "${max_wav_duration}" \
        --trained ${trained[@]+"${trained[@]}"} --tested ${tested[@]+"${tested[@]}"}
}

# Tables alone: stage 3 changes the speed when it formats.
stage_2() {
    log "Stage 2: Speed perturbation: ${datadir}/${base_train_set} -> ${datadir}/${train_set}"
    need_file "${datadir}/${base_train_set}/wav.scp" 1
    ${python} -m espnet_mtl.bin.perturb_data_dir_speed "${speed_perturb_factors}" \
        "${datadir}/${base_train_set}" "${datadir}/${train_set}"
}

stage_3() {
    log "Stage 3: Format wav.scp: ${datadir}/ -> ${data_feats}"
    local dset
    for dset in $(org_sets); do
        # What stage 4 made of it goes when audio changes: it would name other audio.
        format_audio "${dset}" "${data_feats}/org/${dset}" --derived_dir "${data_feats}/${dset}"
    done
    for dset in $(whole_sets); do
        format_audio "${dset}" "${data_feats}/${dset}"
    done
}

# Sets that stage 4 goes on with. Without training, the validation set alone, if it is used.
org_sets() {
    if ! "${skip_train}"; then
        echo "${train_set} ${valid_set}"
    elif contains "$(eval_sets) ${attack_sets}" "${valid_set}"; then
        echo "${valid_set}"
    fi
}

# Jobs write audio, each continuing where it was stopped; the tables come last.
format_audio() { # format_audio <set> <output directory> <option>...
    local from=${datadir}/$1 to=$2 utts=${datadir}/$1/wav.scp jobs
    shift 2
    if [ -e "${from}/segments" ]; then
        utts=${from}/segments
    fi
    if [ "${from}" = "${datadir}/${train_set}" ] && [ -n "${speed_perturb_factors}" ]; then
        need_file "${utts}" 2
    fi
    need_file "${utts}" 1
    jobs=$(min "${nj}" "$(count_lines "${utts}")")
    # shellcheck disable=SC2206  # python may be a command with options
    local command=(
        ${python} -m espnet_mtl.bin.format_wav_scp --fs "${fs}" --audio_format "${audio_format}"
        --channels "${channels}"
        "$@" --max_bad_audio "${max_bad_audio}" --num_jobs "${jobs}"
    )
    # Once here, where the one useful line stands alone, and not in each job's log.
    "${command[@]}" --check "${from}" "${to}"
    log "Formatting of ${from} started... log: '${to}/logdir/format_wav_scp.*.log'"
    ${train_cmd} JOB=1:"${jobs}" "${to}/logdir/format_wav_scp.JOB.log" \
        "${command[@]}" --job JOB "${from}" "${to}"
    "${command[@]}" --merge "${from}" "${to}"
}

# Training and validation only: a test set is never made easier by leaving parts out.
stage_4() {
    log "Stage 4: Remove long/short/empty data: ${data_feats}/org -> ${data_feats}"
    local dset
    for dset in ${train_set} ${valid_set}; do
        need_file "${data_feats}/org/${dset}/wav.scp" 3
        ${python} -m espnet_mtl.bin.remove_long_short \
            --fs "${fs}" \
            --min_wav_duration "${min_wav_duration}" \
            --max_wav_duration "${max_wav_duration}" \
            "${data_feats}/org/${dset}" "${data_feats}/${dset}"
    done
    if "${use_lm}" || "${use_ngram}"; then
        make_lm_text
    fi
}

stage_5() {
    log "Stage 5: Token and accent list: ${token_list}, ${accents}"
    local text texts=${bpe_train_text:-${data_feats}/org/${train_set}/text}
    for text in ${texts}; do
        need_text bpe_train_text "${text}" 3
    done
    need_file "${data_feats}/${train_set}/utt2accent" 4

    ${python} -m espnet_mtl.bin.token_list \
        --token_type "${token_type}" --cleaner "${cleaner}" --nlsyms_txt "${nlsyms_txt}" \
        --nbpe "${nbpe}" --bpemode "${bpemode}" --bpe_nlsyms "${bpe_nlsyms}" \
        --bpe_char_cover "${bpe_char_cover}" \
        --bpe_input_sentence_size "${bpe_input_sentence_size}" \
        --text ${texts} --output "$(dirname "${token_list}")"

    make_accent_list
    check_text
}

make_accent_list() {
    local dset check=() opts=()
    for dset in ${valid_set} ${test_sets}; do
        check+=("${data_feats}/${dset}")
    done
    if [ -n "${accent_list}" ]; then
        opts+=(--accent_list "${accent_list}")
    fi
    ${python} -m espnet_mtl.bin.accent_list \
        --fs "${fs}" --train_dir "${data_feats}/${train_set}" --check_dirs "${check[@]}" \
        --allow_shared_speakers "${allow_shared_speakers}" \
        --output "${default_accents}" ${opts[@]+"${opts[@]}"}
}

# Formatted data may have been made elsewhere, without a list of accents. If stage 5 has
# just run and made no list, there are no accents.
need_accent_list() {
    if [ ! -s "${default_accents}" ] && [ -z "${accent_list}" ] && ! is_wanted 5; then
        log "${default_accents} does not exist: it is made of ${data_feats}/${train_set}/utt2accent."
        make_accent_list
    fi
}

check_formatted() { # check_formatted <data directory>...
    ${python} -m espnet_mtl.bin.check_formatted --fs "${fs}" "$@"
}

# How ESPnet reads the audio of a formatted directory.
audio_type() { # audio_type <data directory>
    if grep -q -s ark "$1/audio_format"; then
        echo kaldi_ark
    else
        echo sound
    fi
}
