"""What a report shows beside its text: plots, an example, recordings to hear."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet_mtl.report.document import (
    AudioClips,
    Block,
    Heading,
    Image,
    Part,
    Text,
)
from espnet_mtl.report.example import (
    Example,
    describe_example,
    find_example,
    write_example,
)
from espnet_mtl.report.experiment import Experiment, named_confusions
from espnet_mtl.report.groups import Group
from espnet_mtl.report.hear import write_hear
from espnet_mtl.report.robustness.curves import GroupCurves


def make_media(
    experiments: Sequence[Experiment],
    groups: Sequence[Group],
    curves: Sequence[GroupCurves],
    output: Path,
) -> Mapping[str, list[Block]]:
    """Draw all plots and write all audio; what cannot be made has no blocks."""
    # Matplotlib takes a while to load: only where something is drawn.
    from espnet_mtl.report.plot_accents import plot_confusions
    from espnet_mtl.report.plot_attack import plot_attackers, plot_budgets
    from espnet_mtl.report.plot_curve import plot_attackers as plot_attacker_curves
    from espnet_mtl.report.plot_curve import plot_curves
    from espnet_mtl.report.plot_training import plot_training

    made: defaultdict[str, list[Block]] = defaultdict(list)
    for number, group in enumerate(groups, start=1):
        if not group.has_figures:
            continue
        suffix = f"_{number}" if len(groups) > 1 else ""
        path = f"plots/advtwer_vs_budget{suffix}.png"
        plot_budgets(group, output / path)
        text = f"AdvTWER of each system against the budget of the attack, {group.title}"
        made[f"budgets {number}"].append(Image(path, text))
        if len(group.attackers) > 1:
            path = f"plots/attackers{suffix}.png"
            plot_attackers(group, output / path)
            text = f"AdvTWER by attacker, {group.title}"
            made["attackers"].append(Image(path, text))
    for number, one in enumerate(curves, start=1):
        suffix = f"_{number}" if len(curves) > 1 else ""
        path = f"plots/robustness_curve{suffix}.png"
        plot_curves(one, output / path)
        text = f"AdvTWER of each system as the budget grows, {one.group.title}"
        made[f"curve {number}"].append(Image(path, text))
        if one.attackers:
            path = f"plots/robustness_curve_attackers{suffix}.png"
            plot_attacker_curves(one, output / path)
            text = f"AdvTWER by attacker as the budget grows, {one.group.title}"
            made[f"curve {number} of attackers"].append(Image(path, text))
    made |= _to_hear(groups, output)
    if plot_training(experiments, output / "plots/training.png"):
        image = Image("plots/training.png", "Validation measures after each epoch")
        made["training"].append(image)
    if plot_confusions(named_confusions(experiments), output / "plots/accents.png"):
        made["accents"].append(Image("plots/accents.png", "True against heard accents"))
    return made


def _to_hear(groups: Sequence[Group], output: Path) -> dict[str, list[Block]]:
    """Write recordings of the first group that has some, and an example of them."""
    for group in groups:
        example = find_example(group)
        choices = write_hear(group, output, example.utt if example else "")
        if not choices:
            continue
        if example is None:
            return {"hear": [Part("hear", choices, [])]}
        words = describe_example(group, example)
        shown = [Heading("An example"), *_show_example(example, output)]
        return {
            "example": [Part("example", words, [Text(words.text)])],
            "hear": [Part("hear", choices, shown)],
        }
    return {}


def _show_example(example: Example, output: Path) -> list[Block]:
    from espnet_mtl.report.plot_example import plot_example

    path = "plots/example.png"
    plot_example(example, output / path)
    text = "Waveforms and spectrograms: untouched, perturbation, attacked"
    return [Image(path, text), AudioClips(write_example(example, output))]
