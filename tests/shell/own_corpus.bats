#!/usr/bin/env bats
# A recipe that setup.sh makes, and its run.sh: one table, no code.
#
# shellcheck disable=SC2154  # root and template are set by make_recipe.sh

load make_recipe.sh

setup() {
    make_recipe "${BATS_TEST_TMPDIR}"
    cd "${root}" || return
    run egs2/TEMPLATE/asr_mtl1/setup.sh egs2/mine/asr_mtl1
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"now 'cd ${root}/egs2/mine/asr_mtl1' and './run.sh --table FILE'"* ]]
    cd egs2/mine/asr_mtl1 || return
    # It says how it was called, and which table local/data.sh would read.
    cat > stand_in.sh <<'END'
#!/usr/bin/env bash
. ./db.sh
echo "table=${TABLE}"
printf '<%s>' "$@"
END
    chmod +x stand_in.sh
    ln -sfn stand_in.sh asr_mtl.sh
}

@test "setup.sh: a recipe of its own run.sh, data.sh and db.sh, the rest linked" {
    for name in run.sh local/data.sh db.sh; do
        [ -f "${name}" ] && [ ! -L "${name}" ]
    done
    [ -x run.sh ] && [ -x local/data.sh ]
    [ -L utils ] && [ -L cmd.sh ] && [ -L conf/train_asr_mtl.yaml ]
    run find . -xtype l
    [ -z "${output}" ]
}

@test "setup.sh: a second time, what was written in it stays" {
    echo 'TABLE=/mine.csv' > db.sh
    echo 'echo mine' > run.sh
    "${template}/setup.sh" .
    [ "$(cat db.sh)" = TABLE=/mine.csv ]
    [ "$(cat run.sh)" = "echo mine" ]
}

@test "setup.sh: a table that is given is the recipe's" {
    mkdir "${root}/it's here"
    echo path,text > "${root}/it's here/a {b}.csv"
    cd "${root}"
    run "${template}/setup.sh" egs2/other/asr_mtl1 "it's here/a {b}.csv"
    [ "${status}" -eq 0 ]
    cp egs2/mine/asr_mtl1/stand_in.sh egs2/other/asr_mtl1
    cd egs2/other/asr_mtl1
    ln -sfn stand_in.sh asr_mtl.sh
    run ./run.sh
    [[ "${output}" == *"table=${root}/it's here/a {b}.csv"* ]]
    run "${template}/setup.sh" "${root}/egs2/third/asr_mtl1" none.csv
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"none.csv: no such table"* ]]
    [ ! -e "${root}/egs2/third" ]
}

@test "setup.sh: a folder that is elsewhere is refused, and not made" {
    run "${template}/setup.sh" "${root}/elsewhere/asr_mtl1"
    [ "${status}" -eq 2 ]
    [ ! -e "${root}/elsewhere" ]
}

@test "run.sh: the table comes from --table, else from db.sh" {
    run ./run.sh --stage 3 --table "my table.csv" --nj 2
    [[ "${output}" == *"table=my table.csv"* ]]
    [[ "${output}" == *"<--stage><3><--nj><2>" ]]
    run ./run.sh --table=other.csv
    [[ "${output}" == *"table=other.csv"* ]]
    echo 'TABLE=${TABLE:-from_db.tsv}' > db.sh
    run ./run.sh
    [[ "${output}" == *"table=from_db.tsv"* ]]
    run ./run.sh --table
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"Error: --table needs a value"* ]]
}

@test "run.sh: --help tells of the table first" {
    run ./run.sh --help
    [[ "${output}" == "This recipe: --table FILE"*"<--help>" ]]
}

@test "setup.sh: the settings of a recipe whose scripts were removed stay; so do the shared ones" {
    echo 'TABLE=/mine.csv' > db.sh
    rm run.sh local/data.sh
    "${template}/setup.sh" .
    [ "$(cat db.sh)" = TABLE=/mine.csv ]
    rm run.sh local/data.sh
    ln -sfn ../../TEMPLATE/asr_mtl1/db.sh db.sh
    "${template}/setup.sh" .
    grep -q COMMONVOICE "${template}/db.sh"
    [ ! -L db.sh ]
}

@test "commonvoice's run.sh: the language names the sets, however it is written" {
    cp -RL "${repo}/egs2/commonvoice" "${root}/egs2"
    cd "${root}/egs2/commonvoice/asr_mtl1" || return
    cat > asr_mtl.sh <<'END'
#!/usr/bin/env bash
echo "lang=${COMMONVOICE_LANG}"
printf '<%s>' "$@"
END
    for given in "--lang de" "--lang=de"; do
        # shellcheck disable=SC2086  # one option or two words
        run ./run.sh --nj 2 ${given}
        [[ "${output}" == *"lang=de"*"<--lang><de>"*"<--test_sets><test_de>"* ]]
    done
    run ./run.sh
    [[ "${output}" == *"lang=en"*"<--train_set><train_en>"* ]]
}
