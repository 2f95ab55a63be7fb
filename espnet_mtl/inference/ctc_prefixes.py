"""Scores of CTC prefixes for the beams of several utterances at once."""

import torch

_IMPOSSIBLE = -1e10  # ESPnet's logarithm of zero


class CTCPrefixes:
    """What CTC thinks of each continuation of each hypothesis.

    Algorithm 2 of Watanabe et al. 2017 ("Hybrid CTC/Attention Architecture for
    End-to-End Speech Recognition"), as ESPnet's ``CTCPrefixScoreTH`` has it, with two
    operations a frame for all hypotheses of all utterances.

    Args:
        log_probs: Of tokens, (Batch, Frames, Tokens).
        lengths: Frames of each utterance, (Batch,).
        blank: CTC's blank.
        eos: The token that ends a hypothesis.
    """

    def __init__(
        self, log_probs: torch.Tensor, lengths: torch.Tensor, blank: int, eos: int
    ):
        self._blank, self._eos = blank, eos
        frames = torch.arange(log_probs.shape[1], device=lengths.device)
        padding = frames >= lengths[:, None]
        log_probs = log_probs.masked_fill(padding[:, :, None], _IMPOSSIBLE)
        self._tokens = log_probs.transpose(0, 1)  # (Frames, Batch, Tokens)
        self._ends = lengths - 1
        # Log probability of each hypothesis so far, by the frame in which it ends: in
        # its last token, or in a blank; (Frames, 2, Batch, Beam). At first, there is
        # the empty one.
        blanks = self._tokens[:, :, blank].cumsum(0)
        nothing = torch.full_like(blanks, _IMPOSSIBLE)
        self._states = torch.stack([nothing, blanks], dim=1)[..., None]
        self._scores = log_probs.new_zeros(len(log_probs), 1)  # (Batch, Beam)
        self._num_tokens = 0
        # What score() leaves for keep(): states, scores and candidates
        self._next = torch.empty(0), torch.empty(0), torch.empty(0)

    def score(self, last: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """Score continuations of all hypotheses.

        Args:
            last: Last token of each, (Batch, Beam).
            candidates: Tokens worth a score, (Batch, Beam, Candidates). The others are
                impossible, but for the end, which always has a score.

        Returns:
            Change of the log probability, (Batch, Beam, Tokens).
        """
        # 1. All that has been heard before a frame, without the new token. The last
        #    token again is a new one only after a blank.
        either = torch.logaddexp(self._states[:, 0], self._states[:, 1])
        before = either[:-1, ..., None].expand(-1, *candidates.shape).clone()
        again = candidates == last[..., None]
        before = torch.where(again, self._states[:-1, 1, ..., None], before)

        # 2. The new token's own probability in each frame, or the blank's
        beam = candidates.shape[1]
        tokens = self._tokens[:, :, None].expand(-1, -1, beam, -1)
        tokens = tokens.gather(3, candidates.expand(len(tokens), -1, -1, -1))
        blanks = self._tokens[:, :, None, self._blank, None].expand_as(tokens)
        added = torch.stack([tokens, blanks], dim=1)

        # 3. Forward probabilities. A row of ``flow`` has three parts: what there is
        #    before the frame without the new token, and with it: ending in it, and in
        #    a blank.
        num_frames = len(added)
        flow = tokens.new_full((num_frames + 1, 3, *candidates.shape), _IMPOSSIBLE)
        flow[1:num_frames, 0] = before
        if self._num_tokens == 0:
            flow[0, 0] = 0.0
        for frame in range(min(self._num_tokens, num_frames), num_frames):
            now, then = flow[frame], flow[frame + 1, 1:]
            torch.logaddexp(now[1:2], now[::2], out=then).add_(added[frame])

        # 4. Prefix probabilities: the new token begins in some frame.
        begins = flow[:num_frames, 0] + tokens
        found = begins.logsumexp(dim=0)
        ends = self._ends[None, :, None].expand(1, -1, beam)
        scores = tokens.new_full((*last.shape, self._tokens.shape[2]), _IMPOSSIBLE)
        scores.scatter_(2, candidates, found)
        if self._eos != self._blank:
            scores[..., self._blank] = _IMPOSSIBLE
        scores[..., self._eos] = either.gather(0, ends)[0]
        self._next = flow[1:, 1:], scores, candidates
        return scores - self._scores[..., None]

    def keep(self, hypotheses: torch.Tensor, tokens: torch.Tensor) -> None:
        """Continue with some hypotheses of the last :meth:`score`.

        Args:
            hypotheses: Their numbers, (Batch, Beam).
            tokens: The new last token of each, (Batch, Beam).
        """
        states, scores, candidates = self._next
        rows = torch.arange(len(tokens), device=tokens.device)[:, None]
        # One that was no candidate is impossible, or ended: its state does not count.
        place = (candidates[rows, hypotheses] == tokens[..., None]).int().argmax(dim=2)
        self._scores = scores[rows, hypotheses, tokens]
        self._states = states[:, :, rows, hypotheses, place]
        self._num_tokens += 1

    def rows(self, rows: torch.Tensor) -> None:
        """Continue with some utterances only; ``rows`` are their numbers, (Rows,)."""
        self._tokens, self._ends = self._tokens[:, rows], self._ends[rows]
        self._states, self._scores = self._states[:, :, rows], self._scores[rows]
