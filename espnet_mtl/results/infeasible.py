"""Why no attack can reach a target: the reasons, and what is said of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Reason = Literal["too_long", "unknown", "rewritten"]
"""``too_long``: CTC has fewer frames in the audio than the target needs. ``unknown``:
the target has words or characters that the model does not know. ``rewritten``: the
model's cleaner and tokenizer turn it into another text."""

_WORDS: Mapping[Reason, str] = {
    "too_long": "too long for the audio (CTC needs a frame for each token)",
    "unknown": "with words or characters that the model does not know",
    "rewritten": "that the model's own cleaner or tokenizer changes",
}
FIXES: Mapping[Reason, str] = {
    "too_long": "give shorter targets (text_target), or train with longer tokens "
    "(--token_type bpe) or a smaller hop_length",
    "unknown": "give targets (text_target) with words and characters of the model's "
    "token list only",
    "rewritten": "give targets (text_target) as the model would write them",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Infeasible:
    """That a target can be heard in no audio of the utterance's length.

    Attributes:
        reason: Why.
        detail: What was found: the frames that are needed and there, or the text that
            comes back.
    """

    reason: Reason
    detail: str


def count_reasons(found: Iterable[Infeasible | None]) -> dict[Reason, int]:
    """Count targets that cannot be reached, by the reason."""
    counts = Counter(one.reason for one in found if one)
    return {reason: counts[reason] for reason in _WORDS if counts[reason]}


def list_reasons(counts: Mapping[Reason, int]) -> str:
    """Say how many targets have which reason."""
    return "; ".join(f"{count} {_WORDS[reason]}" for reason, count in counts.items())
