#!/usr/bin/env bats
# Language models and the upload in asr_mtl.sh, with stand-ins for all Python commands.
#
# shellcheck disable=SC2154  # root is set by make_recipe.sh

load make_recipe.sh

setup_file() {
    make_recipe "${BATS_FILE_TMPDIR}"
    fake_kenlm
    : > conf/lm.yaml
    asr_mtl --lang en --nbpe 20 --use_lm true --use_ngram true --lm_config conf/lm.yaml \
        --lm_args "--max_epoch 2" --inference_args "--lm_weight 0.3" --ngram_num 2 \
        > "${root}/output" || {
        cat "${root}/output" >&2
        return 1
    }
}

setup() {
    make_recipe "${BATS_TEST_TMPDIR}"
}

# KenLM's programs, which write what they read.
fake_kenlm() {
    printf '#!/usr/bin/env bash\ncat > "${@: -1}"\n' > "${root}/bin/lmplz"
    printf '#!/usr/bin/env bash\ncp "${@: -2}"\n' > "${root}/bin/build_binary"
    chmod +x "${root}/bin/lmplz" "${root}/bin/build_binary"
}

look_at_the_whole_run() {
    cd "${BATS_FILE_TMPDIR}/egs2/toy/asr_mtl1" || return
    CALLS=${BATS_FILE_TMPDIR}/calls
    output=$(cat "${BATS_FILE_TMPDIR}/output")
    lm=exp/lm_lm_en_bpe20_max_epoch2
    ngram=exp/ngram_en_bpe20/2gram.bin
}

@test "stages 6 to 9 run where they are asked for, and the perplexity is told" {
    look_at_the_whole_run
    stages=$(grep -o ') Stage [0-9]*:' <<< "${output}" | grep -o '[0-9]*' | paste -s -d ' ')
    [ "${stages}" = "1 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18" ]
    [[ "${output}" == *"PPL: dump/raw/test/text: 7.5"* ]]
}

@test "names of language models are ESPnet's" {
    look_at_the_whole_run
    [ "$(cat dump/raw/lm_train.txt)" = "$(cat dump/raw/train/text)" ]
    [ "$(head -n 1 exp/lm_stats_en_bpe20/train/text_shape.bpe)" = "train-1 7,5" ]
    [ -x "exp/lm_stats_en_bpe20/run.sh" ] && [ -x "${lm}/run.sh" ]
    [ -f "${lm}/perplexity_test/ppl" ]
    tag=inference_lm_weight0.3_lm_$(basename "${lm}")_valid.loss.ave
    tag+=_ngram_ngram_en_bpe20_2gram_asr_model_valid.acc.ave
    [ -f "exp/asr_mtl_train_raw_en_bpe20/${tag}/test/text" ]
}

@test "n-grams are of tokens, and end as the recogniser's sentences do" {
    look_at_the_whole_run
    [ "$(head -n 1 "${ngram}")" = "x <sos/eos>" ]
    [ -f exp/ngram_en_bpe20/2gram.arpa ]
    [ ! -e exp/ngram_en_bpe20/2gram.unfinished ]
    [ "$(called 'tokenize_text --field 2- .*--token_type bpe --bpemodel data/en_token_list/bpe_unigram20/bpe.model')" -eq 1 ]
}

@test "the language model has the recogniser's tokens and the options meant for it" {
    look_at_the_whole_run
    [ "$(called '^lm_train .*--token_list data/en_token_list/bpe_unigram20/tokens.txt .*--config conf/lm.yaml .*--max_epoch 2')" -eq 3 ]
    [ "$(called '^lm_train .*--collect_stats true')" -eq 2 ]
    [ "$(called '^lm_train .*--fold_length 150 --resume true --output_dir exp/lm_')" -eq 1 ]
    [ "$(called '^asr_mtl_train .*--max_epoch')" -eq 0 ]
}

@test "decoding, the attacked audio's too, and packing take the same models" {
    look_at_the_whole_run
    files="--lm_train_config ${lm}/config.yaml --lm_file ${lm}/valid.loss.ave.pth --ngram_file ${ngram}"
    [ "$(called "^asr_mtl_inference .*--inference_args=--lm_weight 0.3 ${files}")" -eq 4 ]
    [ "$(called "^asr_mtl_pack .*${files}")" -eq 1 ]
    # The attack's decoder may read the n-grams in the zip: it was compared with them.
    [ "$(called "^check_package .*${files}")" -ge 1 ]
    [ "$(called '^asr_mtl_attack .*--trust_model_zip')" -eq "$(called '^asr_mtl_attack')" ]
}

