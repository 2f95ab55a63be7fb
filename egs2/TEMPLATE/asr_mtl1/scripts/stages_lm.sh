#!/usr/bin/env bash
# Stages 6 to 9: language models, of ESPnet and of KenLM. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2034,SC2154  # variables are shared with asr_mtl.sh

# The text of the training set, and more where lm_train_text says so. Part of stage 4.
make_lm_text() {
    # shellcheck disable=SC2086  # several files in one string are split on purpose
    ${python} -m espnet_mtl.bin.lm_text --output "${lm_text}" ${lm_train_text}
}

# The text is made again wherever its sources are there: the corpus, or lm_train_text, may
# be another than when it was made. It stays as it is where nothing has changed, and where
# the formatted data were made elsewhere.
need_lm_text() {
    local source missing=
    for source in ${lm_train_text}; do
        if [ ! -f "${source}" ]; then
            missing+=${missing:+, }${source}
        fi
    done
    if [ -z "${missing}" ] || [ ! -s "${lm_text}" ]; then
        make_lm_text
    else
        log "${lm_text} is used as it is: it cannot be made again without ${missing}."
    fi
    need_text lm_dev_text "${lm_dev_text}" 4
    need_token_list
}

# Options that statistics and training share, into the array lm_opts. The tokens are the
# recogniser's.
make_lm_opts() {
    lm_opts=(
        --use_preprocessor true
        --token_list "${token_list}"
        "${token_opts[@]}"
        --valid_data_path_and_name_and_type "${lm_dev_text},text,text"
    )
    if [ -n "${lm_config}" ]; then
        lm_opts+=(--config "${lm_config}")
    fi
}

stage_6() {
    log "Stage 6: LM collect stats: train_set=${lm_text}, dev_set=${lm_dev_text}"
    need_lm_text
    make_lm_opts
    write_resume_script "${lm_stats_dir}" 6
    collect_stats LM "${lm_stats_dir}" "${lm_text}" "${lm_dev_text}" \
        ${python} -m espnet_mtl.bin.lm_train \
            "${lm_opts[@]}" \
            --train_data_path_and_name_and_type "${lm_text},text,text" \
            ${lm_args}
    compare_lm_data statistics
}

# A language model and its statistics belong to the text and the tokens that they were
# made of.
compare_lm_data() { # compare_lm_data statistics|training|use
    ${python} -m espnet_mtl.bin.trained_on "$1" --token_list "${token_list}" \
        --lm_text "${lm_text}" --stats_dir "${lm_stats_dir}" --exp "${lm_exp}"
}

stage_7() {
    log "Stage 7: LM Training: train_set=${lm_text}, dev_set=${lm_dev_text}"
    local text=${lm_text} shape=${lm_stats_dir}/train/text_shape.${token_type}
    need_lm_text
    need_file "${shape}" 6
    compare_lm_data training
    make_lm_opts
    if [ "${num_splits_lm}" -gt 1 ]; then
        split_lm_text "${text}" "${shape}"
        text=${lm_stats_dir}/splits${num_splits_lm}/$(basename "${text}")
        shape=${lm_stats_dir}/splits${num_splits_lm}/$(basename "${shape}")
        lm_opts+=(--multiple_iterator true)
    fi
    write_resume_script "${lm_exp}" 7
    train_model LM "${lm_exp}" \
        ${python} -m espnet_mtl.bin.lm_train \
            "${lm_opts[@]}" \
            --train_data_path_and_name_and_type "${text},text,text" \
            --train_shape_file "${shape}" \
            --valid_shape_file "${lm_stats_dir}/valid/text_shape.${token_type}" \
            --fold_length "${lm_fold_length}" \
            --resume true \
            --output_dir "${lm_exp}" \
            ${lm_args}
}

# Parts of a text that does not fit into the memory, made once.
split_lm_text() { # split_lm_text <text> <its lengths>
    local dir=${lm_stats_dir}/splits${num_splits_lm}
    if ${python} -m espnet_mtl.bin.stamp check "${dir}" "$@"; then
        return
    fi
    rm -rf "${dir}"
    ${python} -m espnet2.bin.split_scps \
        --scps "$@" --num_splits "${num_splits_lm}" --output_dir "${dir}"
    ${python} -m espnet_mtl.bin.stamp write "${dir}" "$@"
}

stage_8() {
    log "Stage 8: Calc perplexity: ${lm_test_text}"
    local dir=${lm_exp}/perplexity_test device=0
    need_text lm_test_text "${lm_test_text}" 3
    need_lm
    if [ "${ngpu}" -gt 0 ]; then
        device=1
    fi
    log "Perplexity calculation started... log: '${dir}/lm_calc_perplexity.log'"
    ${cuda_cmd} --gpu "${device}" "${dir}/lm_calc_perplexity.log" \
        ${python} -m espnet_mtl.bin.lm_calc_perplexity \
            --ngpu "${device}" \
            --data_path_and_name_and_type "${lm_test_text},text,text" \
            --train_config "${lm_exp}/config.yaml" \
            --model_file "${lm_exp}/${inference_lm}" \
            --output_dir "${dir}"
    log "PPL: ${lm_test_text}: $(cat "${dir}/ppl")"
}

stage_9() {
    log "Stage 9: Ngram Training: train_set=${lm_text}"
    local model=${ngram_exp}/${ngram_num}gram
    need_lm_text
    write_resume_script "${ngram_exp}" 9
    log "Ngram training started... log: '${ngram_exp}/ngram.log'"
    if ! count_ngrams "${model}" 2> "${ngram_exp}/ngram.log"; then
        tail -n 20 "${ngram_exp}/ngram.log" >&2
        die "KenLM could not make the n-grams; the end of its log is above."
    fi
}

# Tokens, not words, since ESPnet asks for the next token while it decodes; and the end of
# a sentence is a token as well.
count_ngrams() { # count_ngrams <model>
    ${python} -m espnet_mtl.bin.tokenize_text \
            --field 2- --input "${lm_text}" --output - "${token_opts[@]}" \
        | awk -v end="$(tail -n 1 "${token_list}")" '{ print $0, end }' \
        | lmplz -S 20% -T "${ngram_exp}/" --discount_fallback --skip_symbols \
            -o "${ngram_num}" --arpa "$1.unfinished" \
        && mv "$1.unfinished" "$1.arpa" \
        && build_binary -s "$1.arpa" "$1.unfinished" \
        && mv "$1.unfinished" "$1.bin"
}

need_lm() {
    need_weights "${lm_exp}" "${inference_lm}" inference_lm 7
}

# Files of the language models to decode and to pack with, as options of both commands,
# into the array lm_files.
find_language_models() {
    lm_files=()
    if "${use_lm}"; then
        need_lm
        lm_files+=(--lm_train_config "${lm_exp}/config.yaml" --lm_file "${lm_exp}/${inference_lm}")
    fi
    if "${use_ngram}"; then
        need_file "${ngram_exp}/${inference_ngram}" 9
        lm_files+=(--ngram_file "${ngram_exp}/${inference_ngram}")
    fi
}
