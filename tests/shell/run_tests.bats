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
    for name in sclite sbatch slurmctld slurmd munged bats; do
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
