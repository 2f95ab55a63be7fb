#!/usr/bin/env bash
# How jobs are run. train_cmd, cuda_cmd and decode_cmd are called as Kaldi's run.pl is:
#
#     <cmd> [--gpu <n>] [--mem <size>] [--num_threads <n>] [JOB=1:<n>] <log> <command>...
#
# Choose here, or for one command: cmd_backend=slurm ./run.sh ...
#
#     local                       processes on this machine
#     slurm                       a SLURM cluster, as conf/slurm.conf says
#     stdout, ssh, sge, pbs, jhu  ESPnet's own scripts, where this lies in its checkout
cmd_backend=${cmd_backend:-local}

case ${cmd_backend} in
    local)
        export train_cmd=utils/run.py
        export cuda_cmd=utils/run.py
        export decode_cmd=utils/run.py
        ;;
    slurm)
        if ! command -v sbatch > /dev/null; then
            echo "$0: Error: cmd.sh: cmd_backend=slurm needs SLURM's sbatch, which cannot be" \
                "found: run this on a machine of the cluster, or choose cmd_backend=local" >&2
            exit 1
        fi
        export train_cmd=utils/slurm.py
        # A link to it: by this name, ESPnet's launcher starts several nodes with srun.
        export cuda_cmd=utils/slurm.pl
        export decode_cmd=utils/slurm.py
        ;;
    stdout | ssh | pbs)
        export train_cmd=${cmd_backend}.pl
        export cuda_cmd=${cmd_backend}.pl
        export decode_cmd=${cmd_backend}.pl
        ;;
    sge)
        export train_cmd=queue.pl
        export cuda_cmd=queue.pl
        export decode_cmd=queue.pl
        ;;
    jhu)
        export train_cmd="queue.pl --mem 2G"
        export cuda_cmd="queue-freegpu.pl --mem 2G --gpu 1 --config conf/gpu.conf"
        export decode_cmd="queue.pl --mem 4G"
        ;;
    *)
        echo "$0: Error: cmd.sh: cmd_backend=${cmd_backend} is not one of: local, slurm," \
            "stdout, ssh, sge, pbs, jhu" >&2
        exit 1
        ;;
esac

# Better now than after hours of other stages.
for _program in "${train_cmd%% *}" "${cuda_cmd%% *}" "${decode_cmd%% *}"; do
    if ! command -v "${_program}" > /dev/null; then
        echo "$0: Error: cmd.sh: cmd_backend=${cmd_backend} needs ESPnet's ${_program}, which" \
            "cannot be found. Put egs2/ and espnet_mtl/ into an ESPnet checkout, which has it" \
            "in egs2/TEMPLATE/asr1/utils (git clone https://github.com/espnet/espnet), or" \
            "choose cmd_backend=local or slurm." >&2
        exit 1
    fi
done
unset _program
