"""Scores of a decoding; agreement with the real sclite where there is one."""

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import scoring_dirs as dirs
import sentencepiece

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.score_decoding import score_decoding
from espnet_mtl.metrics.scored_text import ScoredText
from espnet_mtl.results.clean_scores import AccentConfusion, read_clean_scores

# Debian's package puts it beside the path.
SCLITE = shutil.which("sclite") or shutil.which("sclite", path="/usr/lib/sctk/bin")
HEARD = {
    "ann-1": "one too three",
    "ann-2": "four",
    "bob-1": "six seven eight nine",
    "bob-2": "Ten four",
}


@pytest.fixture
def ref_dir(tmp_path):
    return dirs.make_data_dir(tmp_path / "ref")


@pytest.fixture
def hyp_dir(tmp_path):
    dirs.write_table(tmp_path / "hyp" / "text", HEARD)
    return tmp_path / "hyp"


def score(ref_dir, hyp_dir, *args, **options):
    """Score; return error rates by kind."""
    names = {"system": "mtl", "decoder": "decode", "set_name": "dev"}
    scores = score_decoding(ref_dir, hyp_dir, *args, **names, **options)
    assert read_clean_scores(hyp_dir) == scores
    assert (scores.system, scores.decoder, scores.set) == ("mtl", "decode", "dev")
    return {kind: errors.rate for kind, errors in scores.errors.items()}


def rows(path):
    """Rows of a result table by first cell; percentages come first."""
    found = {}
    for line in path.read_text().splitlines():
        cells = line.replace("|", " ").split()
        if line.startswith("| ") and cells[0] not in found:
            found[cells[0]] = cells[1:]
    return found


def test_words_characters_and_tokens_are_scored(ref_dir, hyp_dir):
    rates = score(ref_dir, hyp_dir, "word")
    # One substitution, one deletion, one insertion; ten words
    assert rates["wer"] == rates["ter"] == pytest.approx(30)
    # "two" as "too": 1, " five" missing: 5, " four" too many: 5; 45 characters
    assert rates["cer"] == pytest.approx(100 * 11 / 45)
    table = rows(hyp_dir / "score_wer" / "result.txt")
    assert table["ann"] == ["2", "5", "60.0", "20.0", "20.0", "0.0", "40.0", "100.0"]
    assert table["bob"] == ["2", "5", "100.0", "0.0", "0.0", "20.0", "20.0", "50.0"]
    assert table["Sum/Avg"] == "4 10 80.0 10.0 10.0 10.0 30.0 75.0".split()
    assert table["Sum"] == "4 10 8 1 1 1 3 3".split()


def test_transcript_lines_are_those_of_espnet(ref_dir, hyp_dir):
    score(ref_dir, hyp_dir, "char")
    words = (hyp_dir / "score_wer" / "hyp.trn").read_text().splitlines()
    assert words[0] == "one too three\t(ann-ann-1)"
    assert words[3] == "Ten four\t(bob-bob-2)"
    chars = (hyp_dir / "score_cer" / "ref.trn").read_text().splitlines()
    assert chars[1] == "f o u r <space> f i v e\t(ann-ann-2)"
    ter, cer = hyp_dir / "score_ter", hyp_dir / "score_cer"
    assert (ter / "ref.trn").read_text() == (cer / "ref.trn").read_text()


def test_case_counts_on_request(ref_dir, hyp_dir):
    assert score(ref_dir, hyp_dir, "word", case_sensitive=True)["wer"] == (
        pytest.approx(40)
    )


def test_hypotheses_are_cleaned(ref_dir, hyp_dir):
    scored = ScoredText(clean_hyp=lambda text: text.replace("too", "two"))
    rates = score(ref_dir, hyp_dir, "word", scored=scored)
    assert rates["wer"] == pytest.approx(20)


def test_token_errors_are_of_sentencepieces(ref_dir, hyp_dir, tmp_path):
    corpus = tmp_path / "corpus"
    corpus.write_text("\n".join(text for text, _ in dirs.UTTERANCES.values()))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(tmp_path / "bpe"),
        vocab_size=24,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    score(ref_dir, hyp_dir, "bpe", tmp_path / "bpe.model")
    model = sentencepiece.SentencePieceProcessor(str(tmp_path / "bpe.model"))
    line = (hyp_dir / "score_ter" / "ref.trn").read_text().splitlines()[0]
    pieces = line.split("\t")[0].split(" ")
    assert model.decode_pieces(pieces) == "one two three"
    assert pieces[0].startswith("▁")


def test_missing_sentencepiece_model_is_named(ref_dir, hyp_dir, tmp_path):
    with pytest.raises(UserError, match="nowhere.model.*stage 5"):
        score(ref_dir, hyp_dir, "bpe", tmp_path / "nowhere.model")


def test_empty_hypothesis_is_all_deletions(ref_dir, hyp_dir):
    dirs.write_table(hyp_dir / "text", {**HEARD, "bob-1": ""})
    score(ref_dir, hyp_dir, "word")
    table = rows(hyp_dir / "score_wer" / "result.txt")
    assert table["Sum"] == "4 10 4 1 5 1 7 4".split()


def test_hypotheses_are_those_of_the_reference(ref_dir, hyp_dir):
    dirs.write_table(hyp_dir / "text", {k: v for k, v in HEARD.items() if k != "ann-2"})
    with pytest.raises(UserError, match="hyp/text: 1 of 4 .*'ann-2'"):
        score(ref_dir, hyp_dir, "word")
    dirs.write_table(hyp_dir / "text", {**HEARD, "eve-1": "hello"})
    with pytest.raises(UserError, match="hyp/text:5: 'eve-1'"):
        score(ref_dir, hyp_dir, "word")


