#!/usr/bin/env bash
# Make a new recipe: setup.sh egs2/<corpus>/asr_mtl1
#
# Links what all recipes share and leaves alone what is already there. What remains to be
# written is run.sh and local/data.sh.

set -e
set -u
set -o pipefail

if [ $# -ne 1 ]; then
    echo "Usage: $0 egs2/<corpus>/asr_mtl1" >&2
    exit 2
fi
dir=$1

template=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "${dir}/conf" "${dir}/local"
dir=$(cd "${dir}" && pwd)
if [ "$(dirname "$(dirname "${dir}")")" != "$(dirname "$(dirname "${template}")")" ]; then
    echo "$0: Error: ${dir} is not of the form $(dirname "$(dirname "${template}")")/<corpus>/<name>" >&2
    exit 2
fi

link() { # link <target> <link>
    if [ -e "$2" ] && [ ! -L "$2" ]; then
        echo "Kept ${2}: the recipe has its own." >&2
    else
        ln -sfn "$1" "$2"
    fi
}

from=../../TEMPLATE/$(basename "${template}")
for name in asr_mtl.sh cmd.sh path.sh db.sh utils scripts; do
    link "${from}/${name}" "${dir}/${name}"
done
for file in "${template}"/conf/*; do
    name=$(basename "${file}")
    link "../${from}/conf/${name}" "${dir}/conf/${name}"
done
