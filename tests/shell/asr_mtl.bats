#!/usr/bin/env bats
# The stages and options of asr_mtl.sh, with stand-ins for all Python commands.
#
# shellcheck disable=SC2154  # root, recipe and template are set by make_recipe.sh

load make_recipe.sh

# One run of everything, which several tests look at.
setup_file() {
    make_recipe "${BATS_FILE_TMPDIR}"
    asr_mtl --lang en --asr_config conf/train.yaml --asr_args "--optim_conf lr=0.1" \
        --inference_args "--beam_size 2" --attack_args "steps=2 budgets=[0.1,0.2]" \
        --attack_nj 2 --num_attack_utts 2 --asr_corpus_args "--batch_bins 10" \
        --local_data_opts "--num_test 3" --fs 8k > "${root}/output" || {
        cat "${root}/output" >&2
        return 1
    }
}

setup() {
    make_recipe "${BATS_TEST_TMPDIR}"
}

look_at_the_whole_run() {
    cd "${BATS_FILE_TMPDIR}/egs2/toy/asr_mtl1" || return
    CALLS=${BATS_FILE_TMPDIR}/calls
    output=$(cat "${BATS_FILE_TMPDIR}/output")
    exp=exp/asr_mtl_train_raw_en_bpe30_optim_conflr0.1
    tag=inference_beam_size2_asr_model_valid.acc.ave
    attack=attack_pgd_steps2budgets0.1-0.2
}

@test "all stages run in order, once" {
    look_at_the_whole_run
    stages=$(grep -o ') Stage [0-9]*:' <<< "${output}" | grep -o '[0-9]*' | paste -s -d ' ')
    [ "${stages}" = "1 3 4 5 10 11 12 13 14 15 16 17 18" ]
    [[ "${output}" == *"Skipped stages: 2 6 7 8 9 19"* ]]
    [[ "${output}" == *"Successfully finished."* ]]
}

@test "directories and names are ESPnet's" {
    look_at_the_whole_run
    [ -f data/en_token_list/bpe_unigram30/tokens.txt ]
    [ -f data/en_accent_list/accents.txt ]
    [ -f dump/raw/org/train/wav.scp ]
    [ -f dump/raw/train/wav.scp ]
    [ ! -e dump/raw/org/test ]
    [ "$(head -n 1 exp/asr_mtl_stats_raw_en_bpe30/train/text_shape.bpe)" = "train-1 7,5" ]
    [ "$(wc -l < "${exp}/${tag}/test/accent_score")" -eq 3 ]
    [ -f "${exp}/${tag}/test/accents" ]
    [ -f "${exp}/${exp#exp/}_valid.acc.ave.zip" ]
    [ -f "${exp}/${attack}/test/wav.scp" ]
    [ -f "${exp}/${tag}_${attack}/test/text" ]
    [ -f "${exp}/RESULTS.md" ]
    [ -x "${exp}/run.sh" ]
}

@test "options reach the commands they are meant for" {
    look_at_the_whole_run
    [ "$(called '^data.sh --num_test 3$')" -eq 1 ]
    [ "$(called 'asr_mtl_train.*--frontend_conf fs=8000.*--batch_bins 10 --optim_conf lr=0.1')" -eq 3 ]
    [ "$(called 'asr_mtl_train.*dump/raw/train/utt2accent,accent,text')" -eq 3 ]
    [ "$(called 'asr_mtl_attack.*steps=2 budgets=\[0.1,0.2\].*--num_utts 2.*--job [12]$')" -eq 2 ]
    [ "$(called 'asr_mtl_attack.*--merge')" -eq 1 ]
    [ "$(called '^choose_targets')" -eq 1 ]
    seen="--system ${exp#exp/asr_mtl_} --asr_train_config ${exp}/config.yaml"
    seen+=" --decoder ${tag} --attack_tag ${attack} --set_name test"
    [ "$(called "asr_mtl_score attack .*${seen}")" -eq 1 ]
    [ "$(called "asr_mtl_score decoding .*--decoder ${tag} --set_name test")" -eq 1 ]
}