@pytest.fixture
def with_accents(hyp_dir):
    heard = {"ann-1": "us", "ann-2": "india", "bob-1": "india", "bob-2": "us"}
    dirs.write_table(hyp_dir / "accent", heard)
    (hyp_dir / "accents").write_text("us\nindia\nscotland\n")
    return hyp_dir


def test_accents_are_scored_where_they_were_recognised(ref_dir, with_accents):
    score(ref_dir, with_accents, "word")
    accents = read_clean_scores(with_accents).accents
    assert accents == AccentConfusion(
        accents=("us", "india", "scotland"),
        counts=((1, 1, 0), (0, 1, 0), (0, 0, 0)),
        unlabelled=1,
        speakers=(1, 1, 0),
        num_speakers=2,
        accuracy_ci=accents.accuracy_ci,
        balanced_ci=None,  # one speaker of each
    )
    low, high = accents.accuracy_ci
    assert low < accents.accuracy < high
    assert accents.accuracy == pytest.approx(200 / 3)
    result = (with_accents / "score_accent" / "result.txt").read_text()
    assert result.startswith("accuracy 66.67 % (2 of 3 utterances; 1 without a label")
    assert "us                1        1        0  50.00" in result
    assert "balanced accuracy 75.00 % (mean recall)" in result
    assert "majority 66.67 % (share of the most frequent accent, us)" in result
    assert "95 % intervals, over 2 speakers: accuracy [" in result
    assert "Caution: an accent accuracy of 66.7 % is not above 66.7 %" in result
    (with_accents / "accent").unlink()
    score(ref_dir, with_accents, "word")
    assert read_clean_scores(with_accents).accents is None


def test_an_accuracy_that_says_nothing_is_warned_of(ref_dir, with_accents, caplog):
    score(ref_dir, with_accents, "word")
    assert "always saying that one would do as well" in caplog.text
    caplog.clear()
    right = {"ann-1": "us", "ann-2": "us", "bob-1": "india", "bob-2": "us"}
    dirs.write_table(with_accents / "accent", right)
    score(ref_dir, with_accents, "word")
    assert "WARNING" not in caplog.text
    result = (with_accents / "score_accent" / "result.txt").read_text()
    assert "Caution" not in result


def test_word_errors_by_accent(ref_dir, with_accents):
    text = {u: t for u, (t, _) in dirs.UTTERANCES.items()}
    heard = {**text, "ann-1": "one", "bob-1": "SIX seven"}
    dirs.write_table(with_accents / "text", heard)
    score(ref_dir, with_accents, "word")
    table = (with_accents / "score_accent" / "wer_per_accent.txt").read_text()
    percent = [line.replace("|", " ").split() for line in table.splitlines()]
    rates = {cells[0]: cells[-2] for cells in percent[:9] if len(cells) == 9}
    assert rates == {"<unk>": "0.0", "us": "40.0", "india": "50.0", "Sum/Avg": "40.0"}


@pytest.mark.skipif(not SCLITE, reason="no sclite here; recorded counts stand in")
def test_sclite_counts_the_same_in_the_same_files(tmp_path):
    rng = random.Random(3)
    text, heard, speakers, accents = {}, {}, {}, {}
    for number in range(600):
        utt = f"s{number % 7}-{number:03d}"
        speakers[utt], accents[utt] = utt[:2], "<unk>"
        letters = "aBcDe"[: rng.randint(2, 5)]
        text[utt] = " ".join(rng.choices(letters, k=rng.randint(1, 16)))
        heard[utt] = " ".join(rng.choices(letters.lower(), k=rng.randint(0, 16)))
    for name, table in {"text": text, "utt2spk": speakers}.items():
        dirs.write_table(tmp_path / "ref" / name, table)
    dirs.write_table(tmp_path / "hyp" / "text", heard)
    score(tmp_path / "ref", tmp_path / "hyp", "char")

    for kind in ("wer", "cer"):
        folder = tmp_path / "hyp" / f"score_{kind}"
        ours = rows(folder / "result.txt")
        theirs = rows_of_sclite(folder)
        assert len(theirs) == 9
        assert {name: ours[name] for name in theirs} == theirs


def rows_of_sclite(folder: Path):
    command = [SCLITE, "-r", "ref.trn", "trn", "-h", "hyp.trn", "trn"]
    command += ["-i", "rm", "-o", "all", "stdout"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    found = {}
    for line in done.stdout.decode().splitlines():
        match = re.match(r"\s*\|\s*(s\d|Sum/Avg|Sum)\s*\|(.*)\|$", line)
        if match:
            found.setdefault(match[1], match[2].replace("|", " ").split())
    return found


def test_symbols_are_no_words_and_no_characters(ref_dir, hyp_dir):
    heard = {utt: f"<cough> {text}" for utt, text in HEARD.items()}
    dirs.write_table(hyp_dir / "text", heard)
    dirs.write_table(hyp_dir / "accent", dict.fromkeys(HEARD, "us"))
    plain = score(ref_dir, hyp_dir, "char")
    scored = ScoredText(symbols=("<cough>",))
    rates = score(ref_dir, hyp_dir, "char", scored=scored)
    assert rates["wer"] == pytest.approx(30) and plain["wer"] > 30
    assert rates["cer"] < plain["cer"]
    # The tokens of the model have it, as one.
    ter = (hyp_dir / "score_ter" / "hyp.trn").read_text().splitlines()
    assert ter[1] == "<cough> <space> f o u r\t(ann-ann-2)"
    by_accent = rows(hyp_dir / "score_accent" / "wer_per_accent.txt")
    assert by_accent["Sum/Avg"][-2] == "30.0"
