"""An attack is read as it was written, or the message says what to do."""

import math
from dataclasses import replace

import pytest

from espnet_mtl.errors import UserError
from espnet_mtl.results.attack import (
    AttackRun,
    Decoder,
    forget_attack,
    read_attack_run,
    read_records,
    write_attack,
)
from espnet_mtl.results.files import VERSION
from espnet_mtl.results.record import Attempt, Doubled, Health, Record, Smallest
from espnet_mtl.results.trial import Member, Trial

PGD = Member(attack="pgd", attacker="me", kind="white_box", weights={"ctc": 1.0})
RUN = AttackRun(
    version=2,
    package="digest",
    config={"budgets": [0.1]},
    trials=(
        Trial(name="clean", role="control", attack="none"),
        Trial(name="s", role="main", attack="s", norm="linf", members=(PGD,), suite=1),
    ),
    decoder=Decoder(
        branches=("ctc",), ctc_weight=1.0, lm_weight=0.0, ngram_weight=0.0, beam_size=1
    ),
    seconds={"clean": 0.5},
    made_of="abc",
)
RECORD = Record(
    key="u-s",
    utt="u",
    trial="s",
    target="a b",
    accent_wish=None,
    infeasible=None,
    linf=0.1,
    l2=1.0,
    snr_db=None,
    segsnr_db=20.0,
    peak_snr_db=20.0,
    loss_start=3.0,
    loss_end=2.0,
    sha256="0",
    heard="a",
    attempts=(
        Attempt(
            attack="pgd",
            attacker="me",
            kind="white_box",
            loss=None,
            cost=1.0,
            success=False,
            gradients=75,
            decodings=4,
        ),
    ),
    doubled=Doubled(
        gradients=75, more_gradients=70, cost=1.0, cost_before=2.0, success=False
    ),
    smallest=Smallest(
        budget=0.002, resisted=None, tried=((0.002, 0.0),), gradients=75, decodings=4
    ),
    health=Health(
        gradient_l1=1.0,
        gradient_finite=True,
        gradient_zero_share=0.0,
        branch_zero_shares={"ctc": 0.0},
        loss_repeat_diff=0.0,
        heard_repeat=True,
        loss_level_diff=None,
        loss_level_slope=0.5,
        heard_level=False,
    ),
    notes={"queries": 3},
)
TABLES = {"wav.scp": {"u-s": "u.wav"}, "utt2spk": {"u-s": "u"}}


@pytest.fixture
def folder(tmp_path):
    write_attack(tmp_path, RUN, [RECORD], TABLES)
    return tmp_path


def test_what_is_written_is_read(folder):
    assert read_attack_run(folder) == RUN
    assert read_records(folder) == {"u-s": RECORD}
    assert (folder / "spk2utt").read_text() == "u u-s\n"
    clean, suite = RUN.trials
    assert clean.is_untouched and clean.attacker is None
    assert suite.attacker == "worst_case" and RUN.trial("s") is suite


def test_what_is_not_finite_is_null(tmp_path):
    record = replace(RECORD, linf=math.inf, loss_end=math.nan)
    write_attack(tmp_path, RUN, [record], TABLES)
    (read,) = read_records(tmp_path).values()
    assert read.linf is None and read.loss_end is None


def test_an_attack_that_is_about_to_change_says_no_longer_that_it_is_whole(folder):
    forget_attack(folder)
    with pytest.raises(UserError, match="records.jsonl: no such file; run stage 15"):
        read_records(folder)
    assert not (folder / "wav.scp").exists()


def test_a_new_attack_that_could_not_be_written_is_not_taken_for_the_old(
    folder, monkeypatch
):
    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("espnet_mtl.results.attack.write_files", fail)
    with pytest.raises(OSError):
        write_attack(folder, RUN, [RECORD], TABLES)
    assert not (folder / "records.jsonl").exists()


@pytest.mark.parametrize(
    "old, new, message",
    [
        (
            f'"version": {VERSION}',
            '"version": 0',
            f"format 0, this one reads {VERSION}.*repeat stage 15",
        ),
        ('"role": "main"', '"role": "star"', "attack.json: damaged .*'star'"),
        ('"trials"', '"trails"', "attack.json: damaged .*trials"),
        ("{", "", "attack.json: damaged"),
    ],
)
def test_a_damaged_file_is_named(folder, old, new, message):
    path = folder / "attack.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError, match=message):
        read_attack_run(folder)


def test_a_damaged_line_is_named(folder):
    with (folder / "records.jsonl").open("a") as file:
        file.write('{"key": "u-t"}\n')
    with pytest.raises(UserError, match="records.jsonl:2: damaged .*stage 15"):
        read_records(folder)
