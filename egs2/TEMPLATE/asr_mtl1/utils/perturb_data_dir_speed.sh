#!/usr/bin/env bash
# Kaldi's name for: python3 -m espnet_mtl.data.stages.speed_perturb --factors <factor> ...
set -e
set -u
set -o pipefail

# shellcheck disable=SC2034
utt_extra_files=  # taken for ESPnet's sake: every utt2* goes along anyway
help_message="Usage: $0 [--utt_extra_files \"...\"] <factor> <source> <target>

Writes a data directory of perturbed copies alone, named sp<factor>-<utterance>, with
speakers sp<factor>-<speaker> and audio in <target>/data. All tables that are still true
go along.
e.g.: $0 0.9 data/train data/train_sp0.9"

utils=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "${utils}/parse_options.sh"

if [ $# -ne 3 ]; then
    echo "${help_message}" >&2
    exit 2
fi
exec "${utils}/run_module.sh" espnet_mtl.data.stages.speed_perturb --factors "$1" "$2" "$3"
