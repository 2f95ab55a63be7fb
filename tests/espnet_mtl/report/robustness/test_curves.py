"""Curves of made-up searches, whose figures can be worked out by hand.

Four speakers with an utterance each, ten words in each target, and budgets a factor of
two apart: each is a third of the way from the weakest to the strongest.
"""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from curve_factory import make_curve_exp
from exp_factory import SPEAKERS

from espnet_mtl.errors import UserError
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.norms import decibels
from espnet_mtl.report.robustness import steps as module
from espnet_mtl.report.robustness.curves import make_curves
from espnet_mtl.report.robustness.search import Search
from espnet_mtl.report.robustness.steps import Steps
from espnet_mtl.results.curve import Median

BUDGETS = (0.001, 0.002, 0.004, 0.008)
CHAIN = {
    "ann-0": [(0.001, 0), (0.002, 0), (0.004, 0), (0.008, 0)],
    "bob-0": [(0.001, 6), (0.002, 0), (0.004, 0), (0.008, 0)],
    "cyd-0": [(0.001, 8), (0.002, 4), (0.004, 0), (0.008, 0)],
    "dan-0": [(0.001, 9), (0.002, 9), (0.004, 5), (0.008, 7)],
}
SNRS = {"ann-0": 50.0, "bob-0": 44.0, "cyd-0": 38.0, "dan-0": 30.0}


def curves_of(folder, found=CHAIN, systems=("ctc",), **options):
    """Make the curves of systems that were attacked alike."""
    options = {"utts_per_speaker": 1, "snr_db": lambda utt, _: SNRS[utt], **options}
    found = found if "chain" in found else {"chain": found}
    exps = [make_curve_exp(folder, name, found, **options) for name in systems]
    [group] = make_groups(read_experiments(exps))
    return make_curves(group)


def whole(folder, *args, **options):
    return curves_of(folder, *args, **options).systems[0].whole


def test_the_curve_by_hand(tmp_path):
    curve = whole(tmp_path)
    assert (curve.n, curve.speakers, curve.not_broken, curve.unconfirmed) == (
        4,
        4,
        1,
        0,
    )
    assert (curve.weakest, curve.strongest) == (0.001, 0.008)
    assert curve.null_twer == 100.0
    assert [point.budget for point in curve.points] == [0.001, 0.002, 0.004]
    assert [point.broken for point in curve.points] == [25.0, 50.0, 75.0]
    # Of 40 words: 0 + 6 + 8 + 9, then 0 + 0 + 4 + 9, then the 5 of dan's nearest.
    assert [point.adv_twer for point in curve.points] == [57.5, 32.5, 12.5]
    assert curve.within == pytest.approx(2.0)
    assert curve.attack == "chain" and curve.attacker == "accent_blind"
    assert curve.optimality is None


def test_between_neighbouring_levels_there_is_nothing_to_find(tmp_path):
    near = {"ann-0": [(4 / 32768, 5), (5 / 32768, 0)]}
    curve = whole(tmp_path / "near", {**CHAIN, **near})
    assert curve.within == pytest.approx(2.0)
    found = {utt: near["ann-0"] for utt in CHAIN}
    assert whole(tmp_path / "alone", found).within is None


def test_area_and_median_by_hand(tmp_path):
    curve = whole(tmp_path)
    # They resist up to 0, 1/3, 2/3 and all of the way: the last is not broken at all.
    assert curve.area == pytest.approx(50.0)
    # Four draws of 0 to 3 thirds: a sum of at most 1 in 5 of 256 cases, of at most 2 in
    # 15, so 2 of 12 is the lower end.
    assert curve.area_ci == pytest.approx((100 * 2 / 12, 100 * 10 / 12))
    # Four speakers are too few for an interval of a median.
    assert curve.median == Median(value=0.002, ci=None)
    assert curve.median_snr_db == Median(value=44.0, ci=None)


