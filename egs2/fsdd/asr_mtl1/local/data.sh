#!/usr/bin/env bash
# Stage 1: join recordings to strings of digits. Their audio lies in ${datadir}/audio, so
# that runs with data directories of their own do not meet.
#
# shellcheck source-path=SCRIPTDIR/..

set -e
set -u
set -o pipefail

datadir=data    # Where the sets go.
fsdd_root=      # Folder of the Free Spoken Digit Dataset. Empty: FSDD, see db.sh.
num_train=9600  # Utterances to train on.
num_valid=200   # Utterances for validation.
num_test=192    # Utterances to test with.
seed=0          # Seed of all choices.

help_message="Usage: $0 [--datadir data] [--fsdd_root <folder>] [--num_train 9600] [--num_valid 200] [--num_test 192] [--seed 0]

Joins the Free Spoken Digit Dataset's recordings to strings of 3 to 6 digits. Does nothing
where the same options have done it before."

. utils/parse_options.sh
. ./path.sh
. ./db.sh

if [ $# -ne 0 ]; then
    echo "$0: Error: No positional arguments are required (--help lists the options)." >&2
    exit 2
fi

python3 local/make_corpus.py --output "${datadir}" --fsdd_root "${fsdd_root:-${FSDD}}" \
    --num_train "${num_train}" --num_valid "${num_valid}" --num_test "${num_test}" \
    --seed "${seed}"
