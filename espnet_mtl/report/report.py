"""The report: results.json, curve.json, RESULTS.md, index.html and what they show."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.environment import environment, git_commit
from espnet_mtl.report import result_tables as tables
from espnet_mtl.report.audit import blocks as audit_words
from espnet_mtl.report.audit.audits import Audit, AuditGroup, every_audit, make_audits
from espnet_mtl.report.cautions import (
    accent_warnings,
    caveats,
    missing_parts,
    nothing_left,
    warnings,
)
from espnet_mtl.report.chart import budget_chart, curve_chart
from espnet_mtl.report.claims import (
    PAPER,
    claims_blocks,
    comparison_blocks,
)
from espnet_mtl.report.clean_tables import class_tables, clean_table
from espnet_mtl.report.document import (
    Block,
    Bullets,
    Code,
    Fold,
    Heading,
    Image,
    Part,
    Text,
    to_markdown,
)
from espnet_mtl.report.effort import Efforts, effort_blocks, read_efforts
from espnet_mtl.report.experiment import Experiment, named_confusions
from espnet_mtl.report.groups import Group, make_groups
from espnet_mtl.report.media import make_media
from espnet_mtl.report.norms import strength
from espnet_mtl.report.over_seeds import Family, make_families, seed_blocks
from espnet_mtl.report.page import to_page
from espnet_mtl.report.robustness import blocks as curve_words
from espnet_mtl.report.robustness.curves import GroupCurves, curves_of, make_curves
from espnet_mtl.report.second_task import describe_branches
from espnet_mtl.report.verdicts.make import make_seed_verdicts, make_verdicts
from espnet_mtl.report.verdicts.questions import Names, ask_pairs
from espnet_mtl.report.verdicts.verdict import Verdict
from espnet_mtl.results.attack_scores import Row
from espnet_mtl.results.curve import CURVE_NAME, write_curves
from espnet_mtl.results.files import write_result

_LEGEND_SHORT = (
    "AdvTWER (%): what is heard, against what the attacker wanted; higher = the attack "
    "failed. WER: of the attacked utterances before the attack; stage 13 scores the "
    "whole set."
)
SEEDS = (
    "Each difference is the mean over all seeds of the training, and its interval is "
    "over speakers and seeds."
)
DEFAULT_TITLE = "Systems under attack"


@dataclass
class Report:
    """What is to be reported.

    Attributes:
        experiments: The systems, in the order of the tables.
        baselines: Names of the systems that all are compared with.
        pairs: Names of others to compare: a system, and what it is compared with.
        command: The command that made the results, to be shown.
    """

    experiments: Sequence[Experiment]
    baselines: Sequence[str] = ("ctc", "att")
    pairs: Sequence[tuple[str, str]] = ()
    title: str = DEFAULT_TITLE
    command: str = ""

    @cached_property
    def groups(self) -> list[Group]:
        """What can be compared."""
        return make_groups(self.experiments)

    @cached_property
    def audits(self) -> list[AuditGroup]:
        """The audit of every attack; made once, since it reads all attacked audio."""
        return make_audits(self.experiments, self.baselines, self.compared)

    @cached_property
    def compared(self) -> Names:
        """Names of all that is compared beside the baselines."""
        asked = (ask_pairs(group, self.pairs) for group in self.groups)
        paper = ((system, other) for system, other, _ in PAPER)
        return [*dict.fromkeys(itertools.chain(*asked, paper))]

    @cached_property
    def curves(self) -> list[GroupCurves]:
        """Robustness curves, of groups whose attack has looked for them."""
        return [curves for group in self.groups if (curves := make_curves(group))]

    @property
    def heading(self) -> str:
        """The title, or what a single system says of itself."""
        if len(self.experiments) == 1 and self.title == DEFAULT_TITLE:
            return f"{self.experiments[0].system} under attack"
        return self.title

    @cached_property
    def efforts(self) -> Efforts:
        """How each system was trained, as far as that is known."""
        return read_efforts(self.experiments)

    def curves_of(self, group: Group) -> GroupCurves | None:
        """Return the robustness curves of a group."""
        return curves_of(group, self.curves)

    @cached_property
    def families(self) -> list[Family]:
        """Groups that differ by the seed of the training alone."""
        return make_families(self.groups, self.curves)

    def verdict_blocks(self, group: Group) -> list[Block]:
        """Say in a sentence for each question what was found."""
        found = make_verdicts(
            group,
            self.curves_of(group),
            self.audits,
            self.pairs,
            self.efforts,
            [pair for family, pair in self._over_seeds if group in family.groups],
        )
        blocks = _show(found, caveats(group))
        return [*blocks, *(Text(line, warning=True) for line in warnings(group))]

    @cached_property
    def _over_seeds(self) -> list[tuple[Family, tuple[str, str]]]:
        """Pairs that are compared over all seeds, which answers for each single one."""
        audits = every_audit(self.audits)
        found = []
        for family in self.families:
            pairs = ask_pairs(family.groups[0], self.pairs)
            measured = family.measure([(*pair, "") for pair in pairs], audits)
            claims = (one.claim for one in measured)
            found += [(family, (o.first.system, o.second.system)) for o in claims]
        return found

    def seed_verdict_blocks(self, family: Family) -> list[Block]:
        """Say what was found over all seeds: that of a single one is less sure."""
        args = (self.audits, self.pairs, self.efforts)
        return _show(make_seed_verdicts(family, *args), [SEEDS])

    def main_blocks(self) -> list[Block]:
        """Main table with its warnings and legend, for each comparison."""
        blocks: list[Block] = []
        for group in self.groups:
            if len(self.groups) > 1:
                blocks.append(Heading(group.title, level=3))
            blocks += [Text(line, warning=True) for line in warnings(group)]
            blocks.append(tables.main_table(group, self.baselines))
            blocks.append(Text(" ".join(tables.notes(group))))
        return [*blocks, Text(tables.LEGEND)] if blocks else []

    def readme_blocks(self) -> list[Block]:
        """Main table with its audit, and the command and commit that made it."""
        blocks = self.main_blocks()
        if lines := audit_words.audit_lines(self.audits):
            blocks.append(Bullets(lines))
        if self.command:
            blocks.append(Code(self.command))
        return [*blocks, Text(f"Commit {git_commit()}.")]

    def short_blocks(self) -> list[Block]:
        """AdvTWER alone, and the audit in a sentence: what the README shows."""
        blocks: list[Block] = []
        for group in self.groups:
            blocks += [tables.short_table(group), Text(tables.notes(group)[0])]
            if branches := describe_branches(group.systems):
                blocks.append(Text(branches))
            blocks += [Text(line, warning=True) for line in nothing_left(group)]
        if audits := every_audit(self.audits):
            blocks.append(Text(audit_words.audit_sentence(audits)))
        return blocks

    def all_verdicts(self) -> list[Block]:
        """Say what was found in all comparisons."""
        families = map(self.seed_verdict_blocks, self.families)
        groups = map(self.verdict_blocks, self.groups)
        return [*itertools.chain(*families, *groups)]

    def plot_blocks(self, folder: Path, name: str) -> list[Block]:
        """Draw the robustness curves into a folder, for a README to show."""
        from espnet_mtl.report.plot_curve import plot_curves  # loads slowly

        blocks: list[Block] = []
        for number, curves in enumerate(self.curves, start=1):
            suffix = f"_{number}" if len(self.curves) > 1 else ""
            path = folder / f"{name}{suffix}.png"
            plot_curves(curves, path)
            blocks.append(Image(str(path), curve_chart(curves).description))
        return blocks or [Text("This attack has not looked for robustness curves.")]

    def main_text(self, width: int = 100) -> str:
        """The main table and the audit for a terminal, ``width`` characters wide."""
        parts = []
        for group in self.groups:
            parts.append(tables.main_table(group, self.baselines).to_text(width))
            said = [*warnings(group), " ".join(tables.notes(group))]
            parts += [textwrap.fill(line, width) for line in said]
        if parts:
            parts.append(textwrap.fill(_LEGEND_SHORT, width))
        else:
            parts.append("No attack has been scored: no table (stages 15 to 17).")
        if self.audits:
            parts.append(audit_words.audit_text(self.audits, width))
        return "\n\n".join(parts)


def write_report(report: Report, output: Path) -> list[Path]:
    """Write all files of a report; return those that people read first."""
    output.mkdir(parents=True, exist_ok=True)
    media = make_media(report.experiments, report.groups, report.curves, output)
    blocks = _blocks(report, media)
    files = [output / "RESULTS.md", output / "index.html", output / "results.json"]
    comment = "<!-- Generated by asr_mtl_report -->\n"
    title: list[Block] = [Heading("RESULTS", level=1)]
    title += [Text(report.heading)] if report.heading else []
    write_text(files[0], comment + to_markdown([*title, *blocks]))
    write_text(files[1], to_page(blocks, report.heading))
    audits = every_audit(report.audits)
    write_result(output / "audit.json", [audit.export() for audit in audits])
    write_result(files[2], results_rows(report.experiments, audits))
    every = [curve for curves in report.curves for curve in curves.every]
    (output / CURVE_NAME).unlink(missing_ok=True)  # of an earlier report
    if every:
        write_curves(output / CURVE_NAME, every)
    return files


def results_rows(
    experiments: Sequence[Experiment], audits: Sequence[Audit]
) -> list[Row]:
    """Give the rows of all systems, for ``results.json``.

    They are sorted by system, seed, set, decoder, norm, budget from weak to strong, and
    attack. Attackers that are equivalent for a system have a row each, of the same
    trial. ``audit`` is that of the row's attack; ``None`` if there are only controls.
    """
    summaries = {audit.result.folder: audit.summary() for audit in audits}
    rows = []
    for attack in (one for experiment in experiments for one in experiment.attacks):
        audit = summaries.get(attack.folder)
        for row in attack.rows:
            names = [row.attacker, *row.also]
            for name in names:
                also = tuple(other for other in names if other and other != name)
                rows.append(replace(row, attacker=name, also=also, audit=audit))
    return sorted(
        rows,
        key=lambda row: (
            *(row.system, row.seed, row.set, row.decoder),
            *(row.norm or "", strength(row.norm, row.budget)),
            *(row.attack, row.attacker or ""),
        ),
    )


def _show(verdicts: Sequence[Verdict], notes: Sequence[str]) -> list[Block]:
    words = [Text(f"**{one.question}** {one.text}") for one in verdicts]
    blocks: list[Block] = [Part("verdicts", verdicts, words)] if verdicts else []
    if any(one.bars for one in verdicts):
        blocks.append(Text(" ".join([tables.DECIBELS, *notes]), aside=True))
    return blocks


_LEAD = (
    "An attacker adds a little noise to a recording, so that a speech recogniser "
    "writes down {}. This report says how little is enough{}."
)
_SEVERAL = ", and whether some recognisers withstand more than others"
_GOALS = {
    "target": "a sentence of the attacker's choice",
    "away": "other words than were said",
    "keep": "the same words, in another accent",
}


def _blocks(report: Report, media: Mapping[str, list[Block]]) -> list[Block]:
    """Write the whole report: first what was found, then what it rests on."""
    blocks = [*_lead(report), *media["example"]]
    for family in report.families:
        if found := report.seed_verdict_blocks(family):
            blocks += [Heading(f"All seeds: {family.title}"), *found]
    for group in report.groups:
        if len(report.groups) > 1:
            blocks.append(Heading(group.title))
        blocks += report.verdict_blocks(group)
        blocks += _charts(report, group, media)
        curves = report.curves_of(group)
        blocks.append(tables.glance_table(group, curves, report.audits))
        note = [*tables.notes(group), tables.glance_legend(group, curves)]
        blocks.append(Text(" ".join(note), aside=True))
        blocks += tables.other_goals(group)
    blocks += audit_words.audit_part(report.audits)
    blocks += media["hear"]
    details = _details(report, media)
    folds = [Fold(title, inside) for title, inside in details.items() if inside]
    return [*blocks, *audit_words.audit_details(report.audits), *folds]


def _lead(report: Report) -> list[Block]:
    """Say in a sentence what this is about."""
    wants = {
        row.words
        for group in report.groups
        for system in group.systems
        for row in (*system.attacked, *system.untargeted)
    }
    goals = [said for words, said in _GOALS.items() if words in wants]
    several = _SEVERAL if len(report.experiments) > 1 else ""
    return [Text(_LEAD.format(", or ".join(goals), several))] if goals else []


def _charts(
    report: Report, group: Group, media: Mapping[str, list[Block]]
) -> list[Block]:
    """Show the robustness curves of a group, or else AdvTWER at the budgets."""
    curves = report.curves_of(group)
    if curves:
        number = report.curves.index(curves) + 1
        return [Part("chart", curve_chart(curves), media[f"curve {number}"])]
    chart = budget_chart(group)
    number = report.groups.index(group) + 1
    pictures = media[f"budgets {number}"]
    return [Part("chart", chart, pictures)] if chart else pictures


def _details(
    report: Report, media: Mapping[str, list[Block]]
) -> dict[str, list[Block]]:
    """Write what the page shows on demand, by its title; empty where there is none."""
    everything: list[Block] = [Text(tables.LEGEND_ALL)] if report.groups else []
    for group in report.groups:
        if len(report.groups) > 1:
            everything.append(Heading(group.title, level=3))
        everything.append(tables.full_table(group))
    clean = clean_table(report.experiments)
    confusions = named_confusions(report.experiments)
    missing = missing_parts(report.experiments, report.groups, report.baselines)
    if any(group.has_figures for group in report.groups) and not media["hear"]:
        missing.append("No example: the attacked audio (stage 15) is not there.")
    budgets = [
        block
        for number, group in enumerate(report.groups, start=1)
        if report.curves_of(group)  # else it is shown above
        for block in media[f"budgets {number}"]
    ]
    return {
        "Robustness": [*report.main_blocks(), *budgets],
        "Robustness curve": _curve_blocks(report, media),
        "Comparisons": comparison_blocks(
            report.groups,
            report.curves,
            report.audits,
            [(*pair, "") for pair in report.pairs],
        ),
        "The paper's claims": claims_blocks(
            report.groups, report.curves, report.audits
        ),
        "Over seeds": seed_blocks(
            report.families,
            report.audits,
            [*((*pair, "") for pair in report.pairs), *PAPER],
        ),
        "Each attacker": media["attackers"],
        "Training": [
            *effort_blocks(report.efforts, report.compared),
            *media["training"],
        ],
        "Accents in untouched audio": [
            *media["accents"],
            *class_tables(confusions),
            *(Text(line, warning=True) for line in accent_warnings(confusions)),
        ],
        "Everything": everything,
        "Untouched audio, whole sets": [clean] if clean else [],
        "Not in this report": [Bullets(missing)] if missing else [],
        "Environments": [Bullets(environment())],
        "Command": [Code(report.command)] if report.command else [],
    }


def _curve_blocks(report: Report, media: Mapping[str, list[Block]]) -> list[Block]:
    """Write the section about robustness curves, without its heading."""
    blocks: list[Block] = [Text(curve_words.HOW_TO_READ)] if report.curves else []
    for number, curves in enumerate(report.curves, start=1):
        if len(report.curves) > 1:
            blocks.append(Heading(curves.group.title, level=3))
        blocks += curve_words.curve_blocks(curves)
        if attackers := curve_words.attacker_blocks(curves):
            blocks += [Heading("Each attacker's curve", level=3)]
            blocks += [*media[f"curve {number} of attackers"], *attackers]
    return blocks