@test "the attack's jobs and its merge get the same decoder and sources" {
    asr_mtl --stop_stage 14 > /dev/null
    echo "beam_size: 2" > conf/decode.yaml
    echo a > a.zip
    echo b > b.zip
    run asr_mtl --stage 15 --stop_stage 15 --inference_config conf/decode.yaml \
        --inference_args "--penalty -0.5" --attack_source_zips "a.zip b.zip" \
        --attack_args "steps=2" --num_attack_utts 2 --attack_nj 2
    [ "${status}" -eq 0 ]
    grep '^asr_mtl_attack' "${CALLS}" > attacks
    [ "$(wc -l < attacks)" -eq 4 ]
    # Also values that begin with dashes; and no option swallows the next one.
    [ "$(grep -c -e '--inference_config conf/decode.yaml --inference_args=--penalty -0.5 --source_zips a.zip b.zip --num_utts 2' attacks)" -eq 4 ]
    # What is fitted, is fitted on the validation set.
    [ "$(grep -c -e ' --valid_dir dump/raw/valid ' attacks)" -eq 4 ]
    # Or the merge would look for other results than the jobs have.
    run bash -c "sed -e 's/ --ngpu 0 --job [12]\$//' -e 's/ --merge\$//' -e 's/ --check\$//' attacks | sort -u | wc -l"
    [ "${output}" -eq 1 ]
}

@test "by default, the attack command gets no inference_config and no sources" {
    look_at_the_whole_run
    [ "$(called 'asr_mtl_attack.*--inference_args=--beam_size 2')" -eq 4 ]
    [ "$(called 'asr_mtl_attack.*--inference_config')" -eq 0 ]
    [ "$(called 'asr_mtl_attack.*--source_zips')" -eq 0 ]
}

@test "a missing source of transfer attacks is named before anything runs" {
    echo a > a.zip
    run asr_mtl --attack_source_zips "a.zip exp/none.zip"
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--attack_source_zips: exp/none.zip does not exist"* ]]
    [ ! -s "${CALLS}" ]
    run asr_mtl --attack_source_zips exp/none.zip --stop_stage 1
    [ "${status}" -eq 0 ]
    run asr_mtl --attack_source_zips exp/none.zip --stop_stage 1000 --skip_attack true
    [ "${status}" -eq 0 ]
}

@test "each attack has a directory that says what it is" {
    asr_mtl --stop_stage 14 > /dev/null
    for name in attacks/cw attack_standard; do
        run asr_mtl --stage 15 --stop_stage 15 --attack_config "conf/${name}.yaml"
        [ "${status}" -eq 0 ]
    done
    run asr_mtl --stage 15 --stop_stage 15 --attack_config conf/attacks/cw.yaml --attack_tag own
    [ "${status}" -eq 0 ]
    for tag in attack_cw attack_standard own; do
        [ -f "exp/asr_mtl_train_raw_bpe30/${tag}/test/records.jsonl" ]
    done
}

@test "--stage and --stop_stage choose; a later command continues" {
    run asr_mtl --stop_stage 5
    [ "${status}" -eq 0 ]
    [ "$(called asr_mtl_train)" -eq 0 ]
    run asr_mtl --stage 10 --stop_stage 11
    [ "${status}" -eq 0 ]
    [ "$(called '^data.sh')" -eq 1 ]
    [ "$(called 'asr_mtl_train.*--robust none --collect_stats true')" -eq 2 ]
    [ "$(called 'asr_mtl_train.*--resume true')" -eq 1 ]
    [ "$(called 'asr_mtl_train.*--robust')" -eq 2 ]
}

@test "global_mvn is passed with its statistics, utterance_mvn is not" {
    run asr_mtl --stop_stage 10
    run asr_mtl --stage 11 --stop_stage 11
    [ "${status}" -eq 0 ]
    [ "$(called 'stats_file=exp/asr_mtl_stats_raw_bpe30/train/feats_stats.npz')" -eq 1 ]
    run asr_mtl --stage 11 --stop_stage 11 --feats_normalize utterance_mvn
    [ "${status}" -eq 0 ]
    [ "$(called 'stats_file=')" -eq 1 ]
}

@test "windows keep their length in time at another sampling rate" {
    cp "${template}/conf/train_asr_mtl.yaml" conf/own.yaml
    run asr_mtl --fs 8k --asr_config conf/own.yaml --asr_config_fs 16k \
        --asr_args "--frontend_conf n_fft=200" --stop_stage 10
    [ "${status}" -eq 0 ]
    scaled="--frontend_conf n_fft=256 --frontend_conf hop_length=80"
    [ "$(called "asr_mtl_train --.*fs=8000.* ${scaled} .*--frontend_conf n_fft=200")" -eq 2 ]
    run asr_mtl --fs 22.05k
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--fs takes a sampling rate such as 16k or 22050, not '22.05k'"* ]]
    run asr_mtl --asr_config_fs 16K
    [[ "${output}" == *"--asr_config_fs takes a sampling rate such as"*"not '16K'"* ]]
}

