#!/usr/bin/env bats
# The tools for data directories that have Kaldi's names: they are called as recipes do.
# What they do to the tables is tested in tests/espnet_mtl/data.

setup() {
    repo=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    # Through a recipe's link, which is how they are found.
    utils=${repo}/egs2/fsdd/asr_mtl1/utils
    cd "${BATS_TEST_TMPDIR}" || return
}

# A data directory of two utterances of each of two speakers, a table of the user's own
# among its files.
make_data() {
    mkdir -p data
    local utt
    for utt in ann-1 ann-2 bob-1 bob-2; do
        echo "${utt} /audio/${utt}.wav" >> data/wav.scp
        echo "${utt} SAY ${utt#*-}" >> data/text
        echo "${utt} ${utt%-*}" >> data/utt2spk
        echo "${utt} scottish" >> data/utt2accent
        echo "${utt} ${utt#*-}.5" >> data/utt2dur
        echo "${utt} happy" >> data/utt2mood
    done
    printf 'ann f\nbob m\n' > data/spk2gender
}

# -- the tools for directories

@test "every tool says what it takes" {
    for tool in validate_data_dir fix_data_dir subset_data_dir copy_data_dir \
            combine_data split_data perturb_data_dir_speed; do
        run "${utils}/${tool}.sh" --help
        [ "${status}" -eq 0 ]
        [[ "${output}" == *"usage: ${tool}.sh"* ]]
    done
}

@test "a table of the user's own survives subset, copy, combine, split and fix" {
    make_data
    "${utils}/subset_data_dir.sh" --per-spk data 1 some
    [ "$(cat some/utt2mood)" = $'ann-1 happy\nbob-1 happy' ]
    "${utils}/copy_data_dir.sh" --utt-prefix x- --spk-prefix x- some copied
    [ "$(cat copied/utt2mood)" = $'x-ann-1 happy\nx-bob-1 happy' ]
    "${utils}/combine_data.sh" both data copied
    [ "$(wc -l < both/utt2mood)" -eq 6 ]
    "${utils}/split_data.sh" both 4
    [ "$(cat both/split4/4/utt2mood)" = "x-bob-1 happy" ]
    sed -i '/^ann-2/d' both/text
    "${utils}/fix_data_dir.sh" both
    [ "$(wc -l < both/utt2mood)" -eq 5 ]
    "${utils}/validate_data_dir.sh" --no-feats both
}

@test "a fault ends a tool with its place and no traceback" {
    make_data
    sed -i 's/^bob-1 bob/bob-1 aaron/' data/utt2spk
    run "${utils}/validate_data_dir.sh" --no-feats data
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"data/utt2spk:3: 'bob-1' of speaker 'aaron'"* ]]
    [[ "${output}" != *Traceback* ]]
    run "${utils}/split_data.sh" data 9
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"3 speakers cannot be split into 9 parts"* ]]
    [[ "${output}" != *Traceback* ]]
}

@test "perturb_data_dir_speed.sh: the perturbed copies alone, in Kaldi's order" {
    make_data
    python3 - << 'END'
import wave

with wave.open("a.wav", "wb") as audio:
    audio.setparams((1, 2, 8000, 0, "NONE", ""))
    audio.writeframes(b"\1\2" * 3600)
END
    sed -i "s, /.*, ${PWD}/a.wav," data/wav.scp
    run "${utils}/perturb_data_dir_speed.sh" --utt_extra_files utt2mood 0.9 data slow
    [ "${status}" -eq 0 ]
    [ "$(head -n 1 slow/utt2spk)" = "sp0.9-ann-1 sp0.9-ann" ]
    [ "$(wc -l < slow/wav.scp)" -eq 4 ]
    [ "$(head -n 1 slow/utt2mood)" = "sp0.9-ann-1 happy" ]
    [ "$(head -n 1 slow/utt2accent)" = "sp0.9-ann-1 scottish" ]
    "${utils}/validate_data_dir.sh" slow
    # The values are commands that print the audio.
    command=$(sed -n 's/^sp0.9-ann-1 \(.*\) |$/\1/p' slow/wav.scp)
    eval "PYTHONPATH=${repo} ${command}" > slow.wav
    python3 -c 'import wave
assert wave.open("slow.wav").getnframes() == 4000'
    run "${utils}/perturb_data_dir_speed.sh" 0.9 data
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"factors source target"* ]]
}

