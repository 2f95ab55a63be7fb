"""A victim without ESPnet: per-frame classes, CTC, an "attention" and an accent."""

import torch

TOKENS = "abcdefgh"
HOP = 80


class ToyVictim:
    """Implements ``espnet_mtl.attack.victim.Victim`` with fixed random weights."""

    def __init__(self, weights: dict[str, float] | None = None, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        self.sha256 = f"toy{seed}"
        self.rate = 8000
        self.device = torch.device("cpu")
        self.weights = weights or {"ctc": 0.3, "att": 0.3, "accent": 0.4}
        self.accents = ("north", "south") if "accent" in self.weights else ()
        self.projection = torch.randn(HOP, len(TOKENS) + 1, generator=generator)
        self.accent_projection = torch.randn(len(TOKENS) + 1, 2, generator=generator)
        self.num_calls = 0

    def _logits(self, speech):
        num_frames = speech.shape[1] // HOP
        frames = speech[:, : num_frames * HOP].reshape(len(speech), num_frames, HOP)
        # In double, so that rows are the same to the last bit whatever their mates: a
        # processor may sum in another order where there are more rows.
        logits = 4.0 * frames.double() @ self.projection.double()
        return logits.to(speech.dtype)

    def losses(self, speech, lengths, texts, accents, branches):
        self.num_calls += 1
        logits = self._logits(speech)
        frames = lengths // HOP
        losses = {}
        if "ctc" in branches:
            losses["ctc"] = torch.nn.functional.ctc_loss(
                logits.log_softmax(2).transpose(0, 1),
                torch.tensor([t for text in texts for t in text], dtype=torch.long),
                frames,
                torch.tensor([len(text) for text in texts]),
                reduction="none",
                zero_infinity=True,
            )
        if "att" in branches:
            # The n-th token is heard in the n-th frame.
            losses["att"] = torch.stack(
                [
                    torch.nn.functional.cross_entropy(
                        row[: len(text)],
                        torch.tensor(text, dtype=torch.long),
                        reduction="sum",
                    )
                    for row, text in zip(logits, texts, strict=True)
                ]
            )
        if "accent" in branches:
            mask = torch.arange(logits.shape[1]) < frames[:, None]
            pooled = (logits * mask[:, :, None]).sum(1) / frames[:, None]
            losses["accent"] = torch.nn.functional.cross_entropy(
                pooled @ self.accent_projection, torch.tensor(accents), reduction="none"
            )
        return losses

    def encode_text(self, text):
        return [TOKENS.index(letter) + 1 for letter in text.lower() if letter in TOKENS]

    def num_frames(self, num_samples):
        return num_samples // HOP

    def write_text(self, text):
        """Every letter is a word; other characters are not known."""
        letters = text.lower().replace(" ", "")
        return " ".join(x if x in TOKENS else "<unk>" for x in letters)
