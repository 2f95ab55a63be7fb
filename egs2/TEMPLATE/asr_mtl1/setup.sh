#!/usr/bin/env bash
# Make a new recipe: setup.sh egs2/<corpus>/asr_mtl1 [<table>]
#
# Links what all recipes share and leaves alone what is already there. A new recipe works
# at once: its run.sh and local/data.sh read one table.

set -e
set -u
set -o pipefail

if [ $# -ne 1 ] && [ $# -ne 2 ]; then
    echo "Usage: $0 egs2/<corpus>/asr_mtl1 [<table>]" >&2
    exit 2
fi
dir=$1
table=
if [ $# -eq 2 ]; then
    if [ ! -f "$2" ]; then
        echo "$0: Error: $2: no such table" >&2
        exit 2
    fi
    table=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
fi

template=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
egs=$(dirname "$(dirname "${template}")")
parent=$(dirname "$(dirname "$(readlink -m "${dir}")")")
if [ "${parent}" != "$(readlink -f "${egs}")" ]; then
    echo "$0: Error: ${dir} is not of the form ${egs}/<corpus>/<name>" >&2
    exit 2
fi
mkdir -p "${dir}/conf" "${dir}/local"
dir=$(cd "${dir}" && pwd)

link() { # link <target> <link>
    if [ -e "$2" ] && [ ! -L "$2" ]; then
        echo "Kept ${2}: the recipe has its own." >&2
    else
        ln -sfn "$1" "$2"
    fi
}

# 1. What is the recipe's own. The table of a corpus goes to its own db.sh.
if [ ! -e "${dir}/run.sh" ] && [ ! -e "${dir}/local/data.sh" ]; then
    cp "${template}/run.sh" "${dir}/run.sh"
    cp "${template}/local/data.sh" "${dir}/local/data.sh"
    if [ -L "${dir}/db.sh" ]; then
        rm "${dir}/db.sh"  # The link, not what all recipes share.
    fi
    if [ ! -e "${dir}/db.sh" ]; then
        cat > "${dir}/db.sh" << EOF
#!/usr/bin/env bash
# Where the corpus is: a CSV or TSV with the columns path, text, speaker, accent and, if
# you like, split. Set it here, in the environment, or by ./run.sh --table FILE.
TABLE=\${TABLE:-${table:+$(printf %q "${table}")}}
EOF
    fi
    if [ -n "${table}" ]; then
        echo "Made ${dir} for ${table}." >&2
    else
        echo "Made ${dir}: now 'cd ${dir}' and './run.sh --table FILE'." >&2
    fi
fi

# 2. What is shared
from=../../TEMPLATE/$(basename "${template}")
for name in asr_mtl.sh cmd.sh path.sh utils scripts; do
    link "${from}/${name}" "${dir}/${name}"
done
if [ ! -e "${dir}/db.sh" ]; then
    link "${from}/db.sh" "${dir}/db.sh"
fi
for file in "${template}"/conf/*; do
    name=$(basename "${file}")
    link "../${from}/conf/${name}" "${dir}/conf/${name}"
done
