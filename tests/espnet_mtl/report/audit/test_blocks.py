"""Where the audit is shown, and that what is for the audit stays out of the rest."""

import json
import re
from dataclasses import replace

import pytest
from exp_factory import change_rows, make_exp, make_suite_exp

from espnet_mtl.bin.asr_mtl_report import main
from espnet_mtl.errors import UserError
from espnet_mtl.report.audit.audits import GATES, make_audits
from espnet_mtl.report.audit.blocks import audit_lines, audit_text
from espnet_mtl.report.comparison import compare
from espnet_mtl.report.experiment import read_experiments
from espnet_mtl.report.groups import make_groups
from espnet_mtl.report.result_tables import full_table, main_table, notes
from espnet_mtl.results.files import VERSION
from espnet_mtl.results.trial import Member


@pytest.fixture(scope="module")
def exps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exps")
    sound = make_suite_exp(folder, "att", utts_per_speaker=9)
    broken = make_suite_exp(folder, "hybrid_accent", accent=True, utts_per_speaker=9)

    change_rows(broken, lambda _: {"success_rate": 75.0}, "unbounded")
    return [sound, broken]


@pytest.fixture(scope="module")
def output(exps, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    main(["--exp", *map(str, exps), "--output", str(folder)])
    return folder


def content(path):
    """Read a result file as another program would."""
    whole = json.loads(path.read_text())
    assert whole.keys() == {"version", "content"} and whole["version"] == VERSION
    return whole["content"]


def test_results_has_gates_figures_and_what_a_failure_means(output):
    text = (output / "RESULTS.md").read_text()
    assert (
        "**Audit: hybrid_accent: robustness figures cannot be relied on "
        "(12 of 13 gates passed; FAIL: unbounded).**" in text
    )
    assert "- att: robustness figures can be relied on (13 of 13 gates passed)." in text
    section = text.partition("## Audit")[2].partition("\n## ")[0]
    for gate in GATES:
        assert f"| {gate.name} | {gate.title} | PASS: " in section
        assert f"- {gate.name}: {gate.failure}" in section
    assert "| FAIL: 75.0 % of 36" in section


def test_systems_of_which_the_same_follows_share_a_sentence(exps):
    [group] = make_audits(read_experiments(exps))
    good, bad = group.audits
    again = replace(good, label="hybrid")
    lines = audit_lines([replace(group, audits=[good, bad, again])])
    assert [line.partition(": robust")[0] for line in lines] == [
        "Audit: att, hybrid",
        "Audit: hybrid_accent",
    ]


def test_page_marks_what_failed(output):
    page = (output / "index.html").read_text()
    assert '<td class="fail">FAIL</td><td>75.0 % of 36' in page
    assert '<td class="pass">PASS</td><td>100.0 % of 36' in page
    [line] = re.findall(r'<span class="chips">(.*?)</summary>', page, re.DOTALL)
    marks = re.findall(r'class="sign ([\w-]+)"', line)
    assert marks == ["pass"] * len(GATES) + ["fail"] + ["pass"] * (len(GATES) - 1)
    assert '<span class="failed">unbounded</span>' in line


def test_json_files(output):
    rows = content(output / "results.json")
    for row in rows:
        failed = row["system"] == "hybrid_accent"
        assert row["audit"]["verdict"] == ("fail" if failed else "pass")
        assert row["audit"]["gates"]["unbounded"] == ("FAIL" if failed else "PASS")
        assert list(row["audit"]["gates"]) == [gate.name for gate in GATES]
    assert {row["role"] for row in rows} == {"main", "control", "audit"}
    audits = content(output / "audit.json")
    assert [one["verdict"] for one in audits] == ["pass", "fail"]
    gate = audits[1]["gates"][0]
    assert (gate["verdict"], gate["figure"][:12]) == ("FAIL", "75.0 % of 36")
    assert gate["failure_means"] == GATES[0].failure


def test_terminal_has_figures_for_one_and_verdicts_for_several(exps, capsys):
    several = audit_text(make_audits(read_experiments(exps)))
    assert re.search(r"^unbounded +PASS +FAIL$", several, re.MULTILINE)
    assert "FAIL unbounded: Even without a bound" in several
    assert "hybrid_accent: 75.0 % of 36" in several.replace("\n ", "")
    one = audit_text(make_audits(read_experiments(exps[1:])))
    assert re.search(r"^FAIL +unbounded +75.0 % of 36", one, re.MULTILINE)
    assert re.search(r"^NOT RUN +benign_wer +one system with fig", one, re.MULTILINE)
    assert "Not run: benign_wer: give the report several systems" in one
    assert max(map(len, (several + "\n" + one).splitlines())) <= 100


@pytest.mark.usefixtures("without_plots")
def test_the_readme_says_whether_figures_can_be_relied_on(exps, tmp_path):
    path = tmp_path / "README.md"
    path.write_text("<!-- results:fsdd -->\n<!-- /results:fsdd -->\n")
    words = ["--exp", *map(str, exps), "--output", str(tmp_path / "out")]
    main([*words, "--update_readme", str(path), "--corpus", "fsdd"])
    assert "- Audit: att: robustness figures can be relied on" in path.read_text()


def test_nothing_attacked_nothing_audited(tmp_path, capsys):
    exp = tmp_path / "asr_mtl_ctc"
    make_exp(tmp_path / "other", "ctc", errors=lambda *_: 1, audio=False)
    (tmp_path / "other" / "asr_mtl_ctc" / "decode_ctc").rename(
        exp.mkdir() or exp / "decode_ctc"
    )
    main(["--exp", str(exp), "--output", str(tmp_path / "out"), "--print"])
    assert "Audit" not in (tmp_path / "out" / "RESULTS.md").read_text()
    assert content(tmp_path / "out" / "audit.json") == []


def test_controls_and_audit_stay_out_of_the_comparison(exps):
    [group] = make_groups(read_experiments(exps))
    assert group.budgets == [0.001, 0.002, 0.008]
    assert group.attackers == ["worst_case"]
    assert [row.attack for row in group.systems[0].noise] == ["noise"] * 3
    table = main_table(group, ["att"])
    assert not any("2" == name.split()[-1] for name in table.header)
    assert "Each utterance counts with the worst of a suite's attacks." in notes(group)
    attacks = [row[1] for row in full_table(group).rows]
    block = ["noise", "gaussian", "worst_case"]
    assert attacks == ["none", *3 * block, "planted", "unbounded", "black_box"] * 2
    assert compare(*group.systems, 0.008).value == 0.0


def test_suites_of_other_strength_are_not_compared(tmp_path, exps):
    """Other members because of an accent branch are no other strength."""
    weaker = make_suite_exp(tmp_path, "ctc", utts_per_speaker=1, audio=False)

    def set_members(exp, steps, names):
        # Nor are other models that a transfer attack starts from.
        about = {"attack": "transfer", "kind": "transfer"}
        settings = {"steps": steps, "sources": [exp.name]}
        members = [Member(**about, attacker=n, settings=settings) for n in names]
        change_rows(exp, lambda _: {"members": tuple(members)}, "standard")

    stronger = make_suite_exp(tmp_path, "att", utts_per_speaker=1, audio=False)
    set_members(stronger, 10, ["multitask", "accent_blind"])
    for steps in (10, 5):
        set_members(weaker, steps, ["accent_blind"])
        [group] = make_groups(read_experiments([weaker, stronger]))
        if steps == 10:
            assert compare(*group.systems, 0.008) is not None
        else:
            with pytest.raises(UserError, match="a weaker attack would look like"):
                compare(*group.systems, 0.008)


def test_fewer_decibels_are_the_larger_attack(tmp_path):
    exp = make_suite_exp(
        tmp_path, "att", norm="snr", budgets=(30, 20, 10), utts_per_speaker=1
    )
    main(["--exp", str(exp), "--output", str(tmp_path / "out")])
    text = (tmp_path / "out" / "RESULTS.md").read_text()
    assert "| AdvTWER↑ 30 dB | AdvTWER↑ 20 dB | AdvTWER↑ 10 dB |" in text
    assert "fewer dB are a louder perturbation" in text
    assert "| att | unbounded | 2 |" in text
    rows = content(tmp_path / "out" / "results.json")
    budgets = [row["budget"] for row in rows if row["attack"] == "standard"]
    assert budgets == [30, 20, 10]
    [group] = make_groups(read_experiments([exp]))
    assert group.budgets[-1] == 10
    assert [row.adv_twer for row in group.systems[0].attacked] == [60.0, 0.0, 0.0]
