"""A report of which nothing is left to count is a report, and says so."""

import pytest
from exp_factory import SPEAKERS, make_exp, make_suite_exp

from espnet_mtl.bin.asr_mtl_report import main
from espnet_mtl.report.audit.audits import make_audits
from espnet_mtl.report.comparison import compare
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.model_card import model_card

EVERY = [f"{name}-{number}" for name in SPEAKERS for number in range(3)]
NAMES = ("results:mini_accent", "results:mini_accent:short", "results:claims")
NOTHING = "nothing is left to count, since no attack can reach any of the 12 targets"


def report(tmp_path, *exps):
    """Write all that a report can be; return RESULTS.md, the page and the README."""
    readme = tmp_path / "README.md"
    readme.write_text("".join(f"<!-- {n} -->\n<!-- /{n} -->\n" for n in NAMES))
    out = tmp_path / "out"
    words = ["--exp", *map(str, exps), "--output", str(out), "--print"]
    main([*words, "--update_readme", str(readme), "--corpus", "mini_accent"])
    return [p.read_text() for p in (out / "RESULTS.md", out / "index.html", readme)]


@pytest.mark.parametrize("norm, budgets", [("linf", (0.001, 0.008)), ("snr", (30, 10))])
def test_no_feasible_target_at_all(tmp_path, capsys, norm, budgets):
    exp = make_suite_exp(
        tmp_path, "att", infeasible=EVERY, norm=norm, budgets=budgets, audio=False
    )
    results, page, readme = report(tmp_path, exp)
    printed = capsys.readouterr().out.replace("\n", " ")
    for text in (results, page, readme, printed):
        assert f"Warning: att: {NOTHING}: 12 too long for the audio" in text
        assert "give shorter targets (text_target)" in text
        assert "0 utterances of 0 speakers" in text
    assert "Audit: att: no robustness figures, since no attack can reach any" in printed
    assert readme.count(NOTHING) == 2  # in the main and in the short table
    assert not (tmp_path / "out" / "plots").exists()
    card = model_card("a/b", exp, {}, {"token_list": []}, {}, {"license": "mit"})
    assert "no robustness figures" in card


def test_separate_attacks_with_two_attackers(tmp_path):
    settings = {"errors": lambda *_: 1, "infeasible": EVERY, "audio": False}
    exp = make_exp(tmp_path, "ctc", accent=True, **settings)
    results = report(tmp_path, exp)[0]
    assert NOTHING in results
    assert "strongest attacker" not in results.split("## Audit")[0]


def test_an_audit_of_nothing_passes_and_fails_nothing_about_the_attack(tmp_path):
    exp = make_suite_exp(tmp_path, "att", infeasible=EVERY)
    [group] = make_audits(read_experiments([exp]))
    [audit] = group.audits
    said = {str(finding) for finding in audit.findings.values()}
    assert said == {
        "NOT RUN: no attack can reach any target",
        "PASS: 156 files unchanged, 144 of 144 heard alike",
        "PASS: 12 of 12 infeasible (12 too long), in all trials counted",
    }
    assert audit.verdict == "partial"


def test_one_system_of_two_has_nothing_left(tmp_path, capsys):
    exps = [
        make_suite_exp(tmp_path, "att", infeasible=EVERY, audio=False),
        make_suite_exp(tmp_path, "hybrid", audio=False),
    ]
    results, *_ = report(tmp_path, *exps)
    assert f"att: {NOTHING}" in results and f"hybrid: {NOTHING}" not in results
    assert "| hybrid | 4.00 | 100.00 | 60.00 |" in results
    assert "one system with figures" in results
    assert (tmp_path / "out" / "plots" / "advtwer_vs_budget.png").is_file()


def test_one_feasible_utterance(tmp_path):
    exp = make_suite_exp(tmp_path, "att", infeasible=EVERY[1:])
    results, *_ = report(tmp_path, exp)
    assert "nothing is left" not in results
    assert "1 utterance of 1 speaker" in results
    assert (
        "11 of 12 utterances left out, since no attack can reach their targets: 11 too "
        "long for the audio" in results
    )


def test_systems_without_a_common_utterance_have_no_difference(tmp_path):
    exps = [
        make_suite_exp(tmp_path, "ctc", infeasible=EVERY[:6], audio=False),
        make_suite_exp(tmp_path, "ctc_accent", infeasible=EVERY[6:], audio=False),
    ]
    [group] = make_groups(read_experiments(exps))
    assert compare(*group.systems, 0.008) is None
    results, *_ = report(tmp_path, *exps)
    assert "ctc_accent and ctc (set test" in results
    assert "no utterance has a target that can be reached on both" in results
