"""The report: results.json, curve.json, RESULTS.md, index.html and plots."""

import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from espnet_mtl.atomic import write_text
from espnet_mtl.environment import environment, git_commit
from espnet_mtl.report import result_tables as tables
from espnet_mtl.report.audit import blocks as audit_words
from espnet_mtl.report.audit.audits import Audit, AuditGroup, make_audits
from espnet_mtl.report.cautions import (
    accent_warnings,
    missing_parts,
    nothing_left,
    warnings,
)
from espnet_mtl.report.claims import PAPER, claims_blocks, comparison_blocks
from espnet_mtl.report.comparison import Group, make_groups
from espnet_mtl.report.document import (
    AudioClips,
    Block,
    Bullets,
    Code,
    Heading,
    Image,
    Text,
    to_html,
    to_markdown,
)
from espnet_mtl.report.effort import effort_blocks
from espnet_mtl.report.example import find_example, write_example
from espnet_mtl.report.experiment import Experiment
from espnet_mtl.report.norms import strength
from espnet_mtl.report.over_seeds import seed_blocks
from espnet_mtl.report.robustness import blocks as curve_words
from espnet_mtl.report.robustness.curves import GroupCurves, make_curves
from espnet_mtl.results.attack_scores import Row
from espnet_mtl.results.clean_scores import AccentConfusion
from espnet_mtl.results.curve import CURVE_NAME, write_curves
from espnet_mtl.results.files import write_result

_LEGEND_SHORT = (
    "AdvTWER (%): what is heard, against what the attacker wanted; higher = the attack "
    "failed. WER: of the attacked utterances before the attack; stage 13 scores the "
    "whole set."
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
        return make_audits(self.experiments, self.baselines, self.pairs)

    @cached_property
    def curves(self) -> list[GroupCurves]:
        """Robustness curves, of groups whose attack has looked for them."""
        return [curves for group in self.groups if (curves := make_curves(group))]

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
            blocks += [Text(line, warning=True) for line in nothing_left(group)]
        if audits := [audit for group in self.audits for audit in group.audits]:
            blocks.append(Text(audit_words.audit_sentence(audits)))
        return blocks

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
    plots = _draw(report, output)
    blocks = _blocks(report, plots)
    files = [output / "RESULTS.md", output / "index.html", output / "results.json"]
    comment = "<!-- Generated by asr_mtl_report -->\n"
    write_text(files[0], comment + to_markdown(blocks))
    write_text(files[1], to_html(blocks, report.title))
    audits = [audit for group in report.audits for audit in group.audits]
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


def _blocks(report: Report, plots: Mapping[str, list[Block]]) -> list[Block]:
    everything: list[Block] = [Text(tables.LEGEND_ALL)] if report.groups else []
    for group in report.groups:
        if len(report.groups) > 1:
            everything.append(Heading(group.title, level=3))
        everything.append(tables.full_table(group))
    clean = tables.clean_table(report.experiments)
    confusions = named_confusions(report.experiments)
    missing = missing_parts(report.experiments, report.groups, report.baselines)
    if any(group.has_figures for group in report.groups) and not plots["example"]:
        missing.append("No example: the attacked audio (stage 15) is not there.")
    sections: dict[str, list[Block]] = {
        "Environments": [Bullets(environment())],
        "Command": [Code(report.command)] if report.command else [],
        "Robustness": [*report.main_blocks(), *plots["budgets"]],
        "Robustness curve": _curve_blocks(report, plots),
        "Audit of the attack": audit_words.audit_blocks(report.audits),
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
            report.groups,
            report.curves,
            report.audits,
            [*((*pair, "") for pair in report.pairs), *PAPER],
        ),
        "An example": plots["example"],
        "Each attacker": plots["attackers"],
        "Training": [
            *effort_blocks(report.experiments, report.pairs),
            *plots["training"],
        ],
        "Accents in untouched audio": [
            *plots["accents"],
            *(Text(line, warning=True) for line in accent_warnings(confusions)),
        ],
        "Everything": everything,
        "Untouched audio, whole sets": [clean] if clean else [],
        "Not in this report": [Bullets(missing)] if missing else [],
    }
    blocks: list[Block] = [Heading("RESULTS", level=1)]
    blocks += [Text(report.title)] if report.title else []
    for title, content in sections.items():
        if content:
            blocks += [Heading(title), *content]
    return blocks


