"""A configuration and a victim make a plan, whose attacks are objects."""

import logging

import pytest
from toy_victim import ToyVictim

from espnet_mtl.attack.config import parse_config
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.plan import make_plan
from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.errors import UserError

BOTH = {"multitask": {}, "accent_blind": {"accent": 0}}


def plan(settings, victim=None, sources=()):
    config = parse_config({"attackers": BOTH, **settings}).with_sources(sources)
    others = {path: ToyVictim(seed=7) for path in sources}
    return make_plan(config, victim or ToyVictim(), others)


def test_controls_come_first_and_then_every_attacker_and_budget():
    found = plan({"budgets": [0.001, 0.002]})
    assert [bound.trial.name for bound in found] == [
        "clean",
        "noise_linf0.001",
        "noise_linf0.002",
        "pgd_multitask_linf0.001",
        "pgd_multitask_linf0.002",
        "pgd_accent_blind_linf0.001",
        "pgd_accent_blind_linf0.002",
    ]
    multitask, blind = found[3].attacks[0], found[5].attacks[0]
    assert "accent" in multitask.attacker.weights
    assert "accent" not in blind.attacker.weights
    assert found[5].trial.members == (blind.about,)
    assert blind.about.weights == blind.attacker.weights
    assert blind.method == PGD() and blind.about.settings["steps"] == 75


def test_an_attacker_with_nothing_to_attack_is_left_out():
    only_accents = ToyVictim({"ctc": 0.0, "att": 0.0, "accent": 1.0})
    found = plan({}, only_accents)
    assert {bound.trial.attacker for bound in found} == {None, "multitask"}
    with pytest.raises(UserError, match="none of them attacks a branch"):
        plan({"attackers": {"accent_blind": {"accent": 0}}}, only_accents)


def test_attackers_that_come_to_the_same_share_their_trials():
    found = plan({}, ToyVictim({"ctc": 0.3, "att": 0.7}))
    main = [bound.trial for bound in found if bound.trial.role == "main"]
    assert [(one.attacker, one.also) for one in main] == [
        ("multitask", ("accent_blind",))
    ]


def test_an_audit_without_a_bound_is_nobody_elses():
    """Reports have a row for each attacker that comes to the same; it is no attack."""
    pgd = {"name": "x", "attacks": [{"attack": "pgd"}], "unbounded": 5}
    suite, unbounded = (one.trial for one in plan(pgd, ToyVictim({"ctc": 1.0}))[-2:])
    assert suite.members[0].also == ("accent_blind",)
    assert unbounded.attack == "unbounded" and unbounded.also == ()


def test_attackers_are_resolved_and_told_of_once(caplog):
    caplog.set_level(logging.INFO)
    attacks = [{"attack": "pgd"}, {"attack": "fgsm"}]
    plan({"name": "x", "attacks": attacks}, ToyVictim({"ctc": 1.0}))
    told = [line for line in caplog.messages if "the same attacker" in line]
    assert told == ["accent_blind: the same attacker as multitask for this model"]


def test_a_second_member_that_is_the_same_starts_elsewhere_as_a_restart():
    pgd = {"attack": "pgd", "attackers": ["multitask"]}
    found = plan({"name": "x", "attacks": [pgd, {"attack": "fgsm"}, pgd, pgd]})
    again = [(a.about.attack, a.about.attacker, a.again) for a in found[-1].attacks]
    assert again == [
        ("pgd", "multitask", 0),
        ("fgsm", "multitask", 0),
        ("fgsm", "accent_blind", 0),
        ("pgd", "multitask", 1),
        ("pgd", "multitask", 2),
    ]


def test_a_transfer_attack_aims_at_other_models():
    _, *found = plan({"attack": "transfer", "controls": ["clean"]}, sources=["a", "b"])
    assert [bound.trial.attacker for bound in found] == ["multitask", "accent_blind"]
    for bound in found:
        assert [victim.sha256 for victim, _ in bound.attacks[0].aims] == ["toy7"] * 2
        assert bound.needs.sources == ("a", "b")


