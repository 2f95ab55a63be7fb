#!/usr/bin/env bash
# How jobs are run. train_cmd, cuda_cmd and decode_cmd are called as Kaldi's run.pl is:
#
#     <cmd> [--gpu <n>] [--mem <size>] [--num_threads <n>] [JOB=1:<n>] <log> <command>...
#
# Choose here. 'slurm' and 'sge' use the scripts of an ESPnet checkout, which read
# conf/slurm.conf and conf/queue.conf of the recipe: copy them from ESPnet's template.
cmd_backend=local

case ${cmd_backend} in
    local)
        export train_cmd=utils/run.py
        export cuda_cmd=utils/run.py
        export decode_cmd=utils/run.py
        ;;
    slurm)
        export train_cmd=slurm.pl
        export cuda_cmd=slurm.pl
        export decode_cmd=slurm.pl
        ;;
    sge)
        export train_cmd=queue.pl
        export cuda_cmd=queue.pl
        export decode_cmd=queue.pl
        ;;
    *)
        echo "$0: Error: cmd.sh: cmd_backend=${cmd_backend} is not one of local, slurm, sge" >&2
        exit 1
        ;;
esac
