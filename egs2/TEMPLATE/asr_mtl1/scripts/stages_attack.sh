#!/usr/bin/env bash
# Stages 15 to 18: attack the packed model, decode, score, report. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

stage_15() {
    log "Stage 15: Attack: model=${packed_model}, config=${attack_config}, sets: ${attack_sets}"
    check_packed_model
    local dset
    for dset in ${attack_sets}; do
        need_file "$(eval_data "${dset}")/wav.scp" 3
        check_formatted "$(eval_data "${dset}")"
    done
    # shellcheck disable=SC2086  # names of sets are split on purpose
    compare_data use ${attack_sets}
    if "${use_lm}"; then compare_lm_data use; fi
    for dset in ${attack_sets}; do
        choose_targets "$(eval_data "${dset}")"
        attack "$(eval_data "${dset}")" "${asr_exp}/${attack_tag}/${dset}"
    done
}

# Once for a set, so that all systems are attacked towards the same texts. Targets of
# your own: data/<set>/text_target, before stage 3.
choose_targets() { # choose_targets <data directory>
    if [ ! -s "$1/text_target" ]; then
        ${python} -m espnet_mtl.bin.choose_targets --text "$1/text" --wav_scp "$1/wav.scp" \
            --token_type "${token_type}" --cleaner "${cleaner}" --output "$1/text_target"
    fi
}

attack() { # attack <data directory> <output directory>
    local data=$1 dir=$2 device=0 runner=${decode_cmd}
    if [ "${ngpu}" -gt 0 ]; then
        device=1
        runner=${cuda_cmd}
    fi
    local opts=(
        --model_zip "${packed_model}"
        --trust_model_zip  # check_packed_model has compared it with the experiment's files
        --data_dir "${data}"
        --text_target "${data}/text_target"
        --config "${attack_config}"
        --output_dir "${dir}"
        --nj "${attack_nj}"
    )
    if [ -n "${valid_set}" ]; then
        opts+=(--valid_dir "${data_feats}/${valid_set}")
    fi
    if [ -n "${attack_args}" ]; then
        opts+=(--attack_args "${attack_args}")
    fi
    opts+=(${decoding_opts[@]+"${decoding_opts[@]}"})
    if [ -n "${attack_source_zips}" ]; then
        # shellcheck disable=SC2206  # paths in one string are split on purpose
        opts+=(--source_zips ${attack_source_zips})
    fi
    if [ -n "${num_attack_utts}" ]; then
        opts+=(--num_utts "${num_attack_utts}")
    fi
    # Once here, where the one useful line stands alone, and not in each job's log.
    ${python} -m espnet_mtl.bin.asr_mtl_attack "${opts[@]}" --check
    mkdir -p "${dir}/logdir"
    log "Attack started... log: '${dir}/logdir/asr_mtl_attack.*.log'"
    # A name that no text has: that of --attack_args may have the word JOB.
    ${runner} --gpu "${device}" ATTACK_JOB=1:"${attack_nj}" "${dir}/logdir/asr_mtl_attack.ATTACK_JOB.log" \
        ${python} -m espnet_mtl.bin.asr_mtl_attack "${opts[@]}" --ngpu "${device}" --job ATTACK_JOB
    ${python} -m espnet_mtl.bin.asr_mtl_attack "${opts[@]}" --merge
    ${python} -m espnet_mtl.bin.validate_data_dir --no-spk-sort "${dir}"
}

stage_16() {
    log "Stage 16: Decode the attacked audio: ${asr_exp}/${attack_tag}, sets: ${attack_sets}"
    local dset dir
    for dset in ${attack_sets}; do
        need_experiment "${asr_exp}" "${attack_tag}/${dset}/records.jsonl" 15
        check_packed_model --attack_dir "${asr_exp}/${attack_tag}/${dset}"
        dir=${asr_exp}/${inference_tag}_${attack_tag}/${dset}
        rm -f "${dir}/stamp.json"
        decode "${asr_exp}/${attack_tag}/${dset}" "${dir}"
        ${python} -m espnet_mtl.bin.asr_mtl_score stamp \
            --attack_dir "${asr_exp}/${attack_tag}/${dset}" --hyp_dir "${dir}"
    done
}

stage_17() {
    log "Stage 17: Score the attack: ${asr_exp}/${inference_tag}_${attack_tag}, sets: ${attack_sets}"
    local dset dir
    for dset in ${attack_sets}; do
        dir=${asr_exp}/${inference_tag}_${attack_tag}/${dset}
        need_file "${dir}/stamp.json" 16  # the last that stage 16 writes
        ${python} -m espnet_mtl.bin.asr_mtl_score attack \
            --attack_dir "${asr_exp}/${attack_tag}/${dset}" --hyp_dir "${dir}" \
            --system "${system_name}" --asr_train_config "${asr_exp}/config.yaml" \
            --decoder "${inference_tag}" --attack_tag "${attack_tag}" --set_name "${dset}" \
            "${scoring_opts[@]}"
    done
}

# The command that was given, with what it took from the environment.
whole_command() {
    if [ -n "${TABLE:-}" ]; then printf 'TABLE=%q ' "${TABLE}"; fi
    if [ -n "${given_backend}" ]; then printf 'cmd_backend=%q ' "${given_backend}"; fi
    echo "${run_command% }"
}

stage_18() {
    log "Stage 18: Report: ${asr_exp}/report"
    need_experiment "${asr_exp}" config.yaml 11
    ${python} -m espnet_mtl.bin.asr_mtl_report \
        --exp "${asr_exp}" --output "${asr_exp}/report" --command "$(whole_command)" --print
}
