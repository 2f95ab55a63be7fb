"""All verdicts on systems that are compared."""

from collections.abc import Sequence

from espnet_mtl.report.audit.audits import AuditGroup, every_audit
from espnet_mtl.report.claims import Comparisons, measure_claims
from espnet_mtl.report.effort import Efforts
from espnet_mtl.report.groups import Group
from espnet_mtl.report.over_seeds import Family
from espnet_mtl.report.robustness.curves import GroupCurves
from espnet_mtl.report.verdicts.compared import answer_by_pairs
from espnet_mtl.report.verdicts.how_little import how_little
from espnet_mtl.report.verdicts.other_goals import answer_other_goals
from espnet_mtl.report.verdicts.questions import Names, find_questions
from espnet_mtl.report.verdicts.verdict import Verdict


def make_verdicts(
    group: Group,
    curves: GroupCurves | None,
    audits: Sequence[AuditGroup],
    pairs: Names,
    efforts: Efforts,
    answered: Names = (),
) -> list[Verdict]:
    """Answer what the report can answer about systems that are compared.

    Args:
        group: The systems.
        curves: Their robustness curves; ``None`` where there are none.
        audits: The audits of all attacks.
        pairs: Names of systems to compare beside those with and without accents.
        efforts: How each system was trained, as far as that is known.
        answered: Pairs that have an answer already, over all seeds.
    """
    audited = every_audit(audits)
    found = [how_little(group, curves, audited)] if group.has_figures else []
    found += answer_other_goals(group, audited)
    for question, names in find_questions(group, pairs, efforts):
        open_pairs = [(*pair, "") for pair in names if pair not in answered]
        if measured := measure_claims(group, curves, open_pairs):
            span = curves.span if curves else None
            found.append(answer_by_pairs(question, measured, audited, span))
    return found


def make_seed_verdicts(
    family: Family, audits: Sequence[AuditGroup], pairs: Names, efforts: Efforts
) -> list[Verdict]:
    """Answer what can be answered over several seeds of the training.

    Args:
        family: What differs by the seed alone.
        audits, pairs, efforts: As for :func:`make_verdicts`.
    """
    audited = every_audit(audits)
    found = []
    for question, names in find_questions(family.groups[0], pairs, efforts):
        comparisons: Comparisons = [(*pair, "") for pair in names]
        if claims := [one.claim for one in family.measure(comparisons, audited)]:
            found.append(answer_by_pairs(question, claims, audited, family.span))
    return found
