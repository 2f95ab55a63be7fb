"""Rows and lines of a scored attack, against numbers counted by hand."""

from dataclasses import asdict, replace

import pytest
import scoring_dirs as dirs

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.score_attack import score_attack, stamp_decoding
from espnet_mtl.report.experiment_page import format_attack
from espnet_mtl.results.attack import read_attack_run, read_records, write_attack
from espnet_mtl.results.attack_scores import (
    hash_attack,
    read_attack_scores,
    read_utt_scores,
    write_attack_scores,
)
from espnet_mtl.results.files import VERSION
from espnet_mtl.results.infeasible import Infeasible

PGD = "pgd_multitask_linf0.01"


@pytest.fixture
def attack_dir(tmp_path):
    return dirs.make_attack_dir(tmp_path / "attack")


@pytest.fixture
def hyp_dir(tmp_path):
    return dirs.make_attack_decoding(tmp_path / "hyp")


def score(attack_dir, hyp_dir):
    """Score; return rows by trial."""
    scores, _ = score_attack(
        attack_dir,
        hyp_dir,
        system="mtl",
        seed=3,
        decoder="decode_ctc",
        set_name="dev",
        attack_tag="attack_pgd",
    )
    return {row.trial: row for row in scores.rows}


def change_records(attack_dir, change):
    """Write an attack again: change(record) returns what is new by name."""
    records = read_records(attack_dir).values()
    changed = [replace(record, **change(record)) for record in records]
    tables = dirs.make_tables()
    write_attack(attack_dir, read_attack_run(attack_dir), changed, tables)


def test_row_of_an_attack(attack_dir, hyp_dir):
    row = asdict(score(attack_dir, hyp_dir)[PGD])
    for name in ("adv_twer", "adv_wer"):
        low, high = row.pop(f"{name}_ci")
        assert 0 <= low <= row[name] <= high
    # Three feasible utterances of 3, 2 and 4 words, as have their targets; two reached
    keys = sorted(dirs.KEYS)
    places = [
        keys.index(f"{utt}-{PGD}") for utt in dirs.UTTERANCES if utt != dirs.INFEASIBLE
    ]
    members = row.pop("members")
    assert [(one["attack"], one["kind"]) for one in members] == [("pgd", "white_box")]
    assert row == {
        "system": "mtl",
        "seed": 3,
        "decoder": "decode_ctc",
        "set": "dev",
        "trial": PGD,
        "role": "main",
        "attack": "pgd",
        "attacker": "multitask",
        "also": (),
        "norm": "linf",
        "budget": 0.01,
        "words": "target",
        "suite": None,
        "doubled": False,
        "settings": {},
        "n": 3,
        "infeasible": {"too_long": 1},
        "benign_wer": 0.0,
        "null_twer": 100.0,
        "adv_twer": pytest.approx(400 / 9),
        "adv_wer": pytest.approx(500 / 9),
        "success_rate": pytest.approx(200 / 3),
        "success_ci": pytest.approx((9.43, 99.16), abs=0.01),  # 2 of 3
        "null_success_rate": 0.0,
        "snr_db": pytest.approx(30 + sum(places) / 3),
        "segsnr_db": 20.0,
        # us, us, india; heard as us, us, us, and under attack as india, us, us
        "accent_acc": pytest.approx(200 / 3),
        "accent_balanced_acc": 50,
        "accent_majority": pytest.approx(200 / 3),
        "adv_accent_acc": pytest.approx(100 / 3),
        "adv_accent_balanced_acc": 25,
        "seconds": 3.25,
        "audit": None,
    }


def test_rows_of_clean_and_noisy_audio(attack_dir, hyp_dir):
    rows = score(attack_dir, hyp_dir)
    assert list(rows) == [trial.name for trial in dirs.TRIALS]
    clean, noise = rows["clean"], rows["noise_linf0.01"]
    assert clean.adv_twer == clean.null_twer == noise.adv_twer == 100
    assert clean.adv_wer == noise.adv_wer == 0
    assert clean.snr_db is None
    assert (clean.seconds, noise.seconds) == (0.0, 0.5)


