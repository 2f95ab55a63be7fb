#!/usr/bin/env bats
# The scripts in utils/ that every recipe shares.

setup() {
    repo=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    utils=${repo}/egs2/TEMPLATE/asr_mtl1/utils
    export PYTHONPATH=${repo}
    cd "${BATS_TEST_TMPDIR}" || return
}

# -- parse_options.sh

# A script with options, which prints what it got.
make_script() {
    cat > script.sh << END
#!/usr/bin/env bash
stage=1
train_config=
use_lm=false
help_message="Usage: script.sh [options]"
. ${utils}/parse_options.sh
echo "\${stage}|\${train_config}|\${use_lm}|\$*"
END
    chmod +x script.sh
}

@test "parse_options: all ways to write an option; the rest stays" {
    make_script
    run ./script.sh --stage 3 --train-config "a b" --use_lm=true one two
    [ "${status}" -eq 0 ]
    [ "${output}" = "3|a b|true|one two" ]
    run ./script.sh
    [ "${output}" = "1||false|" ]
    run ./script.sh --stage "" --train_config=x=y
    [ "${output}" = "|x=y|false|" ]
}

@test "parse_options: --config is read before the other options" {
    make_script
    printf 'stage=5\nuse_lm=true\n' > settings.sh
    run ./script.sh --stage 7 --config settings.sh
    [ "${output}" = "7||true|" ]
    run ./script.sh --config nowhere.sh
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"--config nowhere.sh: cannot be read"* ]]
}

@test "parse_options: the value of an option is no option" {
    make_script
    printf 'stage=5\n' > settings.sh
    run ./script.sh --train_config --config=settings.sh
    [ "${output}" = "1|--config=settings.sh|false|" ]
    run ./script.sh --train_config --config --config=settings.sh
    [ "${output}" = "5|--config|false|" ]
    run ./script.sh one --config settings.sh
    [ "${output}" = "1||false|one --config settings.sh" ]
}

@test "parse_options: unknown options are refused and similar ones named" {
    make_script
    run ./script.sh --train_conf x
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"unknown option --train_conf; similar: --train_config (--help lists all)"* ]]
    _po_elsewhere="Say --local." run ./script.sh --train_conf x
    [[ "${output}" == *"(--help lists all). Say --local." ]]
    run ./script.sh '--stage;touch${IFS}broken_into' x
    [ "${status}" -eq 1 ]
    [ ! -e broken_into ]
}

@test "parse_options: wrong values are refused" {
    make_script
    run ./script.sh --use_lm yes
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"--use_lm takes true or false, not 'yes'"* ]]
    run ./script.sh --stage
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"--stage needs a value"* ]]
}

@test "parse_options: --help goes to stdout" {
    make_script
    [ "$(./script.sh --stage 2 --help 2>/dev/null)" = "Usage: script.sh [options]" ]
}

# -- run.py

@test "run.py: each job gets its number, in the log's name and the command" {
    run "${utils}/run.py" --mem 4G --time 1:00 JOB=2:4 log/job.JOB.log sh -c 'echo number JOB'
    [ "${status}" -eq 0 ]
    [ -z "${output}" ]
    [ "$(ls log | paste -s -d ' ')" = "job.2.log job.3.log job.4.log" ]
    grep -qx "number 3" log/job.3.log
    grep -q "^# Ended (code 0) at " log/job.3.log
}

@test "run.py: numbers go to the name that they are given with" {
    run "${utils}/run.py" NUMBER=1:2 log.NUMBER echo "a JOB" NUMBER
    [ "${status}" -eq 0 ]
    grep -qx "a JOB 2" log.2
    run "${utils}/run.py" NUMBER=1:2 log.JOB true
    [[ "${output}" == *"log.JOB: several jobs need NUMBER in the log's name"* ]]
}

@test "run.py: arguments reach the command as they are" {
    run "${utils}/run.py" one.log printf '<%s>' "a b" '$HOME' ""
    [ "${status}" -eq 0 ]
    grep -q '<a b><$HOME><>' one.log
}

@test "run.py: a failed job is shown, and the others still run" {
    run "${utils}/run.py" JOB=1:3 log.JOB sh -c 'echo here is job JOB; test JOB -ne 2'
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"here is job 2"* ]]
    [[ "${output}" == *"1 of 3 jobs failed (exit status 1); the end of log.2 is shown"* ]]
    grep -q "here is job 3" log.3
}

@test "run.py: a command that is not there fails" {
    run "${utils}/run.py" one.log no_such_command_anywhere
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"no_such_command_anywhere"* ]]
}

