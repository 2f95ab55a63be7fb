"""What the model can write: the truths and the targets, before anything is attacked."""

import logging
from collections.abc import Iterator, Mapping

from espnet_mtl.attack.runner.test_set import TestSet
from espnet_mtl.attack.victim import Victim
from espnet_mtl.errors import UserError
from espnet_mtl.results.infeasible import (
    FIXES,
    Infeasible,
    count_reasons,
    list_reasons,
)
from espnet_mtl.tokens.ctc import ctc_frames_needed
from espnet_mtl.tokens.round_trip import find_unwritable

_SHOWN = 3
_LONGEST = 60  # characters of a text that is shown
_UNKNOWN = "<unk>"


def explain_infeasible(
    victim: Victim, num_samples: int, target: str
) -> Infeasible | None:
    """Say why audio of a length can never be heard as a target; ``None`` if it can."""
    for text, written in find_unwritable({"": target}, victim.write_text).values():
        is_unknown = _UNKNOWN in written and _UNKNOWN not in text
        return Infeasible(
            reason="unknown" if is_unknown else "rewritten",
            detail=f"it comes back as {_quote(written)}",
        )
    if "ctc" not in victim.weights:
        return None
    frames = victim.num_frames(num_samples)
    needed = ctc_frames_needed(victim.encode_text(target))
    if frames >= needed:
        return None
    return Infeasible(
        reason="too_long", detail=f"{needed} frames needed, {frames} there"
    )


def refuse_hopeless(victim: Victim, test_set: TestSet) -> None:
    """Refuse targets of which no attack can reach a single one.

    Raises:
        UserError: If that is so; the message has the reasons and what helps.
    """
    found = {}
    for utt, infeasible in _look(victim, test_set):
        if infeasible is None:
            return
        found[utt] = infeasible
    raise UserError(
        f"nothing would be left to count: no attack can reach any of the "
        f"{len(found)} targets. {_explain(found, test_set)}"
    )


def warn_of_texts(victim: Victim, test_set: TestSet) -> None:
    """Warn of truths that the model cannot write, and of targets out of reach."""
    truths = find_unwritable(test_set.tables["text"], victim.write_text)
    if truths:
        shown = [
            f"{utt}: {_quote(text)} comes back as {_quote(written)}"
            for utt, (text, written) in list(truths.items())[:_SHOWN]
        ]
        logging.warning(
            "%d of %d transcripts cannot be written by this model, so that it is "
            "scored as wrong even where it hears every word (%s). Write the "
            "transcripts as the model's training text was written, train with tokens "
            "and a cleaner that keep them, or give the scoring the model's --cleaner",
            len(truths),
            len(test_set.utterances),
            "; ".join(shown),
        )
    found = {utt: one for utt, one in _look(victim, test_set) if one}
    if found:
        logging.warning(
            "%d of %d targets cannot be reached by any attack, and are counted "
            "separately. %s",
            len(found),
            len(test_set.utterances),
            _explain(found, test_set),
        )


def warn_of_sources(sources: Mapping[str, Victim], test_set: TestSet) -> None:
    """Warn of targets that a model cannot say which perturbations are taken from.

    An attack on that model then finds nothing, and what it leaves is no sign that the
    victim resists what deceives others.
    """
    for path, source in sources.items():
        found = {utt: one for utt, one in _look(source, test_set) if one}
        if found:
            logging.warning(
                "%s: %d of %d targets cannot be reached in this model, so that nothing "
                "is taken from it for them. Choose one with the same tokens",
                path,
                len(found),
                len(test_set.utterances),
            )


def _look(victim: Victim, test_set: TestSet) -> Iterator[tuple[str, Infeasible | None]]:
    """Yield for each utterance why its target cannot be reached, or ``None``."""
    for utt, num_samples in test_set.recordings.lengths().items():
        yield utt, explain_infeasible(victim, num_samples, test_set.targets[utt])


def _quote(text: str) -> str:
    return f"'{text if len(text) <= _LONGEST else text[:_LONGEST] + '...'}'"


def _explain(found: Mapping[str, Infeasible], test_set: TestSet) -> str:
    """Say for each reason how many targets have it, which, and what helps."""
    said = []
    for reason, count in count_reasons(found.values()).items():
        utts = [utt for utt, one in found.items() if one.reason == reason][:_SHOWN]
        shown = [
            f"{utt}: {_quote(test_set.targets[utt])}, {found[utt].detail}"
            for utt in utts
        ]
        said.append(
            f"{list_reasons({reason: count})}: {FIXES[reason]} ({'; '.join(shown)})"
        )
    return ". ".join(said)
