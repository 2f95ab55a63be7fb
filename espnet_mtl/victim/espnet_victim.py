"""An exported ESPnet recogniser as a victim."""

import contextlib
import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import torch
from espnet2.asr.espnet_model import ESPnetASRModel

from espnet_mtl.asr_mtl.espnet_model import ESPnetASRMTLModel
from espnet_mtl.asr_mtl.too_short import explain_too_short
from espnet_mtl.errors import UserError
from espnet_mtl.package.unpacking import read_config
from espnet_mtl.victim.loader import Export, load_export
from espnet_mtl.victim.padding import hear_alone
from espnet_mtl.victim.targets import TargetMaker, Targets, Texts

_TRANSDUCER = "the model is a transducer; only CTC and attention can be attacked"


class ESPnetVictim:
    """A packed model, frozen; implements :class:`espnet_mtl.attack.victim.Victim`.

    Losses are plain negative log-likelihoods of the target, without the label smoothing
    and length normalisation of training. Those of an utterance do not depend on its
    batch: padding is taken out of the model, or, where it is not known how, utterances
    of equal length are heard together and the others one by one.

    Raises:
        UserError: If the model is of another kind, or changes the audio of the file
            before it hears it.
    """

    def __init__(self, export: Export):
        _refuse_other_kinds(export)
        self._export = export
        self._model = model = export.model.requires_grad_(False)
        self._no_padding = bool(unknown := hear_alone(model))
        if unknown:
            logging.warning(
                "The model has a part that may hear padding (%s). So that an attack "
                "follows what is heard in each utterance alone, only utterances of "
                "equal length are attacked at once, which is slower",
                unknown,
            )
        if hasattr(model.decoder, "sampling_probability"):
            # Else the loss would sometimes follow the decoder's own guesses instead of
            # the target, at random.
            model.decoder.sampling_probability = 0.0
        self.sha256 = export.sha256
        self.rate = export.rate
        self.accents = export.accents
        self.device = next(model.parameters()).device
        ctc_weight = float(model.ctc_weight)
        share = float(model.accent_weight) if export.has_accent else 0.0
        self.weights = {}
        if model.ctc is not None:
            self.weights["ctc"] = (1 - share) * ctc_weight
        if model.decoder is not None:
            self.weights["att"] = (1 - share) * (1 - ctc_weight)
        if export.has_accent:
            self.weights["accent"] = share
        # What its decoder was taught to say before the text, if anything
        language = getattr(model, "lang_token_id", None)
        language = [] if language is None else language.flatten().tolist()
        self._targets = TargetMaker(model.sos, model.eos, language, self.device)
        self._num_frames: dict[int, int] = {}
        self._has_rnn = any(isinstance(m, torch.nn.RNNBase) for m in model.modules())

    def encode_text(self, text: str) -> list[int]:
        """Turn a transcript into token ids; see ``Victim``."""
        return self._export.encode_text(text)

    def write_text(self, text: str) -> str:
        """Write a text as its tokens spell it; see ``Victim``."""
        return self._export.decode_text(self.encode_text(text))

    def num_frames(self, num_samples: int) -> int:
        """Count the encoder's frames for audio of a length; see ``Victim``."""
        if num_samples not in self._num_frames:
            speech = torch.zeros(1, num_samples, device=self.device)
            lengths = torch.tensor([num_samples], device=self.device)
            try:
                with torch.no_grad():
                    _, frames = self._model.encode(speech, lengths)
                self._num_frames[num_samples] = int(frames[0])
            except Exception as error:
                if explain_too_short(error) is None:
                    raise
                self._num_frames[num_samples] = 0
        return self._num_frames[num_samples]

    def losses(
        self,
        speech: torch.Tensor,
        lengths: torch.Tensor,
        texts: Texts,
        accents: Sequence[int],
        branches: Collection[str],
    ) -> dict[str, torch.Tensor]:
        """Calculate the loss of each utterance and branch; see ``Victim``."""
        if not self._no_padding:
            return self._batch_losses(speech, lengths, texts, accents, branches)
        groups = defaultdict(list)
        for row, length in enumerate(lengths.tolist()):
            groups[length, len(texts[row])].append(row)
        parts = [
            self._batch_losses(
                speech[rows, :length],
                lengths[rows],
                [texts[row] for row in rows],
                [accents[row] for row in rows],
                branches,
            )
            for (length, _), rows in groups.items()
        ]
        order = torch.tensor([row for rows in groups.values() for row in rows])
        places = order.argsort().to(self.device)
        return {name: torch.cat([p[name] for p in parts])[places] for name in parts[0]}

    def _batch_losses(
        self,
        speech: torch.Tensor,
        lengths: torch.Tensor,
        texts: Texts,
        accents: Sequence[int],
        branches: Collection[str],
    ) -> dict[str, torch.Tensor]:
        # In eval mode, cuDNN's recurrent layers have no gradient.
        own_rnns = torch.backends.cudnn.flags(enabled=False)
        with own_rnns if self._has_rnn else contextlib.nullcontext():
            # 1. Encode once
            encoded, frames = self._model.encode(speech, lengths)
            outputs = encoded[0] if isinstance(encoded, tuple) else encoded

            # 2. The branches
            targets = self._targets(texts, accents)
            losses = {}
            if "ctc" in branches:
                losses["ctc"] = self._ctc_loss(outputs, frames, targets)
            if "att" in branches:
                losses["att"] = self._att_loss(outputs, frames, targets)
            if "accent" in branches:
                logits = self._model.accent_logits(encoded, frames)
                losses["accent"] = torch.nn.functional.cross_entropy(
                    logits, targets.accents, reduction="none"
                )
        return losses

    def _ctc_loss(
        self, outputs: torch.Tensor, frames: torch.Tensor, targets: Targets
    ) -> torch.Tensor:
        log_probs = self._model.ctc.ctc_lo(outputs).float().log_softmax(dim=2)
        return torch.nn.functional.ctc_loss(
            log_probs.transpose(0, 1),
            targets.tokens,
            frames,
            targets.num_tokens,
            blank=self._model.blank_id,
            reduction="none",
            zero_infinity=True,
        )

    def _att_loss(
        self, outputs: torch.Tensor, frames: torch.Tensor, targets: Targets
    ) -> torch.Tensor:
        logits, _ = self._model.decoder(
            outputs, frames, targets.inputs, targets.num_inputs
        )
        return torch.nn.functional.cross_entropy(
            logits.float().transpose(1, 2),
            targets.wanted,
            ignore_index=-1,
            reduction="none",
        ).sum(dim=1)


