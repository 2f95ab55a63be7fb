"""What was asked of the study: the options of ``run.sh``, its presets, its systems."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from espnet_mtl.errors import UserError

Number = Annotated[int, msgspec.Meta(ge=0)]
T = TypeVar("T")


class System(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of ``conf/systems.yaml``, which explains it."""

    name: str
    asr_args: str
    inference_config: str
    inference_asr_model: str
    transfer_from: str = ""


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of ``conf/presets.yaml``: options that come before those given."""

    train_args: str = ""
    attack_args: str = ""
    inference_args: str = ""
    recipe_args: str = ""
    num_attack_utts: Number | None = None
    local_data_opts: dict[str, str] = {}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of ``run.sh``, which explains them; the preset is part of them.

    Attributes:
        root: The checkout.
        command: The command line, for the report.
    """

    root: str
    command: str
    corpus: str
    preset: str
    stage: Number
    stop_stage: Number
    systems: str
    nj: Annotated[int, msgspec.Meta(ge=1)]
    ngpu: Number
    seed: Number
    python: str
    expdir: str
    redo: bool
    update_readme: bool
    train_args: str
    attack_config: str
    attack_args: str
    inference_args: str
    num_attack_utts: str
    local_data_opts: str
    recipe_args: str

    @property
    def study_dir(self) -> Path:
        """Where everything of the study goes."""
        suffix = "" if self.preset == "default" else f"_{self.preset}"
        folder = Path(self.root, self.expdir, f"study_{self.corpus}{suffix}")
        return folder.resolve()

    @property
    def recipe(self) -> Path:
        """Directory of the corpus's recipe."""
        return Path(self.root, "egs2", self.corpus, "asr_mtl1")

    def path(self, name: str) -> Path:
        """A file of the checkout, such as ``conf/attack_pgd.yaml``."""
        return Path(self.root, name)

    def read_systems(self) -> dict[str, System]:
        """Read the systems that there are, by name, in the order of the file.

        Raises:
            UserError: If the file is not as it must be.
        """
        path = self.path("conf/systems.yaml")
        table = _read_yaml(path, dict[str, dict[str, Any]])
        rows = {name: {"name": name, **row} for name, row in table.items()}
        systems = _convert(path, rows, dict[str, System])
        for name, system in systems.items():
            source = system.transfer_from
            if source and (source not in systems or source == name):
                raise UserError(
                    f"{path}: system {name}: transfer_from: {source}: choose another "
                    f"one of {', '.join(systems)}."
                )
            if not self.path(system.inference_config).is_file():
                raise UserError(
                    f"{path}: system {name}: {system.inference_config} does not exist."
                )
        return systems

    def choose_systems(self) -> list[System]:
        """Choose the systems that were asked for, in the order of the file.

        Raises:
            UserError: If there is no such system.
        """
        systems = self.read_systems()
        wanted = self.systems.split() or list(systems)
        if unknown := [name for name in wanted if name not in systems]:
            raise UserError(
                f"--systems: conf/systems.yaml has no system {', '.join(unknown)}. "
                f"It has: {', '.join(systems)}."
            )
        return [system for name, system in systems.items() if name in wanted]

    def attack_is_suite(self) -> bool:
        """Whether the attack is a suite, which asks the decoder and other systems."""
        return "attacks" in _read_yaml(self.path(self.attack_config), dict[str, Any])


def read_settings(options: Mapping[str, str]) -> Settings:
    """Join the options given and the preset.

    Raises:
        UserError: If an option is not as it must be: the message says which.
    """
    try:
        settings = msgspec.convert(options, Settings, strict=False)
    except msgspec.ValidationError as error:
        name = re.sub(r".*\$\.(\w+).*", r"\1", str(error))
        least = 1 if name == "nj" else 0
        raise UserError(
            f"--{name} {options.get(name, '')}: give a whole number, at least {least}."
        ) from None
    if not (settings.recipe / "run.sh").is_file():
        recipes = settings.path("egs2").glob("*/asr_mtl1/run.sh")
        corpora = sorted(path.parents[1].name for path in recipes)
        raise UserError(
            f"--corpus {settings.corpus}: there is no {settings.recipe}/run.sh. "
            f"Corpora: {', '.join(corpora)}."
        )
    if not settings.path(settings.attack_config).is_file():
        raise UserError(f"--attack_config {settings.attack_config}: no such file.")
    return _apply_preset(settings)


def _apply_preset(settings: Settings) -> Settings:
    path = settings.path("conf/presets.yaml")
    presets = _read_yaml(path, dict[str, Preset])
    if settings.preset not in presets:
        raise UserError(
            f"--preset {settings.preset}: {path} has no such preset. "
            f"It has: {', '.join(presets)}."
        )
    preset = presets[settings.preset]
    data = preset.local_data_opts.get(settings.corpus, "")
    utts = "" if preset.num_attack_utts is None else str(preset.num_attack_utts)
    return msgspec.structs.replace(
        settings,
        train_args=f"{preset.train_args} {settings.train_args}".strip(),
        attack_args=f"{preset.attack_args} {settings.attack_args}".strip(),
        inference_args=f"{preset.inference_args} {settings.inference_args}".strip(),
        recipe_args=f"{preset.recipe_args} {settings.recipe_args}".strip(),
        local_data_opts=f"{data} {settings.local_data_opts}".strip(),
        num_attack_utts=settings.num_attack_utts or utts,
    )


def _read_yaml(path: Path, of: type[T]) -> T:
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=of)
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: {error}.") from None


def _convert(path: Path, value: Any, of: type[T]) -> T:
    try:
        return msgspec.convert(value, of)
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {error}.") from None
