#!/usr/bin/env bash
# Stage 1: data directories of the Speech Accent Archive. All options are those of
# make_corpus.py (--help lists them).
#
# shellcheck source-path=SCRIPTDIR/..

set -e
set -u
set -o pipefail

. ./db.sh
. ./path.sh

exec python3 local/make_corpus.py --root "${SAA}" "$@"
