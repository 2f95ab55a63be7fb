"""A trial: one way in which every utterance of a set is treated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["main", "control", "audit", "curve"]
"""What a trial is for: a reported attack; a control; a check of the attack; the search
for the smallest budget that breaks each utterance."""

Kind = Literal["white_box", "transfer", "black_box", "control"]
"""What an attack knows of the victim: its gradients; other models; what it puts out;
nothing."""

Words = Literal["target", "away", "keep"]
"""What is to become of the words: the target is heard; something else than was said;
what was said, while the accent changes."""

WORD_BRANCHES = ("ctc", "att")
"""Branches of a recogniser that hear words."""

UNTOUCHED = "none"
"""Name of the attack that does nothing."""

PLANTED = "planted"
"""Name of the attack on a victim with a planted example."""

SCRATCH = "scratch"
"""Name of the attack that begins anew with the largest of ascending budgets."""

RESERVED = frozenset({UNTOUCHED, PLANTED, SCRATCH, "unbounded", "black_box"})
"""What trials are known by that are no reported attacks: no suite may be called so."""

WORST_CASE = "worst_case"
"""Name of the attacker where each utterance keeps the worst of several attacks."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One attack by one attacker: all of a trial, or a part of a suite.

    Attributes:
        attack: Name of the attack in the registry.
        attacker: Name of the attacker; empty for an attack that is the same whoever
            attacks.
        also: Other attackers that come to the same for this victim.
        weights: Weight of each branch's loss for this victim.
        everyone: In a suite: whether it also attacks what was broken before.
    """

    attack: str
    attacker: str
    kind: Kind
    also: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    everyone: bool = False


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One way in which every utterance of a set is treated.

    Attributes:
        name: For people, and part of file names; nothing is read from it.
        attack: ``none``, the name of an attack or of a suite, or of what is for the
            audit: ``unbounded``, ``scratch``, ``planted``, ``black_box``.
        norm: Kind of ball around the clean audio; ``None`` without one.
        budget: Its radius of full scale 1, or dB for ``snr``; 0 without a ball.
        to_accent: What is to become of the accent: ``random``, ``away``, ``keep`` or a
            label.
        members: Who attacks: none for ``none``, several for a suite.
        suite: Version of the suite; ``None`` where the trial is no suite.
        doubled: Whether what resisted was attacked with as many gradients again.
        after: Trials of smaller budgets, the smallest first, that it goes on from: it
            starts from the audio that the last of them saved, and what that has broken
            is broken. With ``planted``, the trial whose audio is planted.
        subset: How many utterances are treated, drawn by their ids; 0 for all.
        settings: What else the audio depends on: seed, transformations, and so on.
    """

    name: str
    role: Role
    attack: str
    norm: str | None = None
    budget: float = 0.0
    words: Words = "target"
    to_accent: str = "random"
    members: tuple[Member, ...] = ()
    suite: int | None = None
    doubled: bool = False
    after: tuple[str, ...] = ()
    subset: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def attacker(self) -> str | None:
        """Name of the attacker; ``None`` where nobody in particular attacks."""
        if self.suite is not None or self.attack in ("unbounded", PLANTED):
            return WORST_CASE
        return self.members[0].attacker or None if self.members else None

    @property
    def also(self) -> tuple[str, ...]:
        """Other attackers that are the same one for this victim."""
        return self.members[0].also if len(self.members) == 1 else ()

    @property
    def is_untouched(self) -> bool:
        """Whether the audio is left as it is."""
        return self.attack == UNTOUCHED