@test "run.py: no more jobs at once than asked for" {
    run "${utils}/run.py" --max_jobs_run 1 JOB=1:3 log.JOB \
        sh -c 'mkdir running && sleep 0.2 && rmdir running'
    [ "${status}" -eq 0 ]
}

is_alive() { # is_alive <pid>: and not only waiting to be taken note of
    [[ $(ps -o stat= -p "$1") == [!Z]* ]]
}

@test "run.py: a job that outlives it keeps the lock of their run" {
    exec {lock}>> lock
    python3 -m espnet_mtl.bin.lock "${lock}"
    "${utils}/run.py" log sh -c 'echo $$ > job; exec sleep 300' 3>&- &
    runner=$!
    exec {lock}>&-
    for _ in $(seq 100); do
        [ -s job ] && break
        sleep 0.1
    done
    kill -KILL "${runner}"
    wait "${runner}" || true
    exec {lock}>> lock
    run python3 -m espnet_mtl.bin.lock "${lock}"
    [ "${status}" -eq 75 ]
    kill "$(cat job)"
    for _ in $(seq 50); do
        python3 -m espnet_mtl.bin.lock "${lock}" && return
        sleep 0.1
    done
    false
}

@test "run.py: killed, it ends what its jobs started" {
    "${utils}/run.py" JOB=1:2 log.JOB \
        sh -c 'sleep 300 & echo $! > child.JOB; wait' 3>&- &
    runner=$!
    for _ in $(seq 100); do
        [ -s child.1 ] && [ -s child.2 ] && break
        sleep 0.1
    done
    kill -TERM "${runner}"
    wait "${runner}" || true
    for child in $(cat child.1 child.2); do
        for _ in $(seq 50); do
            is_alive "${child}" || break
            sleep 0.1
        done
        run is_alive "${child}"
        [ "${status}" -ne 0 ]
    done
}

@test "run.py: a closed terminal ends its jobs, unless nohup was asked for" {
    for start in "" nohup; do
        rm -f job
        ${start} "${utils}/run.py" log sh -c 'echo $$ > job; until [ -e go ]; do sleep 0.1; done' \
            > said 2>&1 3>&- &
        runner=$!
        for _ in $(seq 100); do
            [ -s job ] && break
            sleep 0.1
        done
        kill -HUP "${runner}"
        if [ -z "${start}" ]; then
            status=0
            wait "${runner}" || status=$?
            [ "${status}" -eq 129 ]
            run is_alive "$(cat job)"
            [ "${status}" -ne 0 ]
        fi
    done
    sleep 0.2
    is_alive "${runner}"
    touch go
    wait "${runner}"
    grep -q "^# Ended (code 0)" log
}

@test "run.py: one job keeps the log of an earlier one, and its name may have JOB in it" {
    for n in 1 2 3; do
        "${utils}/run.py" JOBS/train.log echo "run ${n} of JOB"
    done
    [ "$(ls JOBS | paste -s -d ' ')" = "train.1.log train.2.log train.log" ]
    grep -qx "run 3 of JOB" JOBS/train.log
    grep -qx "run 2 of JOB" JOBS/train.1.log
    grep -qx "run 1 of JOB" JOBS/train.2.log
    "${utils}/run.py" --log other.log JOBS/train.log true
    [ -e other.log ] && [ "$(ls JOBS | wc -l)" -eq 3 ]
    # Logs of many jobs are written over.
    for _ in 1 2; do "${utils}/run.py" JOB=1:2 many/log.JOB true; done
    [ "$(ls many | paste -s -d ' ')" = "log.1 log.2" ]
}

# A job that says twice how far it is.
make_job() {
    cat > job.sh << 'END'
echo "x INFO: progress: $1/4 utterances (decoding)"
sleep 1.5
echo "x INFO: progress: 4/4 utterances (decoding)"
sleep 1.5
END
}

@test "run.py: on a terminal a line says how far all jobs are, and goes" {
    make_job
    run script -qec "${utils}/run.py JOB=1:2 log.JOB sh job.sh JOB" /dev/null
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"(run.py) 3/8 utterances | 1 s so far"* ]]
    [[ "${output}" == *"(run.py) 8/8 utterances | "*" so far, about 0 s left"* ]]
    [[ "${output}" == *$'\r\e[K' ]]  # the last that it writes
    # Killed, it leaves no line behind either.
    run script -qec "timeout -s TERM 2.5 ${utils}/run.py log.1 sh job.sh 1" /dev/null
    [[ "${output}" == *"1/4 utterances"*$'\r\e[K' ]]
}