@test "several GPUs go through ESPnet's launcher" {
    run asr_mtl --stop_stage 10
    run asr_mtl --stage 11 --stop_stage 11 --ngpu 2 --feats_normalize utterance_mvn
    [ "${status}" -eq 0 ]
    [ "$(called '^launch --cmd utils/run.py .*--ngpu 2 .*-- .*asr_mtl_train')" -eq 1 ]
    # The launcher does not know the log by its name: it would rename one that is in use.
    [ "$(called 'utils/run.py --log exp/[^ ]*/train.log --log exp/[^ ]*/.launcher ')" -eq 1 ]
}

@test "GPUs are looked for before stage 1, where and when they will be used" {
    # As on a machine without one: what asr_mtl.sh does by default is --ngpu 1.
    FAKE_FAILS=check_gpus run asr_mtl --ngpu 1
    [ "${status}" -eq 2 ]
    [ "$(cat "${CALLS}")" = "check_gpus --ngpu 1" ]
    [[ "${output}" != *"Stage 1:"* ]]
    : > "${CALLS}"
    FAKE_FAILS=check_gpus run asr_mtl --gpu_inference true
    [ "${status}" -eq 2 ]
    [ "$(cat "${CALLS}")" = "check_gpus --gpu_inference" ]
    for options in "--ngpu 0" "--ngpu 1 --stop_stage 10" "--ngpu 1 --skip_train true --skip_attack true --stop_stage 5"; do
        # shellcheck disable=SC2086  # several words
        run asr_mtl ${options}
        [ "${status}" -eq 0 ]
    done
    # On a cluster they are on other machines.
    printf '#!/bin/sh\n' > "${root}/bin/sbatch"
    printf '#!/bin/sh\necho stage 1 was reached; exit 3\n' > local/data.sh
    chmod +x "${root}/bin/sbatch"
    PATH=${root}/bin:${PATH} cmd_backend=slurm run asr_mtl --ngpu 1
    [[ "${output}" == *"stage 1 was reached"* ]]
    [ "$(called '^check_gpus')" -eq 1 ]
}

@test "speed perturbation renames the training set from stage 2 on" {
    run asr_mtl --speed_perturb_factors "0.9 1.0" --stop_stage 5
    [ "${status}" -eq 0 ]
    [ "$(called "^perturb_data_dir_speed 0.9 1.0 data/train data/train_sp$")" -eq 1 ]
    [ -f dump/raw/train_sp/wav.scp ]
    [ ! -e dump/raw/train ]
}

@test "--datadir, --dumpdir and --expdir move everything" {
    run asr_mtl --datadir s/data --dumpdir s/dump --expdir s --stop_stage 11
    [ "${status}" -eq 0 ]
    [ "$(called '^data.sh --datadir s/data$')" -eq 1 ]
    [ -f s/data/accent_list/accents.txt ]
    [ ! -e data ] && [ ! -e dump ] && [ ! -e exp ]
}

@test "--packed_model says where the packed model is, for all that use it" {
    run asr_mtl --stop_stage 15 --packed_model mine.zip
    [ "${status}" -eq 0 ]
    [ -f mine.zip ]
    [ "$(called 'asr_mtl_attack.*--model_zip mine.zip')" -gt 0 ]
}

@test "--skip_attack and friends are short for stages" {
    asr_mtl --stop_stage 11 > /dev/null
    run asr_mtl --skip_data_prep true --skip_train true --skip_attack true --skip_eval true
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"Skipped stages: 1 2 3 4 5 6 7 8 9 10 11 12 13 15 16 17 18 19"* ]]
    [ "$(called asr_mtl_attack)" -eq 0 ]
    [ "$(called asr_mtl_pack)" -eq 1 ]
}

@test "the validation set among the test sets is decoded, from what stage 3 made" {
    run asr_mtl --test_sets "test valid test" --stop_stage 12
    [ "${status}" -eq 0 ]
    [ "$(called 'asr_mtl_inference.*dump/raw/org/valid/wav.scp,speech')" -eq 2 ]
    [ "$(called 'asr_mtl_inference.*dump/raw/test/wav.scp,speech')" -eq 2 ]
}

