#!/usr/bin/env bash
# A toy recipe whose Python commands are stand-ins. Loaded by tests of the stages.

# One recipe below a directory, with the stand-ins; ends in the recipe's directory.
make_recipe() { # make_recipe <directory>
    repo=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd)
    unset cmd_backend
    root=$1
    template=${root}/egs2/TEMPLATE/asr_mtl1
    mkdir -p "${root}/egs2/TEMPLATE" "${root}/bin"
    cp -RL "${repo}/egs2/TEMPLATE/asr_mtl1" "${root}/egs2/TEMPLATE"

    REAL_PYTHON=$(command -v python3)
    CALLS=${root}/calls
    export REAL_PYTHON CALLS
    cp "${BATS_TEST_DIRNAME}/fake_python.sh" "${root}/bin/python3"
    chmod +x "${root}/bin/python3"
    : > "${CALLS}"

    recipe=${root}/egs2/toy/asr_mtl1
    mkdir -p "${recipe}"
    "${template}/setup.sh" "${recipe}"
    cd "${recipe}" || return
    cat > local/data.sh <<'END'
#!/usr/bin/env bash
echo "data.sh $*" >> "${CALLS}"
datadir=data
if [ "${1:-}" = --datadir ]; then datadir=$2; fi
for dset in train valid test; do
    mkdir -p "${datadir}/${dset}"
    for name in wav.scp text utt2accent; do
        printf '%s x\n' "${dset}-1" "${dset}-2" "${dset}-3" > "${datadir}/${dset}/${name}"
    done
done
END
    chmod +x local/data.sh
    : > conf/train.yaml
    : > conf/attack_pgd.yaml
}

asr_mtl() {
    ./asr_mtl.sh --python "${root}/bin/python3" --ngpu 0 --nj 2 --inference_nj 2 \
        --train_set train --valid_set valid --test_sets test "$@" 2>&1
}

called() { # called <pattern>: how many calls match
    grep -c -e "$1" "${CALLS}" || true
}