@pytest.mark.parametrize("norm", ["linf", "snr"])
def test_the_interval_of_a_median_by_hand(tmp_path, norm):
    """Six speakers, of whom one is broken by the weakest budget and one by none."""
    names = ("ann", "bob", "cyd", "dan", "eve", "fay")
    like = {"eve-0": "bob-0", "fay-0": "cyd-0"}
    budgets = dict(zip(BUDGETS, (40.0, 34.0, 28.0, 22.0), strict=True))
    if norm == "linf":
        budgets = {budget: budget for budget in BUDGETS}
    found = {
        f"{name}-0": [
            (budgets[budget], cost)
            for budget, cost in CHAIN[like.get(f"{name}-0", f"{name}-0")]
        ]
        for name in names
    }
    options = {"speakers": names, "norm": norm, "budgets": tuple(budgets.values())}
    snrs = {**SNRS, "eve-0": 43.0, "fay-0": 37.0}
    curve = whole(tmp_path, found, snr_db=lambda utt, _: snrs[utt], **options)
    # ann is drawn three times or more of six in 6 % of cases, dan four times in 0.9 %
    # and three times in 6 %: a lower median is then still of another.
    ends = (budgets[0.001], budgets[0.004])
    assert curve.median.value == budgets[0.002]
    assert sorted(curve.median.ci) == sorted(ends)
    assert list(curve.median.ci) == sorted(curve.median.ci)
    # ann may need less: nothing weaker was tried.
    assert curve.median.bounds == (budgets[0.001],)
    assert curve.median_snr_db == Median(value=43.0, ci=(37.0, 50.0), bounds=(50.0,))


def test_bands_by_hand(tmp_path):
    """Every way to draw four of four speakers."""
    curve = whole(tmp_path)
    costs = {0.001: (0, 6, 8, 9), 0.002: (0, 0, 4, 9), 0.004: (0, 0, 0, 5)}
    for point in curve.points:
        every = [
            100 * sum(drawn) / 40
            for drawn in itertools.product(costs[point.budget], repeat=4)
        ]
        exact = np.quantile(every, (0.025, 0.975))
        assert point.adv_twer_ci == pytest.approx(exact, abs=2.6)  # a word in 40


def test_the_area_is_the_area_under_the_curve(tmp_path):
    """Added up piece by piece from what the points say."""
    curve = whole(tmp_path)
    places = [decibels("linf", point.budget) for point in curve.points]
    places.append(decibels("linf", 0.008))
    resisting = [100.0 - point.broken for point in curve.points]
    pieces = np.diff(places) * resisting
    assert curve.area == pytest.approx(pieces.sum() / (places[-1] - places[0]))


def test_fewer_decibels_are_a_larger_budget(tmp_path):
    budgets = dict(zip(BUDGETS, (40.0, 34.0, 28.0, 22.0), strict=True))
    found = {
        utt: [(budgets[budget], cost) for budget, cost in tried]
        for utt, tried in CHAIN.items()
    }
    curve = whole(tmp_path, found, norm="snr", budgets=(40.0, 34.0, 28.0, 22.0))
    assert (curve.weakest, curve.strongest) == (40.0, 22.0)
    assert [point.budget for point in curve.points] == [40.0, 34.0, 28.0]
    assert [point.adv_twer for point in curve.points] == [57.5, 32.5, 12.5]
    assert curve.area == pytest.approx(50.0)
    assert curve.median == Median(value=34.0, ci=None)


def test_every_accent_for_itself(tmp_path):
    accents = {"ann": "irish", "bob": "irish", "cyd": "welsh", "dan": "welsh"}
    [system] = curves_of(tmp_path, accent_of=accents.get).systems
    assert list(system.accents) == ["irish", "welsh"]
    irish, welsh = system.accents.values()
    assert (irish.n, irish.accent, irish.not_broken) == (2, "irish", 0)
    assert irish.area == pytest.approx(100 / 6)
    assert irish.median.value == 0.001
    assert (welsh.n, welsh.accent, welsh.not_broken) == (2, "welsh", 1)
    assert welsh.area == pytest.approx(500 / 6)
    assert welsh.median.value == 0.004
    assert system.whole.accent is None