# -- the filters

@test "utt2spk and spk2utt are turned into each other, from stdin and files" {
    printf 'a-1 a\nb-1 b\na-2 a\n' > utt2spk
    [ "$("${utils}/utt2spk_to_spk2utt.pl" utt2spk)" = $'a a-1 a-2\nb b-1' ]
    [ "$("${utils}/utt2spk_to_spk2utt.pl" < utt2spk | "${utils}/spk2utt_to_utt2spk.pl")" \
        = $'a-1 a\na-2 a\nb-1 b' ]
}

@test "filters name the line that they cannot read" {
    run "${utils}/utt2spk_to_spk2utt.pl" <<< $'a-1 a\na-2 a b'
    [ "${status}" -eq 1 ]
    [ "${output}" = "utt2spk_to_spk2utt.pl: Error: stdin:2: 3 words in 'a-2 a b'; write '<utterance> <speaker>'" ]
    run "${utils}/spk2utt_to_utt2spk.pl" <<< $'a a-1\nb'
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"stdin:2: no utterance in 'b'"* ]]
    run "${utils}/filter_scp.pl" nowhere <<< "a 1"
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"nowhere: cannot be read (No such file or directory)"* ]]
    printf 'a\n\n' > list
    run "${utils}/filter_scp.pl" list <<< "a 1"
    [[ "${output}" == *"list:2: the line is empty; remove it"* ]]
}

@test "filter_scp.pl: listed lines, others, and any word as the id" {
    printf 'b x\nc\n' > list
    printf 'a 1  b\nb 2  a\nc 3\tb\n' > table
    [ "$("${utils}/filter_scp.pl" list table)" = $'b 2  a\nc 3\tb' ]
    [ "$("${utils}/filter_scp.pl" --exclude list < table)" = 'a 1  b' ]
    [ "$("${utils}/filter_scp.pl" --exclude -f 3 list table)" = 'b 2  a' ]
    [ "$("${utils}/filter_scp.pl" -f 3 <(echo a) - < table)" = 'b 2  a' ]
    run "${utils}/filter_scp.pl" -f 4 list table
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"table:1: 3 words in 'a 1  b', and the id is to be word 4"* ]]
    run "${utils}/filter_scp.pl" -f 0 list table
    [ "${status}" -eq 1 ]
}

@test "filter_scp.pl: text of any encoding passes; a closed pipe is no fault" {
    printf 'a \xe9t\xe9\xa0x\n' > latin1
    "${utils}/filter_scp.pl" <(echo a) latin1 | cmp - latin1
    seq 100000 > many
    run bash -o pipefail -c "'${utils}/filter_scp.pl' many many 2>&1 | head -n 1"
    [ "${output}" = 1 ]
}

@test "apply_map.pl: whole lines, ranges of words, several words for one" {
    printf 'A a1 a2\nB b\nC\n' > map
    [ "$("${utils}/apply_map.pl" map <<< "A B")" = "a1 a2 b" ]
    [ "$("${utils}/apply_map.pl" -f 2 map <<< "A  B A")" = "A b A" ]
    [ "$("${utils}/apply_map.pl" -f 2-3 map <<< "A B A A")" = "A b a1 a2 A" ]
    [ "$("${utils}/apply_map.pl" -f 2- map <<< "A B A")" = "A b a1 a2" ]
    [ "$("${utils}/apply_map.pl" -f -2 map <<< "B B B")" = "b b B" ]
    [ "$("${utils}/apply_map.pl" map <<< "B C B")" = "b b" ]
}

@test "apply_map.pl: words that the map lacks" {
    printf 'A a\n' > map
    run "${utils}/apply_map.pl" map <<< $'A\nA x'
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"stdin:2: map has no line for 'x'; add one, or give --permissive"* ]]
    run "${utils}/apply_map.pl" --permissive map <<< "A x"
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"a x"* ]]
    [[ "${output}" == *"warning: stdin:1: map has no line for 'x'"* ]]
    run "${utils}/apply_map.pl" -f x map <<< "A"
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"-f 'x': write the number of a word"* ]]
}