def load_victim(
    zip_file: Path | str, device: str = "cpu", trusted: bool = False
) -> ESPnetVictim:
    """Load a packed model, ours or any stock ESPnet2 ASR package, as a victim.

    ``trusted`` is that of :func:`espnet_mtl.package.unpacking.unpack_model`.

    Raises:
        UserError: If the package is refused or cannot be attacked.
    """
    try:
        export = load_export(zip_file, device, trusted)
    except UserError as error:
        # Else a package is asked for that its training needs, and that does not help.
        if _is_transducer(Path(zip_file)):
            raise UserError(f"{zip_file}: {_TRANSDUCER}") from error
        raise
    try:
        return ESPnetVictim(export)
    except UserError as error:
        raise UserError(f"{zip_file}: {error}") from error


def _is_transducer(zip_file: Path) -> bool:
    with contextlib.suppress(UserError):
        return bool(read_config(zip_file).get("decoder") == "transducer")
    return False


def _refuse_other_kinds(export: Export) -> None:
    """Refuse a model whose losses here would not be those of its decoding."""
    model = export.model
    if type(model) not in (ESPnetASRModel, ESPnetASRMTLModel):
        raise UserError(
            f"the model is of type {type(model).__name__}; only an ESPnetASRModel with "
            "CTC or attention can be attacked"
        )
    if getattr(model, "use_transducer_decoder", False):
        raise UserError(_TRANSDUCER)
    if model.frontend is None:
        raise UserError(
            "the model has no frontend: it takes features instead of audio, or its "
            "encoder, such as Whisper, makes its own. Neither can be attacked"
        )
    if getattr(model, "use_linear_decoder", False):
        raise UserError(
            "the model has a linear decoder, which classifies whole utterances; only "
            "CTC or attention can be attacked"
        )
    if getattr(export.args, "speech_volume_normalize", None):
        raise UserError(
            "the model's configuration has speech_volume_normalize, which scales the "
            "audio by its peak before the model hears it. The attack does not take "
            "this into account"
        )
