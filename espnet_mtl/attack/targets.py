"""Targets: what each utterance is to be heard as, chosen once per test set."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from espnet_mtl.errors import UserError
from espnet_mtl.metrics.wer import fold_case
from espnet_mtl.seeding import seed_of
from espnet_mtl.tokens.ctc import ctc_frames_needed

_NUM_DRAWN = 16
_FAST = 0.95  # share of the set's utterances that are no faster than its fast ones


def choose_targets(
    texts: Mapping[str, str],
    num_samples: Mapping[str, int] | None = None,
    seed: int = 0,
) -> dict[str, str]:
    """Choose another utterance's sentence as the target of each utterance.

    A target is another sentence of the set with the same number of words, or the
    nearest number there is. Of a few that are drawn, it is the one that shares the
    fewest words with the truth, so that hearing the truth is far from hearing the
    target; those that the audio has no room for are not considered. Where all that
    were drawn are too long, other sentences of the set are, those with the nearest
    number of words first; where there is none with room enough, it is the shortest.

    What has room: all systems get the same targets, so no model is asked. A sentence
    fits where CTC would need no more frames for its characters than for those of the
    truth, or no more of them a second than the fastest utterances of the set have: a
    recogniser that can write what the set says can write that.

    The choice depends on the seed, the utterance's id, the sentences and the lengths,
    not on any order. Sentences that differ only in case count as the same, as they do
    in scoring.

    Args:
        texts: What was said, by utterance.
        num_samples: Length of each utterance, at one sampling rate; ``None`` where
            everything fits, as it does into a model that writes whole words.
        seed: Seed of the draws.

    Raises:
        UserError: If all transcripts are the same.
    """
    sentences = sorted({" ".join(text.split()) for text in texts.values()})
    if all(same_words(sentence, sentences[0]) for sentence in sentences):
        raise UserError(
            f"every utterance says '{sentences[0] if sentences else ''}': targets are "
            "drawn from the other sentences of the set; write text_target yourself"
        )
    truths = {utt: " ".join(text.split()) for utt, text in texts.items()}
    room = _find_room(truths, num_samples) if num_samples else {}
    by_length: dict[int, list[str]] = {}
    for sentence in sentences:
        by_length.setdefault(len(sentence.split()), []).append(sentence)
    targets = {}
    for utt, truth in truths.items():
        most = room.get(utt, math.inf)
        targets[utt] = _choose(truth, most, by_length, [seed, "target", utt])
    return targets


def _find_room(
    truths: Mapping[str, str], num_samples: Mapping[str, int]
) -> dict[str, float]:
    """Estimate how many characters, and blanks between equal ones, audio can hold."""
    needed = {utt: ctc_frames_needed(truth) for utt, truth in truths.items()}
    rates = sorted(needed[utt] / num_samples[utt] for utt in truths)
    fast = rates[math.ceil(_FAST * len(rates)) - 1]
    return {utt: max(needed[utt], fast * num_samples[utt]) for utt in truths}


def _choose(
    truth: str,
    room: float,
    by_length: Mapping[int, Sequence[str]],
    seed: Sequence[object],
) -> str:
    """Choose a target of one utterance.

    Args:
        truth: What was said.
        room: See :func:`_find_room`.
        by_length: Sentences by their number of words.
        seed: Seed of the draws.
    """
    length = len(truth.split())
    for near in sorted(by_length, key=lambda n: (abs(n - length), n)):
        others = [one for one in by_length[near] if not same_words(one, truth)]
        drawn = _draw(others, seed) if others else []
        fitting = [one for one in drawn if ctc_frames_needed(one) <= room]
        if not fitting:  # rarely: so many were drawn that it is worth a look at all
            every = [one for one in others if ctc_frames_needed(one) <= room]
            fitting = _draw(every, seed) if every else []
        if fitting:
            return min(fitting, key=lambda one: _num_shared_words(one, truth))
    whole = (one for same_length in by_length.values() for one in same_length)
    others = sorted(one for one in whole if not same_words(one, truth))
    return min(others, key=ctc_frames_needed)


def _draw(sentences: Sequence[str], seed: Sequence[object]) -> list[str]:
    return [
        sentences[seed_of(*seed, number) % len(sentences)]
        for number in range(_NUM_DRAWN)
    ]


def same_words(first: str, second: str) -> bool:
    """Tell whether scoring takes two sentences for the same: case does not count."""
    return fold_case(first.split()) == fold_case(second.split())


def _num_shared_words(first: str, second: str) -> int:
    """Count the words that two sentences share, wherever they stand."""
    return (Counter(first.split()) & Counter(second.split())).total()


def check_targets(
    texts: Mapping[str, str], targets: Mapping[str, str], path: Path | str
) -> None:
    """Check that each utterance has a target, and that none is the truth.

    Raises:
        UserError: If they do not fit; the message names their ``path``.
    """
    lines = {utt: number for number, utt in enumerate(targets, start=1)}
    missing = [utt for utt in texts if utt not in targets]
    if missing:
        raise UserError(
            f"{path}: no target for {missing[0]} ({len(missing)} of {len(texts)} "
            "utterances are missing); add a line for each, or remove the file to have "
            "targets chosen"
        )
    for utt, text in texts.items():
        if same_words(targets[utt], text):
            raise UserError(
                f"{path}:{lines[utt]}: the target of {utt} is what is said anyway: "
                f"'{text}'. An attack cannot succeed by that; choose another sentence"
            )