@test "what the text is made of reaches tokens, training and scoring alike" {
    echo "<cough>" > nlsyms
    echo "x some text" > books
    run asr_mtl --cleaner tacotron --hyp_cleaner jaconv --nlsyms_txt nlsyms --bpe_nlsyms "<a>,<b>" \
        --bpe_char_cover 0.99 --bpe_train_text "books books" --max_ctc_too_short 0.3
    [ "${status}" -eq 0 ]
    [ "$(called '^token_list .*--cleaner tacotron --nlsyms_txt nlsyms .*--bpe_nlsyms <a>,<b> --bpe_char_cover 0.99 .*--text books books')" -eq 1 ]
    training='--non_linguistic_symbols nlsyms --cleaner tacotron'
    [ "$(called "^asr_mtl_train .*${training}")" -eq 3 ]
    # Once, in stage 5, with the options of the training
    [ "$(called "^check_text .*--max_ctc_too_short 0.3 .* -- .*${training}")" -eq 1 ]
    scoring='--cleaner tacotron --hyp_cleaner jaconv --nlsyms_txt nlsyms'
    [ "$(called "^asr_mtl_score decoding .*${scoring}")" -eq 1 ]
    [ "$(called "^asr_mtl_score attack .*${scoring}")" -eq 1 ]
    run asr_mtl --stage 10 --stop_stage 10
    [ "$(called '^check_text')" -eq 2 ]
    [ "$(called '^choose_targets .*--cleaner tacotron')" -eq 1 ]
}

@test "bad values name the option" {
    run asr_mtl --nj many
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--nj takes a number, not 'many'"* ]]
    run asr_mtl --skip_stages "12 x"
    [[ "${output}" == *"--skip_stages takes numbers, such as \"12 13\", not '12 x'"* ]]
    run asr_mtl --token_type phn
    [[ "${output}" == *"--token_type takes one of: bpe char word"* ]]
    run asr_mtl --num_attack_utts 0
    [[ "${output}" == *"--num_attack_utts"* ]]
    run asr_mtl --asr_config conf/none.yaml
    [[ "${output}" == *"--asr_config conf/none.yaml does not exist"* ]]
    run asr_mtl --nlsyms_txt conf/none.txt
    [[ "${output}" == *"--nlsyms_txt conf/none.txt does not exist"* ]]
    run asr_mtl --bpe_nlsyms none.txt
    [[ "${output}" == *"--bpe_nlsyms none.txt does not exist"* ]]
    run asr_mtl --cleaner tacotrom
    [[ "${output}" == *"--cleaner takes one of: none tacotron"* ]]
    run asr_mtl --max_ctc_too_short 10
    [[ "${output}" == *"--max_ctc_too_short takes a share from 0 to 1"* ]]
    run asr_mtl --use_lmx true
    [[ "${output}" == *"unknown option --use_lmx; similar: --use_lm --use_ngram --use_word_lm ("* ]]
    run asr_mtl --use_streaming true
    [[ "${output}" == *"--use_streaming true is an option of ESPnet's asr.sh that this recipe does not have: decoding is of whole utterances"* ]]
    run asr_mtl --dumpdir "s/the dump"
    [[ "${output}" == *"dumpdir=s/the dump: a path with a blank; move or rename it"* ]]
    run asr_mtl --valid_set train
    [[ "${output}" == *"must be different sets"* ]]
    run asr_mtl --test_sets "test train"
    [[ "${output}" == *"contains the training set 'train'"* ]]
    run asr_mtl --score_opts "-s"
    [[ "${output}" == *"--score_opts -s tells A from a, which an attack does not"* ]]
    [ ! -s "${CALLS}" ]
}

@test "sets are required, unless what needs them is skipped" {
    run ./asr_mtl.sh --python "${root}/bin/python3"
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--train_set is required"* ]]
    run ./asr_mtl.sh --python "${root}/bin/python3" --skip_train true
    [[ "${output}" == *"--test_sets is required"* ]]
}

@test "positional arguments and unknown options are refused, --help lists all" {
    run ./asr_mtl.sh train
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"No positional arguments are required"* ]]
    run ./asr_mtl.sh --trainset train
    [ "${status}" -eq 1 ]
    run ./asr_mtl.sh --help
    [ "${status}" -eq 0 ]
    for option in stage accent_list attack_config inference_asr_model system_name test_sets; do
        [[ "${output}" == *"--${option} "* ]]
    done
    # Where a default is not ESPnet's, that is said.
    for option in skip_packing use_lm ngram_exp inference_ngram asr_exp asr_stats_dir \
            bpe_train_text lm_train_text lm_dev_text; do
        grep -q -e "--${option} .*(ESPnet" <<< "${output}"
    done
}

@test "a missing file names the stage that makes it" {
    run asr_mtl --stage 11
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"dump/raw/train/wav.scp does not exist or is empty: run stage 4 first"* ]]
    run asr_mtl --stop_stage 11
    [ "${status}" -eq 0 ]
    run asr_mtl --stage 12 --inference_asr_model valid.loss.ave.pth
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"valid.loss.ave.pth does not exist"*"from: valid.acc.ave.pth"* ]]
}

