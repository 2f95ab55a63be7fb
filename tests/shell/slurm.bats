#!/usr/bin/env bats
# utils/slurm.py and cmd_backend=slurm, on a real SLURM of this machine.
#
# shellcheck disable=SC2154  # root and template are set by make_recipe.sh

load make_recipe.sh
load slurm_cluster.sh

setup_file() {
    if ! has_slurm; then
        skip "no SLURM; Debian has it in packages slurm-wlm and munge"
    fi
    start_slurm "${BATS_FILE_TMPDIR}"
}

teardown_file() {
    if [ -n "${SLURM_CONF:-}" ]; then
        stop_slurm "${BATS_FILE_TMPDIR}"
    fi
}

setup() {
    repo=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    slurm_py=${repo}/egs2/TEMPLATE/asr_mtl1/utils/slurm.py
    cd "${BATS_TEST_TMPDIR}" || return
    mkdir conf
    cp "${repo}/egs2/TEMPLATE/asr_mtl1/conf/slurm.conf" conf
}

# A job that a failed test left behind would keep the next ones waiting.
teardown() {
    scancel --user "$(id -un)" 2> /dev/null || true
}

wait_for() { # wait_for <command>...: until it succeeds
    for _ in $(seq 200); do
        if "$@"; then
            return
        fi
        sleep 0.1
    done
    echo "waited in vain for: $*"
    cat said 2> /dev/null || true
    return 1
}

waiting_or_running() { # waiting_or_running <number of jobs>
    [ "$(squeue --noheader --array --states=PENDING,RUNNING | wc -l)" -eq "$1" ]
}

# -- One call

@test "each job gets its number, its log is that of run.py, nothing is left behind" {
    SQUEUE_STATES=all SQUEUE_FORMAT=%i run "${slurm_py}" --gpu 0 JOB=2:4 "log/job.JOB.log" sh -c 'echo "number JOB in ${PWD}"'
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"submitted 3 x 'log/job.JOB.log'"* ]]
    [ "$(ls -A log | paste -s -d ' ')" = "job.2.log job.3.log job.4.log" ]
    grep -qx "number 3 in ${PWD}" log/job.3.log
    grep -q "^# sh -c 'echo \"number 3 in " log/job.3.log
    grep -q "^# Running on .*, SLURM job [0-9]*_3$" log/job.3.log
    grep -q "^# Started at [0-9-]*T[0-9:]*$" log/job.3.log
    grep -q "^# Accounting: time=0 threads=1$" log/job.3.log
    grep -q "^# Ended (code 0) at " log/job.3.log
}

@test "arguments reach the command as they are, and one job needs no number" {
    run "${slurm_py}" "one log %a.log" printf '<%s>' "a  b" '$HOME' "" "it's" '"JOB"' '\n' '*'
    [ "${status}" -eq 0 ]
    grep -qF "<a  b><\$HOME><><it's><\"JOB\"><\\n><*>" "one log %a.log"
}

@test "one job without a number leaves JOB as it is" {
    run "${slurm_py}" "JOBS/one.log" sh -c 'echo JOB; exit 3'
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"the end of JOBS/one.log is shown"* ]]
    grep -qx JOB JOBS/one.log
    [ "$(paste -s -d ' ' <(ls))" = "JOBS conf" ]
}

@test "what path.sh sets reaches the jobs whatever the slurm.conf exports" {
    sed -i 's/--export=ALL/--export=NONE/' conf/slurm.conf
    PYTHONPATH=/a:/b OMP_NUM_THREADS=3 LC_ALL=C PATH=/own/bin:${PATH} run "${slurm_py}" env.log env
    [ "${status}" -eq 0 ]
    grep -qx "PYTHONPATH=/a:/b" env.log
    grep -qx "OMP_NUM_THREADS=3" env.log
    grep -qx "LC_ALL=C" env.log
    grep -q "^PATH=/own/bin:" env.log
}

