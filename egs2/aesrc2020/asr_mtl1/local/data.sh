#!/usr/bin/env bash
# Stage 1: data directories of AESRC2020. All options are those of prepare_aesrc2020.py
# (--help lists them).
#
# shellcheck source-path=SCRIPTDIR/..

set -e
set -u
set -o pipefail

. ./db.sh
. ./path.sh

exec python3 local/prepare_aesrc2020.py --root "${AESRC2020}" "$@"