@test "a failing command stops the run, and the message says how to continue" {
    FAKE_FAILS=asr_mtl_pack run asr_mtl --skip_eval true
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"Stage 14 stopped with exit status"*"--stage 14"* ]]
    [ "$(called asr_mtl_attack)" -eq 0 ]
    FAKE_FAILS=asr_mtl_inference run asr_mtl --stage 12 --stop_stage 12
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"failed as asked"* ]]
}

@test "a decoding that loses an utterance is an error" {
    FAKE_LOSES=/test-3/d run asr_mtl --stop_stage 12
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"does not have exactly one line"*"test-3"* ]]
}

@test "a second run in the same experiment is refused, also after its shell was killed" {
    asr_mtl --stop_stage 10 > /dev/null
    opts="--stage 11 --stop_stage 11 --feats_normalize utterance_mvn --asr_exp exp/one"
    FAKE_TRAINING_SECONDS=4 ./asr_mtl.sh --python "${root}/bin/python3" --ngpu 0 \
        --train_set train --valid_set valid --test_sets test ${opts} > first.log 2>&1 3>&- &
    first=$!
    until [ "$(called 'asr_mtl_train.*--output_dir exp/one')" -eq 1 ]; do sleep 0.1; done

    run asr_mtl ${opts}
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"exp/one is in use by another run (process ${first}"* ]]
    run asr_mtl ${opts} --asr_exp exp/other
    [ "${status}" -eq 0 ]

    kill -KILL "${first}"
    run asr_mtl ${opts}  # The training itself still runs.
    [ "${status}" -eq 2 ]
    until [ -e exp/one/config.yaml ]; do sleep 0.1; done
    sleep 0.3
    run asr_mtl ${opts}
    [ "${status}" -eq 0 ]
    [ "$(called 'asr_mtl_train.*--output_dir exp/one')" -eq 2 ]
}

# shellcheck disable=SC2016  # the inner shell expands
@test "a lock command that fails is not reported as a second run" {
    cat > "${root}/bin/python3.new" << END
#!/usr/bin/env bash
if [ "\$2" = espnet_mtl.bin.lock ]; then
    echo "no such module" >&2
    exit 1
fi
END
    sed 1d "${root}/bin/python3" >> "${root}/bin/python3.new"
    chmod +x "${root}/bin/python3.new"
    mv "${root}/bin/python3.new" "${root}/bin/python3"
    run asr_mtl --stop_stage 1
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"no such module"*"dump could not be locked: "*"exit status 1"* ]]
    [[ "${output}" != *"in use"* ]]
    [ ! -s "${CALLS}" ]
}

