#!/usr/bin/env bats
# A recipe inside an ESPnet checkout: a skeleton of one, with stand-ins for its scripts.
#
# shellcheck disable=SC2154  # repo and root are set by make_recipe.sh

load make_recipe.sh

setup() {
    make_recipe "${BATS_TEST_TMPDIR}"
    export ESPNET_CALLS=${root}/espnet_calls
    : > "${ESPNET_CALLS}"
    ln -s "${repo}/espnet_mtl" "${root}/espnet_mtl"
    mkdir -p "${root}/espnet2" "${root}/tools/sctk/bin" "${root}/egs2/TEMPLATE/asr1/utils"

    mkdir -p "${root}/tools/venv/bin"
    mv "${root}/bin/python3" "${root}/tools/venv/bin"
    echo "PATH=${root}/tools/venv/bin:\${PATH}" > "${root}/tools/activate_python.sh"
    echo "PATH=${root}/tools/sctk/bin:\${PATH}" > "${root}/tools/extra_path.sh"

    local name
    for name in run.pl slurm.pl queue.pl queue-freegpu.pl ssh.pl pbs.pl stdout.pl \
            parse_options.sh validate_data_dir.sh fix_data_dir.sh split_scp.pl; do
        cat > "${root}/egs2/TEMPLATE/asr1/utils/${name}" << 'END'
#!/usr/bin/env bash
echo "${0##*/} $*" >> "${ESPNET_CALLS}"
exec run.py "$@"
END
    done
    chmod +x "${root}"/egs2/TEMPLATE/asr1/utils/*
}

espnet_asr_mtl() { # without --python: the checkout's own is to be found
    ./asr_mtl.sh --ngpu 0 --nj 2 --inference_nj 2 \
        --train_set train --valid_set valid --test_sets test "$@" 2>&1
}

@test "stages 1 to 5 run with the checkout's Python and need no script of ESPnet's" {
    run espnet_asr_mtl --stop_stage 5
    [ "${status}" -eq 0 ]
    [ -f data/token_list/bpe_unigram30/tokens.txt ]
    [ -f dump/raw/test/wav.scp ]
    [ ! -s "${ESPNET_CALLS}" ]
}

# shellcheck disable=SC2016  # the inner shell expands
@test "our utils win, then come ESPnet's, what tools/ holds, and the environment" {
    echo 'export LAST=${PYTHONIOENCODING}' > local/path.sh
    run bash -c 'set -eu; . ./path.sh; type -p validate_data_dir.sh slurm.pl queue.pl python3
        echo "${PATH//:/ }"; echo "${PYTHONPATH}"; echo "${LAST}"'
    [ "${status}" -eq 0 ]
    espnet=${lines[4]#* }
    [ "${lines[0]}" = "${PWD}/utils/validate_data_dir.sh" ]
    [ "${lines[1]}" = "${PWD}/utils/slurm.pl" ]
    [[ "${lines[2]}" == */egs2/TEMPLATE/asr1/utils/queue.pl ]]
    [ "${lines[3]}" = "${root}/tools/venv/bin/python3" ]
    [[ "${espnet}" == *"/egs2/TEMPLATE/asr1/utils ${root}/tools/sctk/bin ${root}/tools/venv/bin "* ]]
    [[ "${lines[5]}" == "${PWD}/../../..:${PWD}/../../../egs2/TEMPLATE/asr1/pyscripts"* ]]
    [ "${lines[6]}" = UTF-8 ]
}

@test "cmd_backend=sge, ssh, pbs, stdout and jhu call ESPnet's scripts" {
    espnet_asr_mtl --stop_stage 5 > /dev/null
    for backend in sge:queue.pl ssh:ssh.pl pbs:pbs.pl stdout:stdout.pl "jhu:queue.pl --mem 2G"; do
        : > "${ESPNET_CALLS}"
        cmd_backend=${backend%%:*} run espnet_asr_mtl --stage 10 --stop_stage 10
        [ "${status}" -eq 0 ]
        grep -q "^${backend#*:} JOB=1:2 exp/.*/stats.JOB.log .*asr_mtl_train" "${ESPNET_CALLS}"
    done
}

@test "the log of an interrupted training is kept, whoever runs it" {
    cmd_backend=sge espnet_asr_mtl --stop_stage 11 > /dev/null
    exp=exp/asr_mtl_train_raw_bpe30
    echo first >> "${exp}/train.log"
    # ESPnet's scripts write over a log.
    sed -i 's/^exec run.py/exec run.py --log again.log/' "${root}"/egs2/TEMPLATE/asr1/utils/queue.pl
    cmd_backend=sge run espnet_asr_mtl --stage 11 --stop_stage 11
    [ "${status}" -eq 0 ]
    [ "$(tail -n 1 "${exp}/train.1.log")" = first ]
    cmd_backend=sge run espnet_asr_mtl --stage 11 --stop_stage 11 --ngpu 2 --num_nodes 2
    [ "$(called '^launch --cmd queue.pl --log exp/[^ ]*/train.log ')" -eq 1 ]
}

@test "a back-end that is not there is named before anything runs" {
    rm "${root}"/egs2/TEMPLATE/asr1/utils/{queue,ssh}.pl
    for backend in sge:queue.pl ssh:ssh.pl jhu:queue.pl; do
        cmd_backend=${backend%:*} run espnet_asr_mtl
        [ "${status}" -eq 1 ]
        [[ "${output}" == *"cmd_backend=${backend%:*} needs ESPnet's ${backend#*:}, which cannot be found"* ]]
        [[ "${output}" == *"egs2/TEMPLATE/asr1/utils (git clone https://github.com/espnet/espnet)"* ]]
    done
    cmd_backend=torque run espnet_asr_mtl
    [[ "${output}" == *"cmd_backend=torque is not one of: local, slurm, stdout, ssh, sge, pbs, jhu"* ]]
    ln -sf /usr/bin/* /bin/* "${root}/bin"
    rm -f "${root}/bin/sbatch"
    PATH=${root}/bin cmd_backend=slurm run espnet_asr_mtl
    [[ "${output}" == *"cmd_backend=slurm needs SLURM's sbatch"* ]]
    [ ! -s "${CALLS}" ]
}

@test "several GPUs: ESPnet's launcher gets slurm.pl, the name it starts nodes by" {
    espnet_asr_mtl --stop_stage 10 > /dev/null
    printf '#!/bin/sh\n' > "${root}/tools/venv/bin/sbatch"
    chmod +x "${root}/tools/venv/bin/sbatch"
    cmd_backend=slurm run espnet_asr_mtl --stage 11 --stop_stage 11 --ngpu 2 --num_nodes 2 \
        --feats_normalize utterance_mvn
    [ "${status}" -eq 0 ]
    [ "$(called '^launch --cmd utils/slurm.pl .*--ngpu 2 --num_nodes 2 ')" -eq 1 ]
}

@test "a checkout without an environment says how ESPnet makes one" {
    FAKE_NO_ESPNET=1 run espnet_asr_mtl
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"ESPnet cannot be found"*"make -C ${root}/tools"* ]]
}

@test "all names that go into a checkout are ours: egs2/<corpus>/asr_mtl1 and espnet_mtl" {
    run find "${repo}/egs2" -mindepth 2 -maxdepth 2 ! -name asr_mtl1
    [ -z "${output}" ]
    run find "${repo}/egs2" -maxdepth 1 ! -type d
    [ -z "${output}" ]
}
