"""A record: what an attack did to one utterance."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from espnet_mtl.results.infeasible import Infeasible
from espnet_mtl.results.trial import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One member of a suite on one utterance.

    Attributes:
        loss: Where it ended; ``None`` for an attack that looks at no loss.
        cost: How far what was heard is from what was wanted, in words.
        success: Whether nothing was left to do. Who wants other words than were said
            (``away``) has that only where none of them is right any more: a suite goes
            on until then, though success counts from the first wrong word on (see
            :class:`~espnet_mtl.results.attack_scores.UttScore`).
        gradients: How often the loss was differentiated for it.
        decodings: How often the decoder was asked.
    """

    attack: str
    attacker: str
    kind: Kind
    loss: float | None
    cost: float
    success: bool
    gradients: int
    decodings: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubled:
    """What as many gradients again have changed, for an utterance that resisted.

    It is not in the reported figures: it tells how far they are from those of an attack
    without end.

    Attributes:
        gradients: What the attack spent.
        more_gradients: What was then spent in addition.
        cost: How far what is heard then is from what was wanted, in words.
        cost_before: How far it was in what is reported.
        success: Whether nothing was left to do.
    """

    gradients: int
    more_gradients: int
    cost: float
    cost_before: float
    success: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Smallest:
    """The smallest budget found that breaks an utterance.

    Attributes:
        budget: The smallest that broke it, which is the size of the perturbation;
            ``None`` where none did, up to the largest that was tried.
        resisted: The largest tried below it that did not; ``None`` where every one
            that was tried broke it.
        tried: Each budget tried and the cost that was left, in words, from the weakest
            to the strongest budget. Of one that broke it, the size of the perturbation.
        gradients: How often the loss was differentiated in the search.
        decodings: How often the decoder was asked.
    """

    budget: float | None
    resisted: float | None
    tried: tuple[tuple[float, float], ...]
    gradients: int
    decodings: int

    @property
    def saved(self) -> float:
        """Budget of the saved file: what broke it, else what came nearest.

        Of several that came as near, that is the strongest.
        """
        if self.budget is not None:
            return self.budget
        return min(reversed(self.tried), key=lambda one: one[1])[0]


MOST_REPEAT_DIFFERENCE = 1e-3  # of a loss; rounding makes less, dropout far more
# A loss need not be a straight line, not even over one level of 16-bit audio.
MOST_OF_SLOPE = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Planted:
    """A search for an adversarial example that was planted in the victim.

    Attributes:
        difficulty: Name of the difficulty: ``easy``, ``medium``, ``hard``.
        wheels: How often the search has to turn to find it.
        exists: Whether there is one: the goal is reached with its key, and not without
            a perturbation.
        found: Whether the attack reached the goal.
        opened: How far the attack came: 0 nowhere, 1 all the way.
        gradients: How often the loss was differentiated.
    """

    difficulty: str
    wheels: int
    exists: bool
    found: bool
    opened: float
    gradients: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How the victim behaves at the clean audio.

    Attributes:
        gradient_l1: Sum of the gradient's magnitudes; ``None`` where it is no number.
        gradient_finite: Whether all of the gradient is finite.
        gradient_zero_share: Share of samples without any gradient, of those that are
            not in digital silence.
        branch_zero_shares: The same of each branch's own loss; 1 for a branch that
            hides its gradient.
        loss_repeat_diff: Difference of the loss, asked twice.
        heard_repeat: Whether the same was heard twice.
        loss_level_diff: Difference of the loss when one sample is changed by one level
            of 16-bit audio.
        loss_level_slope: What the gradient lets one expect of it.
        heard_level: Whether the same was heard with that change.
    """

    gradient_l1: float | None
    gradient_finite: bool
    gradient_zero_share: float
    branch_zero_shares: Mapping[str, float]
    loss_repeat_diff: float | None
    heard_repeat: bool
    loss_level_diff: float | None
    loss_level_slope: float | None
    heard_level: bool

    @property
    def unexplained(self) -> float | None:
        """How far the loss one level apart is from what the gradient lets one expect.

        It counts in both directions: a gradient that is scaled up would explain any
        noise, but then it promises far more than happens. ``None`` where the loss is no
        number there.
        """
        if self.loss_level_diff is None:
            return None
        difference, slope = self.loss_level_diff, self.loss_level_slope or 0.0
        most, least = max(difference, slope), min(difference, slope)
        return max(0.0, most - MOST_OF_SLOPE * least)

    @property
    def is_random(self) -> bool:
        """Whether the victim answers otherwise without a reason, by loss or by text."""
        differences = [self.loss_repeat_diff or 0.0, self.unexplained or 0.0]
        return max(differences) > MOST_REPEAT_DIFFERENCE or not self.heard_repeat


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """What an attack did to one utterance, and what its saved file holds.

    Attributes:
        key: Utterance in the attack's data directory: ``<utterance>-<trial>``.
        target: What the attacker wanted to be heard.
        accent_wish: The accent that the attacker wanted, or wanted to go away from.
        infeasible: Why no attack can reach the target in audio of this length;
            ``None`` if one can.
        linf: Largest change of a sample, of full scale 1.
        l2: Euclidean norm of the perturbation, of full scale 1.
        snr_db: Power of the clean audio over that of the perturbation, in dB.
        segsnr_db: The same over short frames, averaged.
        peak_snr_db: The same of the peaks.
        loss_start: Loss of the clean audio; ``None`` where nobody looked.
        loss_end: Loss of the attacked audio.
        sha256: Digest of the saved file.
        heard: What the attacked decoder heard; ``None`` where nobody listened.
        attempts: One for each member of a suite that the utterance went through;
            ``None`` outside suites.
        doubled: What as many gradients again have changed, for what still resisted.
        smallest: The smallest budget that breaks it, where that was looked for.
        planted: Searches for planted examples, from easy to hard, where there were any.
        health: How the victim behaves at the clean audio, where that was looked at.
        notes: What the attack itself has to say, such as its number of queries.
    """

    key: str
    utt: str
    trial: str
    target: str
    accent_wish: str | None
    infeasible: Infeasible | None
    linf: float | None
    l2: float | None
    snr_db: float | None
    segsnr_db: float | None
    peak_snr_db: float | None
    loss_start: float | None
    loss_end: float | None
    sha256: str
    heard: str | None = None
    attempts: tuple[Attempt, ...] | None = None
    doubled: Doubled | None = None
    smallest: Smallest | None = None
    planted: tuple[Planted, ...] | None = None
    health: Health | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Whether the target can be heard at all in audio of this length."""
        return self.infeasible is None