@test "without --use_lm, nothing of a language model runs or is decoded with" {
    run asr_mtl --lm_config conf/train.yaml --lm_args "--max_epoch 2"
    [ "${status}" -eq 0 ]
    [ "$(called '^lm_')" -eq 0 ]
    [ "$(called 'lm_file')" -eq 0 ]
}

@test "speed perturbation leaves each sentence of the language model once" {
    run asr_mtl --use_lm true --speed_perturb_factors "0.9 1.0" --stop_stage 4
    [ "${status}" -eq 0 ]
    [ "$(called '^lm_text --output dump/raw/lm_train.txt data/train/text$')" -eq 1 ]
}

@test "texts of its own, and in parts" {
    echo "a x" > a.txt
    echo "b y" > b.txt
    run asr_mtl --use_lm true --lm_train_text "a.txt b.txt" --num_splits_lm 2 --stop_stage 7
    [ "${status}" -eq 0 ]
    [ "$(wc -l < dump/raw/lm_train.txt)" -eq 2 ]
    parts=exp/lm_stats_bpe30/splits2
    [ "$(called "^lm_train .*--multiple_iterator true .*${parts}/lm_train.txt,text,text --train_shape_file ${parts}/text_shape.bpe")" -eq 1 ]
    asr_mtl --use_lm true --lm_train_text "a.txt b.txt" --num_splits_lm 2 --stage 7 --stop_stage 7
    [ "$(called '^split_scps')" -eq 1 ]  # they are there
}

