#!/usr/bin/env bash
# A SLURM cluster of this machine alone, with its own key and ports, below a directory.
# Loaded by tests.

has_slurm() {
    local program
    PATH=${PATH}:/usr/sbin  # where root's programs are
    for program in sbatch slurmctld slurmd munged; do
        command -v "${program}" > /dev/null || return 1
    done
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
}

start_slurm() { # start_slurm <directory>
    slurm=$1
    mkdir -p "${slurm}/state" "${slurm}/spool"
    mkdir -m 711 "${slurm}/munge"
    (umask 077 && head -c 1024 /dev/urandom > "${slurm}/munge/key")
    munged --force --socket "${slurm}/munge/socket" --key-file "${slurm}/munge/key" \
        --log-file "${slurm}/munge/log" --pid-file "${slurm}/munge/pid" \
        --seed-file "${slurm}/munge/seed" 2> /dev/null 3>&-

    export SLURM_CONF=${slurm}/slurm.conf
    # No limits and no accounting: they want cgroups and a database. Two jobs at a time,
    # however many processors there are.
    cat > "${SLURM_CONF}" << END
ClusterName=tests
SlurmctldHost=$(uname -n | cut -d . -f 1)(127.0.0.1)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=${slurm}/munge/socket
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
StateSaveLocation=${slurm}/state
SlurmdSpoolDir=${slurm}/spool
SlurmctldPidFile=${slurm}/slurmctld.pid
SlurmdPidFile=${slurm}/slurmd.pid
SlurmctldLogFile=${slurm}/slurmctld.log
SlurmdLogFile=${slurm}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=1
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes=ALL Default=YES
END
    slurmctld 3>&-
    slurmd -N localhost 3>&-
    for _ in $(seq 300); do
        if [ "$(sinfo --noheader --format %t 2> /dev/null)" = idle ]; then
            return
        fi
        sleep 0.1
    done
    tail -n 20 "${slurm}"/*.log >&2
    return 1
}

stop_slurm() { # stop_slurm <directory>
    local pid pids=()
    scancel --user "$(id -un)" || true
    for _ in $(seq 100); do
        [ -z "$(squeue --noheader 2> /dev/null)" ] && break
        sleep 0.1
    done
    for pid in "$1"/slurmd.pid "$1"/slurmctld.pid "$1"/munge/pid; do
        if [ -s "${pid}" ]; then
            pids+=("$(cat "${pid}")")
        fi
    done
    kill "${pids[@]}" || true
    for pid in "${pids[@]}"; do
        while kill -0 "${pid}" 2> /dev/null; do sleep 0.1; done
    done
}
