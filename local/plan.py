"""What a study consists of: steps, what each builds on, and what each is made of.

A *step* is one stage of the recipe for one owner: ``shared`` for data, lists and
statistics, which all systems use, or the name of a system. Its *key* is a digest of
everything that can change its result, the keys of the steps it builds on included: a
finished step is repeated when its key has changed, or its results are gone. The plan
says what there is to do; the workflow engine does it.
"""

import contextlib
import itertools
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml
from settings import Settings, System

from espnet_mtl.provenance import hash_file, hash_value
from espnet_mtl.results import files

SHARED = "shared"
TRAINING = (7, 11)  # of a language model, of a system
_LISTS = ("", ".csv", ".list", ".lst", ".scp", ".tsv", ".txt")
_MAX_LIST_BYTES = 2**20
_WRITING_RESULTS = (13, 15, 17)  # made anew where the report reads another format


class Stage(NamedTuple):
    """One stage of ``asr_mtl.sh``.

    Attributes:
        what: What it does.
        builds_on: The stages whose results it uses. A decoding, for instance, is not
            what an attack uses, though it depends on the same options.
        seconds: What it takes for one small system. Only the proportions count.
        asked_by: The option among ``--recipe_args`` without which it is left out.
    """

    what: str
    builds_on: tuple[int, ...]
    seconds: float
    asked_by: str = ""


STAGES = {
    1: Stage("data preparation", (), 8),
    2: Stage("speed perturbation", (1,), 1),
    3: Stage("audio formatting", (2,), 6),
    4: Stage("length filter", (3,), 2),
    5: Stage("token and accent lists", (4,), 3),
    6: Stage("language model's statistics", (5,), 8, "--use_lm"),
    7: Stage("language model's training", (6,), 90, "--use_lm"),
    8: Stage("perplexity", (7,), 6, "--use_lm"),
    9: Stage("n-grams", (5,), 3, "--use_ngram"),
    10: Stage("statistics", (5,), 12),
    11: Stage("training", (10,), 400),
    12: Stage("decoding", (7, 9, 11), 15),
    13: Stage("scoring", (12,), 2),
    14: Stage("packing", (7, 9, 11), 6),
    15: Stage("attack", (14,), 150),
    16: Stage("decoding the attack", (12, 15), 90),
    17: Stage("scoring the attack", (13, 16), 4),
}


@dataclass(frozen=True)
class Step:
    """One stage for one owner.

    Attributes:
        options: Options of the recipe's ``run.sh``, without stage numbers and what
            depends on the machine.
        directory: Where the stage writes its logs.
        builds_on: Names of the steps whose results it uses.
        results: What there has to be of it: the directory that the report reads, or the
            packed model.
    """

    owner: str
    stage: int
    options: tuple[str, ...]
    key: str
    directory: Path
    builds_on: tuple[str, ...]
    results: Path | None = None

    @property
    def name(self) -> str:
        """Name of the step in file names: ``ctc.stage11``."""
        return _step_name(self.owner, self.stage)

    @property
    def label(self) -> str:
        """Short name of the step to show: ``ctc: training``."""
        return f"{self.owner}: {STAGES[self.stage].what}"

    @property
    def title(self) -> str:
        """Name of the step to show: ``ctc: training (stage 11)``."""
        return f"{self.label} (stage {self.stage})"


class _Owner(NamedTuple):
    """What the steps of one owner have in common.

    Attributes:
        made_of: What results depend on beside earlier stages, by stage.
        others: Names of steps of other owners that one builds on, by stage.
        results: What there has to be of a stage's results, by stage.
    """

    name: str
    stages: Collection[int]
    options: tuple[str, ...]
    made_of: dict[int, list[Any]]
    directory: Path
    others: Mapping[int, Sequence[str]] = MappingProxyType({})
    results: Mapping[int, Path] = MappingProxyType({})


