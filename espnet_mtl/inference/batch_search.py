"""ESPnet's beam search, for several utterances at once."""

import math
from dataclasses import dataclass, field
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
from espnet2.asr.decoder.transformer_decoder import TransformerDecoder

from espnet_mtl.espnet_nets import import_nets
from espnet_mtl.inference.ctc_prefixes import CTCPrefixes

_BLANK = 0  # ESPnet's search knows no other
# ESPnet stops when the best of each of so many lengths is so far below the best of all.
_END_LENGTHS, _END_NATS = 3, -10.0
_BatchBeamSearch = import_nets("batch_beam_search").BatchBeamSearch
_SCORERS = {
    "decoder": TransformerDecoder,
    "ctc": import_nets("scorers.ctc").CTCPrefixScorer,
    "length_bonus": import_nets("scorers.length_bonus").LengthBonus,
}


def can_batch(search: torch.nn.Module) -> bool:
    """Tell whether :class:`BatchSearch` finds what a search of ESPnet finds.

    It does for CTC, ESPnet's transformer decoder and both together, without other
    models. A beam with a place for every token is left to ESPnet: it keeps blanks as
    hypotheses, whose scores are equal, so that rounding chooses among them. So are CTC
    scores within a window (``ctc_window_margin``), which all hypotheses move.
    """
    return (
        type(search) is _BatchBeamSearch
        and all(type(one) is _SCORERS.get(k) for k, one in search.scorers.items())
        and search.pre_beam_score_key in (None, "full")
        and search.hyp_primer is None
        and not getattr(search.scorers.get("ctc"), "window_margin", 0)
        and search.beam_size < search.n_vocab
    )


class BatchSearch:
    """Finds in each utterance what ESPnet's ``BatchBeamSearch`` finds in it alone.

    Hypotheses of all utterances are scored together; each utterance has its own beam
    and ends for itself.

    Args:
        search: Of which :func:`can_batch` says so.
        maxlenratio: See ESPnet's ``asr_inference``.
        minlenratio: See there.
    """

    def __init__(self, search: torch.nn.Module, maxlenratio: float, minlenratio: float):
        self._search = search
        self._maxlenratio = maxlenratio
        self._minlenratio = minlenratio

    def __call__(
        self, encoded: torch.Tensor, lengths: torch.Tensor
    ) -> list[tuple[list[int], float] | None]:
        """Search.

        Args:
            encoded: Encoder output, (Batch, Frames, Features).
            lengths: Frames of each utterance, above 0, (Batch,).

        Returns:
            Tokens of each utterance's best hypothesis, without start and end, and its
            score; ``None`` where no hypothesis ended.
        """
        beams = _Beams(self._search, encoded, lengths)
        endings = [
            _Endings(*self._limits(frames), self._maxlenratio == 0)
            for frames in lengths.tolist()
        ]
        searched = list(range(len(endings)))
        step = 0
        while searched:
            # 1. Continue, and let those end that have to
            last = [endings[n].maxlen == step + 1 for n in searched]
            ended = beams.step(last)
            for row, hypothesis, score in ended:
                endings[searched[row]].add(step, hypothesis, score)

            # 2. Go on with the utterances that are not finished
            empty = beams.empty()
            going = [
                row
                for row, number in enumerate(searched)
                if not (last[row] or empty[row] or endings[number].detect(step))
            ]
            if len(going) < len(searched):
                beams.rows(going)
                searched = [searched[row] for row in going]
            step += 1
        return [one.best(self._search.normalize_length) for one in endings]

    def _limits(self, frames: int) -> tuple[int, int]:
        """Return the least and the largest number of tokens, as ESPnet counts them."""
        most, least = self._maxlenratio, self._minlenratio
        if most == 0:
            maxlen = frames
        else:
            maxlen = -int(most) if most < 0 else max(1, int(most * frames))
        return -int(least) if least < 0 else int(least * frames), maxlen


@dataclass
class _Endings:
    """Hypotheses of an utterance that have ended."""

    minlen: int
    maxlen: int
    detects: bool  # whether the search ends when no longer hypothesis can win
    hypotheses: list[tuple[float, list[int]]] = field(default_factory=list)
    by_length: dict[int, float] = field(default_factory=dict)

    def add(self, step: int, tokens: list[int], score: float) -> None:
        """Take one, with start and end, unless it is too short."""
        if step < self.minlen:
            return
        self.hypotheses.append((score, tokens))
        best = self.by_length.get(len(tokens), -math.inf)
        self.by_length[len(tokens)] = max(best, score)

    def detect(self, step: int) -> bool:
        """Tell whether the search has to end (Watanabe et al. 2017, equation 50)."""
        if not self.detects or not self.hypotheses:
            return False
        highest = max(self.by_length.values())
        return all(
            self.by_length.get(step - back, math.inf) - highest < _END_NATS
            for back in range(_END_LENGTHS)
        )

    def best(self, normalize_length: bool) -> tuple[list[int], float] | None:
        """Return the tokens of the best one, without start and end, and its score."""
        if not self.hypotheses:
            return None

        def value(one: tuple[float, list[int]]) -> float:
            score, tokens = one
            return score / (len(tokens) - 1) if normalize_length else score

        score, tokens = max(self.hypotheses, key=value)
        return tokens[1:-1], score