@test "the slurm.conf of ESPnet and Kaldi is understood" {
    cat > mine.conf << 'END'
# Default configuration
command sbatch --export=PATH --ntasks-per-node=1
option name=* --job-name $0
option time=* --time $0
option mem=* --mem-per-cpu $0
option mem=0          # nothing
option num_threads=* --cpus-per-task $0
option num_threads=1 --cpus-per-task 1
default gpu=0
option gpu=0 -p all
option gpu=* -p gpu --gres=gpu:$0 -c $0  # more CPUs than GPUs
default cpu_limit=200
option cpu_limit=*
END
    run "${slurm_py}" --config mine.conf --name mine --num-threads 1 --time 10:00 --mem 0 a.log \
        bash -c 'scontrol show job "${SLURM_JOB_ID}"'
    [ "${status}" -eq 0 ]
    grep -q "JobName=mine$" a.log
    grep -q "TimeLimit=00:10:00" a.log
    grep -q "Partition=all" a.log
    run "${slurm_py}" --config mine.conf --gpu 2 a.log true
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"not submitted by 'sbatch "*"-p gpu --gres=gpu:2 -c 2'"*"nvalid"* ]]
}

@test "no more jobs at once than asked for" {
    run "${slurm_py}" --max_jobs_run 1 JOB=1:3 log.JOB \
        sh -c 'mkdir running && sleep 0.2 && rmdir running'
    [ "${status}" -eq 0 ]
}

@test "of more jobs than slots, each runs once" {
    run "${slurm_py}" JOB=1:7 log.JOB sh -c 'echo JOB >> ran'
    [ "${status}" -eq 0 ]
    [ "$(sort -n ran | tr '\n' ' ')" = "1 2 3 4 5 6 7 " ]
}

@test "an array that the cluster does not take: the message says what it takes" {
    run "${slurm_py}" JOB=1:1001 log.JOB true
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"The array has 1001 jobs; this cluster takes numbers below MaxArraySize"*"give fewer jobs"* ]]
}

# -- Failures

# A node dies while both jobs run, and comes back.
kill_node() {
    wait_for grep -q "^# Started" log.1
    wait_for grep -q "^# Started" log.2
    scontrol update nodename=localhost state=down reason="it died"
    wait_for node_is_up
}

node_is_up() {
    scontrol update nodename=localhost state=resume 2> /dev/null || true
    sinfo --noheader --format %t | grep -qE '^(idle|mix|alloc)$'
}

@test "a node that dies: SLURM starts its jobs again, and nothing is lost" {
    "${slurm_py}" JOB=1:2 log.JOB \
        sh -c 'mkdir was.JOB && exec sleep 300; echo again JOB >> ran' > said 2>&1 3>&- &
    caller=$!
    kill_node
    array=$(squeue --noheader --format %F | head -n 1)
    # SLURM would wait two minutes. It has to wait at least until the next second: a node
    # does not start a job again in the second in which it was killed there.
    wait_for scontrol update jobid="${array}" starttime=now+2
    wait "${caller}"
    [ "$(sort ran)" = "again 1
again 2" ]
}

@test "a node that dies where jobs do not start again: the message says so, and the same call continues" {
    sed 's/^command sbatch/& --no-requeue/' conf/slurm.conf > mine.conf
    call=("${slurm_py}" --config mine.conf JOB=1:2 log.JOB
        sh -c 'test -e done.JOB || { touch done.JOB; exec sleep 300; }; echo JOB is there')
    "${call[@]}" > said 2>&1 3>&- &
    caller=$!
    kill_node
    status=0
    wait "${caller}" || status=$?
    cat said
    [ "${status}" -eq 1 ]
    grep -q "2 of 2 jobs failed (SLURM says NODE_FAIL: its node failed)" said
    run "${call[@]}"
    [ "${status}" -eq 0 ]
    grep -q "^2 is there" log.2
}

@test "a full disk on one node: the message names the node and the disk, and the same call continues" {
    # /dev/full is a disk without room.
    cat > write.py << 'END'
import sys
from espnet_mtl.errors import run_main, setup_logging

setup_logging()


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write("the result\n")


run_main(main)
END
    ln -s /dev/full result.2
    call=(env PYTHONPATH="${repo}" "${slurm_py}" JOB=1:3 log.JOB
        python3 write.py result.JOB)
    run "${call[@]}"
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"The disk is full"*"Free some space and run the same command again"* ]]
    [[ "${output}" == *"1 of 3 jobs failed (exit status 1 on $(uname -n)); the end of log.2"* ]]
    grep -q result result.1 result.3
    rm result.2
    run "${call[@]}"
    [ "${status}" -eq 0 ]
    grep -q result result.2
}

@test "a failed job is shown, and the others still run" {
    run "${slurm_py}" JOB=1:3 log.JOB sh -c 'echo here is job JOB; test JOB -ne 2'
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"here is job 2"* ]]
    [[ "${output}" == *"1 of 3 jobs failed (exit status 1 on $(uname -n)); the end of log.2 is shown above"* ]]
    grep -q "here is job 3" log.3
    run "${slurm_py}" one.log no_such_command_anywhere
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"no_such_command_anywhere"* ]]
}