def make_plan(
    settings: Settings, systems: Sequence[System], sources: Collection[str]
) -> list[Step]:
    """Plan the shared steps, then those of each system, from training to scores.

    Args:
        sources: Names of the systems whose packed models transfer attacks may take.
    """
    owners = [_shared(settings)]
    owners += [_system(settings, system, sources) for system in systems]
    places = {
        _step_name(owner.name, stage): (owner, stage)
        for owner in owners
        for stage in owner.stages
    }
    graph = {
        name: [one for one in _builds_on(*place) if one in places]
        for name, place in places.items()
    }
    steps: dict[str, Step] = {}
    # Not owner by owner: a system may start from another one, or be attacked with it.
    for name in TopologicalSorter(graph).static_order():
        owner, stage = places[name]
        keys = [steps[other].key for other in graph[name]]
        steps[name] = Step(
            owner=owner.name,
            stage=stage,
            options=owner.options,
            key=hash_value([stage, owner.made_of.get(stage), keys]),
            directory=owner.directory / ("lm" if stage == 7 else ""),
            builds_on=tuple(graph[name]),
            results=owner.results.get(stage),
        )
    return [steps[name] for name in places]


def with_what_they_need(steps: Iterable[Step], plan: Iterable[Step]) -> list[Step]:
    """Add to some steps of a plan all those that they build on; in the plan's order."""
    by_name = {step.name: step for step in plan}
    found: set[str] = set()
    left = [step.name for step in steps]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += by_name[name].builds_on
    return [step for name, step in by_name.items() if name in found]


def with_what_needs_them(steps: Iterable[Step], plan: Iterable[Step]) -> list[Step]:
    """Add to some steps of a plan all those that build on them; in the plan's order."""
    plan = [*plan]
    found = {step.name for step in steps}
    while more := [s for s in plan if s.name not in found and found & {*s.builds_on}]:
        found |= {step.name for step in more}
    return [step for step in plan if step.name in found]


def _builds_on(owner: _Owner, stage: int) -> list[str]:
    names = [
        _step_name(who, parent)
        for parent in STAGES[stage].builds_on
        for who in dict.fromkeys((SHARED, owner.name))
    ]
    return [*names, *owner.others.get(stage, ())]


def _step_name(owner: str, stage: int) -> str:
    return f"{owner}.stage{stage:02d}"


def _shared(settings: Settings) -> _Owner:
    """Data, lists, statistics, and a language model where one is asked for."""
    recipe = settings.recipe
    made_of = {
        1: [
            settings.corpus,
            settings.local_data_opts,
            settings.recipe_args,
            _digest(recipe / "run.sh"),
            _digest(recipe / "local"),
            *_digest_named(_words(settings.local_data_opts), recipe),
            *_digest_lists(_words(settings.local_data_opts), recipe),
            *_digest_named(_words(settings.recipe_args), recipe),
            # Maps of labels that the recipe takes by itself
            *(_digest(path) for path in sorted((recipe / "conf").glob("*.tsv"))),
        ],
        7: [_digest(recipe / "conf" / "train_lm.yaml")],
        10: [*_digest_training(recipe), settings.train_args],
    }
    if settings.table:
        # With its place: that is what the paths in it are relative to.
        made_of[1] += [settings.table, hash_file(settings.table)]
    stages = _shared_stages(settings)
    options = _shared_options(settings) + _pairs(asr_args=settings.train_args)
    return _Owner(SHARED, stages, options, made_of, settings.study_dir)


