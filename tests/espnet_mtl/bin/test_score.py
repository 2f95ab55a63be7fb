"""The scoring command, from its options to the page of results."""

import subprocess
import sys

import pytest
import scoring_dirs as dirs

from espnet_mtl.bin.asr_mtl_score import main
from espnet_mtl.errors import UserError
from espnet_mtl.results.attack_scores import read_attack_scores, read_utt_scores


@pytest.fixture
def asr_exp(tmp_path):
    """An experiment that was decoded, clean and attacked, and then scored."""
    exp = tmp_path / "exp" / "asr_mtl_tiny"
    ref = dirs.make_data_dir(tmp_path / "ref")
    hyp = exp / "decode_ctc" / "test"
    dirs.write_table(hyp / "text", {u: t for u, (t, _) in dirs.UTTERANCES.items()})
    dirs.write_table(hyp / "accent", {u: "us" for u in dirs.UTTERANCES})
    attack = dirs.make_attack_dir(exp / "attack_pgd" / "test")
    attacked = dirs.make_attack_decoding(exp / "decode_ctc_attack_pgd" / "test")

    where = ["--ref_dir", str(ref), "--hyp_dir", str(hyp)]
    about = ["--system", "mtl", "--decoder", "decode_ctc", "--set_name", "test"]
    main(["decoding", *where, *about, "--token_type", "word", "--hyp_cleaner", "none"])
    (exp / "config.yaml").write_text("optim: adam\nseed: 5\n")
    where = ["--attack_dir", str(attack), "--hyp_dir", str(attacked)]
    main(["stamp", *where])
    about += ["--asr_train_config", str(exp / "config.yaml")]
    main(["attack", *where, *about, "--attack_tag", "attack_pgd"])
    return exp


def test_page_of_results(asr_exp, capsys):
    main(["show", str(asr_exp)])
    page = capsys.readouterr().out
    assert page.startswith("# RESULTS\n\n## Environments\n\n- date: `")
    assert "- espnet version: `espnet 20" in page
    header = "| dataset | Snt | Wrd | Corr | Sub | Del | Ins | Err | S.Err |\n"
    rule = f"| :--- |{8 * ' ---: |'}\n"
    row = "| decode_ctc/test | 4 | 10 | 100.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 |\n"
    assert f"### WER\n\n{header}{rule}{row}" in page
    assert page.index("### WER") < page.index("### CER") < page.index("### TER")
    assert "| decode_ctc/test | 3 | 66.7" in page
    assert "### Attack: decode_ctc_attack_pgd/test" in page
    assert "| pgd_multitask_linf0.01 | 3 | 1 | 0.00 | 100.00 | 44.44 |" in page


def test_the_seed_is_that_of_the_training(asr_exp, tmp_path):
    scores = read_attack_scores(asr_exp / "decode_ctc_attack_pgd" / "test")
    assert scores.clean.seed == 5
    path = tmp_path / "other.yaml"
    path.write_text("optim: adam\n")
    where = ["--attack_dir", str(asr_exp / "attack_pgd" / "test")]
    where += ["--hyp_dir", str(asr_exp / "decode_ctc_attack_pgd" / "test")]
    with pytest.raises(UserError, match="other.yaml: no 'seed"):
        main(["attack", *where, "--asr_train_config", str(path)])


def test_espnets_own_search_finds_the_pooled_row(asr_exp):
    """``show_asr_result.sh`` takes the lines with ``Avg``: there has to be one."""
    for kind in ("wer", "cer", "ter"):
        path = asr_exp / "decode_ctc" / "test" / f"score_{kind}" / "result.txt"
        assert path.read_text().count("Avg") == 1


def test_scoring_logs_but_prints_nothing(asr_exp, capsys):
    where = ["--ref_dir", str(asr_exp.parents[1] / "ref")]
    where += ["--hyp_dir", str(asr_exp / "decode_ctc" / "test")]
    main(["decoding", *where, "--token_type", "char"])
    captured = capsys.readouterr()
    assert captured.out == "" and "score_wer/result.txt" in captured.err