# Of which jobs may still run, on a cluster, after the shell that sent them was killed.
@test "statistics leave the files of an earlier call until their own are there" {
    asr_mtl --stop_stage 5 > /dev/null
    logdir=exp/asr_mtl_stats_raw_bpe30/logdir
    FAKE_FAILS=asr_mtl_train run asr_mtl --stage 10 --stop_stage 10
    [ "${status}" -ne 0 ]
    first=$(find "${logdir}" -name train.1.scp)
    echo kept > "${first%/*}/stats.of.a.job"
    FAKE_FAILS=asr_mtl_train run asr_mtl --stage 10 --stop_stage 10
    [ "$(find "${logdir}" -name train.1.scp)" = "${first}" ]
    [ "$(cat "${first%/*}/stats.of.a.job")" = kept ]
    # Other utterances are another folder, whose jobs write other files.
    echo "train-4 x" >> dump/raw/train/wav.scp
    FAKE_FAILS=asr_mtl_train run asr_mtl --stage 10 --stop_stage 10
    [ "$(find "${logdir}" -name train.1.scp | wc -l)" -eq 2 ]
    [ "$(cat "${first}")" = "train-1 x" ]
    run asr_mtl --stage 10 --stop_stage 10
    [ "${status}" -eq 0 ]
    [ ! -e "${first}" ]
    [ "$(find "${logdir}" -name train.1.scp | wc -l)" -eq 1 ]
    [ -s exp/asr_mtl_stats_raw_bpe30/train/text_shape.bpe ]
}

@test "the log of an interrupted training is kept" {
    asr_mtl --stop_stage 11 --feats_normalize utterance_mvn > /dev/null
    exp=exp/asr_mtl_train_raw_bpe30
    echo first >> "${exp}/train.log"
    asr_mtl --stage 11 --stop_stage 11 --feats_normalize utterance_mvn > /dev/null
    [ "$(tail -n 1 "${exp}/train.1.log")" = first ]
    run grep '^first$' "${exp}/train.log"
    [ "${status}" -eq 1 ]
}

@test "run.sh in the experiment continues from its stage with the same options" {
    asr_mtl --stop_stage 11 --feats_normalize utterance_mvn --lang "en" > /dev/null
    cd "${root}"
    run "${recipe}/exp/asr_mtl_train_raw_en_bpe30/run.sh"
    [ "${status}" -eq 0 ]
    [ "$(called 'asr_mtl_train.*--resume true')" -eq 2 ]
}

@test "run.sh in the experiment runs jobs where the environment had them run" {
    printf '#!/bin/sh\n' > "${root}/bin/sbatch"
    chmod +x "${root}/bin/sbatch"
    printf '#!/usr/bin/env bash\necho "slurm $*" >> "${CALLS}"\nexec utils/run.py "$@"\n' > "${root}/slurm.py"
    chmod +x "${root}/slurm.py"
    rm "${template}"/utils/slurm.p[yl]
    cp "${root}/slurm.py" "${template}/utils/slurm.py"
    cp "${root}/slurm.py" "${template}/utils/slurm.pl"
    cmd_backend=slurm asr_mtl --stop_stage 11 > /dev/null
    before=$(called '^slurm ')
    run exp/asr_mtl_train_raw_bpe30/run.sh --stop_stage 11
    [ "${status}" -eq 0 ]
    [ "$(called '^slurm ')" -eq "$((before + 1))" ]
    cmd_backend=local run exp/asr_mtl_train_raw_bpe30/run.sh --stop_stage 11
    [ "${status}" -eq 0 ]
    [ "$(called '^slurm ')" -eq "$((before + 1))" ]
    # Where the environment says nothing, cmd.sh decides each time.
    asr_mtl --stage 11 --stop_stage 11 > /dev/null
    run grep cmd_backend exp/asr_mtl_train_raw_bpe30/run.sh
    [ "${status}" -eq 1 ]
}

@test "several nodes are refused where jobs stay on this machine" {
    run asr_mtl --num_nodes 2
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--num_nodes 2: cmd_backend=local cannot train on several nodes."*slurm*sge*pbs* ]]
    [ ! -s "${CALLS}" ]
    run asr_mtl --num_nodes 2 --stop_stage 1
    [ "${status}" -eq 0 ]
}

@test "a missing recogniser is reported before anything runs" {
    run asr_mtl --skip_train true
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"exp/asr_mtl_train_raw_bpe30/config.yaml does not exist or is empty: run stage 11 first"* ]]
    [ ! -s "${CALLS}" ]
    run asr_mtl --skip_train true --stop_stage 3
    [ "${status}" -eq 0 ]
}

@test "a missing text is reported with the option that names it" {
    run asr_mtl --bpe_train_text nowhere --stop_stage 5
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--bpe_train_text nowhere does not exist or is empty"* ]]
}

@test "without ESPnet, the message says how to get it" {
    FAKE_NO_ESPNET=1 run asr_mtl
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"ESPnet cannot be found"*"local/install.sh"* ]]
}

# shellcheck disable=SC2016  # the inner shell expands
@test "OMP_NUM_THREADS is 1 unless set" {
    python=${root}/bin/python3 run env -u OMP_NUM_THREADS \
        bash -c '. ./path.sh; echo "${OMP_NUM_THREADS} ${LC_ALL}"'
    [ "${output}" = "1 C" ]
    python=${root}/bin/python3 OMP_NUM_THREADS=3 run \
        bash -c '. ./path.sh; echo "${OMP_NUM_THREADS}"'
    [ "${output}" = 3 ]
}

@test "setup.sh links, and keeps what a recipe has of its own" {
    [ -L asr_mtl.sh ] && [ -L utils ] && [ -L conf/train_asr_mtl.yaml ]
    cmp cmd.sh "${template}/cmd.sh"
    rm conf/train_asr_mtl.yaml
    echo own > conf/train_asr_mtl.yaml
    "${template}/setup.sh" .
    [ "$(cat conf/train_asr_mtl.yaml)" = own ]
    [ -L conf/attacks ] && [ -f conf/attacks/cw.yaml ]
    [ ! -e "${template}/conf/attacks/attacks" ]  # a link into itself, the second time
    rm conf/attacks
    mkdir conf/attacks
    "${template}/setup.sh" .
    [ ! -L conf/attacks ] && [ -z "$(ls conf/attacks)" ]
    run "${template}/setup.sh" "${root}/elsewhere"
    [ "${status}" -eq 2 ]
    run find . -xtype l
    [ -z "${output}" ]
}

@test "sums of other features do not stay" {
    asr_mtl --stop_stage 10 --feats_normalize global_mvn > /dev/null
    stats=exp/asr_mtl_stats_raw_bpe30
    [ -s "${stats}/collect_stats.yaml" ]
    [ -s "${stats}/train/feats_stats.npz" ]
    run asr_mtl --stage 10 --stop_stage 10 --feats_normalize utterance_mvn
    [ "${status}" -eq 0 ]
    [ ! -e "${stats}/train/feats_stats.npz" ]
}

@test "without training, only what is decoded is formatted" {
    run asr_mtl --skip_train true --stop_stage 3
    [ "${status}" -eq 0 ]
    [ -d dump/raw/test ]
    [ ! -e dump/raw/org ]
    run asr_mtl --skip_train true --stop_stage 3 --eval_valid_set true
    [ -d dump/raw/org/valid ]
    [ ! -e dump/raw/org/train ]
    run asr_mtl --speed_perturb_factors "0.9 1.0" --stage 3 --stop_stage 3
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"data/train_sp/wav.scp does not exist"*"stage 2"* ]]
}

@test "a validation set that is decoded has words everywhere" {
    asr_mtl --stop_stage 1 > /dev/null
    [ "$(called '^validate_data_dir .*--empty-text data/valid')" -eq 1 ]
    asr_mtl --stop_stage 1 --eval_valid_set true > /dev/null
    [ "$(called '^validate_data_dir .*--empty-text data/valid')" -eq 1 ]
    [ "$(called '^validate_data_dir --no-spk-sort data/valid')" -eq 1 ]
    [ "$(called '^validate_data_dir .*--empty-text data/train')" -eq 2 ]
}

@test "where there is nothing to attack, that is said" {
    run asr_mtl --test_sets valid
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"Nothing is attacked: "*"--attack_sets valid attacks it."* ]]
    [ "$(called '^asr_mtl_attack')" -eq 0 ]
}

@test "weights in a folder give one name" {
    asr_mtl --stop_stage 11 > /dev/null
    mkdir exp/asr_mtl_train_raw_bpe30/best
    cp exp/asr_mtl_train_raw_bpe30/{,best/}valid.acc.ave.pth
    run asr_mtl --stage 12 --stop_stage 13 --inference_asr_model best/valid.acc.ave.pth
    [ "${status}" -eq 0 ]
    [ -f exp/asr_mtl_train_raw_bpe30/inference_asr_model_best_valid.acc.ave/test/text ]
}

@test "a decoding that was stopped is not scored" {
    asr_mtl > /dev/null
    FAKE_LOSES=/test-3/d run asr_mtl --stage 12 --stop_stage 12
    [ "${status}" -ne 0 ]
    run asr_mtl --stage 13 --stop_stage 13
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"/test/stamp.json does not exist"*"stage 12"* ]]
}

@test "attacked audio is decoded by the model that was attacked, or not at all" {
    asr_mtl > /dev/null
    exp=exp/asr_mtl_train_raw_bpe30
    [ "$(called "^check_package .*--attack_dir ${exp}/attack_pgd/test$")" -eq 1 ]
    : > "${CALLS}"
    FAKE_FAILS=check_package run asr_mtl --stage 16 --stop_stage 16
    [ "${status}" -ne 0 ]
    [ "$(called '^asr_mtl_inference')" -eq 0 ]
    weights="--asr_model_file ${exp}/valid.acc.ave.pth"
    asr_mtl --stage 12 --stop_stage 13 > /dev/null
    [ "$(called "^asr_mtl_score stamp .* ${weights}$")" -eq 1 ]
    [ "$(called "^asr_mtl_score decoding .* ${weights}")" -eq 1 ]
}

@test "a set that is attacked alone is made as the test sets are" {
    sed -i 's/train valid test/& hard/' local/data.sh
    run asr_mtl --attack_sets "hard valid" --stop_stage 16
    [ "${status}" -eq 0 ]
    [ "$(called '^validate_data_dir --no-spk-sort data/hard$')" -eq 1 ]
    [ "$(called '^survey_audio .*--tested data/test data/hard$')" -eq 1 ]
    [ -s dump/raw/hard/wav.scp ]
    [ "$(called 'asr_mtl_attack .*--data_dir dump/raw/hard .*--merge')" -eq 1 ]
    [ "$(called 'asr_mtl_attack .*--data_dir dump/raw/org/valid .*--merge')" -eq 1 ]
}

@test "a target may have the word JOB" {
    run asr_mtl --attack_args "target_text='GET A JOB'"
    echo "${output}"
    [ "${status}" -eq 0 ]
    [ "$(called "^asr_mtl_attack .*target_text='GET A JOB' .*--job 1$")" -eq 1 ]
}

@test "statistics that were half made are nobody's" {
    asr_mtl --stop_stage 10 > /dev/null
    stats=exp/asr_mtl_stats_raw_bpe30
    [ -s "${stats}/stamp.json" ]
    FAKE_FAILS=aggregate_stats_dirs run asr_mtl --stage 10 --stop_stage 10
    [ "${status}" -ne 0 ]
    [ ! -e "${stats}/stamp.json" ]
}

@test "what is scored is a whole decoding, which says of which attack it is" {
    asr_mtl > /dev/null
    [ "$(called 'asr_mtl_score stamp --attack_dir .*/attack_pgd/test --hyp_dir .*_attack_pgd/test')" -eq 1 ]
    FAKE_LOSES=/test-3/d run asr_mtl --stage 16 --stop_stage 16
    [ "${status}" -ne 0 ]
    run asr_mtl --stage 17 --stop_stage 17
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"_attack_pgd/test/stamp.json does not exist"*"stage 16"* ]]
}

