"""Settings of attacks, as they are compared and shown."""

import json
from collections.abc import Mapping
from typing import Any

from espnet_mtl.results.attack_scores import Row

OF_THE_SYSTEM = ("sources", "attacker", "to_accent")
"""Settings of attacks that depend on the attacked system, and so may differ."""


def settings_of(row: Row) -> str:
    """Settings of an attack, without what depends on the system.

    That is who attacks, towards which accent if there is a branch for it, and which
    other models a transfer attack starts from.
    """
    members: list[dict[str, Any]] = []
    for member in row.members:
        about = {"attack": member.attack, **_independent(member.settings)}
        if about not in members:
            members.append(about)
    settings = {"members": members, **_independent(row.settings)}
    if row.suite is not None:
        settings |= {"version": row.suite, "doubled": row.doubled}
    return json.dumps(settings, sort_keys=True)


def every_setting(row: Row) -> dict[str, Any]:
    """Settings of a row and of its attack; of a suite, those of the suite alone."""
    own = row.members[0].settings if len(row.members) == 1 else {}
    return {**_independent(row.settings), **_independent(own)}


def _independent(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in settings.items() if name not in OF_THE_SYSTEM
    }