@pytest.mark.parametrize(
    "settings, needs",
    [
        ({"attack": "pgd"}, set()),
        ({"attack": "cw"}, {"decoder"}),
        ({"attack": "transcript_search"}, {"decoder"}),
        ({"attack": "kenansville"}, {"truth"}),
        ({"attack": "shuffled"}, {"donor"}),
        ({"attack": "universal", "fit_data": "x"}, {"fit_data"}),
        ({"attackers": {"me": {"words": "away"}}}, {"truth"}),
        ({"attackers": {"me": {"to_accent": "keep"}}}, {"decoder"}),
        ({"name": "x", "attacks": [{"attack": "pgd"}]}, {"decoder"}),
        (
            {
                "name": "x",
                "attacks": [{"attack": "kenansville"}, {"attack": "shuffled"}],
                "attackers": {"me": {"words": "away"}},
            },
            {"decoder", "truth", "donor"},
        ),
    ],
)
def test_a_trial_says_what_its_audio_depends_on(settings, needs):
    bound = plan({"controls": ["clean"], **settings})[-1]
    assert {name for name, value in vars(bound.needs).items() if value} == needs


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"attack": "noise"}, "noise_linf0.001: two trials have this name"),
        ({"name": "x", "attacks": [{"attack": "transfer"}]}, "none of its attacks"),
        (
            {"name": "x", "attackers": {"a": {}, "b": {"words": "away"}}},
            "need the same 'words'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        plan(settings)


SUITE = {
    "name": "x",
    "version": 3,
    "ascending": True,
    "attacks": [{"attack": "chain"}, {"attack": "square"}],
    "attackers": {"accent_blind": {"accent": 0}},
}


def test_budgets_in_turn_begin_with_the_weakest():
    found = plan({**SUITE, "budgets": [0.004, 0.001, 0.002], "unbounded": 5})
    series = [one.trial for one in found if one.trial.role == "main"]
    names = [trial.name for trial in series]
    assert names == ["x_linf0.001", "x_linf0.002", "x_linf0.004"]
    assert [trial.after for trial in series] == [(), (*names[:1],), (*names[:2],)]
    assert found[-1].trial.name == "unbounded"
    assert found[-1].trial.after == ("x_linf0.004",)
    decibels = plan({**SUITE, "norm": "snr", "budgets": [20, 40, 30]})
    assert [one.trial.budget for one in decibels if one.trial.role == "main"] == [
        40.0,
        30.0,
        20.0,
    ]


def test_a_curve_is_looked_for_with_gradients_after_all_budgets():
    curve = {"within": 1.2, "steps": 7}
    found = plan({**SUITE, "budgets": [0.002, 0.001], "curve": curve})
    (bound,) = (one for one in found if one.trial.role == "curve")
    assert bound.trial.name == "x_linf_curve"
    assert bound.trial.after == ("x_linf0.001", "x_linf0.002")
    assert [one.method.steps for one in bound.attacks] == [(7,)]
    assert bound.curve.within == 1.2 and bound.needs.decoder
    assert not any(one.curve for one in found if one is not bound)
    # Each attack that stands for itself has its own.
    each = plan({**SUITE, "name": "", "version": 0, "curve": curve})
    assert [one.trial.name for one in each if one.trial.role == "curve"] == [
        "chain_accent_blind_linf_curve",
        "square_accent_blind_linf_curve",
    ]


def test_other_attacks_have_no_turn():
    alone = {"attack": "universal", "fit_data": "x", "ascending": True}
    with pytest.raises(
        UserError, match="universal: cannot be a part of a suite, nor go on"
    ):
        plan(alone)
    with pytest.raises(UserError, match="curve: needs 'ascending: true'"):
        plan({"curve": {}})
    with pytest.raises(UserError, match="curve: within: 1.0: give a ratio above 1"):
        plan({**SUITE, "curve": {"within": 1.0}})


def test_a_changed_suite_has_another_name(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("name: x\nversion: 3\nattacks: [{attack: pgd}]\n")
    same, changed = read_config(path), read_config(path, "steps=10 budgets=[0.1]")
    assert (same.name, same.changes) == ("x", "")
    assert changed.name == "x_changed"
    (trial,) = (
        one.trial
        for one in make_plan(changed, ToyVictim(), {})
        if one.trial.role == "main"
    )
    assert trial.name == "x_changed_linf0.1" and trial.attack == "x_changed"
    assert trial.settings["changes"] == "steps=10 budgets=[0.1]"


def test_the_largest_of_ascending_budgets_is_also_tried_from_scratch():
    settings = {**SUITE, "budgets": [0.004, 0.001], "scratch": 32, "doubled": True}
    settings["attacks"] = [{"attack": "noise"}, {"attack": "chain"}, {"attack": "fgsm"}]
    found = {one.trial.name: one for one in plan(settings)}
    trial = found["scratch"].trial
    assert (trial.role, trial.attack, trial.budget) == ("audit", "scratch", 0.004)
    assert (trial.after, trial.subset, trial.doubled) == ((), 32, False)
    assert [one.about.attack for one in found["scratch"].attacks] == ["chain", "fgsm"]
    assert trial.members == found["x_linf0.001"].trial.members[1:]
    assert found["x_linf0.004"].trial.after == ("x_linf0.001",)
    alone = plan({**settings, "budgets": [0.001]})
    assert all(one.trial.name != "scratch" for one in alone)


PLANTED = {
    "name": "x",
    "attacks": [{"attack": "noise"}, {"attack": "pgd"}, {"attack": "square"}],
    "attackers": {"accent_blind": {"accent": 0}},
    "unbounded": 5,
    "planted": 3,
}


def test_planted_examples_are_searched_for_by_attacks_with_gradients():
    found = plan({**PLANTED, "budgets": [0.004, 0.002]})[-1]
    assert (found.trial.name, found.trial.role) == ("planted", "audit")
    assert found.trial.budget == 0.0005 and found.trial.subset == 3
    assert [one.about.attack for one in found.attacks] == ["pgd"]
    assert found.trial.members == tuple(one.about for one in found.attacks)
    assert found.trial.after == ("unbounded",)
    ascending = plan({**PLANTED, "budgets": [0.004, 0.002], "ascending": True})[-1]
    assert ascending.trial.after == ("x_linf0.004", "unbounded")
    loudness = plan({**PLANTED, "norm": "snr", "budgets": [20, 30]})[-1].trial.budget
    assert loudness == pytest.approx(30 + 12.04, abs=0.01)


def test_without_gradients_nobody_searches_for_planted_examples():
    found = plan({**PLANTED, "attacks": [{"attack": "square"}]})
    assert found[-1].trial.name == "unbounded"


def test_black_boxes_of_the_audit_take_what_gradients_leave():
    settings = {
        "name": "x",
        "attacks": [{"attack": "pgd"}, {"attack": "square"}, {"attack": "fgsm"}],
        "attackers": {"blind": {"accent": 0}},
        "budgets": [0.002, 0.001],
        "black_box": {"times": 8, "queries": 70, "transcripts": 7},
    }
    trial = plan(settings)[-1].trial
    assert (trial.name, trial.role, trial.budget) == ("black_box", "audit", 0.016)
    assert trial.after == ()
    assert [(one.attack, one.kind) for one in trial.members] == [
        ("pgd", "white_box"),
        ("fgsm", "white_box"),
        ("square", "black_box"),
        ("transcript_search", "black_box"),
    ]
    assert [one.settings.get("queries") for one in trial.members[2:]] == [70, 7]
    assert not any(one.everyone for one in trial.members)
    trial = plan({**settings, "ascending": True})[-1].trial
    assert trial.after == ("x_linf0.002",)
    for norm, budgets, louder in (("snr", [30, 20], 1.94), ("l2", [1.0], 8.0)):
        found = plan({**settings, "norm": norm, "budgets": budgets})[-1].trial
        assert found.budget == pytest.approx(louder, abs=0.01)
    found = plan({**settings, "budgets": [0.5]})[-1].trial
    assert found.budget == 2.0  # there is no more


@pytest.mark.parametrize(
    ("attacks", "attackers", "goals"),
    [
        (["kenansville", "pgd"], BOTH, "kenansville 'away', pgd 'target'"),
        (["noise", "pgd"], {"me": {"words": "away"}}, "noise 'target', pgd 'away'"),
        (["pgd"], {**BOTH, "me": {"words": "away"}}, "pgd 'target', pgd 'away'"),
    ],
)
def test_a_suite_has_one_goal_that_of_attacks_without_attackers_included(
    attacks, attackers, goals
):
    suite = {"name": "x", "attacks": [{"attack": one} for one in attacks]}
    with pytest.raises(UserError, match=f"no worst case of different goals .{goals}"):
        plan({**suite, "attackers": attackers, "norm": "snr", "budgets": [20]})


def test_without_a_target_untouched_audio_has_none_either():
    away = {"me": {"words": "away", "accent": 0}}
    assert plan({"attackers": away})[0].trial.words == "away"
    assert plan({"attackers": {**away, **BOTH}})[0].trial.words == "target"
    blind = {"attack": "kenansville", "norm": "snr", "budgets": [20]}
    assert plan(blind)[0].trial.words == "away"
