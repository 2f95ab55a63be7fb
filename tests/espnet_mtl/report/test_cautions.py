"""What the report warns of, and what it says that it lacks."""

import pytest
from exp_factory import CLEAN, make_exp, make_trial

from espnet_mtl.report.cautions import caveats, missing_parts
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups

SEED = (
    "Each system was trained with one seed: the intervals cover the choice of speakers "
    "and utterances, not the randomness of training. Another seed may reverse a "
    "difference."
)
CHOICE = (
    "Some systems face several different attackers, others only one. The lowest of "
    "several AdvTWERs is a little too low by chance, which works against the former."
)
TITLE = "(set test, attack_pgd, L-inf bound, seed 0)"


def make(folder, system="ctc", **options):
    about = {"errors": lambda *_: 3, "audio": False, **options}
    return make_exp(folder, system, **about)


def group_of(*exps):
    [group] = make_groups(read_experiments(exps))
    return group


def lacks(exps, baselines=()):
    """Say what is missing, but for logs and accents, which these systems have not."""
    experiments = read_experiments(exps)
    said = missing_parts(experiments, make_groups(experiments), baselines)
    others = ("no finished epoch", "No recognised accents")
    return [one for one in said if not any(other in one for other in others)]


@pytest.mark.parametrize(
    ("count", "shown"), [(2, "2 speakers"), (19, "19 speakers"), (20, None)]
)
def test_intervals_over_few_speakers_are_too_narrow(tmp_path, count, shown):
    speakers = [f"s{number:02}" for number in range(count)]
    said = caveats(group_of(make(tmp_path, speakers=speakers, utts_per_speaker=1)))
    expected = [SEED]
    if shown:
        expected.append(
            f"The test set has {shown}: with so few units the bootstrap's intervals "
            "come out too narrow."
        )
    assert said == expected


def test_the_lowest_of_several_attackers_is_too_low_by_chance(tmp_path):
    several = make(tmp_path, "ctc_accent", attackers=("multitask", "accent_blind"))
    one = make(tmp_path, "ctc", attackers=("accent_blind",))
    other = make(tmp_path, "att", attackers=("accent_blind",))
    assert caveats(group_of(several, one))[-1] == CHOICE
    assert CHOICE not in caveats(group_of(one, other))
    assert CHOICE not in caveats(group_of(several))


def test_an_attack_without_noise_beside_it_is_named(tmp_path):
    trials = [CLEAN, make_trial("pgd", "accent_blind")]
    exp = make(tmp_path / "without", trials=trials)
    assert lacks([exp]) == [f"ctc {TITLE}: no noise control."]
    assert lacks([make(tmp_path / "with", trials=[*trials, make_trial("noise")])]) == []


def test_systems_without_a_common_utterance_are_named(tmp_path):
    halves = [
        [f"{name}-{number}" for name in names for number in range(3)]
        for names in (("ann", "bob"), ("cyd", "dan"))
    ]
    exps = [
        make(tmp_path, system, infeasible=half)
        for system, half in zip(("ctc", "ctc_accent"), halves, strict=True)
    ]
    sentence = (
        f"ctc_accent and ctc {TITLE}: no utterance has a target that can be reached on "
        "both, so there is no difference."
    )
    assert [one for one in lacks(exps, ["ctc"]) if "left out" not in one] == [sentence]
    assert sentence not in lacks(exps)
    alike = make(tmp_path / "alike", "ctc_accent", infeasible=halves[0][:5])
    assert sentence not in lacks([exps[0], alike], ["ctc"])
