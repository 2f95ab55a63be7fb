#!/usr/bin/env bats
# Which environment tests/run.sh tests in, with stand-ins for all that it runs.

setup() {
    repo=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    root=${BATS_TEST_TMPDIR}/checkout
    CALLS=${BATS_TEST_TMPDIR}/calls
    export CALLS
    mkdir -p "${root}/local" "${root}/tests/shell" "${BATS_TEST_TMPDIR}/bin"
    cp "${repo}/tests/run.sh" "${root}/tests"
    cp "${repo}/tests/shell/slurm_cluster.sh" "${root}/tests/shell"
    cp "${repo}/local/find_python.sh" "${root}/local"
    printf '#!/bin/sh\n' > "${root}/tests/lint.sh"
    for name in sclite chromium sbatch slurmctld slurmd munged bats; do
        cp "${root}/tests/lint.sh" "${BATS_TEST_TMPDIR}/bin/${name}"
    done
    cat > "${root}/local/install.sh" << 'END'
#!/usr/bin/env bash
# Makes environments, and prints the one that is active.
log() { :; }
if [ "$1" = --print_python ]; then
    cd "$(dirname "$0")/.." && . local/find_python.sh
    active_python || echo "${PWD}/.venv/bin/python"
    exit
fi
echo "install $*" >> "${CALLS}"
while [ $# -gt 1 ]; do
    if [ "$1" = --venv ]; then
        mkdir -p "$2/bin"
        FAKE_PYTHON=$(command -v fake_python)
        cp "${FAKE_PYTHON}" "$2/bin/python"
        cp "${FAKE_PYTHON}" "$2/bin/python3"
    fi
    shift
done
END
    cat > "${BATS_TEST_TMPDIR}/bin/fake_python" << 'END'
#!/usr/bin/env bash
prefix=$(dirname "$(dirname "$0")")
case "$*" in
    *find_spec*)
        if [[ $* == *sys.prefix* ]]; then echo "${prefix}"; fi
        [[ ${prefix} == */.venv* || ${prefix} == */active ]]
        ;;
    *version_info*) echo 3.13 ;;
    -V) echo "Python 3.13.0" ;;
    -m*) echo "$0 $*" >> "${CALLS}" ;;
esac
END
    chmod +x "${root}"/*/*.sh "${BATS_TEST_TMPDIR}"/bin/*
    PATH=${BATS_TEST_TMPDIR}/bin:${PATH}
    unset VIRTUAL_ENV CONDA_PREFIX
    cd "${root}" || return
}

make_environment() { # make_environment <prefix> <version>
    mkdir -p "$1/bin"
    sed "s/3\.13\.0/$2/" "${BATS_TEST_TMPDIR}/bin/fake_python" | tee "$1/bin/python" > "$1/bin/python3"
    chmod +x "$1"/bin/*
}

@test "without --python the tests run in .venv" {
    make_environment "${root}/.venv" 3.11.7
    run tests/run.sh -k "a b"
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"tests: all passed"* ]]
    [ "$(cat "${CALLS}")" = "install --dev
${root}/.venv/bin/python -m pytest -k a b" ]
}

@test "another Python gets an environment beside .venv, wherever --python stands" {
    make_environment "${root}/.venv" 3.11.7
    cd "${BATS_TEST_TMPDIR}/bin"
    run "${root}/tests/run.sh" tests/a.py --python ./fake_python -q
    [ "${status}" -eq 0 ]
    [ "$(cat "${CALLS}")" = "install --dev --python ${PWD}/fake_python --venv .venv-3.13
install --dev
${root}/.venv-3.13/bin/python3 -m pytest tests/a.py -q" ]
}

@test "a Python of .venv's version is tested in .venv" {
    make_environment "${root}/.venv" 3.13.0
    run tests/run.sh --python fake_python
    [ "${status}" -eq 0 ]
    [ "$(cat "${CALLS}")" = "install --dev --python fake_python --venv .venv
install --dev
${root}/.venv/bin/python -m pytest" ]
}

@test "the Python of an environment with ESPnet is tested as it is" {
    make_environment "${BATS_TEST_TMPDIR}/active" 3.12.1
    run tests/run.sh --python "${BATS_TEST_TMPDIR}/active/bin/python"
    [ "${status}" -eq 0 ]
    [ "$(cat "${CALLS}")" = "install --dev
${BATS_TEST_TMPDIR}/active/bin/python3 -m pytest" ]
}

@test "a Python that is not there, or not given, is an error" {
    run tests/run.sh --python python9.9
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"tests: --python python9.9 cannot be run"* ]]
    run tests/run.sh --python
    [ "${status}" -eq 2 ]
    [ ! -e "${CALLS}" ]
}

# -- what continuous integration runs

make_ci() { # make_ci <version of .venv> <version that pyenv has> ...
    mkdir "${root}/.ci"
    cp "${repo}/.ci/run" "${root}/.ci"
    printf '#!/usr/bin/env bash\necho "run $*" >> "${CALLS}"\n[[ " $* " != *" ${FAILS:-none} "* ]]\n' \
        > "${root}/tests/run.sh"
    make_environment "${root}/.venv" "$1"
    export PYENV_ROOT=${BATS_TEST_TMPDIR}/pyenv
    shift
    for version in "$@"; do
        make_environment "${PYENV_ROOT}/versions/${version}" "${version}"
    done
    for version in 3.11 3.12 3.13; do # none on the path
        printf '#!/bin/sh\nexit 1\n' > "${BATS_TEST_TMPDIR}/bin/python${version}"
    done
    chmod +x "${BATS_TEST_TMPDIR}"/bin/*
    echo "import espnet2" > "${root}/tests/test_espnet.py"
    echo "import numpy" > "${root}/tests/test_other.py"
    mkdir "${root}/tests/end_to_end"
}

@test "CI tests all with .venv, and what needs ESPnet with the other release" {
    make_ci 3.11.7 3.11.7 3.12.1
    run .ci/run
    [ "${status}" -eq 0 ]
    [ "$(cat "${CALLS}")" = "run 
run --python ${PYENV_ROOT}/versions/3.12.1/bin/python3 tests/test_espnet.py tests/end_to_end" ]
    [ "${lines[-1]}" = "ci: all tests passed with Python 3.11.7, those that need ESPnet passed with Python 3.12.1" ]
    FAILS=--python run .ci/run
    [ "${status}" -eq 1 ]
    [[ "${lines[-1]}" == *"those that need ESPnet failed with Python 3.12.1" ]]
}

@test "where .venv has the newer release, CI looks for a Python of the older one" {
    make_ci 3.13.0 3.12.1 3.11.7
    run .ci/run
    [ "${status}" -eq 0 ]
    [[ "$(cat "${CALLS}")" == *"run --python ${PYENV_ROOT}/versions/3.11.7/bin/python3 "* ]]
}

@test "without another Python the last line of CI says so" {
    make_ci 3.11.7 3.11.7
    run .ci/run
    [ "${status}" -eq 0 ]
    [[ "${lines[-1]}" == "ci: all tests passed with Python 3.11.7, NOTHING tested with ESPnet's other release: no Python 3.13 or 3.12 here" ]]
}