def _system(settings: Settings, system: System, sources: Collection[str]) -> _Owner:
    """From training to scores."""
    has_sources = settings.attack_has_sources
    twins = {system.transfer_from}.intersection(sources if has_sources else ())
    decoding_config = settings.path(system.inference_config)
    attack_config = settings.path(settings.attack_config)
    asr_args = f"{system.options} --seed {settings.seed} {settings.train_args}".strip()
    start = system.pretrained_from
    weights = system.inference_asr_model
    decoding = [_digest(decoding_config), weights, settings.inference_args]
    named = [*_strings_in(decoding_config), *_words(settings.inference_args)]
    decoding += _digest_named(named, settings.recipe)
    attack = [
        _digest(attack_config),
        settings.attack_args,
        settings.num_attack_utts,
        files.ATTACK_VERSION,
        decoding,  # says which losses are attacked, and what listens
    ]
    named = [*_strings_in(attack_config), *_words(settings.attack_args)]
    attack += _digest_named(named, settings.recipe)
    named = _words(asr_args)
    training = [system.name, asr_args, *_digest_named(named, settings.recipe)]
    made_of = {11: training, 12: decoding, 14: [weights], 15: attack}
    for stage in _WRITING_RESULTS:
        made_of[stage] = [*made_of.get(stage, ()), files.VERSION]
    # Names without the settings: results of other settings are replaced, not left
    # beside the new ones for the report to find.
    exp = settings.exp_of(system.name)
    inference_tag = decoding_config.stem
    attack_tag = "attack_" + attack_config.stem.removeprefix("attack_")
    options = _shared_options(settings) + _pairs(
        asr_exp=exp,
        packed_model=settings.zip_of(system.name),
        inference_tag=inference_tag,
        attack_tag=attack_tag,
        asr_args=asr_args,
        pretrained_model=settings.zip_of(start) if start else "",
        inference_config=decoding_config,
        inference_asr_model=weights,
        inference_args=settings.inference_args,
        attack_config=attack_config,
        attack_source_zips=" ".join(str(settings.zip_of(name)) for name in twins),
        attack_args=settings.attack_args,
        num_attack_utts=settings.num_attack_utts,
    )
    stages = range(11, system.last_stage + 1)
    others = {
        11: [_step_name(start, 14)] if start else [],
        15: [_step_name(name, 14) for name in twins],
    }
    decoded = exp / inference_tag
    attacked = exp / f"{inference_tag}_{attack_tag}"
    results = {11: exp, 12: decoded, 13: decoded, 15: exp / attack_tag}
    results |= {14: settings.zip_of(system.name), 16: attacked, 17: attacked}
    return _Owner(system.name, stages, options, made_of, exp, others, results)


def _shared_stages(settings: Settings) -> list[int]:
    words = shlex.split(settings.recipe_args.replace("=", " "))
    asked = {"", *(name for name, v in itertools.pairwise(words) if v == "true")}
    return [n for n, stage in STAGES.items() if n <= 10 and stage.asked_by in asked]


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


def _pairs(**options: Any) -> tuple[str, ...]:
    """``--name value`` as command-line words, leaving out what has no value."""
    words = [(f"--{name}", str(value)) for name, value in options.items() if value]
    return tuple(itertools.chain.from_iterable(words))


def _words(options: str) -> list[str]:
    """Words of a command line, with ``--name=value`` as two."""
    return shlex.split(options.replace("=", " "))


def _strings_in(config: Path) -> list[str]:
    """All values of a YAML file that are text; its faults are told by who uses it."""
    try:
        found = [yaml.safe_load(config.read_bytes())]
    except yaml.YAMLError:
        return []
    for one in found:  # grows
        if isinstance(one, dict | list):
            found += one.values() if isinstance(one, dict) else one
    return [one for one in found if isinstance(one, str)]


def _digest_named(words: Iterable[str], recipe: Path) -> list[str]:
    """Digests of the files among words, as the recipe finds them.

    ``file:from:to`` is how ESPnet's ``--init_param`` names one.
    """
    names = dict.fromkeys(x for word in words for x in (word, word.partition(":")[0]))
    return [_digest(recipe / name) for name in names if (recipe / name).is_file()]


def _digest_lists(words: Iterable[str], recipe: Path) -> list[str]:
    """Digests of the small tables and lists in the folders among words."""
    files = [
        path
        for word in words
        for path in sorted((recipe / word).glob("*"))
        if path.suffix in _LISTS and path.is_file()
    ]
    return [_digest(path) for path in files if path.stat().st_size <= _MAX_LIST_BYTES]


def _digest_training(recipe: Path) -> list[str]:
    """Digests of the configurations of training that a recipe's ``run.sh`` names."""
    text = (recipe / "run.sh").read_text(encoding="utf-8")
    named = sorted({*re.findall(r"conf/train\S*\.yaml", text)})
    return [_digest(recipe / name) for name in named]


def _digest(path: Path) -> str:
    """Digest of a file, or of all files of a directory with their names.

    Of YAML, what it says counts, so that a new comment repeats no training.
    """
    if path.suffix == ".yaml" and path.is_file():
        with contextlib.suppress(yaml.YAMLError):
            return hash_value(repr(yaml.safe_load(path.read_bytes())))
    if path.is_file():
        return hash_file(path)
    inside = [f for f in sorted(path.rglob("*")) if f.is_file()]
    kept = [f for f in inside if "__pycache__" not in f.parts]
    return hash_value([(str(f.relative_to(path)), _digest(f)) for f in kept])
