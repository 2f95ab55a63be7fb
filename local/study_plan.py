"""What a study runs: its systems, the steps of each, and a key that tells them apart.

A *step* is one stage of the recipe for one owner: ``shared`` for data, lists and
statistics, which all systems use, or the name of a system. Its *key* is a digest of
everything that can change its result, including the keys of the steps it builds on: a
finished step is repeated exactly when its key changed.
"""

import hashlib
import itertools
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.errors import UserError

SHARED = "shared"
SHARED_STAGES = (1, 2, 3, 4, 5, 10)
# What --recipe_args may ask for besides.
LM_STAGES = {"use_lm": (6, 7, 8), "use_ngram": (9,)}
SYSTEM_STAGES = (11, 12, 13, 14, 15, 16, 17)
REPORT_STAGE = 18
STAGE_NAMES = {
    1: "data preparation",
    2: "speed perturbation",
    3: "audio formatting",
    4: "length filter",
    5: "token and accent lists",
    6: "language model's statistics",
    7: "language model's training",
    8: "perplexity",
    9: "n-grams",
    10: "statistics",
    11: "training",
    12: "decoding",
    13: "scoring",
    14: "packing",
    15: "attack",
    16: "decoding the attack",
    17: "scoring the attack",
    18: "report",
}
# The step before each: decoding options, for instance, reach stages 12, 13, 16 and 17
# but not the attack, which reads the packed model.
_BUILDS_ON = {
    2: (1,),
    3: (2,),
    4: (3,),
    5: (4,),
    6: (5,),
    7: (6,),
    8: (7,),
    9: (5,),
    10: (5,),
    11: (10,),
    12: (11,),
    13: (12,),
    14: (11,),
    15: (14,),
    16: (12, 15),
    17: (13, 16),
}
_SYSTEM_FIELDS = ("asr_args", "inference_config", "inference_asr_model")


@dataclass(frozen=True)
class System:
    """One row of ``conf/systems.yaml``."""

    name: str
    asr_args: str
    inference_config: Path
    inference_asr_model: str
    transfer_from: str = ""


@dataclass(frozen=True)
class Settings:
    """What was asked of the study. Empty strings mean "as the recipe has it"."""

    root: Path
    study_dir: Path
    corpus: str
    attack_config: Path
    python: str = "python3"
    seed: int = 0
    train_args: str = ""
    attack_args: str = ""
    inference_args: str = ""
    num_attack_utts: str = ""
    local_data_opts: str = ""
    recipe_args: str = ""

    @property
    def attack_tag(self) -> str:
        """Name of the attack's directory: the configuration's, as in asr_mtl.sh."""
        return f"attack_{self.attack_config.stem.removeprefix('attack_')}"

    @property
    def attack_is_suite(self) -> bool:
        """Whether the attack is a suite, which asks the decoder and other systems."""
        return "attacks" in read_yaml_table(self.attack_config)

    @property
    def recipe(self) -> Path:
        """Directory of the corpus's recipe."""
        return self.root / "egs2" / self.corpus / "asr_mtl1"


@dataclass(frozen=True)
class Step:
    """One stage for one owner.

    Attributes:
        owner: ``shared`` or a system's name.
        stage: Stage number of ``asr_mtl.sh``.
        options: Options of the recipe's ``run.sh``, without those of the moment
            (number of jobs, stage numbers).
        key: Digest of all that the result depends on.
        directory: Where the step writes its logs.
    """

    owner: str
    stage: int
    options: tuple[str, ...] = field(repr=False)
    key: str
    directory: Path

    @property
    def name(self) -> str:
        """Name of the step in file names: ``ctc.stage11``."""
        return f"{self.owner}.stage{self.stage:02d}"

    @property
    def title(self) -> str:
        """Name of the step for people: ``ctc: training (stage 11)``."""
        return f"{self.owner}: {STAGE_NAMES[self.stage]} (stage {self.stage})"


