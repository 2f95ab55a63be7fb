#!/usr/bin/env bash
# Stage 1: data directories of CSTR VCTK. All options are those of prepare_vctk.py
# (--help lists them).
#
# shellcheck source-path=SCRIPTDIR/..

set -e
set -u
set -o pipefail

. ./db.sh
. ./path.sh

exec python3 local/prepare_vctk.py --root "${VCTK}" "$@"
