#!/usr/bin/env bash
# Look for mistakes without running anything: Python, its format and types, and shell scripts.

set -u
set -o pipefail

if [ $# -ne 0 ]; then
    echo "Usage: $0 (checks all files that git knows, with the tools of local/install.sh --dev)"
    [[ $1 == -h || $1 == --help ]]
    exit
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
PATH=$(dirname "$(local/install.sh --print_python)"):${PATH}  # where ruff and shellcheck are

# All files that git does not ignore, links left out: what they point to is here too.
files() {
    local file
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        if [ -f "${file}" ] && [ ! -L "${file}" ]; then
            printf '%s\n' "${file}"
        fi
    done
}

# Those among them that are shell scripts: by their names, or by their first lines.
shell_scripts() {
    local file line
    while IFS= read -r file; do
        case "${file##*/}" in
            *.sh | *.bats) echo "${file}" ;;
            *.*) ;;
            *)
                IFS= read -r line < "${file}" || true
                if [[ ${line} =~ ^#!.*[/\ ](ba|da)?sh($|\ ) ]]; then
                    echo "${file}"
                fi
                ;;
        esac
    done
}

failed=
ruff check . || failed+=" 'ruff check'"
ruff format --check . || failed+=" 'ruff format'"
mypy || failed+=" mypy"
mapfile -t scripts < <(files | shell_scripts)
# Below warnings are notes on unquoted variables, which split commands on purpose here.
shellcheck --severity=warning --external-sources --source-path=SCRIPTDIR "${scripts[@]}" \
    || failed+=" shellcheck"

if [ -n "${failed}" ]; then
    echo "lint: failed:${failed} ('ruff check --fix .' and 'ruff format .' mend much)"
    exit 1
fi
echo "lint: ${#scripts[@]} shell scripts and all Python files are clean"