@test "training does not continue with other data, decoding refuses other accents" {
    asr_mtl --stop_stage 12 > /dev/null
    exp=exp/asr_mtl_train_raw_bpe30
    run asr_mtl --stage 10 --stop_stage 11
    [ "${status}" -eq 0 ]  # nothing has changed
    sed -i 's/x/y/' dump/raw/train/text
    run asr_mtl --stage 11 --stop_stage 11
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"exp/asr_mtl_stats_raw_bpe30 has the statistics of other data (text of training): run stage 10 again"* ]]
    run asr_mtl --stage 10 --stop_stage 11  # before statistics are made
    [ "${status}" -ne 0 ]
    [ "$(called 'asr_mtl_train.*--collect_stats true')" -eq 4 ]
    [[ "${output}" == *"${exp} was trained on other data (text of training): give another --asr_tag"* ]]
    run asr_mtl --stage 10 --stop_stage 11 --asr_tag other
    [ "${status}" -eq 0 ]
    echo west >> data/accent_list/accents.txt
    for n in 12 15; do
        if [ "${n}" = 15 ]; then asr_mtl --stage 14 --stop_stage 14 > /dev/null; fi
        run asr_mtl --stage "${n}" --stop_stage "${n}"
        [ "${status}" -ne 0 ]
        [[ "${output}" == *"${exp} was trained on other data (accent list: north, south -> north, south, west)"* ]]
    done
}

