"""RESULTS.md of one experiment: what stages 13 and 17 have scored."""

from collections.abc import Sequence
from pathlib import Path

from espnet_mtl.environment import environment
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.score_table import show_percentages
from espnet_mtl.report.document import Block, Bullets, Heading, Text, to_markdown
from espnet_mtl.report.experiment import ATTACK_PATTERN, CLEAN_PATTERN
from espnet_mtl.report.result_tables import LEGEND_TRIALS, trial_table
from espnet_mtl.report.table import Table, number
from espnet_mtl.results.attack_scores import AttackScores, read_attack_scores
from espnet_mtl.results.clean_scores import CleanScores, ErrorKind, read_clean_scores

_ERROR_COLUMNS = ("Snt", "Wrd", "Corr", "Sub", "Del", "Ins", "Err", "S.Err")
_KINDS: tuple[ErrorKind, ...] = ("wer", "cer", "ter")


def format_results(asr_exp: Path) -> str:
    """Show what was scored in one experiment, headed as ESPnet does.

    Args:
        asr_exp: Directory of the experiment; decodings lie two levels below it.

    Returns:
        Markdown: WER, CER and TER, then accents, then attacks.

    Raises:
        UserError: If nothing was scored, or a result file is damaged.
    """
    clean = [read_clean_scores(p.parent) for p in sorted(asr_exp.glob(CLEAN_PATTERN))]
    attacks = [
        read_attack_scores(p.parents[1]) for p in sorted(asr_exp.glob(ATTACK_PATTERN))
    ]
    if not clean and not attacks:
        raise UserError(f"{asr_exp}: nothing is scored yet; run stages 12 and 13")
    blocks: list[Block] = [
        Heading("RESULTS", level=1),
        Heading("Environments"),
        Bullets(environment()),
        Heading(str(asr_exp)),
    ]
    if clean:
        for kind in _KINDS:
            blocks += [Heading(kind.upper(), level=3), _error_table(clean, kind)]
    if accents := _accent_rows(clean):
        table = Table(["dataset", "Snt", "Accuracy"], accents)
        blocks += [Heading("Accent", level=3), table]
    for attack in attacks:
        place = f"{attack.decoder}_{attack.attack_tag}/{attack.set}"
        blocks += [Heading(f"Attack: {place}", level=3), *_attack_blocks(attack)]
    return to_markdown(blocks)


def _error_table(clean: Sequence[CleanScores], kind: ErrorKind) -> Table:
    rows = [[_dataset(one), *show_percentages(one.errors[kind])] for one in clean]
    return Table(["dataset", *_ERROR_COLUMNS], rows)


def _accent_rows(clean: Sequence[CleanScores]) -> list[list[str]]:
    return [
        [_dataset(one), str(one.accents.labelled), number(one.accents.accuracy)]
        for one in clean
        if one.accents
    ]


def _dataset(scores: CleanScores) -> str:
    return f"{scores.decoder}/{scores.set}"


def format_attack(scores: AttackScores) -> str:
    """Show the scores of one attacked decoding.

    Args:
        scores: The scores.

    Returns:
        Markdown: a table, and what its columns mean.
    """
    return to_markdown(_attack_blocks(scores))


def _attack_blocks(scores: AttackScores) -> list[Block]:
    return [trial_table(scores.rows), Text(LEGEND_TRIALS)]
