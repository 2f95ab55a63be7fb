#!/usr/bin/env bats
# Stages 3 and 4 in jobs, formats of audio, and directories made elsewhere.

load make_recipe.sh

setup() {
    make_recipe "${BATS_TEST_TMPDIR}"
}

# What ESPnet leaves, with accents added.
make_dump() { # make_dump <audio format>
    local dset
    mkdir -p data/token_list/char
    printf '%s\n' '<blank>' '<unk>' a b '<sos/eos>' > data/token_list/char/tokens.txt
    for dset in train valid org/valid test; do
        mkdir -p "dump/raw/${dset}"
        for name in wav.scp text utt2spk utt2accent utt2num_samples; do
            printf '%s x\n' utt1 utt2 utt3 > "dump/raw/${dset}/${name}"
        done
        sed -i "s/x$/${dset##*/}/" "dump/raw/${dset}/utt2spk"
        echo raw > "dump/raw/${dset}/feats_type"
        echo "$1" > "dump/raw/${dset}/audio_format"
    done
}

@test "audio is formatted in jobs, never more than utterances, and merged once" {
    run asr_mtl --stop_stage 3 --nj 9 --fs 8k --audio_format wav.ark --max_bad_audio 0.01
    [ "${status}" -eq 0 ]
    for dirs in "train dump/raw/org/train" "valid dump/raw/org/valid" "test dump/raw/test"; do
        options="--fs 8k --audio_format wav.ark --channels error"
        case ${dirs} in
            # Stage 4's, which name the same audio.
            train* | valid*) options+=" --derived_dir dump/raw/${dirs%% *}" ;;
        esac
        options+=" --max_bad_audio 0.01 --num_jobs 3"
        for job in 1 2 3; do
            [ "$(called "^format_wav_scp ${options} --job ${job} data/${dirs}$")" -eq 1 ]
        done
        [ "$(called "^format_wav_scp ${options} --merge data/${dirs}$")" -eq 1 ]
    done
    [ -f dump/raw/test/logdir/format_wav_scp.3.log ]
}

@test "stage 1 tells what stages 3 and 4 will do with the audio" {
    run asr_mtl --stop_stage 1 --channels mix --max_bad_audio 0.01 --max_wav_duration 30
    [ "${status}" -eq 0 ]
    options="--channels mix --max_bad_audio 0.01 --min_wav_duration 0.1 --max_wav_duration 30"
    [ "$(called "^survey_audio ${options} --trained data/train data/valid --tested data/test$")" -eq 1 ]
    # What is perturbed at stage 2 is looked at as it was recorded.
    run asr_mtl --stop_stage 1 --speed_perturb_factors "0.9 1.0"
    [ "$(called '^survey_audio .*--trained data/train data/valid --tested data/test$')" -eq 2 ]
    FAKE_FAILS=survey_audio run asr_mtl --stop_stage 3
    [ "${status}" -ne 0 ]
    [ "$(called '^format_wav_scp')" -eq 0 ]
}

@test "stage 1 opens no audio where that is asked for" {
    run asr_mtl --stop_stage 1 --local_data_opts "--check_audio false"
    [ "${status}" -eq 0 ]
    [ "$(called '^survey_audio')" -eq 0 ]
    [[ "${output}" == *"No audio is opened (--check_audio false): stage 3 will find"* ]]
}

@test "parts of recordings are shared between jobs by utterances" {
    asr_mtl --stop_stage 1 > /dev/null
    printf 'train-%s recording 0 1\n' 1 2 3 4 5 > data/train/segments
    echo "recording x.wav" > data/train/wav.scp
    run asr_mtl --stage 3 --stop_stage 3 --nj 9
    [ "${status}" -eq 0 ]
    [ "$(called '^format_wav_scp .*--num_jobs 5 --job .* data/train ')" -eq 5 ]
    [ "$(called '^format_wav_scp .*--num_jobs 3 --job .* data/valid ')" -eq 3 ]
}

@test "the last line of a table counts also without an end" {
    asr_mtl --stop_stage 1 > /dev/null
    printf 'test-1 x' > data/test/wav.scp
    printf 'valid-1 x\nvalid-2 x' > data/valid/wav.scp
    run asr_mtl --stage 3 --stop_stage 12 --nj 9 --inference_nj 9
    [ "${status}" -eq 0 ]
    [ "$(called '^format_wav_scp .*--num_jobs 1 --job 1 data/test ')" -eq 1 ]
    [ "$(called '^format_wav_scp .*--num_jobs 2 --job [12] data/valid ')" -eq 2 ]
    [ "$(called 'asr_mtl_train.*--collect_stats true')" -eq 2 ]
    [ "$(called 'asr_mtl_inference')" -eq 1 ]
}