FGSM = {
    "ann-0": [(0.001, 3), (0.002, 0)],
    "bob-0": [(0.001, 8), (0.002, 5), (0.004, 0)],
    "cyd-0": [(0.001, 9), (0.002, 6), (0.004, 3), (0.008, 0)],
    "dan-0": [(0.001, 9), (0.002, 9), (0.004, 0)],
}


def test_optimality_by_hand(tmp_path):
    """The envelope takes dan's smallest budget from the weaker attacker."""
    [system] = curves_of(tmp_path, {"chain": CHAIN, "fgsm": FGSM}).systems
    chain, fgsm = system.attackers.values()
    assert list(system.attackers) == ["chain", "fgsm"]
    # Parts of the way: 0, 1/3, 2/3, 1 and 1/3, 2/3, 1, 2/3; at best 0, 1/3, 2/3, 2/3.
    assert fgsm.area == pytest.approx(100 * 2 / 3)
    assert system.whole.area == pytest.approx(100 * 5 / 12)
    assert chain.optimality == pytest.approx(6 / 7)
    assert fgsm.optimality == pytest.approx(4 / 7)
    assert system.whole.optimality is None
    assert system.whole.attack is None and len(system.whole.trials) == 2
    assert [point.adv_twer for point in system.whole.points] == [57.5, 32.5, 0.0]
    assert system.whole.not_broken == 0


def test_an_attack_that_breaks_nothing_has_optimality_0(tmp_path):
    nothing = {utt: [(budget, 9) for budget in BUDGETS] for utt in CHAIN}
    [system] = curves_of(tmp_path, {"chain": CHAIN, "square": nothing}).systems
    assert system.attackers["square"].optimality == 0.0
    assert system.attackers["chain"].optimality == 1.0
    assert system.attackers["square"].area == 100.0
    assert system.attackers["square"].median == Median(value=None, ci=None)


def test_without_anything_broken_there_is_no_optimality(tmp_path):
    nothing = {utt: [(budget, 9) for budget in BUDGETS] for utt in CHAIN}
    [system] = curves_of(tmp_path, {"chain": nothing, "square": nothing}).systems
    assert [one.optimality for one in system.attackers.values()] == [None, None]


def test_what_the_saved_file_says_counts(tmp_path):
    """The attack heard bob's target at 0.002, the decoding of the file did not."""
    curve = whole(tmp_path, heard={"bob-0": 2})
    assert (curve.unconfirmed, curve.not_broken) == (1, 2)
    assert [point.broken for point in curve.points] == [25.0, 25.0, 50.0]
    assert [point.adv_twer for point in curve.points] == [57.5, 37.5, 17.5]
    assert curve.area == pytest.approx(100 * (0 + 1 + 2 / 3 + 1) / 4)


def test_what_the_attack_took_for_broken_does_not_end_the_span(tmp_path):
    """No larger budget was tried on it, and it counts as one that resists."""
    sure = curves_of(tmp_path / "sure")
    one = curves_of(tmp_path / "one", heard={"ann-0": 1})
    assert one.span == sure.span
    [system] = one.systems
    assert (system.whole.not_broken, system.whole.unconfirmed) == (2, 1)
    assert system.whole.area == pytest.approx(75.0)
    # The same where another attacker is asked, who did not break it.
    other = {utt: [(budget, 9) for budget in BUDGETS] for utt in CHAIN}
    both = {"chain": CHAIN, "fgsm": other}
    [system] = curves_of(tmp_path / "both", both, heard={"ann-0": 1}).systems
    assert system.whole.strongest == 0.008