@test "a text that was made of other sources is made again, with its statistics" {
    asr_mtl --use_lm true --stop_stage 7 > /dev/null
    echo "a other" > a.txt
    run asr_mtl --use_lm true --lm_train_text a.txt --stage 7 --stop_stage 7
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"exp/lm_stats_bpe30 has the statistics of other data (text: 3 -> 1 lines)"*"run stage 6 again"* ]]
    rm exp/lm_train_bpe30/*.pth
    run asr_mtl --use_lm true --lm_train_text a.txt --stage 6 --stop_stage 7
    [ "${status}" -eq 0 ]
    [ "$(cat dump/raw/lm_train.txt)" = "a other" ]
    # The corpus changed while no language model was asked for.
    sed -i 's/x/y/' dump/raw/train/text
    asr_mtl --use_lm true --stage 6 --stop_stage 6 > /dev/null
    [ "$(head -n 1 dump/raw/lm_train.txt)" = "train-1 y" ]
}

@test "a text whose sources are not there is used as it is" {
    asr_mtl --use_lm true --stop_stage 5 > /dev/null
    rm dump/raw/train/text
    run asr_mtl --use_lm true --stage 6 --stop_stage 7
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"lm_train.txt is used as it is: it cannot be made again without dump/raw/train/text"* ]]
    [ "$(called '^lm_text')" -eq 1 ]
}

@test "a language model does not go on with another text" {
    asr_mtl --use_lm true --stop_stage 7 > /dev/null
    touch exp/lm_train_bpe30/checkpoint.pth
    run asr_mtl --use_lm true --stage 6 --stop_stage 7
    [ "${status}" -eq 0 ]  # nothing has changed
    echo "a other" > a.txt
    run asr_mtl --use_lm true --lm_train_text a.txt --stage 6 --stop_stage 7
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"exp/lm_train_bpe30 was trained on other data (text: 3 -> 1 lines)"*"another --lm_tag or --expdir, or remove exp/lm_train_bpe30"* ]]
    run asr_mtl --use_lm true --lm_train_text a.txt --lm_tag other --stage 7 --stop_stage 7
    [ "${status}" -eq 0 ]
    rm exp/lm_train_bpe30/*.pth  # nothing was learned yet
    run asr_mtl --use_lm true --lm_train_text a.txt --stage 7 --stop_stage 7
    [ "${status}" -eq 0 ]
}

@test "a language model can be asked for later" {
    asr_mtl --stop_stage 5 > /dev/null
    [ ! -e dump/raw/lm_train.txt ]
    run asr_mtl --use_lm true --stage 6 --stop_stage 8
    [ "${status}" -eq 0 ]
    [ -s dump/raw/lm_train.txt ]
    cd "${root}"
    run "${recipe}/exp/lm_train_bpe30/run.sh" --stop_stage 7
    [ "${status}" -eq 0 ]
    [ "$(called '^lm_train .*--resume true')" -eq 2 ]
}

@test "stages that options leave out are an error only if nothing else is asked for" {
    run asr_mtl --stage 6 --stop_stage 6
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"There is nothing to run"*": --use_lm false leaves out 6." ]]
    run asr_mtl --stage 8 --stop_stage 9
    [[ "${output}" == *": --use_lm false leaves out 8, --use_ngram false leaves out 9." ]]
    run asr_mtl --stage 19 --stop_stage 19
    [[ "${output}" == *": --skip_upload_hf true leaves out 19." ]]
    run asr_mtl --stage 6 --stop_stage 8 --use_lm true --skip_train true
    [ "${status}" -eq 2 ]
    [[ "${output}" == *": --skip_train true leaves out 6 7 8." ]]
    run asr_mtl --stage 6 --stop_stage 8 --use_lm true --skip_stages "5 6  8 7"
    [[ "${output}" == *": --skip_stages \"5 6  8 7\" leaves out 6 8 7." ]]
    [ ! -s "${CALLS}" ]
    run asr_mtl --stage 2 --stop_stage 2
    [ "${status}" -eq 0 ]
}

@test "what n-grams need is asked for before anything runs" {
    run asr_mtl --use_ngram true
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"KenLM's lmplz is not on the path"* ]]
    fake_kenlm
    FAKE_LACKS=kenlm run asr_mtl --use_ngram true
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"pip install kenlm"* ]]
    [ ! -s "${CALLS}" ]
    FAKE_LACKS=kenlm run asr_mtl --use_ngram true --stop_stage 9
    [ "${status}" -eq 0 ]
}

@test "n-grams that KenLM cannot count stop the run with its last words" {
    fake_kenlm
    printf '#!/usr/bin/env bash\necho "too few words" >&2\nexit 1\n' > "${root}/bin/lmplz"
    run asr_mtl --use_ngram true --stop_stage 9
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"too few words"*"could not make the n-grams"* ]]
    [ ! -e exp/ngram_bpe30/3gram.bin ]
}

@test "a language model without weight causes one warning" {
    echo "lm_weight: 0.0  # none" > conf/decode.yaml
    run asr_mtl --use_lm true --inference_config conf/decode.yaml --skip_attack true
    [ "${status}" -eq 0 ]
    [ "$(grep -c "The language model is not used, because lm_weight is 0.0" <<< "${output}")" -eq 1 ]
    run asr_mtl --use_lm true --inference_config conf/decode.yaml --stage 12 --stop_stage 12 \
        --inference_args "--lm_weight=0.3"
    [ "${status}" -eq 0 ]
    [[ "${output}" != *"is not used"* ]]
}

@test "word language models are refused, as by ESPnet" {
    run asr_mtl --use_lm true --use_word_lm true
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--token_type word"* ]]
    [ ! -s "${CALLS}" ]
}

@test "missing weights of a language model name the stage and what there is" {
    asr_mtl --use_lm true --stop_stage 11 > /dev/null
    run asr_mtl --use_lm true --stage 12 --inference_lm latest.pth
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"latest.pth does not exist. Choose with --inference_lm from: valid.loss.ave.pth"* ]]
    run asr_mtl --use_lm true --lm_tag other --stage 12
    [[ "${output}" == *"exp/lm_other/config.yaml does not exist or is empty: run stage 7 first"* ]]
}

@test "the attack and the upload take the packed model only if it is the one at hand" {
    asr_mtl --use_lm true --stop_stage 14 > /dev/null
    exp=exp/asr_mtl_train_raw_bpe30
    files="--asr_train_config ${exp}/config.yaml --asr_model_file ${exp}/valid.acc.ave.pth"
    files+=" --lm_train_config exp/lm_train_bpe30/config.yaml --lm_file exp/lm_train_bpe30/valid.loss.ave.pth"
    for n in 15 19; do
        : > "${CALLS}"
        FAKE_FAILS=check_package run asr_mtl --use_lm true --stage "${n}" --stop_stage "${n}" \
            --skip_upload_hf false --hf_repo ann/ears
        [ "${status}" -ne 0 ]
        [ "$(called "^check_package ${exp}/asr_mtl_train_raw_bpe30_valid.acc.ave.zip ${files}$")" -eq 1 ]
        [ "$(called asr_mtl_attack)" -eq 0 ]
        [ "$(called asr_mtl_upload)" -eq 0 ]
    done
}

@test "missing language models are reported before anything runs" {
    fake_kenlm
    asr_mtl --stop_stage 11 > /dev/null
    : > "${CALLS}"
    run asr_mtl --use_lm true --skip_train true
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"exp/lm_train_bpe30/config.yaml does not exist or is empty: run stage 7 first"* ]]
    run asr_mtl --use_ngram true --skip_train true
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"exp/ngram_bpe30/3gram.bin does not exist or is empty: run stage 9 first"* ]]
    [ ! -s "${CALLS}" ]
    run asr_mtl --use_lm true --skip_train true --stop_stage 3
    [ "${status}" -eq 0 ]
}

@test "without test sets, the perplexity is that of the text to validate on" {
    ./asr_mtl.sh --python "${root}/bin/python3" --ngpu 0 --nj 2 --train_set train \
        --valid_set valid --use_lm true --skip_eval true --skip_attack true > said 2>&1
    grep -q "PPL: dump/raw/valid/text: 7.5" said
    grep -q "Successfully finished." said
}

@test "missing texts are reported with the options that name them" {
    run asr_mtl --use_lm true --lm_dev_text nothere --stop_stage 6
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--lm_dev_text nothere does not exist or is empty"* ]]
    run asr_mtl --use_lm true --lm_test_text nothere --stage 6 --stop_stage 8
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--lm_test_text nothere does not exist or is empty"* ]]
}

@test "weights to start from have to be there, and several are passed on" {
    run asr_mtl --pretrained_model "none.zip:encoder:encoder"
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--pretrained_model: none.zip does not exist"* ]]
    [ ! -s "${CALLS}" ]
    touch a.pth b.zip
    run asr_mtl --pretrained_model "a.pth:encoder:encoder b.zip" --stop_stage 11
    [ "${status}" -eq 0 ]
    [ "$(called '^asr_mtl_train .*--init_param a.pth:encoder:encoder b.zip ')" -eq 1 ]
    [[ "${output}" == *"no config.yaml beside a.pth, so its tokens cannot be compared"* ]]
    [[ "${output}" != *"beside b.zip"* ]]
    touch config.yaml
    run asr_mtl --pretrained_model a.pth --asr_tag second --stage 11 --stop_stage 11
    [[ "${output}" != *"Warning: --pretrained_model"* ]]
}

@test "the upload lists its files unless it is meant" {
    asr_mtl --stop_stage 14 > /dev/null
    upload="--stage 19 --skip_upload_hf false"
    run asr_mtl ${upload} --hf_repo ann
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--hf_repo takes <user>/<name>"* ]]
    FAKE_LACKS=huggingface_hub run asr_mtl ${upload} --hf_repo ann/ears --upload_dry_run false
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"pip install huggingface_hub"* ]]
    [ "$(called asr_mtl_upload)" -eq 0 ]
    FAKE_LACKS=huggingface_hub run asr_mtl ${upload} --hf_repo ann/ears
    [ "${status}" -eq 0 ]
    [ "$(called '^asr_mtl_upload .*--repo ann/ears .*--output_dir exp/asr_mtl_train_raw_bpe30/hf_ears --dry_run$')" -eq 1 ]
    run asr_mtl ${upload} --hf_repo ann/ears --upload_dry_run false
    [ "${status}" -eq 0 ]
    [ "$(called '^asr_mtl_upload .*--output_dir exp/asr_mtl_train_raw_bpe30/hf_ears$')" -eq 1 ]
    # What Hugging Face would refuse is looked at first; directories keep their language.
    [ "$(called '^check_card --lang .* --license cc-by-4.0 ')" -eq 3 ]
    run asr_mtl ${upload} --hf_repo ann/ears --hf_lang ja --hf_license other \
        --hf_license_name mine
    [ "$(called '^check_card --lang ja --license other --license_name mine ')" -eq 1 ]
    [ "$(called '^asr_mtl_upload .*--lang ja --license other --license_name mine ')" -eq 1 ]
    run asr_mtl ${upload} --hf_repo ann/ears --inference_args "--beam_size 5"
    [ "${status}" -eq 0 ]
    [ "$(called '^asr_mtl_upload .*--inference_args=--beam_size 5')" -eq 1 ]
}
