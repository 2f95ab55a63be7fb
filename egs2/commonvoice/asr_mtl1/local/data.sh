#!/usr/bin/env bash
# Stage 1: data directories of a Common Voice release. All options are those of
# prepare_commonvoice.py (--help lists them).
#
# shellcheck source-path=SCRIPTDIR/..

set -e
set -u
set -o pipefail

. ./db.sh
. ./path.sh

exec python3 local/prepare_commonvoice.py --root "${COMMONVOICE}" \
    --lang "${COMMONVOICE_LANG:-en}" "$@"
