#!/usr/bin/env bash
# Stage 19: the packed model as a repository of Hugging Face. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2154  # variables are shared with asr_mtl.sh

stage_19() {
    log "Stage 19: Upload model: ${packed_model} -> ${hf_repo}"
    check_packed_model
    local opts=()
    if "${upload_dry_run}"; then
        opts+=(--dry_run)
    fi
    ${python} -m espnet_mtl.bin.asr_mtl_upload \
        --model_zip "${packed_model}" \
        --exp "${asr_exp}" \
        --repo "${hf_repo}" \
        "${card_opts[@]}" \
        --output_dir "${asr_exp}/hf_${hf_repo##*/}" \
        ${opts[@]+"${opts[@]}"} ${decoding_opts[@]+"${decoding_opts[@]}"}
}
