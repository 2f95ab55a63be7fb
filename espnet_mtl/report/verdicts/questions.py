"""Which questions the systems of a report can answer, and by which pairs."""

from collections.abc import Iterator, Mapping, Sequence

from espnet_mtl.report.audit.evidence import ACCENT_SUFFIXES, stem_of
from espnet_mtl.report.effort import Efforts
from espnet_mtl.report.groups import Group

ACCENT = "Does the accent branch help?"
ADVERSARIAL = "Does adversarial training help?"
BEYOND_NOISE = "Does adversarial training help more than training on noise?"
NOISE = "Does training on noise help?"
BOTH = "Does the accent branch add to adversarial training?"
REAL_ACCENTS = "Does the branch need to learn real accents?"
NO_ACCENTS = "Does a branch that learns nothing help?"
OTHERS = "Are the others harder to attack than what they are compared with?"
_ORDER = (
    *(ACCENT, ADVERSARIAL, BEYOND_NOISE, NOISE),
    *(BOTH, REAL_ACCENTS, NO_ACCENTS, OTHERS),
)

_ACCENT, _SHUFFLED = ACCENT_SUFFIXES
Names = Sequence[tuple[str, str]]


def find_questions(
    group: Group, pairs: Names, efforts: Efforts
) -> list[tuple[str, Names]]:
    """Sort pairs of systems by the question that they answer.

    Args:
        group: The systems; those with and without an accent branch are pairs.
        pairs: Names of further ones.
        efforts: How each system was trained, as far as that is known.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for pair in ask_pairs(group, pairs):
        found.setdefault(_question(pair, efforts), []).append(pair)
    answered = [(question, found[question]) for question in _ORDER if question in found]
    return [
        (f"Is {named[0][0]} harder to attack than {named[0][1]}?", named)
        if question == OTHERS and len(named) == 1
        else (question, named)
        for question, named in answered
    ]


def ask_pairs(group: Group, pairs: Names) -> Names:
    """Return all pairs of systems to compare: twins, and those of ``pairs``."""
    names = dict.fromkeys(system.system for system in group.systems)
    return [*dict.fromkeys([*_twins(names), *pairs])]


def _twins(names: Mapping[str, None]) -> Iterator[tuple[str, str]]:
    """Yield systems with an accent branch, and what differs by that alone."""
    for name in names:
        base = name.removesuffix(_ACCENT)
        if base != name:
            yield from ((name, o) for o in (base, base + _SHUFFLED) if o in names)


def _question(pair: tuple[str, str], efforts: Efforts) -> str:
    """Return what a pair answers: by the names, else by how they were trained."""
    first, second = pair
    if first == second + _ACCENT:
        trained = efforts.get(second, ())
        return BOTH if any(one.is_adversarial for one in trained) else ACCENT
    if first.endswith(_ACCENT) and second == stem_of(first) + _SHUFFLED:
        return REAL_ACCENTS
    if first == second + _SHUFFLED:
        return NO_ACCENTS
    if first not in efforts or second not in efforts:
        return OTHERS
    one, other = efforts[first][0], efforts[second][0]  # alike with all seeds
    # Kinds of recognisers are not to be mixed, nor those with and without a branch:
    # they differ by more than the training.
    has_branch = {name != stem_of(name) for name in pair}
    if one.ctc_weight != other.ctc_weight or len(has_branch) > 1:
        return OTHERS
    if one.is_adversarial and other.way in ("plain", "noise"):
        return ADVERSARIAL if other.way == "plain" else BEYOND_NOISE
    return NOISE if (one.way, other.way) == ("noise", "plain") else OTHERS