@test "speakers of training in other sets are allowed only where that is asked for" {
    run asr_mtl --stop_stage 5
    [ "${status}" -eq 0 ]
    [ "$(called '^accent_list .*--allow_shared_speakers false ')" -eq 1 ]
    run asr_mtl --stage 5 --stop_stage 5 --allow_shared_speakers true
    [ "${status}" -eq 0 ]
    [ "$(called '^accent_list .*--allow_shared_speakers true ')" -eq 1 ]
}

@test "a job that fails stops the stage before its tables are written" {
    FAKE_FAILS=format_wav_scp FAKE_FAILS_WITH=" --job" run asr_mtl --stop_stage 4
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"failed as asked"*"--stage 3"* ]]
    [ "$(called '^format_wav_scp .*--merge')" -eq 0 ]
}

@test "what is wrong with tables or options is said once, before any job" {
    for module in format_wav_scp asr_mtl_attack; do
        : > "${CALLS}"
        FAKE_FAILS=${module} run asr_mtl --speed_perturb_factors "0.9 1.0"
        [ "${status}" -ne 0 ]
        [ "$(grep -c "failed as asked" <<< "${output}")" -eq 1 ]
        [ "$(called "^${module} .*--check")" -eq 1 ]
        [ "$(called "^${module} .*--job")" -eq 0 ]
    done
}

@test "ESPnet reads archives as such, files as sound" {
    make_dump flac.ark
    run asr_mtl --skip_data_prep true --token_type char --stop_stage 17
    [ "${status}" -eq 0 ]
    [ "$(called 'asr_mtl_train.*dump/raw/train/wav.scp,speech,kaldi_ark.*dump/raw/valid/wav.scp,speech,kaldi_ark')" -eq 3 ]
    [ "$(called 'asr_mtl_inference.*dump/raw/test/wav.scp,speech,kaldi_ark')" -eq 2 ]
    # The attack writes files.
    [ "$(called 'asr_mtl_inference.*attack_pgd/test/wav.scp,speech,sound')" -eq 2 ]
    echo wav > dump/raw/valid/audio_format
    rm dump/raw/train/audio_format
    : > "${CALLS}"
    run asr_mtl --stage 10 --stop_stage 10 --token_type char
    [ "${status}" -eq 0 ]
    [ "$(called 'asr_mtl_train.*dump/raw/train/wav.scp,speech,sound.*dump/raw/valid/wav.scp,speech,sound')" -eq 2 ]
}

@test "a dump made elsewhere trains, decodes and is attacked; its accent list is made" {
    make_dump flac
    run asr_mtl --skip_data_prep true --token_type char --stop_stage 18
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"data/accent_list/accents.txt does not exist: it is made of dump/raw/train/utt2accent"* ]]
    [ "$(called '^accent_list .*--train_dir dump/raw/train --check_dirs dump/raw/valid dump/raw/test --allow_shared_speakers false --output data/accent_list/accents.txt$')" -eq 1 ]
    [ "$(called '^check_formatted --fs 16k dump/raw/train dump/raw/valid$')" -eq 1 ]
    [ "$(called '^check_formatted --fs 16k dump/raw/test$')" -eq 2 ]  # decoded, attacked
    [ "$(called '^format_wav_scp')" -eq 0 ]
    run asr_mtl --stage 10 --stop_stage 10 --token_type char
    [ "${status}" -eq 0 ]
    [ "$(called '^accent_list ')" -eq 1 ]
}

@test "a dump without its token list: the message does not send to what is left out" {
    make_dump flac
    run asr_mtl --skip_data_prep true
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"data/token_list/bpe_unigram30/tokens.txt does not exist"*"--skip_data_prep true leaves out"*"--stage 5 --stop_stage 5"* ]]
}

@test "a list of one's own is not made anew" {
    make_dump flac
    printf '%s\n' north south > own.txt
    run asr_mtl --skip_data_prep true --token_type char --stop_stage 10 --accent_list own.txt
    [ "${status}" -eq 0 ]
    [ "$(called '^accent_list ')" -eq 0 ]
    [ "$(called 'asr_mtl_train.*--accent_list own.txt')" -eq 2 ]
}

@test "what is wrong with a dump is found before training" {
    make_dump flac
    FAKE_FAILS=check_formatted run asr_mtl --skip_data_prep true --token_type char
    [ "${status}" -ne 0 ]
    [ "$(called asr_mtl_train)" -eq 0 ]
}

@test "bad values of audio options name the option" {
    for share in 2 1.5 some -0.1 1%; do
        run asr_mtl --max_bad_audio "${share}"
        [ "${status}" -eq 2 ]
        [[ "${output}" == *"--max_bad_audio takes a share from 0 to 1"*"not '${share}'"* ]]
    done
    for share in 0 1 .5 0.25 1.0; do
        run asr_mtl --max_bad_audio "${share}" --stop_stage 1
        [ "${status}" -eq 0 ]
    done
    run asr_mtl --channels both
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"--channels takes one of: error mix first"* ]]
    run asr_mtl --audio_format mp3
    [[ "${output}" == *"--audio_format takes one of: flac wav flac.ark wav.ark ark"* ]]
}