class _Beams:
    """Hypotheses that are being continued: a beam for each utterance."""

    def __init__(self, search: Any, encoded: torch.Tensor, lengths: torch.Tensor):
        self._search = search
        self._encoded = encoded
        device, batch = encoded.device, len(encoded)
        # All hypotheses are of the same length; those without a place have no score.
        self._tokens = torch.full((batch, 1, 1), search.sos, device=device)
        self._scores = encoded.new_zeros(batch, 1)
        frames = torch.arange(encoded.shape[1], device=device)
        self._mask = (frames < lengths[:, None])[:, None]
        self._cache: list[torch.Tensor] | None = None  # (Batch, Beam, Tokens, Size)
        self._ctc = None
        if "ctc" in search.scorers:
            log_probs = search.scorers["ctc"].ctc.log_softmax(encoded)
            self._ctc = CTCPrefixes(log_probs, lengths, _BLANK, search.eos)

    def step(self, last: list[bool]) -> list[tuple[int, list[int], float]]:
        """Continue all hypotheses by a token.

        Args:
            last: Whether this is the last token of an utterance: then all that is in
                its beam ends.

        Returns:
            Hypotheses that ended, best first, and are in the beams no more: row of the
            utterance, tokens with start and end, and score.
        """
        search = self._search
        # 1. Scores, added up in ESPnet's order
        batch, beam, _ = self._tokens.shape
        scores = self._encoded.new_zeros(batch, beam, search.n_vocab)
        for name in search.full_scorers:
            if name == "decoder":
                scores += search.weights[name] * self._ask_decoder()
            else:
                scores += search.weights[name]
        if self._ctc is not None:
            if search.do_pre_beam:
                candidates = scores.topk(search.pre_beam_size, dim=2)[1]
            else:
                every = torch.arange(search.n_vocab, device=scores.device)
                candidates = every.expand_as(scores)
            heard = self._ctc.score(self._tokens[..., -1], candidates)
            scores += search.weights["ctc"] * heard
        scores += self._scores[..., None]

        # 2. The best of each utterance
        self._scores, places = scores.flatten(1).topk(search.beam_size)
        hypotheses = places // search.n_vocab
        tokens = places % search.n_vocab
        self._tokens = torch.cat(
            [_pick(self._tokens, hypotheses), tokens[..., None]], dim=2
        )
        if self._cache is not None:
            self._cache = [_pick(layer, hypotheses) for layer in self._cache]
        if self._ctc is not None:
            self._ctc.keep(hypotheses, tokens)

        # 3. Those that end. At the last token, ESPnet adds an end to all.
        forced = torch.tensor(last, device=tokens.device)[:, None]
        ends = self._scores.isfinite() & (forced | (tokens == search.eos))
        rows, ranks = ends.nonzero(as_tuple=True)
        found = zip(
            rows.tolist(),
            self._tokens[rows, ranks].tolist(),
            self._scores[rows, ranks].tolist(),
            strict=True,
        )
        ended = [
            (row, [*one, search.eos] if last[row] else one, score)
            for row, one, score in found
        ]
        self._scores = self._scores.masked_fill(ends, -torch.inf)
        return ended

    def empty(self) -> list[bool]:
        """Tell which utterances have no hypothesis any more."""
        none: list[bool] = self._scores.isinf().all(dim=1).tolist()
        return none

    def rows(self, numbers: list[int]) -> None:
        """Go on with some utterances only."""
        rows = torch.tensor(numbers, dtype=torch.long, device=self._scores.device)
        self._encoded, self._mask = self._encoded[rows], self._mask[rows]
        self._tokens, self._scores = self._tokens[rows], self._scores[rows]
        if self._cache is not None:
            self._cache = [layer[rows] for layer in self._cache]
        if self._ctc is not None:
            self._ctc.rows(rows)

    def _ask_decoder(self) -> torch.Tensor:
        """Return log probabilities of the next tokens, (Batch, Beam, Tokens)."""
        batch, beam, length = self._tokens.shape
        own = torch.ones(1, length, length, dtype=torch.bool, device=self._mask.device)
        cache = self._cache
        log_probs, layers = self._search.scorers["decoder"].forward_one_step(
            self._tokens.flatten(0, 1),
            own.tril(),
            self._encoded.repeat_interleave(beam, dim=0),
            self._mask.repeat_interleave(beam, dim=0),
            cache=None if cache is None else [one.flatten(0, 1) for one in cache],
        )
        self._cache = [layer.unflatten(0, (batch, beam)) for layer in layers]
        scores: torch.Tensor = log_probs.unflatten(0, (batch, beam))
        return scores


def _pick(values: torch.Tensor, hypotheses: torch.Tensor) -> torch.Tensor:
    """Pick hypotheses, (Batch, Beam), of each utterance's values (Batch, Beam, ...)."""
    rows = torch.arange(len(values), device=values.device)[:, None]
    return values[rows, hypotheses]
