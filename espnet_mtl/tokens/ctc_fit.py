"""Whether texts fit into their recordings, as CTC needs them to."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from espnet_mtl.errors import UserError
from espnet_mtl.tokens.ctc import ctc_frames_needed
from espnet_mtl.tokens.encoder_frames import (
    UnknownFrames,
    frame_counter,
    has_input_layer,
    hop_length,
)
from espnet_mtl.tokens.pieces import CannotMakePieces, load_pieces, train_pieces

Tokenize = Callable[[str], Sequence[str]]

# What is tried where a text does not fit
_MORE_PIECES = (100, 300, 1000, 3000)
_SHORTER_STEPS = (10, 8, 5)  # from one frame of features to the next, ms
_SLOWER = ("conv2d", "conv2d6", "conv2d8")  # than conv2d2
_FEW_WORDS = 200  # so many can be whole tokens
_SENTENCES = 20000  # enough to see how long pieces are


class TextSet(NamedTuple):
    """Transcripts of a set, as tokens are made of them, and their recordings' lengths.

    Attributes:
        name: What messages call it.
        is_trained_on: Whether it is the training set, or the validation set.
        texts: Transcripts by utterance, cleaned.
        num_samples: Samples by utterance.
    """

    name: str
    is_trained_on: bool
    texts: Mapping[str, str]
    num_samples: Mapping[str, int]

    def find_too_short(
        self, tokenize: Tokenize, frames: Callable[[int], int]
    ) -> dict[str, tuple[int, int]]:
        """Find the utterances that have fewer frames than CTC needs for their text.

        Returns:
            Frames that are needed and that are there, by utterance.
        """
        needed = {t: ctc_frames_needed(tokenize(t)) for t in set(self.texts.values())}
        counted = (
            (utt, needed[text], frames(self.num_samples[utt]))
            for utt, text in self.texts.items()
        )
        return {utt: (want, have) for utt, want, have in counted if want > have}


def check_ctc_fit(
    sets: Sequence[TextSet],
    tokenize: Tokenize,
    settings: Mapping[str, Any],
    max_share: float,
    piece_model: str = "unigram",
) -> None:
    """Warn of utterances that are too short for their tokens.

    Args:
        sets: The first is the training set.
        tokenize: Cuts a text into the model's tokens.
        settings: ESPnet's configuration of the training.
        max_share: Share of the training set that may be too short.
        piece_model: How BPE units are found, ``unigram`` or ``bpe``.

    Raises:
        UserError: If more of it is.
    """
    if (settings.get("model_conf") or {}).get("ctc_weight", 0.5) == 0:
        return
    try:
        frames = frame_counter(settings)
    except UnknownFrames as error:
        logging.info(
            "Not checked: whether every text fits into its recording, as CTC needs it "
            "to. How many frames '%s' makes is not known here",
            error,
        )
        return
    found = [one.find_too_short(tokenize, frames) for one in sets]
    counts = [
        f"\n    {one.name}: {len(short)} of {len(one.texts)} utterances "
        f"({len(short) / max(1, len(one.texts)):.0%})"
        for one, short in zip(sets, found, strict=True)
        if short
    ]
    learnt = [one for one in sets if one.is_trained_on]
    if not any(found[: len(learnt)]):
        logging.info("CTC: training and validation texts fit into their recordings")
        if counts:
            logging.info("CTC cannot write all test texts:%s", "".join(counts))
        return
    short = next(filter(None, found))
    utt = max(short, key=lambda key: short[key][0] - short[key][1])
    message = (
        "Some recordings have fewer encoder frames than CTC needs for the tokens of "
        "their text. Their CTC loss is exactly 0, so nothing is learnt from them:"
        f"{''.join(counts)}\n"
        f"  For example '{utt}' has {short[utt][1]} frames and needs {short[utt][0]}. "
    )
    remedies = list(_find_remedies(learnt, tokenize, settings, piece_model))
    if remedies:
        message += f"What helps, each by itself:{''.join(remedies)}"
    else:
        message += (
            "Neither longer tokens nor more frames help: is this what they say? Then "
            "leave them out with --min_wav_duration (stage 4)."
        )
    share = len(found[0]) / max(1, len(sets[0].texts))
    if share > max_share:
        accepted = math.ceil(100 * share) / 100
        raise UserError(
            f"{message}\n  More than {max_share:.0%} of the training set cannot be "
            f"learnt: change that, or accept it with --max_ctc_too_short {accepted}"
        )
    logging.warning("%s", message)


def _find_remedies(
    sets: Sequence[TextSet],
    tokenize: Tokenize,
    settings: Mapping[str, Any],
    piece_model: str,
) -> Iterator[str]:
    """Say for each remedy how many utterances would still be too short."""

    def count(tokenize: Tokenize, settings: Mapping[str, Any]) -> int:
        frames = frame_counter(settings)
        return sum(len(one.find_too_short(tokenize, frames)) for one in sets)

    now = count(tokenize, settings)
    for remedies in (
        _longer_tokens(sets[0], settings, piece_model),
        _more_frames(tokenize, settings),
        _less_subsampling(tokenize, settings),
    ):
        tried = [(said, count(*changed)) for said, *changed in remedies]
        # The first of those after which the fewest are left
        said, left = min(tried, key=lambda one: one[1], default=("", now))
        if left < now:
            yield f"\n    {said}: {f'{left} do not fit' if left else 'all fit'}"


_Remedy = tuple[str, Tokenize, Mapping[str, Any]]  # what to give, and what it changes


def _longer_tokens(
    train: TextSet, settings: Mapping[str, Any], piece_model: str
) -> Iterator[_Remedy]:
    sentences = list(train.texts.values())[:_SENTENCES]
    now = 0
    if settings.get("token_type") == "bpe":
        now = load_pieces(settings["bpemodel"]).get_piece_size()
    most = max(_MORE_PIECES)
    for num_pieces in _MORE_PIECES:
        try:
            model = train_pieces(sentences, min(num_pieces, most), piece_model)
        except CannotMakePieces as error:
            if error.limit is None or error.limit > num_pieces:
                continue  # the text has more characters
            most = error.limit
            model = train_pieces(sentences, most, piece_model)
        pieces = load_pieces(model)
        if pieces.get_piece_size() > now:
            said = f"--token_type bpe --nbpe {pieces.get_piece_size()}"
            yield said, pieces.encode_as_pieces, settings
        if most < num_pieces:
            break
    if len({word for text in sentences for word in text.split()}) <= _FEW_WORDS:
        yield "--token_type word", str.split, settings


def _more_frames(tokenize: Tokenize, settings: Mapping[str, Any]) -> Iterator[_Remedy]:
    conf = dict(settings.get("frontend_conf") or {})
    rate, hop = conf.get("fs"), hop_length(settings)
    for step in _SHORTER_STEPS if rate and hop else ():
        shorter = int(rate) * step // 1000
        if shorter < hop:
            said = f'--asr_args "--frontend_conf hop_length={shorter}"'
            changed = {"frontend_conf": {**conf, "hop_length": shorter}}
            yield said, tokenize, {**settings, **changed}


def _less_subsampling(
    tokenize: Tokenize, settings: Mapping[str, Any]
) -> Iterator[_Remedy]:
    conf = dict(settings.get("encoder_conf") or {})
    if has_input_layer(settings) and conf.get("input_layer", "conv2d") in _SLOWER:
        changed = {"encoder_conf": {**conf, "input_layer": "conv2d2"}}
        said = '--asr_args "--encoder_conf input_layer=conv2d2"'
        yield said, tokenize, {**settings, **changed}
