"""Error counts and rates are those of the real ``sclite``, where it is installed.

tests/run.sh installs it where it can: Debian's package ``sctk``.
"""

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import scoring_dirs as dirs

from espnet_mtl.metrics.score_attack import score_attack
from espnet_mtl.metrics.trn import write_trn
from espnet_mtl.metrics.wer import count_edits, error_rate, fold_case, pool

# Debian's package puts it beside the path.
SCLITE = shutil.which("sclite") or shutil.which("sclite", path="/usr/lib/sctk/bin")
RECORDED = Path(__file__).parents[1] / "espnet_mtl/metrics/sclite_counts.jsonl"

pytestmark = pytest.mark.skipif(
    not SCLITE, reason="no sclite here (apt-get install sctk); recorded counts stand in"
)


def counts_of_sclite(pairs, folder):
    """Counts (correct, substitutions, deletions, insertions) of each pair of texts."""
    folder.mkdir(exist_ok=True)
    utts = [f"u{number:06d}" for number in range(len(pairs))]
    speakers = dict.fromkeys(utts, "s")
    for name, column in (("ref.trn", 0), ("hyp.trn", 1)):
        texts = [pair[column].split() for pair in pairs]
        write_trn(folder / name, dict(zip(utts, texts, strict=True)), speakers)
    command = [SCLITE, "-r", "ref.trn", "trn", "-h", "hyp.trn", "trn"]
    command += ["-i", "rm", "-o", "pralign", "stdout"]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    found = re.findall(
        r"^id: \(s-(u\d+)\)\nScores: \(#C #S #D #I\) (\d+) (\d+) (\d+) (\d+)$",
        done.stdout.decode(),
        re.MULTILINE,
    )
    counts = {utt: tuple(map(int, numbers)) for utt, *numbers in found}
    assert set(counts) == set(utts)
    return [counts[utt] for utt in utts]


def count(reference, hypothesis):
    return count_edits(fold_case(reference.split()), fold_case(hypothesis.split()))


def draw(rng, words, most):
    return " ".join(rng.choices(words, k=rng.randint(0, most)))


@pytest.mark.parametrize(
    "words",
    [
        "ab",  # alignments of equal cost abound
        "abcdef",
        "ABcde",
        ["turn", "it's", "ein-fünf", "naïve", "x1", "don't", "42", "ß"],
    ],
)
def test_every_utterance_counts_as_sclite_says(words, tmp_path):
    rng = random.Random(str(words))
    pairs = [(draw(rng, words, 16), draw(rng, words, 16)) for _ in range(1500)]
    pairs += [("", ""), ("a b", ""), ("", "a b"), ("u v w a b", "a b x y z")]
    theirs = counts_of_sclite(pairs, tmp_path / "trn")
    wrong = [
        (pair, tuple(count(*pair)), expected)
        for pair, expected in zip(pairs, theirs, strict=True)
        if count(*pair) != expected
    ]
    assert not wrong


def test_the_recorded_counts_are_still_those_of_sclite(tmp_path):
    lines = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    theirs = counts_of_sclite([(x["ref"], x["hyp"]) for x in lines], tmp_path / "trn")
    assert theirs == [tuple(line["counts"]) for line in lines]


def test_rates_of_an_attack_are_those_of_sclite(tmp_path):
    """Against the target, which is AdvTWER, and against the truth."""
    rng = random.Random(1)
    attack_dir = dirs.make_attack_dir(tmp_path / "attack")
    hyp_dir = dirs.make_attack_decoding(tmp_path / "hyp")
    words = " ".join(dirs.TARGETS.values()).split()
    heard = {key: draw(rng, words, 9) for key in dirs.KEYS}
    dirs.write_table(hyp_dir / "text", heard)
    names = {"system": "mtl", "seed": 0, "decoder": "d", "set_name": "test"}
    scores, _ = score_attack(attack_dir, hyp_dir, **names, attack_tag="attack_pgd")
    assert len(scores.rows) == len(dirs.TRIALS)
    for row in scores.rows:
        mine = [
            (key, utt)
            for key, (utt, trial) in dirs.KEYS.items()
            if trial.name == row.trial and utt != dirs.INFEASIBLE
        ]
        for name, texts in (
            ("adv_twer", dirs.TARGETS),
            ("adv_wer", {utt: text for utt, (text, _) in dirs.UTTERANCES.items()}),
        ):
            pairs = [(texts[utt], heard[key]) for key, utt in mine]
            counts = counts_of_sclite(pairs, tmp_path / "trn")
            errors = sum(sum(c[1:]) for c in counts)
            length = sum(sum(c[:3]) for c in counts)
            assert getattr(row, name) == pytest.approx(error_rate(errors, length))
            assert pool(count(*pair) for pair in pairs) == tuple(
                map(sum, zip(*counts, strict=True))
            )
