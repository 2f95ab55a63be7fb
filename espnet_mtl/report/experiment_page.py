"""RESULTS.md of one experiment: what stages 13 and 17 have scored."""

from pathlib import Path

from espnet_mtl.environment import environment
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.score_table import show_percentages
from espnet_mtl.report.cautions import accent_warnings
from espnet_mtl.report.clean_tables import LEGEND_ACCENTS, class_tables, show_accuracies
from espnet_mtl.report.document import Block, Bullets, Heading, Text, to_markdown
from espnet_mtl.report.experiment import find_attacks, find_clean
from espnet_mtl.report.result_tables import LEGEND_TRIALS, trial_table
from espnet_mtl.report.table import Table
from espnet_mtl.results.attack_scores import AttackScores, read_attack_scores
from espnet_mtl.results.clean_scores import ErrorKind, read_clean_scores

_ERROR_COLUMNS = ("Snt", "Wrd", "Corr", "Sub", "Del", "Ins", "Err", "S.Err")
_KINDS: tuple[ErrorKind, ...] = ("wer", "cer", "ter")


def format_results(asr_exp: Path) -> str:
    """Show what was scored in one experiment, headed as ESPnet does.

    Returns:
        Markdown: WER, CER and TER, then accents, then attacks.

    Raises:
        UserError: If nothing was scored, or a result file is damaged.
    """
    decodings = map(read_clean_scores, find_clean(asr_exp))
    clean = [(f"{one.decoder}/{one.set}", one) for one in decodings]
    attacks = [read_attack_scores(folder) for folder in find_attacks(asr_exp)]
    if not clean and not attacks:
        raise UserError(f"{asr_exp}: nothing is scored yet; run stages 12 and 13")
    blocks: list[Block] = [
        Heading("RESULTS", level=1),
        Heading("Environments"),
        Bullets(environment()),
        Heading(str(asr_exp)),
    ]
    for kind in _KINDS if clean else ():
        rows = [[name, *show_percentages(one.errors[kind])] for name, one in clean]
        blocks.append(Heading(kind.upper(), level=3))
        blocks.append(Table(["dataset", *_ERROR_COLUMNS], rows))
    accents = [
        [
            name,
            str(one.accents.labelled),
            *show_accuracies(one.accents),
        ]
        for name, one in clean
        if one.accents
    ]
    named = [(name, one.accents) for name, one in clean if one.accents]
    if accents:
        header = ["dataset", "Snt", "Accuracy", "Balanced", "Majority"]
        blocks += [Heading("Accent", level=3), Table(header, accents)]
        blocks += class_tables(named)
        blocks += [Text(LEGEND_ACCENTS), *map(Text, accent_warnings(named))]
    for attack in attacks:
        place = f"{attack.clean.decoder}_{attack.attack_tag}/{attack.clean.set}"
        blocks += [Heading(f"Attack: {place}", level=3), *_attack_blocks(attack)]
    return to_markdown(blocks)


def format_attack(scores: AttackScores) -> str:
    """Show the scores of one attacked decoding: a Markdown table and its legend."""
    return to_markdown(_attack_blocks(scores))


def _attack_blocks(scores: AttackScores) -> list[Block]:
    return [trial_table(scores.rows), Text(LEGEND_TRIALS)]
