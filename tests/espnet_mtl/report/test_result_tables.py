"""Tables of results: which figure stands in which column."""

from dataclasses import replace

from exp_factory import CLEAN, change_rows, make_exp, make_trial

from espnet_mtl.report.document import Heading
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.result_tables import notes, other_goals

FIGURES = {
    "away": {
        "n": 7,
        "benign_wer": 11.1,
        "adv_wer": 22.2,
        "adv_wer_ci": (20.4, 24.8),
        "null_success_rate": 33.3,
        "success_rate": 44.4,
        "success_ci": (40.6, 48.2),
        "snr_db": 55.5,
    },
    "keep": {
        "n": 8,
        "accent_acc": 66.6,
        "adv_accent_acc": 17.7,
        "adv_wer": 28.8,
        "adv_wer_ci": (25.2, 31.4),
        "null_success_rate": 39.9,
        "success_rate": 52.5,
        "success_ci": (49.4, 57.6),
        "snr_db": 61.6,
    },
}


def group_of(exps):
    [group] = make_groups(read_experiments(exps))
    return group


def test_attacks_without_a_target_have_columns_of_their_own(tmp_path):
    trials = [
        CLEAN,
        replace(make_trial("pgd", "flip", budget=0.03), words="keep"),
        replace(make_trial("pgd", "untargeted", budget=0.02), words="away"),
    ]
    about = {"accent": True, "audio": False, "trials": trials}
    exp = make_exp(tmp_path, "mine", errors=lambda *_: 5, **about)
    change_rows(exp, lambda row: FIGURES[row.words], "pgd")
    away_title, away, keep_title, keep = other_goals(group_of([exp]))
    assert away_title == Heading("Attacks that want anything but what was said", 3)
    assert pairs_of(away) == [
        ("system", "mine"),
        ("attacker", "untargeted"),
        ("budget", "0.02"),
        ("n", "7"),
        ("WER % without attack", "11.1"),
        ("AdvWER % ↓ [95 %]", "22.2 [20.4, 24.8]"),
        ("recordings with a wrong word % without attack", "33.3"),
        ("attacked ↓ [95 %]", "44.4 [40.6, 48.2]"),
        ("SNR dB", "55.5"),
    ]
    assert keep_title == Heading(
        "Attacks that want another accent and the same words", 3
    )
    assert pairs_of(keep) == [
        ("system", "mine"),
        ("attacker", "flip"),
        ("budget", "0.03"),
        ("n", "8"),
        ("accents right % without attack", "66.6"),
        ("attacked ↑", "17.7"),
        ("AdvWER % ↓ [95 %]", "28.8 [25.2, 31.4]"),
        ("another accent and the same words % without attack", "39.9"),
        ("attacked ↓ [95 %]", "52.5 [49.4, 57.6]"),
        ("SNR dB", "61.6"),
    ]


def pairs_of(table):
    """Return the titles of a table of one row with what stands below them."""
    [cells] = table.rows
    return list(zip(table.header, cells, strict=True))


def test_notes_tell_where_attackers_differ_and_where_they_come_to_the_same(tmp_path):
    def errors(trial, speaker, number):
        return 2 if trial.attacker == "multitask" else 3

    about = {"errors": errors, "budgets": (0.01,), "audio": False}
    exps = [
        make_exp(tmp_path, "ctc_accent", **about),
        make_exp(
            tmp_path, "ctc", attackers=("multitask",), also=("accent_blind",), **about
        ),
    ]
    assert notes(group_of(exps)) == [
        "12 utterances of 4 speakers (set test, attack_pgd, L-inf bound, seed 0).",
        "AdvTWER is that of the strongest attacker, the one with the lowest pooled "
        "AdvTWER: multitask on ctc_accent.",
        "All attackers are equivalent for ctc.",
    ]
    choosing = notes(group_of(exps[:1]))
    assert not any("equivalent" in sentence for sentence in choosing)