@pytest.mark.parametrize("norm", ["l2", "snr"])
def test_where_the_weakest_budget_breaks_all_medians_are_bounds(tmp_path, norm):
    """Each utterance has a smallest budget of its own, at which the search began."""
    found = {f"{name}-0": [(1.0 + n, 0)] for n, name in enumerate(SPEAKERS)}
    curve = whole(tmp_path, found, norm=norm, budgets=(1.0, 2.0, 3.0, 4.0))
    assert curve.median.bounds == (curve.median.value,)
    assert curve.median_snr_db.bounds == (curve.median_snr_db.value,)


def test_the_decoding_may_also_hear_more_than_the_attack(tmp_path):
    curve = whole(tmp_path, heard={"dan-0": 0})
    assert (curve.unconfirmed, curve.not_broken) == (1, 0)
    assert curve.area == pytest.approx(100 * (0 + 1 + 2 + 2) / 12)


def test_targets_that_cannot_be_heard_do_not_count(tmp_path):
    curve = whole(tmp_path, infeasible=("dan-0",))
    assert (curve.n, curve.not_broken) == (3, 0)
    assert curve.area == pytest.approx(100 / 3)


def test_the_span_is_that_of_the_search(tmp_path):
    """Half and twice the budgets were tried where these did not decide."""
    found = {
        **CHAIN,
        "ann-0": [(0.0005, 0), *CHAIN["ann-0"]],
        "dan-0": [*CHAIN["dan-0"], (0.016, 0)],
    }
    curve = whole(tmp_path, found, curve={"halvings": 1, "doublings": 1})
    assert (curve.weakest, curve.strongest) == (0.0005, 0.016)
    # Of five doublings, ann resists none, bob two, cyd three and dan all.
    assert curve.area == pytest.approx(100 * (0 + 2 + 3 + 5) / 20)
    assert curve.points[0].adv_twer == pytest.approx(75.0)  # the others are untouched
    assert curve.not_broken == 0


def test_the_span_ends_where_something_is_not_known(tmp_path):
    """The search was to go on, but did not for these."""
    curve = whole(tmp_path, curve={"halvings": 3, "doublings": 3})
    assert (curve.weakest, curve.strongest) == (0.001, 0.008)


def test_systems_have_one_span(tmp_path):
    exps = [
        make_curve_exp(tmp_path, "ctc", {"chain": CHAIN}, utts_per_speaker=1),
        make_curve_exp(
            tmp_path, "att", {"chain": CHAIN}, utts_per_speaker=1, budgets=BUDGETS[1:]
        ),
    ]
    [group] = make_groups(read_experiments(exps))
    curves = [system.whole for system in make_curves(group).systems]
    assert {(one.weakest, one.strongest) for one in curves} == {(0.002, 0.008)}


def test_a_single_budget_has_no_area(tmp_path):
    found = {utt: tried[:1] for utt, tried in CHAIN.items()}
    curve = whole(tmp_path, found, budgets=(0.001,))
    assert curve.area is None and curve.area_ci is None
    assert [point.broken for point in curve.points] == [25.0]
    assert curve.median.value is None and curve.not_broken == 3


def test_the_snr_of_a_budget_is_that_of_the_saved_files(tmp_path):
    """Each file's SNR falls by as many dB as the budget grows."""
    curve = whole(tmp_path, snr_db=lambda _, budget: 7.0 - 20 * math.log10(budget))
    for point in curve.points:
        assert point.snr_db == pytest.approx(7.0 - 20 * math.log10(point.budget))


def test_one_speaker_has_no_intervals(tmp_path):
    found = {f"ann-{n}": tried for n, tried in enumerate(CHAIN.values())}
    curve = whole(
        tmp_path,
        found,
        speakers=("ann",),
        utts_per_speaker=4,
        snr_db=lambda utt, budget: 40.0,
    )
    assert curve.area == pytest.approx(50.0)
    assert curve.area_ci is None and curve.median.ci is None
    assert all(point.adv_twer_ci is None for point in curve.points)


def test_without_a_search_there_are_no_curves(tmp_path, study):
    [group] = make_groups(read_experiments([study["ctc"]]))
    assert make_curves(group) is None