@test "if an experiment is missing, one with other options is named" {
    asr_mtl --stop_stage 11 > /dev/null
    for n in 12 13 14 15 16 18; do
        run asr_mtl --token_type word --stage "${n}" --stop_stage "${n}"
        [ "${status}" -eq 2 ]
        [[ "${output}" == *"exp/asr_mtl_train_raw_word/"*"There is exp/asr_mtl_train_raw_bpe30: did it get other options? --token_type"* ]]
    done
    [ "$(called asr_mtl_inference)" -eq 0 ]
}

@test "the first line of a run can be pasted" {
    run asr_mtl --asr_args "--optim_conf lr=0.1 --x 'a b'" --stop_stage 1
    [ "${status}" -eq 0 ]
    line=$(grep -m 1 asr_mtl.sh: <<< "${output}" | sed 's/^[^)]*) //')
    : > "${CALLS}"
    run bash -c "${line} 2>&1"
    [ "${status}" -eq 0 ]
    [ "$(grep -m 1 asr_mtl.sh: <<< "${output}" | sed 's/^[^)]*) //')" = "${line}" ]
    [ "$(called '^data.sh')" -eq 1 ]
}

@test "the command in the report has what the environment gave" {
    asr_mtl > /dev/null
    TABLE="my table.csv" cmd_backend=local asr_mtl --stage 18 > /dev/null
    [ "$(called '^asr_mtl_report .*--command ./asr_mtl.sh ')" -eq 1 ]
    [ "$(called '^asr_mtl_report .*--command TABLE=my\\ table.csv cmd_backend=local ./asr_mtl.sh .*--stage 18 --print$')" -eq 1 ]
}

@test "without accents, no accent list is needed or passed" {
    FAKE_ACCENTS='' asr_mtl --asr_args "--accent_weight 0" --stop_stage 12
    [ "$(called 'asr_mtl_train.*--accent_weight 0')" -eq 3 ]
    [ "$(called 'asr_mtl_train.*--accent_list')" -eq 0 ]
    [ "$(called '^accent_list ')" -eq 1 ]  # stage 10 does not try again
}

@test "the output of adding up statistics is shown only when it fails" {
    FAKE_FAILS=aggregate_stats_dirs run asr_mtl --stop_stage 10
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"failed as asked"*"The statistics of the jobs could not be combined"* ]]
}