def _curve_blocks(report: Report, plots: Mapping[str, list[Block]]) -> list[Block]:
    """Write the section about robustness curves, without its heading."""
    blocks: list[Block] = [Text(curve_words.HOW_TO_READ)] if report.curves else []
    for number, curves in enumerate(report.curves, start=1):
        if len(report.curves) > 1:
            blocks.append(Heading(curves.group.title, level=3))
        blocks += plots[f"curve {number}"]
        blocks += curve_words.curve_blocks(curves)
        if attackers := curve_words.attacker_blocks(curves):
            blocks += [Heading("Each attacker's curve", level=3)]
            blocks += [*plots[f"curve {number} of attackers"], *attackers]
    return blocks


def _draw(report: Report, output: Path) -> Mapping[str, list[Block]]:
    """Draw all plots; what cannot be drawn has no blocks."""
    # Matplotlib takes a while to load: only where something is drawn.
    from espnet_mtl.report.plot_accents import plot_confusions
    from espnet_mtl.report.plot_attack import plot_attackers, plot_budgets
    from espnet_mtl.report.plot_curve import plot_attackers as plot_attacker_curves
    from espnet_mtl.report.plot_curve import plot_curves
    from espnet_mtl.report.plot_example import plot_example
    from espnet_mtl.report.plot_training import plot_training

    made: defaultdict[str, list[Block]] = defaultdict(list)
    for number, group in enumerate(report.groups, start=1):
        if not group.has_figures:
            continue
        suffix = f"_{number}" if len(report.groups) > 1 else ""
        path = f"plots/advtwer_vs_budget{suffix}.png"
        plot_budgets(group, output / path)
        text = f"AdvTWER of each system against the budget of the attack, {group.title}"
        made["budgets"].append(Image(path, text))
        if len(group.attackers) > 1:
            path = f"plots/attackers{suffix}.png"
            plot_attackers(group, output / path)
            text = f"AdvTWER by attacker, {group.title}"
            made["attackers"].append(Image(path, text))
        example = None if made["example"] else find_example(group)
        if example is not None:
            plot_example(example, output / "plots/example.png")
            text = "Waveforms and spectrograms: untouched, perturbation, attacked"
            made["example"] += [
                Image("plots/example.png", text),
                AudioClips(write_example(example, output)),
            ]
    for number, curves in enumerate(report.curves, start=1):
        suffix = f"_{number}" if len(report.curves) > 1 else ""
        title = curves.group.title
        path = f"plots/robustness_curve{suffix}.png"
        plot_curves(curves, output / path)
        text = f"AdvTWER of each system as the budget grows, {title}"
        made[f"curve {number}"].append(Image(path, text))
        if curves.attackers:
            path = f"plots/robustness_curve_attackers{suffix}.png"
            plot_attacker_curves(curves, output / path)
            text = f"AdvTWER by attacker as the budget grows, {title}"
            made[f"curve {number} of attackers"].append(Image(path, text))
    if plot_training(report.experiments, output / "plots/training.png"):
        image = Image("plots/training.png", "Validation measures after each epoch")
        made["training"].append(image)
    confusions = named_confusions(report.experiments)
    if plot_confusions(confusions, output / "plots/accents.png"):
        made["accents"].append(Image("plots/accents.png", "True against heard accents"))
    return made


def named_confusions(
    experiments: Sequence[Experiment],
) -> list[tuple[str, AccentConfusion]]:
    """Recognised accents by system; named so that one system's can be told apart."""
    every = [
        (one, scores, scores.accents)
        for one in experiments
        for scores in one.clean
        if scores.accents
    ]
    has_sets = len({scores.set for _, scores, _ in every}) > 1
    has_several = len(every) > len({one.path for one, *_ in every})
    named = []
    for one, scores, confusion in every:
        parts = [one.system]
        if has_sets or has_several:
            parts.append(scores.set if has_sets else scores.decoder)
        named.append((", ".join(parts), confusion))
    return named
