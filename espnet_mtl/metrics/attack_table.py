"""The table of an attack: what was tried, and how far it came."""

from collections.abc import Mapping, Sequence

from espnet_mtl.metrics.markdown import markdown_table, show_number

NOTE = (
    "AdvTWER ↑: word errors against the attacker's target, in percent; higher means "
    "that the attack failed. Null: the same of the clean audio. AdvWER: word errors "
    "against the truth; benign WER: the same before the attack, of these n utterances "
    "(stage 13 scores the whole set). Success: utterances where the attacker has his "
    "wish, in percent: exactly the target, or other words than were said, or these in "
    "another accent."
)
_COLUMNS = {
    "Benign WER": "benign_wer",
    "Null TWER": "null_twer",
    "AdvTWER ↑": "adv_twer",
    "AdvWER": "adv_wer",
    "Success": "success_rate",
    "SNR dB": "snr_db",
    "Accent acc.": "accent_acc",
    "Adv. accent acc.": "adv_accent_acc",
}


def format_attack_table(rows: Sequence[Mapping]) -> str:
    """Format the rows of ``results.json``.

    Args:
        rows: One row a condition.

    Returns:
        A Markdown table and what its columns mean.
    """
    lines = [
        [
            row["condition"],
            str(row["n"]),
            str(row["infeasible"]),
            *(show_number(row[key]) for key in _COLUMNS.values()),
        ]
        for row in rows
    ]
    table = markdown_table(["condition", "n", "infeasible", *_COLUMNS], lines)
    return f"{table}\n\n{NOTE}\n"