def read_yaml_table(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping.

    Raises:
        UserError: If the file is missing, is not YAML, or holds something else.
    """
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(table, dict):
        raise UserError(f"{path} must hold a mapping of names to settings.")
    return table


def load_systems(path: Path, wanted: Iterable[str] = ()) -> list[System]:
    """Read the systems to compare.

    Args:
        path: ``conf/systems.yaml``; paths in it are relative to the directory above.
        wanted: Names to take, in the file's order; none means all.

    Raises:
        UserError: For an unknown name, or a system with missing or unknown settings.
    """
    table = read_yaml_table(path)
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in table]
    if unknown:
        raise UserError(
            f"--systems: {path} has no system {', '.join(unknown)}. "
            f"It has: {', '.join(table)}."
        )
    systems = []
    for name, fields in table.items():
        if not isinstance(fields, dict) or (
            sorted({*fields, "transfer_from"})
            != sorted((*_SYSTEM_FIELDS, "transfer_from"))
        ):
            raise UserError(
                f"{path}: system {name} must have exactly the settings "
                f"{', '.join(_SYSTEM_FIELDS)}, and perhaps transfer_from."
            )
        source = str(fields.get("transfer_from", ""))
        if source and (source not in table or source == name):
            raise UserError(
                f"{path}: system {name}: transfer_from: {source}: choose another one "
                f"of {', '.join(table)}."
            )
        if wanted and name not in wanted:
            continue
        config = path.parent.parent / fields["inference_config"]
        if not config.is_file():
            raise UserError(f"{path}: system {name}: {config} does not exist.")
        systems.append(
            System(
                name=name,
                asr_args=str(fields["asr_args"]),
                inference_config=config,
                inference_asr_model=str(fields["inference_asr_model"]),
                transfer_from=source,
            )
        )
    return systems


def load_preset(path: Path, name: str, corpus: str) -> dict[str, str]:
    """Read what a preset changes for a corpus.

    Returns:
        Option name to value; ``local_data_opts`` already resolved for the corpus.

    Raises:
        UserError: If there is no such preset.
    """
    table = read_yaml_table(path)
    if name not in table:
        raise UserError(
            f"--preset {name}: {path} has no such preset. It has: {', '.join(table)}."
        )
    preset = dict(table[name] or {})
    per_corpus = preset.pop("local_data_opts", None) or {}
    if corpus in per_corpus:
        preset["local_data_opts"] = per_corpus[corpus]
    return {option: str(value) for option, value in preset.items()}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _content(path: Path) -> str:
    """Digest of a file, or of all files of a directory with their names."""
    if not path.exists():
        return ""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    )
    return _digest([(str(file.relative_to(path)), _content(file)) for file in files])


def _keys(own: Mapping[int, Any], before: Mapping[int, str]) -> dict[int, str]:
    keys = dict(before)
    for stage in sorted(own):
        parents = [keys[parent] for parent in _BUILDS_ON.get(stage, ())]
        keys[stage] = _digest([stage, own[stage], parents])
    return {stage: keys[stage] for stage in own}


def _pairs(**options: Any) -> tuple[str, ...]:
    """``name=value`` as command-line words, leaving out what has no value."""
    words: list[str] = []
    for name, value in options.items():
        if value not in ("", None):
            words += [f"--{name}", str(value)]
    return tuple(words)


def _data_options(settings: Settings) -> tuple[str, ...]:
    study = settings.study_dir
    return _pairs(
        python=settings.python,
        datadir=study / "data",
        dumpdir=study / "dump",
        expdir=study,
        asr_stats_dir=study / "asr_mtl_stats",
        lm_exp=_lm_exp(settings) if 7 in shared_stages(settings) else "",
        local_data_opts=settings.local_data_opts,
    ) + tuple(shlex.split(settings.recipe_args))


def shared_stages(settings: Settings) -> list[int]:
    """Tell which stages all systems share: with a language model, its stages too."""
    words = shlex.split(settings.recipe_args.replace("=", " "))
    asked = set(itertools.pairwise(words))
    language_models = [
        stage
        for option, stages in LM_STAGES.items()
        for stage in stages
        if (f"--{option}", "true") in asked
    ]
    return sorted([*SHARED_STAGES, *language_models])


def _lm_exp(settings: Settings) -> Path:
    """Where a language model is trained."""
    return settings.study_dir / "lm"


def _language_model(settings: Settings) -> str:
    """Digest of what a language model depends on, but for text and options."""
    if 7 not in shared_stages(settings):
        return ""
    return _content(settings.recipe / "conf" / "train_lm.yaml")


def plan_shared(settings: Settings) -> list[Step]:
    """Plan what all systems use: data, lists, statistics, and a language model."""
    recipe = settings.recipe
    stages = shared_stages(settings)
    own: dict[int, Any] = {stage: None for stage in stages}
    own[1] = [
        settings.corpus,
        settings.local_data_opts,
        settings.recipe_args,
        _content(recipe / "run.sh"),
        _content(recipe / "local"),
    ]
    if 7 in own:
        own[7] = [_lm_exp(settings).name, _language_model(settings)]
    own[10] = [_content(recipe / "conf" / "train_asr_mtl.yaml"), settings.train_args]
    options = _data_options(settings) + _pairs(asr_args=settings.train_args)
    keys = _keys(own, {})
    folders = dict.fromkeys(stages, settings.study_dir) | {7: _lm_exp(settings)}
    return [Step(SHARED, n, options, keys[n], folders[n]) for n in stages]


def plan_system(
    settings: Settings,
    system: System,
    statistics_key: str,
    source: System | None = None,
) -> list[Step]:
    """Plan one system, from training to the scores of its attack.

    Args:
        settings: The study's settings.
        system: The system.
        statistics_key: Key of stage 10, which the training builds on.
        source: The system that transfer attacks take instead.
    """
    asr_args = _asr_args(settings, system)
    attack = [
        _content(settings.attack_config),
        settings.attack_args,
        settings.num_attack_utts,
    ]
    decoding = [
        _content(system.inference_config),
        system.inference_asr_model,
        settings.inference_args,
        _language_model(settings),
    ]
    if source is not None:
        attack.append(_training(settings, source))
    own: dict[int, Any] = {stage: None for stage in SYSTEM_STAGES}
    own[11] = [system.name, asr_args]
    own[12] = decoding
    own[14] = [system.inference_asr_model, _language_model(settings)]
    own[15] = attack
    if settings.attack_is_suite:  # which asks the decoder
        attack.append(decoding)
    keys = _keys(own, {10: statistics_key})
    exp = settings.study_dir / f"asr_mtl_{system.name}"
    # Plain tags: results of other settings are replaced, not left beside the new ones
    # for the report to find.
    options = _data_options(settings) + _pairs(
        asr_exp=exp,
        inference_tag=system.inference_config.stem,
        attack_tag=settings.attack_tag,
        asr_args=asr_args,
        inference_config=system.inference_config,
        inference_asr_model=system.inference_asr_model,
        inference_args=settings.inference_args,
        attack_config=settings.attack_config,
        attack_source_zips="" if source is None else _zip(settings, source),
        attack_args=settings.attack_args,
        num_attack_utts=settings.num_attack_utts,
    )
    return [
        Step(system.name, stage, options, keys[stage], exp) for stage in SYSTEM_STAGES
    ]


def _asr_args(settings: Settings, system: System) -> str:
    return f"{system.asr_args} --seed {settings.seed} {settings.train_args}".strip()


def _training(settings: Settings, system: System) -> list[str]:
    """What a packed model depends on, but for the data."""
    return [system.name, _asr_args(settings, system), system.inference_asr_model]


def _zip(settings: Settings, system: System) -> Path:
    """Where stage 14 packs a system."""
    name = f"asr_mtl_{system.name}"
    model = Path(system.inference_asr_model).stem
    return settings.study_dir / name / f"{name}_{model}.zip"
