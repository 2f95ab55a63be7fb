"""What was asked of the study: the options of ``run.sh``, its presets, its systems."""

import re
import shlex
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from espnet_mtl.errors import UserError

Number = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
T = TypeVar("T")
# What the study says of each system, and where to change it. In --recipe_args it would
# count for the steps of the data only.
_SYSTEMS = "the file of systems (--systems_config)"
_STUDY = "the study itself"
_STUDYS_OWN = (
    "asr_exp",
    "asr_tag",
    "asr_stats_dir",
    "lm_exp",
    "packed_model",
    "inference_tag",
    "attack_tag",
    "system_name",
    "datadir",
    "dumpdir",
    "skip_data_prep",
    "skip_train",
    "skip_eval",
    "skip_packing",
    "skip_attack",
    "skip_stages",
)
_ELSEWHERE = {
    "asr_args": "--train_args",
    "attack_args": "--attack_args",
    "attack_config": "--attack_config",
    "inference_args": "--inference_args",
    "num_attack_utts": "--num_attack_utts",
    "inference_config": _SYSTEMS,
    "inference_asr_model": _SYSTEMS,
    "attack_source_zips": _SYSTEMS,
    "pretrained_model": _SYSTEMS,
    "local_data_opts": "--local_data_opts",
    "stage": "--stage",
    "stop_stage": "--stop_stage",
    "ngpu": "--ngpu",
    "python": "--python",
    "expdir": "--expdir",
    "nj": "--nj",
    "inference_nj": "--nj",
    "attack_nj": "--nj",
    **dict.fromkeys(_STUDYS_OWN, _STUDY),
}
# Given, these replace what a preset says; other options are added to it.
_INSTEAD = ("systems_config", "num_attack_utts")
_CORPORA = ".corpora"  # in a file of systems
LAST_STAGE = 17  # of a system; the report comes after those of all


