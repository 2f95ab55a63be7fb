#!/usr/bin/env bash
# The study: train, export, attack and compare every system of a file.
#
# shellcheck disable=SC2034  # all options are passed on, by their names

set -e
set -u
set -o pipefail

log() {
    local fname=${BASH_SOURCE[1]##*/}
    echo "$(date '+%Y-%m-%dT%H:%M:%S') (${fname}:${BASH_LINENO[0]}:${FUNCNAME[1]}) $*" >&2
}

# --help prints these lines: each option has its explanation behind it.
# >>> options
# What matters most
table=              # Your own corpus: a CSV or TSV with the columns path, text, speaker, accent (doc/own-corpus.md).
corpus=             # Recipe under egs2/ to run the study on. Empty: mini_accent or, with --table, the name of its file.
preset=default      # Name from conf/presets.yaml: default, quick, smoke or, for saa, pitch and four_accents.

# General
stage=1             # First stage, as numbered by asr_mtl.sh.
stop_stage=10000    # Last stage.
systems_config=     # The systems. Empty: conf/systems.yaml, or the preset's. conf/systems_robust.yaml: trainings that make a recogniser resist.
systems=            # Names from systems_config, such as "ctc att". Empty: all.
nj=                 # CPU cores to use, at most one system on each; on a cluster, jobs of each step. Empty: as many as this machine has cores.
ngpu=0              # GPUs: each system uses one of them, 0 uses the CPU.
seed=0              # Seed of the training.
python=             # Python to use. Empty: the environment of local/install.sh.
expdir=exp          # The study goes to ${expdir}/study_${corpus}[_<systems>][_${preset}], such as study_fsdd_robust.
redo=false          # Repeat the stages asked for although they are done.
update_readme=false # Write the results into the checkout's READMEs.

# Passed on, after what conf/ and the preset say
train_args=         # Options of asr_mtl_train, such as "--max_epoch 5".
attack_config=conf/attack_standard.yaml # The attack.
attack_args=        # Settings that replace those of attack_config, such as "budgets=[0.002]".
inference_args=     # Options of asr_mtl_inference, such as "--beam_size 5".
num_attack_utts=    # Utterances to attack. Empty: as many as conf/presets.yaml says.
local_data_opts=    # Options of the recipe's local/data.sh.
recipe_args=        # Any other options of the recipe's run.sh.
# <<< options

command="$0${*:+$(printf ' %q' "$@")}"
called_in=${PWD}
cd "$(dirname "${BASH_SOURCE[0]}")"
help_message="Usage: $0 [options]

Trains every system of --systems_config on one corpus, exports it, attacks the export,
and compares. Without options: six systems on mini_accent, a synthetic corpus; with --table,
on your own recordings. The result is RESULTS.md and index.html in exp/study_<corpus>.
Interrupted or failed, the same command (without --redo true) continues; a stage that is done
is repeated only when its settings or the table change, or its results were removed.
$(awk -f egs2/TEMPLATE/asr_mtl1/scripts/print_options.awk run.sh)"
_po_elsewhere="Options of a recipe go into --recipe_args, as in --recipe_args \"--fs 8k\",\
 those of its stage 1 into --local_data_opts; its --asr_args are --train_args here."
. egs2/TEMPLATE/asr_mtl1/utils/parse_options.sh

if [ $# -ne 0 ]; then
    log "${help_message}"
    log "Error: No positional arguments are required."
    exit 2
fi

if [ -n "${table}" ] && [[ ${table} != [/~]* ]]; then
    table=${called_in}/${table}
fi
if [ -z "${python}" ]; then
    local/install.sh >&2
    python=$(local/install.sh --print_python)
fi
if [[ ${python} == */* ]]; then
    # Recipes run in their own directory. (Not readlink: a venv is known by its link.)
    python=$(cd "$(dirname "${python}")" && pwd)/$(basename "${python}")
fi

export PYTHONPATH="${PWD}${PYTHONPATH:+:${PYTHONPATH}}"
options=()
for name in $(sed -n '/^# >>> options/,/^# <<< options/s/^\([a-z_]*\)=.*/\1/p' run.sh); do
    options+=("${name}=${!name}")
done
exec "${python}" local/study.py "${options[@]}" command="${command}"