@test "of a job that SLURM ended, the message says why" {
    "${slurm_py}" JOB=1:2 log.JOB sh -c 'test JOB -eq 1 || exec sleep 300' > said 2>&1 3>&- &
    caller=$!
    wait_for grep -q "^# Started" log.2
    scancel "$(squeue --noheader --format %F | head -n 1)_2"
    status=0
    wait "${caller}" || status=$?
    cat said
    [ "${status}" -eq 1 ]
    grep -q "CANCELLED AT" said  # SLURM's own line, at the end of the log
    grep -q "1 of 2 jobs failed (SLURM says CANCELLED: somebody cancelled it)" said
}

@test "a reason to wait that may not go away is said once" {
    "${slurm_py}" --num_threads 3 log true > said 2>&1 3>&- &
    caller=$!
    wait_for grep -q "SLURM says that it waits for: PartitionConfig" said
    sleep 3
    kill -TERM "${caller}"
    wait "${caller}" || true
    [ "$(grep -c PartitionConfig said)" -eq 1 ]
}

@test "wrong calls are refused before anything is submitted" {
    run "${slurm_py}" JOB=1:2 same.log true
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"slurm.py: Error: same.log: several jobs need JOB"* ]]
    run "${slurm_py}" --qos high x.log true
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"conf/slurm.conf does not say what --qos high means"* ]]
    run "${slurm_py}" --config none.conf x.log true
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"none.conf: No such file"* ]]
    echo "optoin gpu=0" >> conf/slurm.conf
    run "${slurm_py}" x.log true
    [[ "${output}" == *"conf/slurm.conf:"*": 'optoin gpu=0' is none of: command"* ]]
    waiting_or_running 0
}

# -- Interruptions

@test "killed, it cancels its array" {
    "${slurm_py}" JOB=1:3 log.JOB sleep 300 3>&- &
    caller=$!
    wait_for grep -q "^# Started" log.1
    kill -TERM "${caller}"
    status=0
    wait "${caller}" || status=$?
    [ "${status}" -eq 143 ]
    wait_for waiting_or_running 0
}

@test "nohup keeps the array when the terminal is closed" {
    # The tests themselves may have been started by nohup, which jobs would inherit.
    for start in "env --default-signal=HUP" nohup; do
        ${start} "${slurm_py}" log sh -c 'until [ -e go ]; do sleep 0.1; done' > said 2>&1 3>&- &
        caller=$!
        wait_for grep -q submitted said
        sleep 0.5
        kill -HUP "${caller}"
        if [ "${start}" != nohup ]; then
            status=0
            wait "${caller}" || status=$?
            [ "${status}" -eq 129 ]
            grep -q "is cancelled" said
            wait_for waiting_or_running 0
        fi
    done
    sleep 0.5
    waiting_or_running 1
    touch go
    wait "${caller}"
}

@test "after a kill -9, the log is that of the array which is waited for" {
    echo earlier > train.log
    job='echo mine; touch started; until [ -e go ]; do sleep 0.1; done; exit 3'
    "${slurm_py}" train.log sh -c "${job}" 3>&- &
    caller=$!
    wait_for test -e started
    kill -KILL "${caller}"
    wait "${caller}" || true
    # SLURM does not answer at once; meanwhile, nothing is submitted.
    mkdir bin
    cat > bin/squeue << END
#!/usr/bin/env bash
if [ ! -e asked ]; then touch asked; echo "no controller" >&2; exit 1; fi
$(command -v squeue) "\$@"
touch go
END
    chmod +x bin/squeue
    PATH=${PWD}/bin:${PATH} run "${slurm_py}" train.log sh -c "${job}"
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"SLURM does not answer (no controller)"*"waiting for it"* ]]
    [[ "${output}" != *submitted* ]]
    [[ "${output}" == *mine*"1 of 1 jobs failed (exit status 3 on "*"); the end of train.log is shown"* ]]
    [ "$(cat train.1.log)" = earlier ]
    [ ! -e train.2.log ]
}

