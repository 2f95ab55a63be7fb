#!/usr/bin/env bash
# Stage 1: data directories of the table that db.sh or --table names. All options are
# those of espnet_mtl.bin.prepare_own_corpus (--help lists them).
#
# shellcheck source-path=SCRIPTDIR/..

set -e
set -u
set -o pipefail

. ./db.sh
. ./path.sh

exec python3 -m espnet_mtl.bin.prepare_own_corpus --table "${TABLE}" "$@"
