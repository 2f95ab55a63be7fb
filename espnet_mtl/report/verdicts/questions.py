"""Which questions the systems of a report can answer, and by which pairs."""

from collections.abc import Mapping, Sequence

from espnet_mtl.report.audit.evidence import ACCENT_SUFFIXES
from espnet_mtl.report.comparison import Group
from espnet_mtl.report.effort import Effort

_ACCENT, _SHUFFLED = ACCENT_SUFFIXES
Names = Sequence[tuple[str, str]]


def find_questions(
    group: Group, pairs: Names, efforts: Mapping[str, Effort]
) -> list[tuple[str, Names]]:
    """Sort pairs of systems by the question that they answer; others come last."""
    names = [system.system for system in group.systems]
    sorted_in: dict[str, list[tuple[str, str]]] = {}
    for name in dict.fromkeys(names):
        if not name.endswith(_ACCENT):
            continue
        base = name.removesuffix(_ACCENT)
        question = "Does the accent branch help?"
        if _is_robust(efforts.get(base)):
            question = "Does the accent branch add to adversarial training?"
        if base in names:
            sorted_in.setdefault(question, []).append((name, base))
        if base + _SHUFFLED in names:
            question = "Does the branch need to learn real accents?"
            sorted_in.setdefault(question, []).append((name, base + _SHUFFLED))
    known = {pair for found in sorted_in.values() for pair in found}
    for pair in pairs:
        if pair not in known:
            question = _question_of(efforts.get(pair[0]), efforts.get(pair[1]))
            sorted_in.setdefault(question, []).append(pair)
    order = {question: place for place, question in enumerate(_ORDER)}
    return sorted(sorted_in.items(), key=lambda one: order[one[0]])


_ORDER = (
    "Does the accent branch help?",
    "Does adversarial training help?",
    "Does adversarial training help more than training on noise?",
    "Does training on noise help?",
    "Does the accent branch add to adversarial training?",
    "Does the branch need to learn real accents?",
    "Which of the other systems is harder to attack?",
)


def _question_of(first: Effort | None, second: Effort | None) -> str:
    """Return what two trainings answer; kinds of recognisers are not to be mixed."""
    *_, other = _ORDER
    if first is None or second is None or first.ctc_weight != second.ctc_weight:
        return other
    if _is_robust(first) and second.way == "plain":
        return _ORDER[1]
    if _is_robust(first) and second.way == "noise":
        return _ORDER[2]
    if first.way == "noise" and second.way == "plain":
        return _ORDER[3]
    return other


def _is_robust(effort: Effort | None) -> bool:
    return effort is not None and effort.is_adversarial