def test_what_is_written_is_read_again(attack_dir, hyp_dir):
    names = {"system": "mtl", "seed": 3, "decoder": "d", "set_name": "dev"}
    scores, utt_scores = score_attack(attack_dir, hyp_dir, **names, attack_tag="pgd")
    write_attack_scores(hyp_dir, scores, utt_scores, format_attack(scores))
    assert read_attack_scores(hyp_dir) == scores
    assert read_utt_scores(hyp_dir) == utt_scores
    assert scores.made_of == hash_attack(attack_dir)
    assert (hyp_dir / scores.attack_dir).resolve() == attack_dir.resolve()
    row = scores.clean
    about = (row.system, row.seed, row.decoder, row.set, scores.attack_tag)
    assert about == ("mtl", 3, "d", "dev", "pgd")
    lines = {score.key: score for score in utt_scores}
    assert len(lines) == 12
    assert asdict(lines[f"ann-2-{PGD}"]) == {
        "key": f"ann-2-{PGD}",
        "utt": "ann-2",
        "spk": "ann",
        "trial": PGD,
        "infeasible": None,
        "ref": "four five",
        "target": "stop here",
        "hyp": "STOP HERE",
        "edits_ref": 2,
        "words_ref": 2,
        "edits_target": 0,
        "words_target": 2,
        "success": True,
        "accent": "us",
        "hyp_accent": "us",
    }
    assert lines["bob-2-clean"].feasible is False
    table = (hyp_dir / "score_attack" / "result.txt").read_text()
    assert "AdvTWER ↑" in table and "higher means that the attack failed" in table
    row = f"| {PGD} | 3 | 1 | 0.00 | 100.00 | 44.44 | 55.56 | 66.67 [9.43, 99.16] |"
    assert row in table


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"none"', '"other"', "no row of untouched audio; repeat stage 17"),
        (f'"version": {VERSION}', '"version": 0', "another version.*repeat stage 17"),
        ('"n": 3', '"m": 3', "damaged.*repeat stage 17"),
    ],
)
def test_scores_that_cannot_be_used_are_refused(attack_dir, hyp_dir, old, new, says):
    names = {"system": "mtl", "seed": 3, "decoder": "d", "set_name": "dev"}
    scores, utt_scores = score_attack(attack_dir, hyp_dir, **names, attack_tag="pgd")
    write_attack_scores(hyp_dir, scores, utt_scores, "")
    path = hyp_dir / "score_attack" / "attack_scores.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=says):
        read_attack_scores(hyp_dir)


@pytest.mark.parametrize(("words", "before"), [("target", 0), ("away", 1)])
def test_what_is_so_without_an_attack_is_told(attack_dir, hyp_dir, words, before):
    """One recording is misheard anyway: that is no success of who wants only that."""
    run = read_attack_run(attack_dir)
    trials = tuple(
        replace(trial, words=words) if trial.name == PGD else trial
        for trial in run.trials
    )
    records = read_records(attack_dir).values()
    write_attack(attack_dir, replace(run, trials=trials), records, dirs.make_tables())
    text = hyp_dir / "text"
    said = text.read_text()
    assert "ann-2-clean four five\n" in said
    text.write_text(said.replace("ann-2-clean four five\n", "ann-2-clean four nine\n"))
    row = score(attack_dir, hyp_dir)[PGD]
    assert row.null_success_rate == pytest.approx(100 * before / row.n)
    assert row.success_rate > row.null_success_rate


