"""Files that an attack depends on beside the model and the data directory."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from espnet_mtl.attack.conditions import Condition
from espnet_mtl.attack.config import AttackConfig, Member
from espnet_mtl.attack.methods.registry import LISTENING
from espnet_mtl.attack.methods.transfer import Transfer
from espnet_mtl.attack.methods.universal import Universal
from espnet_mtl.attack.runner.plan import TestSet, read_audios, read_test_set
from espnet_mtl.errors import UserError


@dataclass(frozen=True)
class Inputs:
    """What an attack depends on beside the model and the data directory.

    Attributes:
        sources: Hash of each packed model that a transfer attack takes, by path.
        fit_sets: What universal perturbations are fitted on, by data directory.
        fit_hashes: Hash of each.
        decoding: Configuration and options of the decoder, and the hash of each file
            that they name, by path.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    fit_sets: Mapping[str, TestSet] = field(default_factory=dict)
    fit_hashes: Mapping[str, str] = field(default_factory=dict)
    decoding: Mapping[str, str] = field(default_factory=dict)

    def of(self, condition: Condition) -> dict[str, Any]:
        """Pick what a condition depends on.

        Args:
            condition: The condition.

        Returns:
            Values as JSON holds them; empty for most attacks.
        """
        found: dict[str, Any] = {}
        parts = [{"attack": condition.attack, "settings": condition.settings}]
        parts += condition.settings.get("members", [])
        for part in parts:
            for path in part["settings"].get("sources", ()):
                found[f"source {path}"] = self.sources[path]
            if fit := part["settings"].get("fit_data"):
                found[f"fit {fit}"] = self.fit_hashes[fit]
        listens = {"members", "health"} & set(condition.settings)
        if listens or condition.attack in (*LISTENING, "unbounded"):
            found["decoding"] = dict(self.decoding)
        return found


def with_sources(config: AttackConfig, paths: Sequence[str]) -> AttackConfig:
    """Give transfer attacks without sources of their own the command's.

    Args:
        config: The configuration.
        paths: Packed models.

    Returns:
        The configuration; a suite goes without its transfer attacks where there are no
        sources.

    Raises:
        UserError: If an attack that stands for itself has no sources.
    """
    members: list[Member] = []
    for member in config.attacks:
        method = member.method
        if isinstance(method, Transfer) and not method.sources:
            if not paths:
                if config.name:
                    continue
                raise UserError(
                    "transfer: there is no other model to attack: give packed models "
                    "by --source_zips, or 'sources' in the configuration"
                )
            method = dataclasses.replace(method, sources=tuple(paths))
            member = dataclasses.replace(member, method=method)
        members.append(member)
    return dataclasses.replace(config, attacks=tuple(members))


def read_inputs(
    config: AttackConfig, inference_config: Path | None, inference_args: str
) -> Inputs:
    """Read all that conditions may depend on.

    Args:
        config: The configuration.
        inference_config: Configuration of the decoder.
        inference_args: Options of the decoder that win over it.

    Returns:
        The inputs.

    Raises:
        UserError: If a file is missing or faulty.
    """
    methods = [member.method for member in config.attacks]
    sources = [path for m in methods if isinstance(m, Transfer) for path in m.sources]
    for path in sources:
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file; stage 14 packs a model")
    fit_sets = {
        method.fit_data: read_test_set(
            Path(method.fit_data), None, None, config.seed, config.target_text
        )
        for method in methods
        if isinstance(method, Universal)
    }
    decoding = {"args": inference_args}
    if inference_config is not None:
        if not inference_config.is_file():
            raise UserError(f"--inference_config {inference_config}: no such file")
        decoding["config"] = inference_config.read_text(encoding="utf-8")
    decoding |= _hash_files_named_in(decoding)
    return Inputs(
        {path: _hash(Path(path).read_bytes()) for path in sources},
        fit_sets,
        {name: _hash_set(test_set) for name, test_set in fit_sets.items()},
        decoding,
    )


def _hash_files_named_in(decoding: Mapping[str, str]) -> dict[str, str]:
    """Hash the files that a decoder's options name, such as a language model's."""
    words = " ".join(decoding.values()).replace("=", " ").split()
    paths = {word.strip("'\"") for word in words if "/" in word or "." in word}
    return {p: _hash(Path(p).read_bytes()) for p in sorted(paths) if Path(p).is_file()}


def _hash_set(test_set: TestSet) -> str:
    audios = read_audios(test_set, None)
    tables = [test_set.targets, test_set.tables["text"], test_set.tables["utt2accent"]]
    lines = [
        (utt, audios[utt].sha256, *(table[utt] for table in tables))
        for utt in test_set.utterances
    ]
    return _hash(repr(lines).encode())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