def test_without_records_there_are_no_curves(tmp_path):
    exp = make_curve_exp(tmp_path, "ctc", {"chain": CHAIN}, utts_per_speaker=1)
    (exp / "attack_pgd" / "test" / "records.jsonl").unlink()
    [group] = make_groups(read_experiments([exp]))
    assert make_curves(group) is None


def test_a_record_without_budgets_is_damaged(tmp_path):
    found = {name: CHAIN[f"{name}-0"] for name in SPEAKERS}
    exp = make_curve_exp(
        tmp_path,
        "ctc",
        {"chain": {f"{name}-0": tried for name, tried in found.items()}},
        utts_per_speaker=1,
    )
    path = exp / "attack_pgd" / "test" / "records.jsonl"
    text = path.read_text()
    path.write_text(text.replace('"smallest":{', '"other":{', 1))
    [group] = make_groups(read_experiments([exp]))
    with pytest.raises(UserError, match=r"'ann-0-.*no budgets.*repeat stage 15"):
        make_curves(group)


def make_steps(norm="l2", number=40):
    """Utterances with budgets of their own, as in L2."""
    rng = np.random.default_rng(0)
    searches = []
    for place in range(number):
        needed = float(rng.uniform(0.1, 1.0))
        broken = place % 5 > 0
        about = Search(
            utt=f"u{place}",
            speaker=f"s{place % 8}",
            accent="us",
            words=5,
            null=4,
            steps=((0.05, 6.0), (needed / 2, 3.0), (needed, 0.0 if broken else 2.0)),
            saved=needed,
            snr_db=20.0,
            broken=broken,
            resisted=needed / 2,
            weakest=0.05,
            strongest=needed,
            confirmed=True,
            gradients=1,
            decodings=1,
        )
        searches.append(about)
    return Steps(norm, searches)


def test_the_error_rate_at_each_budget_by_hand():
    steps = make_steps()
    found = [one.estimate for one in steps.adv_twer()]
    assert len(found) == len(steps.budgets) == 81
    for budget, rate in zip(steps.budgets, found, strict=True):
        errors = [
            min((cost for b, cost in one.steps if b <= budget), default=one.null)
            for one in steps.searches
        ]
        assert rate == pytest.approx(100 * sum(errors) / 200)


def test_in_parts_the_points_are_the_same(monkeypatch):
    whole = make_steps()
    monkeypatch.setattr(module, "MOST_NUMBERS", 7 * 40)
    parts = make_steps()
    assert len([*parts._parts()]) == 12
    for name in ("adv_twer", "broken"):
        for one, other in zip(
            getattr(whole, name)(), getattr(parts, name)(), strict=True
        ):
            assert one == pytest.approx(other)


def test_of_very_many_budgets_a_curve_has_some(monkeypatch):
    whole = make_steps()
    monkeypatch.setattr(module, "MOST_POINTS", 9)
    thin = make_steps()
    assert len(thin.budgets) == 9
    assert thin.budgets[0] == whole.budgets[0]
    assert thin.budgets[-1] == whole.budgets[-1]
    rates = dict(zip(whole.budgets, whole.adv_twer(), strict=True))
    for budget, rate in zip(thin.budgets, thin.adv_twer(), strict=True):
        assert rate.estimate == pytest.approx(rates[budget].estimate)
    assert thin.median_db() == whole.median_db()


def test_the_budget_where_bands_begin_is_always_a_point(monkeypatch):
    """The plot starts its bands there, so it has to be among those that are kept."""
    steps = make_steps()
    late = replace(steps.searches[7], steps=steps.searches[7].steps[1:])
    monkeypatch.setattr(module, "MOST_POINTS", 9)
    thin = Steps("l2", [*steps.searches[:7], late, *steps.searches[8:]])
    assert thin.all_from == late.steps[0][0]
    assert thin.all_from in thin.budgets and len(thin.budgets) == 10