@test "run.py: a signal at the very end of its jobs ends it" {
    # As if the signal came while the end of the progress holds a lock.
    cat > end.py << 'END'
import os, signal, sys, threading
sys.path.insert(0, sys.argv.pop(1))
import jobs, run
real = threading.Event.set
def interrupted(event):
    with event._cond:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pthread_sigmask(signal.SIG_BLOCK, [])  # lets it come
    real(event)
on = jobs.Progress.__exit__
def leave(progress, *_):
    progress.over.set = lambda: interrupted(progress.over)
    on(progress)
jobs.Progress.__exit__ = leave
run.main()
END
    run timeout -s KILL 20 python3 end.py "${utils}" log.1 true
    [ "${status}" -eq 143 ]
}

@test "run.py: elsewhere, short jobs are silent, and a training tells its epochs" {
    make_job
    run "${utils}/run.py" log sh job.sh 1
    [ -z "${output}" ]
    run "${utils}/run.py" log echo \
        "x INFO: 1epoch results: [train] loss=3.14159, time=1, [valid] acc=0.5, wer=nan, loss=2.7, time=1"
    [[ "${output}" == *"(run.py) epoch 1: train loss 3.14, valid loss 2.7, acc 0.5" ]]
}

@test "run.py: wrong calls are refused" {
    run "${utils}/run.py" JOB=1:2 same.log true
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"same.log: several jobs need JOB in the log's name"* ]]
    run "${utils}/run.py" --nonsense 1 x.log true
    [[ "${output}" == *"unknown option --nonsense"* ]]
    run "${utils}/run.py" JOB=3:1 x.JOB true
    [[ "${output}" == *"range of JOB is empty"* ]]
    run "${utils}/run.py" --max-jobs-run all x.log true
    [[ "${output}" == *"--max_jobs_run takes a number above 0, not 'all'"* ]]
    run "${utils}/run.py" x.log
    [ "${status}" -eq 1 ]
}

# -- split_scp.py

@test "split_scp.py: nearly equal parts, nothing lost, order kept" {
    seq 10 > table
    run "${utils}/split_scp.py" table part1 part2 part3
    [ "${status}" -eq 0 ]
    cat part1 part2 part3 | cmp - table
    [ "$(wc -l < part1) $(wc -l < part2) $(wc -l < part3)" = "3 3 4" ]
}

@test "split_scp.py: more parts than lines are refused" {
    seq 2 > table
    run "${utils}/split_scp.py" table part1 part2 part3
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"table has 2 lines, too few for 3 parts; lower the number of jobs"* ]]
}

# -- validate_data_dir.sh and fix_data_dir.sh

# A data directory of two utterances, in the wrong order.
make_data() {
    mkdir -p data
    python3 - << 'END'
import wave

for name in ("a", "b"):
    with wave.open(f"data/{name}.wav", "wb") as audio:
        audio.setparams((1, 2, 8000, 0, "NONE", ""))
        audio.writeframes(bytes(3200))
END
    printf 'b-2 %s\na-1 %s\n' "${PWD}/data/b.wav" "${PWD}/data/a.wav" > data/wav.scp
    printf 'b-2 TWO\na-1 ONE\n' > data/text
    printf 'b-2 b\na-1 a\n' > data/utt2spk
    printf 'b-2 scottish\na-1 irish\n' > data/utt2accent
}

@test "fix_data_dir.sh: makes a valid directory of an unsorted one" {
    make_data
    run "${utils}/validate_data_dir.sh" data
    [ "${status}" -ne 0 ]
    run "${utils}/fix_data_dir.sh" data
    [ "${status}" -eq 0 ]
    [ "$(cat data/text)" = $'a-1 ONE\nb-2 TWO' ]
    [ "$(cat data/spk2utt)" = $'a a-1\nb b-2' ]
    run "${utils}/validate_data_dir.sh" data
    [ "${status}" -eq 0 ]
}

@test "validate_data_dir.sh: names the file and the utterance" {
    make_data
    "${utils}/fix_data_dir.sh" data
    sed -i '/^b-2/d' data/text
    run "${utils}/validate_data_dir.sh" data
    [ "${status}" -ne 0 ]
    [[ "${output}" == *text* ]]
    [[ "${output}" == *b-2* ]]
}

@test "fix_data_dir.sh: drops utterances that lack something" {
    make_data
    sed -i '/^b-2/d' data/text
    run "${utils}/fix_data_dir.sh" data
    [ "${status}" -eq 0 ]
    [ "$(cut -d ' ' -f 1 data/wav.scp)" = a-1 ]
    run "${utils}/validate_data_dir.sh" data
    [ "${status}" -eq 0 ]
}
