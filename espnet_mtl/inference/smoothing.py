"""Settings of randomised smoothing, as a configuration of decoding has them."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from espnet_mtl.errors import UserError
from espnet_mtl.inference.vote import VOTES


@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """Recognise noisy copies of the audio, and let them vote.

    Randomised smoothing (Cohen et al. 2019, arXiv 1902.02918) for speech, after Olivier
    and Raj 2021 (arXiv 2112.03000).

    Deviations: no speech enhancement behind the noise, no certificate, and instead of
    ROVER the vote of :mod:`espnet_mtl.inference.vote`.

    Attributes:
        std: Standard deviation of the Gaussian noise, of full scale 1.
        draws: How many noisy copies vote.
        vote: How they vote; a name in ``VOTES``.
    """

    std: float
    draws: int = 16
    vote: str = "nearest"

    def __post_init__(self) -> None:
        if not isinstance(self.std, float) or not 0.0 < self.std <= 1.0:
            raise UserError(
                f"std: {self.std}: give a number above 0 and at most 1, which is full "
                "scale; for no noise, leave smoothing out"
            )
        if type(self.draws) is not int or self.draws < 1:  # True is an int, too
            raise UserError(f"draws: {self.draws}: give a whole number above 0")
        if not isinstance(self.vote, str) or self.vote not in VOTES:
            raise UserError(f"vote: {self.vote}: choose from {', '.join(VOTES)}")


def read_smoothing(settings: Any) -> Smoothing | None:
    """Read what stands behind ``smoothing:``; ``None`` where nothing does.

    Raises:
        UserError: If a setting is unknown, missing, or out of its range.
    """
    if settings is None:
        return None
    if not isinstance(settings, Mapping):
        raise UserError(
            f"smoothing: {settings}: give settings, such as {{std: 0.01, draws: 16}}"
        )
    known = [field.name for field in fields(Smoothing)]
    for name in settings:
        if name not in known:
            raise UserError(
                f"smoothing: {name}: unknown setting; choose from {', '.join(known)}"
            )
    if "std" not in settings:
        raise UserError("smoothing: std is missing: how loud the noise is")
    values = dict(settings)
    with contextlib.suppress(TypeError, ValueError):
        values["std"] = float(values["std"])  # YAML reads 5e-3 as a text
    try:
        return Smoothing(**values)
    except UserError as error:
        raise UserError(f"smoothing: {error}") from None
