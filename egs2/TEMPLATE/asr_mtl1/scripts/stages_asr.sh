#!/usr/bin/env bash
# Stages 10 to 14: statistics, training, decoding, scoring, packing. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

# Options of statistics and training, into the array train_opts. asr_corpus_args and then
# asr_args follow them on the command line, and the last one wins.
make_train_opts() {
    need_train_data
    need_token_list
    local hz=${fs/k/000} mode dset scaled
    train_opts=(
        --use_preprocessor true
        --token_list "${token_list}"
        "${token_opts[@]}"
        --frontend_conf "fs=${hz}"
    )
    # Without two accents there is no list, and only a model without a branch can be trained.
    if [ -s "${accents}" ]; then
        train_opts+=(--accent_list "${accents}")
    fi
    for mode in train valid; do
        dset=${train_set}
        if [ "${mode}" = valid ]; then
            dset=${valid_set}
        fi
        train_opts+=(
            "--${mode}_data_path_and_name_and_type" "${data_feats}/${dset}/wav.scp,speech,$(audio_type "${data_feats}/${dset}")"
            "--${mode}_data_path_and_name_and_type" "${data_feats}/${dset}/text,text,text"
            "--${mode}_data_path_and_name_and_type" "${data_feats}/${dset}/utt2accent,accent,text"
        )
    done
    if [ -n "${asr_config}" ]; then
        train_opts+=(--config "${asr_config}")
    fi
    if [ -n "${asr_config}" ] && [ -n "${asr_config_fs}" ]; then
        scaled=$(${python} -m espnet_mtl.bin.scale_frontend \
            --config "${asr_config}" --config_fs "${asr_config_fs/k/000}" --fs "${hz}")
        # shellcheck disable=SC2206  # options in one string are split on purpose
        train_opts+=(${scaled})
    fi
}

need_train_data() {
    need_file "${data_feats}/${train_set}/wav.scp" 4
    need_file "${data_feats}/${valid_set}/wav.scp" 4
}

stage_10() {
    log "Stage 10: ASR collect stats: train_set=${data_feats}/${train_set}, valid_set=${data_feats}/${valid_set}"
    need_train_data
    check_formatted "${data_feats}/${train_set}" "${data_feats}/${valid_set}"
    need_accent_list
    make_train_opts
    if ! is_wanted 5; then
        check_text
    fi
    if is_wanted 11; then
        compare_data experiment  # which would not take the statistics
    fi
    write_resume_script "${asr_stats_dir}" 10

    collect_stats ASR "${asr_stats_dir}" \
        "${data_feats}/${train_set}/wav.scp" "${data_feats}/${valid_set}/wav.scp" \
        ${python} -m espnet_mtl.bin.asr_mtl_train \
            "${train_opts[@]}" ${asr_corpus_args} ${asr_args} --robust none
    compare_data statistics
}

# Whether the tokens can write the transcripts, and CTC can learn them. Part of stage 5,
# and of stage 10, for tokens or data that were made elsewhere.
check_text() {
    local dset tests=()
    for dset in ${test_sets}; do
        if [ -s "${data_feats}/${dset}/utt2num_samples" ]; then
            tests+=("${data_feats}/${dset}")
        fi
    done
    make_train_opts
    ${python} -m espnet_mtl.bin.check_text \
        --train_dir "${data_feats}/${train_set}" --valid_dir "${data_feats}/${valid_set}" \
        --max_ctc_too_short "${max_ctc_too_short}" --bpemode "${bpemode}" ${tests[@]+--test_dirs "${tests[@]}"} \
        -- "${train_opts[@]}" ${asr_corpus_args} ${asr_args}
}

