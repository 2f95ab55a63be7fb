"""Every option of ESPnet's asr.sh is one of asr_mtl.sh, or is refused with a reason."""

import re
import subprocess
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parents[2] / "egs2/TEMPLATE/asr_mtl1"
# Names and defaults of asr.sh, of all releases since 2021
ESPNET = dict(
    line.strip().split("=", maxsplit=1)
    for line in """
    stage=1
    stop_stage=10000
    skip_stages=
    skip_data_prep=false
    skip_train=false
    skip_eval=false
    skip_packing=true
    skip_upload=true
    skip_upload_hf=true
    eval_valid_set=false
    ngpu=1
    num_nodes=1
    nj=32
    inference_nj=32
    gpu_inference=false
    dumpdir=dump
    expdir=exp
    python=python3
    debug=false
    use_lightning=false
    local_data_opts=
    post_process_local_data_opts=
    auxiliary_data_tags=
    speed_perturb_factors=
    feats_type=raw
    audio_format=flac
    multi_columns_input_wav_scp=false
    multi_columns_output_wav_scp=false
    fs=16k
    min_wav_duration=0.1
    max_wav_duration=20
    token_type=bpe
    nbpe=30
    bpemode=unigram
    oov=<unk>
    blank=<blank>
    sos_eos=<sos/eos>
    bpe_input_sentence_size=100000000
    bpe_nlsyms=
    bpe_char_cover=1.0
    hugging_face_model_name_or_path=
    use_ngram=false
    ngram_exp=
    ngram_num=3
    use_lm=true
    lm_tag=
    lm_exp=
    lm_stats_dir=
    lm_config=
    lm_args=
    use_word_lm=false
    num_splits_lm=1
    word_vocab_size=10000
    use_prompt=false
    use_lang_prompt=false
    use_nlp_prompt=false
    asr_task=asr
    asr_tag=
    asr_exp=
    asr_stats_dir=
    asr_config=
    asr_args=
    pretrained_model=
    ignore_init_mismatch=false
    feats_normalize=global_mvn
    num_splits_asr=1
    num_ref=1
    num_inf=
    sot_asr=false
    hf_repo=
    use_k2=false
    k2_ctc_decoding=true
    use_nbest_rescoring=true
    num_paths=1000
    nll_batch_size=100
    k2_config=./conf/decode_asr_transformer_with_k2.yaml
    use_streaming=false
    use_maskctc=false
    batch_size=1
    inference_tag=
    inference_config=
    inference_args=
    inference_lm=valid.loss.ave.pth
    inference_ngram=3gram.bin
    inference_asr_model=valid.acc.ave.pth
    download_model=
    train_set=
    valid_set=
    test_sets=
    bpe_train_text=
    lm_train_text=
    lm_dev_text=
    lm_test_text=
    nlsyms_txt=none
    cleaner=none
    hyp_cleaner=none
    g2p=none
    lang=noinfo
    score_opts=
    local_score_opts=
    asr_speech_fold_length=800
    asr_text_fold_length=150
    lm_fold_length=150
    """.strip().split("\n")
)


def our_options():
    """Defaults and explanations of asr_mtl.sh's options by name."""
    text = (TEMPLATE / "asr_mtl.sh").read_text(encoding="utf-8")
    block = text.split("# >>> options")[1].split("# <<< options")[0]
    found = re.findall(r"^(\w+)=(\S*) +# (.*)$", block, flags=re.M)
    return {name: (default, about) for name, default, about in found}


def refused_options():
    """Accepted values and reasons of the refused options by name."""
    text = (TEMPLATE / "scripts/refused_options.sh").read_text(encoding="utf-8")
    rows = text.split("refused_options='")[1].split("'\n")[0].split("\n")
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    return {name: (accepted, reason) for name, accepted, reason in cells}


OURS, REFUSED = our_options(), refused_options()


def test_no_option_is_both_there_and_refused():
    assert not OURS.keys() & REFUSED.keys()


@pytest.mark.parametrize("name", ESPNET)
def test_an_option_of_asr_sh_is_there_or_refused(name):
    if name in REFUSED:
        accepted, reason = REFUSED[name]
        assert accepted == ESPNET[name] and reason
    else:
        default, about = OURS[name]
        assert default == ESPNET[name] or "(ESPnet:" in about


def run_with(command):
    """Run bash after the table has been read, as asr_mtl.sh does."""
    script = 'die() { echo "$*"; exit 2; }; . scripts/refused_options.sh\n'
    script += f"accept_refused_options\n{command}\ncheck_refused_options"
    return subprocess.run(
        ["bash", "-u", "-c", script], cwd=TEMPLATE, capture_output=True, text=True
    )


def test_the_values_of_asr_sh_are_accepted():
    done = run_with("; ".join(f"{name}='{ESPNET[name]}'" for name in REFUSED))
    assert done.returncode == 0 and done.stdout == done.stderr == ""


@pytest.mark.parametrize("name", REFUSED)
def test_another_value_is_refused_with_the_reason(name):
    done = run_with(f"{name}=other")
    assert done.returncode == 2
    said = f"--{name} other is an option of ESPnet's asr.sh that this recipe does not"
    assert done.stdout == f"{said} have: {REFUSED[name][1]}.\n"


def test_the_readme_has_the_same_table():
    page = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", page, flags=re.M)
    assert dict(rows) == {name: reason for name, (_, reason) in REFUSED.items()}
