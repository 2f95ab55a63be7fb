"""RESULTS.md of one experiment."""

import json
from pathlib import Path

from espnet_mtl.environment import environment_lines
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.attack_table import format_attack_table
from espnet_mtl.metrics.markdown import markdown_table, show_number

_ERROR_COLUMNS = ("Snt", "Wrd", "Corr", "Sub", "Del", "Ins", "Err", "S.Err")


def format_results(asr_exp: Path) -> str:
    """Show what was scored in one experiment, headed as ESPnet does.

    Args:
        asr_exp: Directory of the experiment; decodings lie two levels below it.

    Returns:
        Markdown: WER, CER and TER, then accents, then attacks.

    Raises:
        UserError: If nothing was scored, or a result file is damaged.
    """
    sections = [
        section
        for kind in ("wer", "cer", "ter")
        if (section := _errors_section(asr_exp, kind))
    ]
    sections += [s for s in (_accent_section(asr_exp),) if s]
    sections += [
        _attack_section(asr_exp, path)
        for path in sorted(asr_exp.glob("*/*/score_attack/results.json"))
    ]
    if not sections:
        raise UserError(f"{asr_exp}: nothing is scored yet; run stages 12 and 13")
    lines = ["# RESULTS", "## Environments", *environment_lines(), "", f"## {asr_exp}"]
    heading = "\n".join(lines)
    return "\n\n".join([heading, *sections]) + "\n"


def _errors_section(asr_exp: Path, kind: str) -> str:
    rows = []
    for path in sorted(asr_exp.glob(f"*/*/score_{kind}/result.txt")):
        lines = path.read_text(encoding="utf-8").splitlines()
        pooled = next((line for line in lines if "Sum/Avg" in line), None)
        if pooled is None:
            raise UserError(f"{path}: no row 'Sum/Avg'; run stage 13 again")
        numbers = pooled.replace("|", " ").split()[1:]
        rows.append([_dataset(asr_exp, path), *numbers])
    if not rows:
        return ""
    table = markdown_table(["dataset", *_ERROR_COLUMNS], rows)
    return f"### {kind.upper()}\n\n{table}"


def _accent_section(asr_exp: Path) -> str:
    rows = []
    for path in sorted(asr_exp.glob("*/*/score_accent/confusion.json")):
        scores = _read_json(path, stage=13)
        rows.append(
            [
                _dataset(asr_exp, path),
                str(scores["labelled"]),
                show_number(scores["accuracy"]),
            ]
        )
    if not rows:
        return ""
    return "### Accent\n\n" + markdown_table(["dataset", "Snt", "Accuracy"], rows)


def _attack_section(asr_exp: Path, path: Path) -> str:
    table = format_attack_table(_read_json(path, stage=17)).rstrip()
    return f"### Attack: {_dataset(asr_exp, path)}\n\n{table}"


def _dataset(asr_exp: Path, path: Path) -> str:
    return str(path.parent.parent.relative_to(asr_exp))


def _read_json(path: Path, stage: int):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"{path}: damaged ({error}); run stage {stage} again"
        ) from error
