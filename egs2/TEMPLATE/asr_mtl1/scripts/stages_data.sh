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

    local dset
    for dset in ${base_train_set} ${valid_set} ${test_sets}; do
        ${python} -m espnet_mtl.data.validate "${datadir}/${dset}"
    done
}

stage_2() {
    log "Stage 2: Speed perturbation: ${datadir}/${base_train_set} -> ${datadir}/${train_set}"
    ${train_cmd} "${datadir}/${train_set}/logdir/speed_perturb.log" \
        ${python} -m espnet_mtl.data.speed_perturb \
            --factors "${speed_perturb_factors}" --nj "${nj}" \
            "${datadir}/${base_train_set}" "${datadir}/${train_set}"
}

stage_3() {
    log "Stage 3: Format wav.scp: ${datadir}/ -> ${data_feats}"
    local dset
    for dset in ${train_set} ${valid_set}; do
        format_audio "${dset}" "${data_feats}/org/${dset}"
    done
    for dset in ${test_sets}; do
        format_audio "${dset}" "${data_feats}/${dset}"
    done
}

format_audio() { # format_audio <set> <output directory>
    log "Formatting ${datadir}/$1, log: '$2/logdir/format_audio.log'"
    ${train_cmd} --num_threads "${nj}" "$2/logdir/format_audio.log" \
        ${python} -m espnet_mtl.data.format_audio \
            --fs "${fs}" --audio_format "${audio_format}" --nj "${nj}" \
            "${datadir}/$1" "$2"
}

# Training and validation only: a test set is never made easier by leaving parts out.
stage_4() {
    log "Stage 4: Remove long/short data: ${data_feats}/org -> ${data_feats}"
    local dset
    for dset in ${train_set} ${valid_set}; do
        need_file "${data_feats}/org/${dset}/wav.scp" 3
        ${python} -m espnet_mtl.data.remove_long_short \
            --fs "${fs}" \
            --min_wav_duration "${min_wav_duration}" \
            --max_wav_duration "${max_wav_duration}" \
            "${data_feats}/org/${dset}" "${data_feats}/${dset}"
    done
}

stage_5() {
    log "Stage 5: Token and accent list: ${token_list}, ${accents}"
    local text=${bpe_train_text:-${data_feats}/org/${train_set}/text}
    need_file "${text}" 3
    need_file "${data_feats}/${train_set}/utt2accent" 4

    local symbols=${bpe_nlsyms} opts=()
    if [ "${token_type}" != bpe ] && [ "${nlsyms_txt}" != none ]; then
        symbols=${nlsyms_txt}
    fi
    if [ -n "${symbols}" ]; then
        opts+=(--bpe_nlsyms "${symbols}")
    fi
    ${python} -m espnet_mtl.data.token_list \
        --token_type "${token_type}" --nbpe "${nbpe}" --bpemode "${bpemode}" \
        --text "${text}" --output "$(dirname "${token_list}")" \
        ${opts[@]+"${opts[@]}"}

    local dset check=()
    for dset in ${valid_set} ${test_sets}; do
        check+=("${data_feats}/${dset}")
    done
    opts=()
    if [ -n "${accent_list}" ]; then
        opts+=(--accent_list "${accent_list}")
    fi
    ${python} -m espnet_mtl.data.accent_list \
        --fs "${fs}" --train_dir "${data_feats}/${train_set}" --check_dirs "${check[@]}" \
        --output "${default_accents}" ${opts[@]+"${opts[@]}"}
}