class System(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of a file of systems; ``conf/systems.yaml`` explains it.

    Attributes:
        asr_args: Options of its training, in parts.
        pretrained_from: The system whose packed model it starts from; "" for none.
        last_stage: Its last stage. One that is there to be started from alone may end
            with 14.
        baseline: Whether the main table compares all systems with it.
        compare_with: Systems that it is compared with, one by one.
    """

    name: str
    asr_args: str | tuple[str, ...]
    inference_config: str
    inference_asr_model: str
    transfer_from: str = ""
    pretrained_from: str = ""
    last_stage: Annotated[int, msgspec.Meta(ge=14, le=LAST_STAGE)] = LAST_STAGE
    baseline: bool = False
    compare_with: tuple[str, ...] = ()

    @property
    def options(self) -> str:
        """Options of its training, in one line."""
        return (
            self.asr_args if isinstance(self.asr_args, str) else " ".join(self.asr_args)
        )

    @property
    def others(self) -> list[tuple[str, str]]:
        """The other systems that it names: in which field, and which."""
        named = [("transfer_from", self.transfer_from)]
        named += [("pretrained_from", self.pretrained_from)]
        named += [("compare_with", name) for name in self.compare_with]
        return [(field, name) for field, name in named if name]


class CorpusNeeds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the systems of a file need of one corpus: a row of its ``.corpora``."""

    local_data_opts: str = ""
    train_args: str = ""


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of ``conf/presets.yaml``: options that come before those given.

    Attributes:
        corpora: Which it is for; all, where there are none.
    """

    systems_config: str = "conf/systems.yaml"
    train_args: str = ""
    attack_args: str = ""
    inference_args: str = ""
    recipe_args: str = ""
    num_attack_utts: Positive | None = None
    local_data_opts: dict[str, str] = {}
    corpora: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of ``run.sh``, which explains them, joined with the preset.

    Attributes:
        root: The checkout.
        command: The command line, for the report.
        table: Whole path of the table that the recipe reads; "" where it reads none.
    """

    root: str
    command: str
    corpus: str
    table: str
    preset: str
    stage: Number
    stop_stage: Number
    systems: str
    systems_config: str
    nj: Positive
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
    num_attack_utts: Positive | None
    local_data_opts: str
    recipe_args: str

    @property
    def name(self) -> str:
        """What is studied, such as ``mini_accent_robust``: corpus, systems, preset.

        Systems of ``conf/systems.yaml`` and the default preset go without saying.
        """
        which = Path(self.systems_config).stem.removeprefix("systems").strip("_")
        # A preset may have systems of its own, with its name.
        preset = "" if self.preset in ("default", which) else self.preset
        return "_".join(filter(None, [self.corpus, which, preset]))

    @property
    def study_dir(self) -> Path:
        """Where everything of the study goes."""
        return self.path(self.expdir, f"study_{self.name}").resolve()

    @property
    def recipe(self) -> Path:
        """Directory of the corpus's recipe."""
        return self.path("egs2", self.corpus, "asr_mtl1")

    @property
    def attack_has_sources(self) -> bool:
        """Whether the attack can take perturbations that are computed on others."""
        config = _read_yaml(self.path(self.attack_config), dict[str, Any])
        return "attacks" in config or config.get("attack") == "transfer"

    @property
    def readmes(self) -> list[Path]:
        """The pages of the checkout that have places for results."""
        pages = [self.path("README.md"), self.path("doc", "results.md")]
        return [*pages, self.recipe / "README.md"]

    def path(self, *names: str) -> Path:
        """A path in the checkout."""
        return Path(self.root, *names)

    def exp_of(self, system: str) -> Path:
        """Directory of a system: its model, its decodings, its attacks."""
        return self.study_dir / f"asr_mtl_{system}"

    def zip_of(self, system: str) -> Path:
        """The packed model of a system."""
        return self.exp_of(system) / f"asr_mtl_{system}.zip"

    def read_systems(self) -> dict[str, System]:
        """Read the systems that there are, by name, in the order of the file.

        Raises:
            UserError: If the file is wrong, or lacks a system that was asked for.
        """
        path = self.path(self.systems_config)
        systems = _read_systems(path)
        for name, system in systems.items():
            if not self.path(system.inference_config).is_file():
                raise UserError(
                    f"{path}: system {name}: {system.inference_config} does not exist."
                )
        if unknown := [name for name in self.systems.split() if name not in systems]:
            raise UserError(
                f"--systems: {path} has no system {', '.join(unknown)}. "
                f"It has: {', '.join(systems)}."
            )
        return systems


def _read_systems(path: Path) -> dict[str, System]:
    rows = _read_yaml(path, dict[str, Any])
    # What several systems have in common stands under a name with a dot.
    rows = {name: row for name, row in rows.items() if not name.startswith(".")}
    systems = {}
    for name, row in rows.items():
        try:
            about = msgspec.convert(row, dict[str, Any])
            systems[name] = msgspec.convert({**about, "name": name}, System)
        except msgspec.ValidationError as error:
            raise UserError(f"{path}: system {name}: {error}.") from None
    for name, system in systems.items():
        for field, other in system.others:
            if other not in systems.keys() - {name}:
                raise UserError(
                    f"{path}: system {name}: {field}: {other}: choose another one of "
                    f"{', '.join(one for one in systems if one != name)}."
                )
    starts = {name: {one.pretrained_from} - {""} for name, one in systems.items()}
    try:
        TopologicalSorter(starts).prepare()
    except CycleError as error:
        chain = " from ".join(reversed(error.args[1]))
        raise UserError(
            f"{path}: pretrained_from: {chain}: one of them has to start from nothing; "
            "take its pretrained_from out."
        ) from None
    return systems


def read_settings(options: Mapping[str, str]) -> Settings:
    """Check the options given, and join them with the preset.

    Raises:
        UserError: If an option is wrong.
    """
    try:
        settings = msgspec.convert(
            {**options, "num_attack_utts": options["num_attack_utts"] or None},
            Settings,
            strict=False,
        )
    except msgspec.ValidationError as error:
        name = re.sub(r".*\$\.(\w+).*", r"\1", str(error))
        least = 1 if name in ("nj", "num_attack_utts") else 0
        raise UserError(
            f"--{name} {options.get(name, '')}: give a whole number, at least {least}."
        ) from None
    if not (settings.recipe / "run.sh").is_file():
        recipes = settings.path("egs2").glob("*/asr_mtl1/run.sh")
        corpora = ", ".join(sorted(path.parents[1].name for path in recipes))
        raise UserError(
            f"--corpus {settings.corpus}: there is no {settings.recipe}/run.sh. "
            f"Corpora: {corpora}. For your own recordings, give --table FILE."
        )
    _check_words(settings)
    path = settings.path("conf", "presets.yaml")
    presets = _read_yaml(path, dict[str, Preset])
    name = settings.preset
    if settings.table and name == "default":
        name = "own_corpus"
    if name not in presets:
        raise UserError(
            f"--preset {settings.preset}: {path} has no such preset. "
            f"It has: {', '.join(presets)}."
        )
    corpora = presets[name].corpora
    if corpora and settings.corpus not in corpora:
        raise UserError(
            f"--preset {name} is for --corpus {' or '.join(corpora)}, not for "
            f"{settings.corpus}."
        )
    first = msgspec.structs.asdict(presets[name])
    del first["corpora"]
    first["local_data_opts"] = first["local_data_opts"].get(settings.corpus, "")
    given = msgspec.structs.asdict(settings)
    joined = {
        name: (
            given[name] or value
            if name in _INSTEAD
            else f"{value} {given[name]}".strip()
        )
        for name, value in first.items()
    }
    settings = msgspec.structs.replace(settings, **joined)
    for option in ("attack_config", "systems_config"):
        file = getattr(settings, option)
        if not settings.path(file).is_file():
            raise UserError(f"--{option} {file}: no such file.")
    return _with_needs(settings)


def _with_needs(settings: Settings) -> Settings:
    """Put what the systems need of the corpus before what presets and options say."""
    path = settings.path(settings.systems_config)
    rows = _read_yaml(path, dict[str, Any])
    try:
        needs = msgspec.convert(rows.get(_CORPORA, {}), dict[str, CorpusNeeds])
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {_CORPORA}: {error}.") from None
    mine = msgspec.structs.asdict(needs.get(settings.corpus, CorpusNeeds()))
    joined = {
        name: f"{value} {getattr(settings, name)}".strip()
        for name, value in mine.items()
    }
    return msgspec.structs.replace(settings, **joined)


_IN_WORDS = ("train_args", "attack_args", "inference_args", "local_data_opts")


def _split(name: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UserError(f"--{name} {text}: {error}.") from None


def _check_words(settings: Settings) -> None:
    """Refuse texts that are no options, and what is not for ``--recipe_args``."""
    for name in _IN_WORDS:
        _split(name, getattr(settings, name))
    for word in _split("recipe_args", settings.recipe_args):
        option = word.split("=")[0]
        place = _ELSEWHERE.get(option.removeprefix("--").replace("-", "_"))
        if option.startswith("--") and place:
            raise UserError(
                f"--recipe_args: {option}: leave it out; in a study, {place} says that."
            )


def _read_yaml(path: Path, of: type[T]) -> T:
    if not path.is_file():
        raise UserError(f"{path} does not exist.")
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=of)
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: {error}.") from None