# An experiment and its statistics belong to the data that they were made of.
compare_data() { # compare_data experiment|statistics|training|use [<tested set>...]
    local what=$1 opts=() dset
    shift
    # A model may be used where the data that it was trained on are not.
    if [ "${what}" != use ] || [ -s "${data_feats}/${train_set}/utt2spk" ]; then
        opts+=(--train_dir "${data_feats}/${train_set}" --valid_dir "${data_feats}/${valid_set}")
    fi
    if [ $# -gt 0 ]; then
        opts+=(--allow_shared_speakers "${allow_shared_speakers}" --test_dirs)
        for dset in "$@"; do
            opts+=("$(eval_data "${dset}")")
        done
    fi
    ${python} -m espnet_mtl.bin.trained_on "${what}" \
        --token_list "${token_list}" --accent_list "${accents}" ${opts[@]+"${opts[@]}"} \
        --stats_dir "${asr_stats_dir}" --exp "${asr_exp}"
}

# Lengths and, for global_mvn, sums of the features, by a training command.
collect_stats() { # collect_stats <name> <directory> <training table> <validation table> <command>...
    local name=$1 dir=$2 train=$3 valid=$4 logdir=$2/logdir jobs mode parts
    shift 4

    # 1. At most one job for each utterance of the smaller set. If an earlier call was
    #    killed, its jobs may still run: the folder's name comes from the utterances, so
    #    that only jobs with the same work share it.
    jobs=$(min "${nj}" "$(count_lines "${train}")" "$(count_lines "${valid}")")
    parts=${logdir}/${jobs}_$(cat "${train}" "${valid}" | cksum | tr ' ' '_')
    mkdir -p "${parts}"
    split_keys "${train}" "${jobs}" "${parts}/train" > /dev/null
    split_keys "${valid}" "${jobs}" "${parts}/valid" > /dev/null
    log "${name} collect-stats started... log: '${logdir}/stats.*.log'"
    ${train_cmd} JOB=1:"${jobs}" "${logdir}/stats.JOB.log" \
        "$@" \
            --collect_stats true \
            --train_shape_file "${parts}/train.JOB.scp" \
            --valid_shape_file "${parts}/valid.JOB.scp" \
            --output_dir "${parts}/stats.JOB" \
            --ngpu 0
    # No other jobs write these logs now, so the folders of others are not needed any more.
    find "${logdir}" -mindepth 1 -maxdepth 1 -type d ! -name "${parts##*/}" -exec rm -r {} +

    # 2. Add up what the jobs found. With one job, there is nothing to add. Sums of other
    #    data may be there, and would not be replaced if these have none.
    rm -f "${dir}/stamp.json" "${dir}"/{train,valid}/*_stats.npz
    mkdir -p "${dir}"
    cp "${parts}/stats.1/config.yaml" "${dir}/collect_stats.yaml"
    if [ "${jobs}" -eq 1 ]; then
        for mode in train valid; do
            mkdir -p "${dir}/${mode}"
            cp "${parts}/stats.1/${mode}"/* "${dir}/${mode}"
        done
    else
        local n opts=()
        for n in $(seq "${jobs}"); do
            opts+=(--input_dir "${parts}/stats.${n}")
        done
        if [ "${feats_normalize}" != global_mvn ]; then
            opts+=(--skip_sum_stats)
        fi
        # Its output repeats a long command line: show it only if it fails.
        if ! ${python} -m espnet2.bin.aggregate_stats_dirs "${opts[@]}" \
                --output_dir "${dir}" > "${parts}/aggregate_stats" 2>&1; then
            tail -n 20 "${parts}/aggregate_stats" >&2
            die "The statistics of the jobs could not be combined; the end of the error message is above."
        fi
    fi

    # 3. Add the number of token types to each length: batches by size need it.
    for mode in train valid; do
        awk -v n="$(count_lines "${token_list}")" '{ print $0 "," n + 0 }' \
            "${dir}/${mode}/text_shape" > "${dir}/${mode}/text_shape.${token_type}"
    done
}

stage_11() {
    log "Stage 11: ASR Training: train_set=${data_feats}/${train_set}, valid_set=${data_feats}/${valid_set}"
    make_train_opts
    local shape_opts=() mode
    for mode in train valid; do
        need_file "${asr_stats_dir}/${mode}/text_shape.${token_type}" 10
        shape_opts+=(
            "--${mode}_shape_file" "${asr_stats_dir}/${mode}/speech_shape"
            "--${mode}_shape_file" "${asr_stats_dir}/${mode}/text_shape.${token_type}"
        )
    done
    local opts=(
        "${train_opts[@]}" "${shape_opts[@]}"
        --fold_length "$((asr_speech_fold_length * 100))"
        --fold_length "${asr_text_fold_length}"
        --resume true
        --ignore_init_mismatch "${ignore_init_mismatch}"
        --output_dir "${asr_exp}"
    )
    if [ -n "${pretrained_model}" ]; then
        # shellcheck disable=SC2206  # several, in one string, are split on purpose
        opts+=(--init_param ${pretrained_model})
    fi
    if [ "${feats_normalize}" = global_mvn ]; then
        need_file "${asr_stats_dir}/train/feats_stats.npz" 10
        opts+=(
            --normalize global_mvn
            --normalize_conf "stats_file=${asr_stats_dir}/train/feats_stats.npz"
        )
    fi
    compare_data training
    write_resume_script "${asr_exp}" 11
    train_model ASR "${asr_exp}" \
        ${python} -m espnet_mtl.bin.asr_mtl_train \
            "${opts[@]}" ${asr_corpus_args} ${asr_args}
}

train_model() { # train_model <name> <directory> <command>...
    local name=$1 dir=$2
    shift 2
    log "${name} training started... log: '${dir}/train.log'"
    if [ "${ngpu}" -gt 1 ] || [ "${num_nodes}" -gt 1 ]; then
        launch "${dir}" "$@"
        return
    fi
    # A single process needs no launcher, which takes seconds to start.
    if ! has_own_runner; then
        utils/keep_log.py "${dir}/train.log"
    fi
    ${cuda_cmd} --gpu "${ngpu}" "${dir}/train.log" "$@" --ngpu "${ngpu}"
}

# ESPnet's launcher renames the log of an earlier run, even if that is still writing it. Our
# runners do this properly, so they get the log's name directly, and the launcher another.
launch() { # launch <directory> <command>...
    local dir=$1 log=$1/train.log cmd=${cuda_cmd}
    shift
    if has_own_runner; then
        cmd+=" --log $(printf %q "${log}")"
        log=${dir}/.launcher
    fi
    ${python} -m espnet2.bin.launch \
        --cmd "${cmd}" --log "${log}" \
        --ngpu "${ngpu}" --num_nodes "${num_nodes}" \
        --init_file_prefix "${dir}/.dist_init_" \
        --multiprocessing_distributed true -- "$@"
}

# Whether jobs are run by run.py or slurm.py, which keep the log of an earlier run.
has_own_runner() {
    [[ ${cuda_cmd} == utils/* ]]
}

stage_12() {
    local sets dset dir
    sets=$(eval_sets)
    log "Stage 12: Decoding: training_dir=${asr_exp}, sets: ${sets}"
    for dset in ${sets}; do
        need_file "$(eval_data "${dset}")/wav.scp" 3
        check_formatted "$(eval_data "${dset}")"
    done
    # shellcheck disable=SC2086  # names of sets are split on purpose
    compare_data use ${sets}
    if "${use_lm}"; then compare_lm_data use; fi
    write_resume_script "${asr_exp}/${inference_tag}" 12
    for dset in ${sets}; do
        dir=${asr_exp}/${inference_tag}/${dset}
        rm -f "${dir}/stamp.json"
        decode "$(eval_data "${dset}")" "${dir}"
        ${python} -m espnet_mtl.bin.asr_mtl_score stamp \
            --ref_dir "$(eval_data "${dset}")" --hyp_dir "${dir}" \
            --asr_model_file "${asr_exp}/${inference_asr_model}"
    done
}

decode() { # decode <data directory> <output directory>
    local data=$1 dir=$2 logdir=$2/logdir jobs device=0 runner=${decode_cmd} opts=()
    need_model
    if "${gpu_inference}"; then
        device=1
        runner=${cuda_cmd}
    fi
    if [ -n "${inference_config}" ]; then
        opts+=(--config "${inference_config}")
    fi
    if [ -n "${inference_args}" ]; then
        opts+=("--inference_args=${inference_args}")
    fi
    find_language_models

    # 1. Each job decodes its share. A job that was stopped continues. The name of the
    #    number is one that no path has: a tag may be made of a text with the word JOB.
    mkdir -p "${logdir}"
    jobs=$(split_keys "${data}/wav.scp" "${inference_nj}" "${logdir}/keys")
    log "Decoding started... log: '${logdir}/asr_inference.*.log'"
    ${runner} --gpu "${device}" DECODING_JOB=1:"${jobs}" "${logdir}/asr_inference.DECODING_JOB.log" \
        ${python} -m espnet_mtl.bin.asr_mtl_inference \
            --batch_size "${batch_size}" \
            --ngpu "${device}" \
            --data_path_and_name_and_type "${data}/wav.scp,speech,$(audio_type "${data}")" \
            --key_file "${logdir}/keys.DECODING_JOB.scp" \
            --asr_train_config "${asr_exp}/config.yaml" \
            --asr_model_file "${asr_exp}/${inference_asr_model}" \
            --output_dir "${logdir}/output.DECODING_JOB" \
            ${opts[@]+"${opts[@]}"} ${lm_files[@]+"${lm_files[@]}"}

    # 2. All shares in one file, which has to have every utterance
    local name n parts
    for name in token token_int score text accent accent_score; do
        rm -f "${dir}/${name}"
        parts=()
        for n in $(seq "${jobs}"); do
            if [ -f "${logdir}/output.${n}/1best_recog/${name}" ]; then
                parts+=("${logdir}/output.${n}/1best_recog/${name}")
            fi
        done
        if [ "${#parts[@]}" -gt 0 ]; then
            sort -k1,1 "${parts[@]}" > "${dir}/${name}"
            check_complete "${dir}/${name}" "${data}/wav.scp"
        fi
    done
    [ -f "${dir}/text" ] || die "${logdir}: the decoding wrote no text."
    rm -f "${dir}/accents"
    if [ -f "${logdir}/output.1/accents" ]; then
        cp "${logdir}/output.1/accents" "${dir}/accents"
    fi
}

need_model() {
    need_weights "${asr_exp}" "${inference_asr_model}" inference_asr_model 11
}

need_weights() { # need_weights <experiment> <weights> <option> <stage that makes them>
    need_experiment "$1" config.yaml "$4"
    if [ ! -s "$1/$2" ]; then
        local found
        found=$(cd "$1" && find . -name 'valid*.ave.pth' | sed 's|^\./||' | sort | paste -s -d ' ' -)
        die "$1/$2 does not exist. Choose with --$3 from: ${found:-nothing yet, run stage $4}." \
            "Averages are made for each best_model_criterion of the training."
    fi
}

check_complete() { # check_complete <result> <table with all keys>
    local missing
    missing=$(join -v 1 <(cut -d ' ' -f 1 "$2") <(cut -d ' ' -f 1 "$1") | head -n 3 | paste -s -d ' ' -)
    if [ -n "${missing}" ] || [ "$(count_lines "$1")" -ne "$(count_lines "$2")" ]; then
        die "$1 does not have exactly one line for each utterance of $2" \
            "${missing:+(missing: ${missing} ...)}. Run the decoding again."
    fi
}

stage_13() {
    local sets dset
    sets=$(eval_sets)
    log "Stage 13: Scoring: ${asr_exp}/${inference_tag}, sets: ${sets}"
    for dset in ${sets}; do
        # Written last: without it, the decoding was stopped, and other text may be there.
        need_experiment "${asr_exp}" "${inference_tag}/${dset}/stamp.json" 12
        score "$(eval_data "${dset}")" "${dset}"
    done
    # [Task dependent] A recipe may add scores of its own.
    if [ -f local/score.sh ]; then
        local/score.sh ${local_score_opts} "${asr_exp}"
    fi
    write_results
}

score() { # score <data directory> <set>
    local opts=(--token_type "${token_type}" "${scoring_opts[@]}")
    if [ "${bpemodel}" != none ]; then
        opts+=(--bpemodel "${bpemodel}")
    fi
    if [ -s "${asr_exp}/${inference_asr_model}" ]; then  # may be gone: only scores are needed
        opts+=(--asr_model_file "${asr_exp}/${inference_asr_model}")
    fi
    ${python} -m espnet_mtl.bin.asr_mtl_score decoding \
        --ref_dir "$1" --hyp_dir "${asr_exp}/${inference_tag}/$2" "${opts[@]}" \
        --system "${system_name}" --decoder "${inference_tag}" --set_name "$2" ${score_opts}
}

# The tables of all decodings of this experiment
write_results() {
    ${python} -m espnet_mtl.bin.asr_mtl_score show "${asr_exp}" > "${asr_exp}/.RESULTS.md"
    mv "${asr_exp}/.RESULTS.md" "${asr_exp}/RESULTS.md"
    cat "${asr_exp}/RESULTS.md"
}

# Results stay out of the zip: they change with every scoring, and to the attack a zip with
# other bytes is another model.
stage_14() {
    log "Stage 14: Pack model: ${packed_model}"
    need_model
    find_language_models
    ${python} -m espnet_mtl.bin.asr_mtl_pack \
        --asr_train_config "${asr_exp}/config.yaml" \
        --asr_model_file "${asr_exp}/${inference_asr_model}" \
        ${lm_files[@]+"${lm_files[@]}"} \
        --outpath "${packed_model}"
}

# The zip may be out of date: packed with another language model, or before the weights were
# last trained or averaged. Stage 15 decodes with the models in the zip, stage 16 with those
# that the options name, so they have to be the same.
check_packed_model() { # check_packed_model [more options of check_package]
    need_model
    need_file "${packed_model}" 14
    find_language_models
    ${python} -m espnet_mtl.bin.check_package "${packed_model}" \
        --asr_train_config "${asr_exp}/config.yaml" \
        --asr_model_file "${asr_exp}/${inference_asr_model}" \
        ${lm_files[@]+"${lm_files[@]}"} "$@"
}
