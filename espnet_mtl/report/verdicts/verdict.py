"""A question with its answer, and phrases that several answers share."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from espnet_mtl.report.audit.audits import Audit, find_audit
from espnet_mtl.report.audit.gate import FAIL
from espnet_mtl.report.groups import SystemResult
from espnet_mtl.report.table import bracketed, counted, number
from espnet_mtl.results.attack_scores import Row
from espnet_mtl.results.audit import GateVerdict

NOT_JUDGED = "Not judged"


@dataclass(frozen=True)
class Bar:
    """A difference beside 0, as a line of its interval; places in percent.

    Attributes:
        value: What is written beside it; empty where nothing is judged.
        tone: ``harder``, ``easier`` or ``open``, for the colour; ``none`` for no bar.
    """

    label: str
    value: str
    tone: str
    middle: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def right(self) -> float:
        """How far the interval ends before the right edge."""
        return round(100.0 - self.high, 1)


@dataclass(frozen=True)
class Verdict:
    """A question with its answer.

    Attributes:
        answer: A word or two.
        sentence: What the answer rests on, with interval and number.
        bars: What was compared, one for each pair.
        zero: Place of no difference among the bars, in percent.
    """

    question: str
    answer: str
    sentence: str
    bars: Sequence[Bar] = field(default=())
    zero: float = 50.0

    @property
    def text(self) -> str:
        """Answer and sentence."""
        return f"{self.answer}. {self.sentence}"


def why_not(system: SystemResult, audits: Sequence[Audit]) -> str:
    """Say why nothing can be said of a system; empty where something can."""
    if system.result.is_empty:
        return "no target can be reached"
    if system.result.hears_nothing:
        return "it has most words wrong without any attack"
    failed = gates_of(system, audits, FAIL)
    if not failed:
        return ""
    return f"{'gate' if len(failed) == 1 else 'gates'} {', '.join(failed)}: {FAIL}"


def gates_of(
    system: SystemResult, audits: Sequence[Audit], verdict: GateVerdict
) -> list[str]:
    audit = find_audit(audits, system.result)
    return [gate.name for gate in audit.gates(verdict)] if audit else []


def show_success(row: Row) -> str:
    return f"{number(row.success_rate, 1)} %{bracketed(row.success_ci, 1)}"


def recordings_of(utterances: int, speakers: int) -> str:
    return f"{counted(utterances, 'recording')} of {counted(speakers, 'speaker')}"