def test_nothing_to_show(tmp_path):
    with pytest.raises(UserError, match="nothing is scored yet"):
        main(["show", str(tmp_path)])


def test_fault_ends_the_command_without_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "espnet_mtl.bin.asr_mtl_score", "show", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert "nothing is scored yet" in done.stderr and "Traceback" not in done.stderr


def test_command_starts_without_torch_and_espnet():
    code = (
        "import sys, espnet_mtl.bin.asr_mtl_score; "
        "print([m for m in ('torch', 'espnet', 'espnet2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_espnets_cleaners_are_found(asr_exp):
    where = ["--ref_dir", str(asr_exp.parents[1] / "ref")]
    where += ["--hyp_dir", str(asr_exp / "decode_ctc" / "test")]
    words = [*where, "--token_type", "word", "--hyp_cleaner"]
    main(["decoding", *words, "tacotron"])
    hyp = asr_exp / "decode_ctc" / "test" / "score_wer" / "hyp.trn"
    assert hyp.read_text().startswith("ONE TWO THREE\t")
    with pytest.raises(UserError, match="--hyp_cleaner nonsense"):
        main(["decoding", *words, "nonsense"])


def test_attacks_are_scored_with_the_same_symbols(asr_exp, tmp_path):
    hyp = asr_exp / "decode_ctc_attack_pgd" / "test"
    words = {one.key: one.words_ref for one in read_utt_scores(hyp)}
    (tmp_path / "nlsyms").write_text("one\n", encoding="utf-8")
    where = [
        "--attack_dir",
        str(asr_exp / "attack_pgd" / "test"),
        "--hyp_dir",
        str(hyp),
    ]
    main(["attack", *where, "--nlsyms_txt", str(tmp_path / "nlsyms")])
    scores = read_utt_scores(hyp)
    assert {"one" in one.ref.split() for one in scores} == {True, False}
    for one in scores:
        assert words[one.key] - one.words_ref == one.ref.split().count("one")


def test_a_decoding_of_other_audio_is_not_scored(tmp_path):
    ref, hyp = dirs.make_data_dir(tmp_path / "ref"), tmp_path / "hyp"
    dirs.write_table(hyp / "text", {u: t for u, (t, _) in dirs.UTTERANCES.items()})
    dirs.write_table(ref / "utt2num_samples", dict.fromkeys(dirs.UTTERANCES, "9000"))
    where = ["--ref_dir", str(ref), "--hyp_dir", str(hyp)]
    main(["stamp", *where])
    main(["decoding", *where, "--token_type", "word"])
    dirs.write_table(ref / "utt2num_samples", dict.fromkeys(dirs.UTTERANCES, "9001"))
    with pytest.raises(UserError, match="hyp is the decoding of other audio than .*12"):
        main(["decoding", *where, "--token_type", "word"])
    (ref / "utt2num_samples").unlink()  # nobody knows then
    main(["decoding", *where, "--token_type", "word"])


def test_a_decoding_by_other_weights_is_not_scored(tmp_path):
    ref, hyp = dirs.make_data_dir(tmp_path / "ref"), tmp_path / "hyp"
    dirs.write_table(hyp / "text", {u: t for u, (t, _) in dirs.UTTERANCES.items()})
    weights = tmp_path / "valid.acc.ave.pth"
    weights.write_bytes(b"first")
    where = ["--ref_dir", str(ref), "--hyp_dir", str(hyp)]
    score = ["decoding", *where, "--token_type", "word"]
    by = ["--asr_model_file", str(weights)]
    main([*score, *by])  # no stamp: decoded elsewhere
    main(["stamp", *where, *by])
    main([*score, *by])
    weights.write_bytes(b"trained for longer")
    with pytest.raises(UserError, match="hyp was decoded by other weights than .*pth"):
        main([*score, *by])
    main(score)  # nobody says which
