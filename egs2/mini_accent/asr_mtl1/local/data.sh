#!/usr/bin/env bash
# Stage 1: synthesise the corpus. Its audio lies in ${datadir}/audio, so that runs with
# data directories of their own do not meet.
#
# shellcheck source-path=SCRIPTDIR/..

set -e
set -u
set -o pipefail

datadir=data    # Where the sets go.
num_train=2400  # Utterances to train on.
num_valid=200   # Utterances for validation.
num_test=192    # Utterances to test with.
fs=16000        # Sampling rate in Hz.
seed=0          # Seed of all choices.

help_message="Usage: $0 [--datadir data] [--num_train 2400] [--num_valid 200] [--num_test 192] [--fs 16000] [--seed 0]

Synthesises mini_accent. Does nothing where the same options have made it before."

. utils/parse_options.sh
. ./path.sh

if [ $# -ne 0 ]; then
    echo "$0: Error: No positional arguments are required (--help lists the options)." >&2
    exit 2
fi

python3 local/make_corpus.py --output "${datadir}" --fs "${fs}" --seed "${seed}" \
    --num_train "${num_train}" --num_valid "${num_valid}" --num_test "${num_test}"
