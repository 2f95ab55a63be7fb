"""How little noise is enough, in sentences worked out by hand."""

import pytest
from curve_factory import make_curve_exp, until_broken
from exp_factory import change_rows, make_exp

from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.robustness.curves import make_curves
from espnet_mtl.report.verdicts.how_little import how_little

DECIBELS = (40, 30, 20, 10)
SPEAKERS = tuple("abcdefgh")
ENOUGH = "is enough for half of the 8 recordings of 8 speakers: "


def found(exps):
    [group] = make_groups(read_experiments(exps))
    verdict = how_little(group, make_curves(group), [])
    return verdict.answer, verdict.sentence


def make_snr_exp(folder, system, places):
    """Make a system whose utterances are broken at places of an SNR bound."""
    tried = {
        f"{name}-0": until_broken(DECIBELS, place)
        for name, place in zip(SPEAKERS, places, strict=True)
    }
    about = {"norm": "snr", "budgets": DECIBELS, "speakers": SPEAKERS}
    # What was measured of the saved files is not the bound.
    about |= {"utts_per_speaker": 1, "snr_db": lambda *_: 3.0}
    return make_curve_exp(folder, system, {"chain": tried}, **about)


def test_of_a_bound_on_the_snr_the_bound_counts(tmp_path):
    """The median of the harder one is 20 dB; three of eight are broken by 30 dB."""
    exps = [
        make_snr_exp(tmp_path, "hard", (1, 1, 1, 2, 2, 2, 2, 3)),
        make_snr_exp(tmp_path, "easy", (1,) * 8),
    ]
    answer, sentence = found(exps)
    assert answer == "20 to 30 dB below the speech"
    assert sentence == (
        f"Noise 10 times weaker than the speech {ENOUGH}"
        "from easy at 30.0 dB [30.0, 30.0], the easiest, "
        "to hard at 20.0 dB [20.0, 30.0], the hardest."
    )


def test_quieter_noise_than_was_tried_may_be_enough(tmp_path):
    answer, sentence = found([make_snr_exp(tmp_path, "mine", (0,) * 8)])
    assert answer == "40 dB or more below the speech"
    assert sentence == (
        f"Noise 100 times weaker than the speech {ENOUGH}"
        "mine at 40.0 dB or more [40.0, 40.0]."
    )


def make_shares_exp(folder, system, broken, budgets=(0.001, 0.008), **options):
    """Make a system without a curve: the last budget breaks the first speakers."""

    def errors(trial, speaker, number):
        return int(trial.budget != budgets[-1] or speaker >= broken)

    about = {"errors": errors, "budgets": budgets, "audio": False, **options}
    return make_exp(folder, system, **about)


def test_of_several_systems_the_shares_are_told(tmp_path):
    exps = [make_shares_exp(tmp_path, *one) for one in (("one", 3), ("two", 1))]
    answer, sentence = found(exps)
    assert answer == "0.008 for 25 to 75 % of the recordings"
    assert sentence == (
        "With a budget of 0.008, exactly the attacker's sentence is heard in so many "
        "of 12 recordings of 4 speakers: one 75.0 % [66.0, 83.0]; "
        "two 25.0 % [16.0, 33.0]."
    )


def test_systems_with_other_numbers_of_recordings_tell_them(tmp_path):
    """Of the second, the recordings of one of the two speakers that resist are out."""
    gone = [f"dan-{number}" for number in range(3)]
    exps = [
        make_shares_exp(tmp_path, "one", 2),
        make_shares_exp(tmp_path, "two", 2, infeasible=gone),
    ]
    answer, sentence = found(exps)
    assert answer == "0.008 for 50 to 67 % of the recordings"
    assert sentence == (
        "With a budget of 0.008, exactly the attacker's sentence is heard in so many "
        "of up to 12 recordings of 4 speakers: one 50.0 % [41.0, 58.0] of 12; "
        "two 66.7 % [57.7, 74.7] of 9."
    )


def test_a_system_that_is_not_in_the_answer_is_named(tmp_path):
    exps = [
        make_shares_exp(tmp_path, "one", 2),
        make_shares_exp(tmp_path, "two", 2, budgets=(0.001,)),
    ]
    assert found(exps)[1].endswith(" two was not attacked with this budget.")
    exps = [make_snr_exp(tmp_path / "curves", one, (1,) * 8) for one in ("a", "b")]
    [records] = exps[1].glob("attack_*/test/records.jsonl")
    records.unlink()
    assert found(exps)[1].endswith(" b has no robustness curve.")


def test_attacks_that_go_below_their_budget_say_what_they_have_left(tmp_path):
    """As those do that search for the smallest perturbation from a loud start."""
    about = {"budgets": (15,), "norm": "snr"}
    exp = make_shares_exp(tmp_path, "one", 4, **about)
    change_rows(exp, lambda row: {"snr_db": 30.2} if row.budget == 15 else {})
    answer, sentence = found([exp])
    assert answer == "15 dB (on average, 30 dB were left) for 100 % of the recordings"
    assert "With a budget of 15 dB (on average, 30 dB were left), exactly" in sentence


@pytest.mark.parametrize("budgets", [(30, 10), (10, 30)])
def test_of_bounds_on_the_snr_the_lowest_is_the_largest_budget(tmp_path, budgets):
    about = {"budgets": budgets, "norm": "snr"}
    exps = [make_shares_exp(tmp_path, system, 4, **about) for system in ("one", "two")]
    share = 100 if budgets[-1] == 10 else 0
    for exp in exps:
        change_rows(exp, lambda row: {"snr_db": row.budget + 0.1})
    assert found(exps)[0] == f"10 dB for {share} % of the recordings"
