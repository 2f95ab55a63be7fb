"""What a study consists of: steps, what each builds on, and what each is made of.

A *step* is one stage of the recipe for one owner: ``shared`` for data, lists and
statistics, which all systems use, or the name of a system. Its *key* is a digest of
everything that can change its result, the keys of the steps it builds on included: a
finished step is repeated exactly when its key has changed. The plan says what there is
to do; the workflow engine does it.
"""

import itertools
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings import Settings, System

from espnet_mtl.provenance import hash_file, hash_value

SHARED = "shared"
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
}
TRAINING = (7, 11)  # of a language model, of a system
_SHARED_STAGES = (1, 2, 3, 4, 5, 10)
# What --recipe_args may ask for in addition.
_LM_STAGES = {"use_lm": (6, 7, 8), "use_ngram": (9,)}
# The stages whose results each one uses. Decoding options, for instance, reach stages
# 12, 13, 16 and 17 but not the attack, which reads the packed model.
_BUILDS_ON = {
    1: (),
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
    12: (7, 9, 11),
    13: (12,),
    14: (7, 9, 11),
    15: (14,),
    16: (12, 15),
    17: (13, 16),
}


@dataclass(frozen=True)
class Step:
    """One stage for one owner.

    Attributes:
        owner: ``shared`` or a system's name.
        stage: Stage number of ``asr_mtl.sh``.
        options: Options of the recipe's ``run.sh``, without stage numbers and what
            depends on the machine.
        key: Digest of all that the result depends on.
        directory: Where the stage writes its logs.
        builds_on: Names of the steps whose results it uses.
    """

    owner: str
    stage: int
    options: tuple[str, ...]
    key: str
    directory: Path
    builds_on: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the step in file names: ``ctc.stage11``."""
        return step_name(self.owner, self.stage)

    @property
    def title(self) -> str:
        """Name of the step for people: ``ctc: training (stage 11)``."""
        return f"{self.owner}: {STAGE_NAMES[self.stage]} (stage {self.stage})"


def step_name(owner: str, stage: int) -> str:
    """Name of a step in file names."""
    return f"{owner}.stage{stage:02d}"


def exp_dir(settings: Settings, system: str) -> Path:
    """Directory of a system: its model, its decodings, its attacks."""
    return settings.study_dir / f"asr_mtl_{system}"


def make_plan(
    settings: Settings, systems: Sequence[System], sources: Collection[str]
) -> list[Step]:
    """Plan the shared steps, then those of each system, from training to scores.

    Args:
        settings: The study's settings.
        systems: All systems, in the order of the report.
        sources: Names of those whose packed models transfer attacks may take.
    """
    steps: dict[str, Step] = {}
    _plan_shared(steps, settings)
    suite = settings.attack_is_suite()
    # A suite may attack one system with the packed model of another.
    for stages in ((11, 12, 13, 14), (15, 16, 17)):
        for system in systems:
            source = system.transfer_from if suite else ""
            twins = [s for s in systems if s.name == source and s.name in sources]
            _plan_system(steps, settings, system, twins, suite, stages)
    order = {SHARED: 0} | {system.name: n for n, system in enumerate(systems, 1)}
    return sorted(steps.values(), key=lambda step: (order[step.owner], step.stage))


def _plan_shared(steps: dict[str, Step], settings: Settings) -> None:
    """Add data, lists, statistics, and a language model where one is asked for."""
    recipe = settings.recipe
    made_of: dict[int, Any] = {
        1: [
            settings.corpus,
            settings.local_data_opts,
            settings.recipe_args,
            _digest(recipe / "run.sh"),
            _digest(recipe / "local"),
        ],
        7: _digest(recipe / "conf" / "train_lm.yaml"),
        10: [_digest(recipe / "conf" / "train_asr_mtl.yaml"), settings.train_args],
    }
    options = _shared_options(settings) + _pairs(asr_args=settings.train_args)
    for stage in _shared_stages(settings):
        directory = settings.study_dir / ("lm" if stage == 7 else "")
        _add(steps, SHARED, stage, options, made_of.get(stage), directory)


def _plan_system(
    steps: dict[str, Step],
    settings: Settings,
    system: System,
    twins: Sequence[System],
    suite: bool,
    stages: Sequence[int],
) -> None:
    """Add some stages of one system; its transfer attacks come from its twins."""
    decoding_config = settings.path(system.inference_config)
    attack_config = settings.path(settings.attack_config)
    asr_args = f"{system.asr_args} --seed {settings.seed} {settings.train_args}".strip()
    decoding = [
        _digest(decoding_config),
        system.inference_asr_model,
        settings.inference_args,
    ]
    made_of: dict[int, Any] = {
        11: [system.name, asr_args],
        12: decoding,
        14: system.inference_asr_model,
        15: [
            _digest(attack_config),
            settings.attack_args,
            settings.num_attack_utts,
            decoding if suite else None,  # a suite asks the decoder
        ],
    }
    # Names without the settings: results of other settings are replaced, not left
    # beside the new ones for the report to find.
    options = _shared_options(settings) + _pairs(
        asr_exp=exp_dir(settings, system.name),
        packed_model=_zip(settings, system),
        inference_tag=decoding_config.stem,
        attack_tag="attack_" + attack_config.stem.removeprefix("attack_"),
        asr_args=asr_args,
        inference_config=decoding_config,
        inference_asr_model=system.inference_asr_model,
        inference_args=settings.inference_args,
        attack_config=attack_config,
        attack_source_zips=" ".join(str(_zip(settings, s)) for s in twins),
        attack_args=settings.attack_args,
        num_attack_utts=settings.num_attack_utts,
    )
    exp = exp_dir(settings, system.name)
    for stage in stages:
        others = [step_name(s.name, 14) for s in twins if stage == 15]
        _add(steps, system.name, stage, options, made_of.get(stage), exp, others)


def _add(
    steps: dict[str, Step],
    owner: str,
    stage: int,
    options: tuple[str, ...],
    made_of: Any,
    directory: Path,
    others: Sequence[str] = (),
) -> None:
    """Add a step; those that it builds on are there already."""
    own = [
        step_name(who, parent)
        for parent in _BUILDS_ON[stage]
        for who in dict.fromkeys((SHARED, owner))
    ]
    builds_on = (*(name for name in own if name in steps), *others)
    key = hash_value([stage, made_of, [steps[name].key for name in builds_on]])
    step = Step(owner, stage, options, key, directory, builds_on)
    steps[step.name] = step


def _shared_stages(settings: Settings) -> list[int]:
    """Tell which stages all systems share: with a language model, its stages too."""
    words = shlex.split(settings.recipe_args.replace("=", " "))
    asked = set(itertools.pairwise(words))
    language_models = [
        stage
        for option, stages in _LM_STAGES.items()
        for stage in stages
        if (f"--{option}", "true") in asked
    ]
    return sorted([*_SHARED_STAGES, *language_models])


def _shared_options(settings: Settings) -> tuple[str, ...]:
    study = settings.study_dir
    return _pairs(
        python=settings.python,
        datadir=study / "data",
        dumpdir=study / "dump",
        expdir=study,
        asr_stats_dir=study / "asr_mtl_stats",
        lm_exp=study / "lm" if 7 in _shared_stages(settings) else "",
        local_data_opts=settings.local_data_opts,
    ) + tuple(shlex.split(settings.recipe_args))


def _zip(settings: Settings, system: System) -> Path:
    """The packed model of a system."""
    return exp_dir(settings, system.name) / f"asr_mtl_{system.name}.zip"


def _pairs(**options: Any) -> tuple[str, ...]:
    """``--name value`` as command-line words, leaving out what has no value."""
    words = [(f"--{name}", str(value)) for name, value in options.items() if value]
    return tuple(itertools.chain.from_iterable(words))


def _digest(path: Path) -> str:
    """Digest of a file, or of all files of a directory with their names."""
    if path.is_file():
        return hash_file(path)
    files = sorted(
        file
        for file in path.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    )
    return hash_value(
        [(str(file.relative_to(path)), hash_file(file)) for file in files]
    )