@test "after a kill -9, the same call waits for the array, another one is refused" {
    job='echo JOB >> started; until [ -e go ]; do sleep 0.1; done; test JOB -ne 2'
    "${slurm_py}" --max_jobs_run 1 JOB=1:2 log.JOB sh -c "${job}" 3>&- &
    caller=$!
    wait_for test -s started
    kill -KILL "${caller}"
    wait "${caller}" || true
    run "${slurm_py}" JOB=1:2 log.JOB sh -c 'echo something else'
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"of an earlier call still writes log.JOB"*"'scancel "* ]]
    touch go
    run "${slurm_py}" --max_jobs_run 1 JOB=1:2 log.JOB sh -c "${job}"
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"of an earlier call does the same: waiting for it"* ]]
    [[ "${output}" == *"1 of 2 jobs failed (exit status 1 on "*"); the end of log.2"* ]]
    [ "$(paste -s -d ' ' started)" = "1 2" ]
    # It has ended: now the work is done again.
    run "${slurm_py}" --max_jobs_run 1 JOB=1:2 log.JOB sh -c "${job}"
    [ "$(paste -s -d ' ' started)" = "1 2 1 2" ]
}

# -- Stages

@test "cmd_backend=slurm in the environment: all jobs of stages 1 to 17 are SLURM's" {
    make_recipe "${BATS_TEST_TMPDIR}"
    export cmd_backend=slurm
    run asr_mtl --speed_perturb_factors "0.9 1.0" --stop_stage 17 --attack_nj 2
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"Successfully finished."* ]]
    find data dump exp -name '*.log' > logs
    for job in format_wav_scp stats.2 train asr_inference.2 asr_mtl_attack.2; do
        grep -q "/${job}[.0-9]*log$" logs
    done
    while read -r log; do
        grep -q "^# Running on .*, SLURM job" "${log}" || { echo "${log}"; false; }
        grep -q "^# Ended (code 0)" "${log}"
    done < logs
    squeue --noheader --states=all --format %j > names
    for job in format_wav_scp stats train asr_inference asr_mtl_attack; do
        grep -qx "${job}" names
    done
}

@test "a failed stage names the log, a second command continues" {
    make_recipe "${BATS_TEST_TMPDIR}"
    export cmd_backend=slurm
    asr_mtl --stop_stage 11 > /dev/null
    FAKE_FAILS=asr_mtl_inference run asr_mtl --stage 12 --stop_stage 12
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"fake asr_mtl_inference: failed as asked"* ]]
    [[ "${output}" == *"2 of 2 jobs failed (exit status 1 on $(uname -n)); the end of exp/"*"/asr_inference.1.log"* ]]
    [[ "${output}" == *"Stage 12 stopped with exit status 1"* ]]
    run asr_mtl --stage 12 --stop_stage 12
    [ "${status}" -eq 0 ]
}

@test "one job of an attack fails: nothing is merged, a second command continues" {
    make_recipe "${BATS_TEST_TMPDIR}"
    export cmd_backend=slurm
    asr_mtl --stop_stage 14 > /dev/null
    attack=(asr_mtl --stage 15 --stop_stage 15 --attack_nj 3)
    FAKE_FAILS=asr_mtl_attack FAKE_FAILS_WITH="--job 2" run "${attack[@]}"
    [ "${status}" -ne 0 ]
    [[ "${output}" == *"1 of 3 jobs failed (exit status 1 on $(uname -n)); the end of exp/"*"/asr_mtl_attack.2.log"* ]]
    [[ "${output}" == *"Stage 15 stopped with exit status 1"* ]]
    [ "$(called 'asr_mtl_attack.*--merge')" -eq 0 ]
    run "${attack[@]}"
    [ "${status}" -eq 0 ]
    [ "$(called 'asr_mtl_attack.*--merge')" -eq 1 ]
}

@test "after a kill -9 of everything, stage 11 waits for its training and its log stays" {
    make_recipe "${BATS_TEST_TMPDIR}"
    export cmd_backend=slurm FAKE_TRAINING_SECONDS=5
    asr_mtl --stop_stage 10 > /dev/null
    # A process group of its own, which can be killed whole.
    setsid bash -c "root=${root}; $(declare -f asr_mtl); asr_mtl --stage 11 --stop_stage 11" \
        > said 2>&1 3>&- &
    caller=$!
    wait_for grep -q submitted said
    kill -KILL -- "-${caller}"
    wait "${caller}" || true
    run asr_mtl --stage 11 --stop_stage 11
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"of an earlier call does the same: waiting for it"* ]]
    [ "$(called 'asr_mtl_train.*--resume true')" -eq 1 ]
    [ "$(cd exp/asr_mtl_train_raw_bpe30 && ls ./*.log)" = ./train.log ]
}
