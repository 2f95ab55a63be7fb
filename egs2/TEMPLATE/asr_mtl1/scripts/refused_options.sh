#!/usr/bin/env bash
# Options of ESPnet's asr.sh that asr_mtl.sh does not have. Sourced by asr_mtl.sh.
#
# shellcheck disable=SC2154  # die is in common.sh
#
# Each line: name | the value of asr.sh, which is accepted | why, and what to do instead.

refused_options='asr_task                        | asr       | a transducer has no CTC branch, which the attack needs
auxiliary_data_tags             |           | the second task is the accent: write utt2accent
blank                           | <blank>   | ESPnet finds this symbol by its name when it trains and decodes
debug                           | false     | the command stands at the top of its log: run it by hand
download_model                  |           | unpack a model and give its weights to --pretrained_model, or its zip to asr_mtl_inference
g2p                             | none      | it makes phonemes (--token_type phn), which ESPnet cannot score
hugging_face_model_name_or_path |           | tokens are --token_type bpe, char or word
k2_config                       | ./conf/decode_asr_transformer_with_k2.yaml | see use_k2
k2_ctc_decoding                 | true      | see use_k2
multi_columns_input_wav_scp     | false     | models have one microphone: give one file for each recording
multi_columns_output_wav_scp    | false     | models have one microphone
nll_batch_size                  | 100       | see use_k2
num_inf                         |           | there is one speaker in each utterance
num_paths                       | 1000      | see use_k2
num_ref                         | 1         | there is one speaker in each utterance
num_splits_asr                  | 1         | training does not read a whole set into memory; leave it out
oov                             | <unk>     | ESPnet finds this symbol by its name when it trains and decodes
post_process_local_data_opts    |           | do it in local/data.sh, which stage 1 runs
skip_upload                     | true      | ESPnet has replaced it by --skip_packing and --skip_upload_hf
sos_eos                         | <sos/eos> | ESPnet finds this symbol by its name when it trains and decodes
sot_asr                         | false     | there is one speaker in each utterance
use_k2                          | false     | decoding is the beam search that --inference_config describes
use_lang_prompt                 | false     | prompts belong to models such as Whisper
use_lightning                   | false     | training is by the trainer of ESPnet 2
use_maskctc                     | false     | decoding is the beam search that --inference_config describes
use_nbest_rescoring             | true      | see use_k2
use_nlp_prompt                  | false     | prompts belong to models such as Whisper
use_prompt                      | false     | prompts belong to models such as Whisper
use_streaming                   | false     | decoding is of whole utterances
word_vocab_size                 | 10000     | it is for --use_word_lm, which ESPnet does not support: choose --token_type word'

# Let the options be given as ESPnet has them; see check_refused_options.
accept_refused_options() {
    local name value _
    while IFS='|' read -r name value _; do
        printf -v "${name// /}" '%s' "${value//[[:space:]]/}"
    done <<< "${refused_options}"
}

check_refused_options() {
    local name value reason
    while IFS='|' read -r name value reason; do
        name=${name// /}
        if [ "${!name}" != "${value//[[:space:]]/}" ]; then
            die "--${name} ${!name} is an option of ESPnet's asr.sh that this recipe does" \
                "not have: ${reason# }."
        fi
    done <<< "${refused_options}"
}
