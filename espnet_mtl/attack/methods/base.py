"""What an attack is: its settings, what it is and needs, and a call that runs it."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from inspect import get_annotations
from typing import Any, ClassVar, Literal, Self

import torch

from espnet_mtl.attack.problem import Attacked, Problem
from espnet_mtl.errors import UserError
from espnet_mtl.results.trial import Kind, Words

Need = Literal["donor", "models", "fit"]


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What is true of an attack. Nothing has a default: an attack has to say it all.

    Attributes:
        kind: What it knows of the victim: ``white_box`` its gradients, ``transfer``
            other models, ``black_box`` what it puts out, ``control`` nothing.
        listens: Whether it asks the decoder while it searches.
        blind: ``None`` for an attack that follows an attacker's objective. One that is
            the same whoever attacks names the goal that it is measured against.
        needs: What it needs beside the utterances: ``donor``, as many others of the
            same set; ``models``, the packed models of its setting ``sources``; ``fit``,
            a fit to the data directory of its setting ``fit_data`` before it is run.
        in_suites: Whether it may be a part of a suite.
    """

    kind: Kind
    listens: bool
    blind: Words | None
    needs: Need | None
    in_suites: bool


# What an attack has to define, by what it needs
_DEFINED: Mapping[str, tuple[str, ...]] = {
    "fit": ("fit", "fit_data"),
    "models": ("sources",),
}


@dataclass(frozen=True)
class Method(ABC):
    """An attack with its settings: a frozen dataclass, one file each.

    Every class says its own traits; they are not inherited.
    """

    traits: ClassVar[Traits]

    def __init_subclass__(cls) -> None:
        """Refuse an attack that does not say what it is, or lacks what it says."""
        super().__init_subclass__()
        traits = cls.__dict__.get("traits")
        if not isinstance(traits, Traits):
            raise TypeError(f"{cls.__name__}: has to say 'traits = Traits(...)'")
        for name in _DEFINED.get(traits.needs or "", ()):
            # A setting without a default is an annotation alone.
            is_setting = any(name in get_annotations(one) for one in cls.__mro__)
            if not is_setting and getattr(cls, name) is getattr(Method, name):
                raise TypeError(
                    f"{cls.__name__}: needs '{traits.needs}', so it has to define "
                    f"'{name}'"
                )

    @abstractmethod
    def __call__(self, problem: Problem) -> Attacked:
        """Attack a batch."""

    @property
    def blind(self) -> Words | None:
        """The trait; settings may decide it, too."""
        return self.traits.blind

    @property
    def sources(self) -> tuple[str, ...]:
        """Packed models that it attacks instead of the victim."""
        return ()

    @property
    def fit_data(self) -> str:
        """Data directory that it is fitted on."""
        return ""

    def fit(self, problems: Callable[[], Iterable[Problem]]) -> torch.Tensor:
        """Fit the attack, where it needs that; problems have the result as ``fitted``.

        ``problems`` returns the batches to fit on; it is called once an epoch.
        """
        raise NotImplementedError(f"{type(self).__name__} is not fitted")

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name."""
        return asdict(self)

    def replaced(self, **settings: Any) -> Self:
        """Return the attack with other settings."""
        return replace(self, **settings)

    def with_steps(self, steps: int) -> Self:
        """Return the attack with other steps, unless it has none."""
        has_steps = isinstance(self.settings.get("steps"), int)
        return self.replaced(steps=steps) if has_steps else self

    def check_above_zero(self, *names: str) -> None:
        """Refuse settings, by name, that are not above 0 or not finite.

        Raises:
            UserError: If there is one.
        """
        for name in names:
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise UserError(f"{name}: {value}: give a number above 0")