@pytest.mark.parametrize(
    ("to_accent", "before", "after"), [("random", 1, 2), ("away", 3, 1)]
)
def test_the_accent_that_is_wanted_is_that_of_the_record(
    attack_dir, hyp_dir, to_accent, before, after
):
    """All are to be heard as from India with the same words, or as from elsewhere."""
    run = read_attack_run(attack_dir)
    trials = tuple(
        replace(one, words="keep", to_accent=to_accent) if one.name == PGD else one
        for one in run.trials
    )
    records = [
        replace(record, accent_wish="india") if record.trial == PGD else record
        for record in read_records(attack_dir).values()
    ]
    write_attack(attack_dir, replace(run, trials=trials), records, dirs.make_tables())
    text = {key: dirs.UTTERANCES[utt][0] for key, (utt, _) in dirs.KEYS.items()}
    text[f"bob-2-{PGD}"] = "other"
    dirs.write_table(hyp_dir / "text", text)
    accent = dict.fromkeys(dirs.KEYS, "us") | {"bob-1-clean": "india"}
    accent |= {f"{utt}-{PGD}": "india" for utt in ("ann-1", "ann-2", "bob-2")}
    dirs.write_table(hyp_dir / "accent", accent)
    row = score(attack_dir, hyp_dir)[PGD]
    assert row.n == 4
    assert (row.null_success_rate, row.success_rate) == (25 * before, 25 * after)


def test_system_without_accent_head(attack_dir, hyp_dir):
    (hyp_dir / "accent").unlink()
    row = score(attack_dir, hyp_dir)["clean"]
    assert row.accent_acc is None and row.adv_accent_acc is None


def test_no_feasible_target(attack_dir, hyp_dir):
    unknown = Infeasible(reason="unknown", detail="it comes back as '<unk>'")
    change_records(
        attack_dir,
        lambda record: {} if record.infeasible else {"infeasible": unknown},
    )
    row = score(attack_dir, hyp_dir)[PGD]
    assert (row.n, row.infeasible) == (0, {"too_long": 1, "unknown": 3})
    assert row.adv_twer is row.success_rate is row.success_ci is None


def test_the_decoding_of_an_earlier_attack_is_refused(attack_dir, hyp_dir):
    stamp_decoding(attack_dir, hyp_dir)
    score(attack_dir, hyp_dir)
    change_records(attack_dir, lambda _: {"sha256": "other"})
    with pytest.raises(UserError, match="of an earlier attack: run stage 16 again"):
        score(attack_dir, hyp_dir)
    stamp_decoding(attack_dir, hyp_dir)
    score(attack_dir, hyp_dir)


def test_hypotheses_are_those_of_the_attack(attack_dir, hyp_dir):
    text = (hyp_dir / "text").read_text()
    (hyp_dir / "text").write_text(text + "eve-1-clean hello\n")
    with pytest.raises(UserError, match="text:13: 'eve-1-clean'"):
        score(attack_dir, hyp_dir)
    (hyp_dir / "text").write_text(text.partition("\n")[2])
    with pytest.raises(UserError, match="'ann-1-clean'"):
        score(attack_dir, hyp_dir)


def test_an_attack_without_untouched_audio(tmp_path, hyp_dir):
    attack_dir = dirs.make_attack_dir(tmp_path / "attack", dirs.TRIALS[1:])
    with pytest.raises(UserError, match="no trial with attack 'none'"):
        score(attack_dir, hyp_dir)


@pytest.mark.parametrize(
    ("key", "changes", "says"),
    [
        ("bob-1-clean", {"key": "bob-9-clean"}, "no record of 'bob-1-clean'"),
        ("bob-1-clean", {"trial": "other"}, "no trial 'other'"),
        ("ann-1-clean", {"target": "come"}, "another target than 'ann-1-clean'"),
        ("ann-1-clean", {"utt": "ann-2"}, "no 'ann-1' in trial 'clean'"),
    ],
)
def test_records_that_do_not_fit(attack_dir, hyp_dir, key, changes, says):
    change_records(attack_dir, lambda record: changes if record.key == key else {})
    with pytest.raises(UserError, match=says):
        score(attack_dir, hyp_dir)


@pytest.mark.parametrize("file", ["attack.json", "records.jsonl"])
def test_damaged_files_are_named(attack_dir, hyp_dir, file):
    path = attack_dir / file
    path.write_text(path.read_text().replace("{", "", 1))
    with pytest.raises(UserError, match=f"{file}.*damaged.*stage 15"):
        score(attack_dir, hyp_dir)
