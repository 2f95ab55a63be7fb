"""Targets: what each utterance is to be heard as, chosen once per test set."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from espnet_mtl.attack.seeding import seed_of
from espnet_mtl.errors import UserError
from espnet_mtl.metrics.wer import fold_case

_NUM_DRAWN = 16


def choose_targets(texts: Mapping[str, str], seed: int = 0) -> dict[str, str]:
    """Choose another utterance's sentence as the target of each utterance.

    A target is another sentence of the set with the same number of words, or the
    nearest number there is: much longer ones may not fit the audio. Of a few that are
    drawn, it is the one that shares the fewest words with the truth, so that hearing
    the truth is far from hearing the target. The choice depends on the seed, the
    utterance's id and the sentences, not on any order. Sentences that differ only in
    case count as the same, as they do in scoring.

    Raises:
        UserError: If all transcripts are the same.
    """
    sentences = sorted({" ".join(text.split()) for text in texts.values()})
    if all(same_words(sentence, sentences[0]) for sentence in sentences):
        raise UserError(
            f"every utterance says '{sentences[0] if sentences else ''}': targets are "
            "drawn from the other sentences of the set; write text_target yourself"
        )
    by_length: dict[int, list[str]] = {}
    for sentence in sentences:
        by_length.setdefault(len(sentence.split()), []).append(sentence)
    targets = {}
    for utt, text in texts.items():
        truth = " ".join(text.split())
        length = len(truth.split())
        for near in sorted(by_length, key=lambda n: (abs(n - length), n)):
            others = [s for s in by_length[near] if not same_words(s, truth)]
            if others:
                drawn = [
                    others[seed_of(seed, "target", utt, n) % len(others)]
                    for n in range(_NUM_DRAWN)
                ]
                targets[utt] = min(drawn, key=lambda t: _num_shared_words(t, truth))
                break
    return targets


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
