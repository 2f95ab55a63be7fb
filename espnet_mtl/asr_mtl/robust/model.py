"""A recogniser in a training that makes it resist."""

from collections.abc import Iterator
from typing import Any

import torch
from espnet2.asr.espnet_model import ESPnetASRModel
from espnet2.train.abs_espnet_model import AbsESPnetModel

from espnet_mtl.asr_mtl.espnet_model import ESPnetASRMTLModel
from espnet_mtl.asr_mtl.robust.abs_robust import AbsRobust
from espnet_mtl.asr_mtl.robust.batches import Moment, Result, check_audio
from espnet_mtl.asr_mtl.robust.validation import Validation
from espnet_mtl.errors import UserError


class RobustModel(AbsESPnetModel):
    """What is trained in the place of a recogniser; the recogniser stays what it is.

    All passes of a training step are made in one call, as parallel training demands.
    What is saved and loaded are the recogniser's weights, under their own names.

    Args:
        model: The recogniser.
        robust: The way to train it.
        seed: That of the training.
        accum_grad: Batches for each update.

    Raises:
        UserError: If the recogniser cannot be trained so.
    """

    def __init__(
        self,
        model: AbsESPnetModel,
        robust: AbsRobust,
        seed: int = 0,
        accum_grad: int = 1,
    ):
        super().__init__()
        if type(model) not in (ESPnetASRModel, ESPnetASRMTLModel):
            raise UserError(
                f"--robust trains ESPnet's recognisers ('model: espnet'), not "
                f"{type(model).__name__}: use --robust none"
            )
        if model.frontend is None:
            raise UserError(
                "--robust attacks audio before a frontend, and the model has none: it "
                "takes features, or its encoder, such as Whisper, makes its own. Use "
                "--robust none"
            )
        robust.check_model(model)
        self.model = model
        self.validation = Validation(robust)
        self._robust = robust
        self._seed = seed
        self._accum_grad = accum_grad
        self._batches = 0

    def start_epoch(self, batches: int) -> None:
        """Say how many batches were before: those of earlier epochs if it trains."""
        self._batches = batches

    def forward(self, **batch: Any) -> Result:
        """Calculate the loss of a training or validation batch."""
        check_audio(batch)
        moment = Moment(
            "train" if self.training else "valid",
            self._seed,
            self._batches,
            self._batches // self._accum_grad,
        )
        self._batches += 1
        step = self._robust if self.training else self.validation
        return step(self.model, batch, moment)

    def collect_feats(self, **batch: torch.Tensor) -> dict[str, torch.Tensor]:
        """Extract features, as the recogniser does."""
        feats: dict[str, torch.Tensor] = self.model.collect_feats(**batch)
        return feats

    def named_parameters(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Return the recogniser's weights with their names, as what is saved has."""
        named: Iterator[Any] = self.model.named_parameters(*args, **options)
        return named

    def state_dict(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the recogniser's weights."""
        state: dict[str, Any] = self.model.state_dict(*args, **options)
        return state

    def load_state_dict(self, *args: Any, **options: Any) -> Any:
        """Load the recogniser's weights."""
        return self.model.load_state_dict(*args, **options)
