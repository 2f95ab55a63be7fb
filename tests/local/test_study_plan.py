"""What a study runs, and what makes it run again."""

import dataclasses
from pathlib import Path

import pytest
import study_plan
from study_plan import Settings, load_preset, load_systems, plan_shared, plan_system

from espnet_mtl.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["ctc", "att", "hybrid", "ctc_accent", "att_accent", "hybrid_accent"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    recipe = tmp_path / "egs2" / "tiny" / "asr_mtl1"
    (recipe / "local").mkdir(parents=True)
    (recipe / "conf").mkdir()
    (recipe / "run.sh").write_text("#!/bin/sh\n")
    (recipe / "local" / "data.sh").write_text("#!/bin/sh\n")
    (recipe / "conf" / "train_asr_mtl.yaml").write_text("max_epoch: 3\n")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "decode.yaml").write_text("beam_size: 3\n")
    (tmp_path / "conf" / "attack_pgd.yaml").write_text("steps: 10\n")
    (tmp_path / "conf" / "systems.yaml").write_text(
        "ctc:\n  asr_args: --accent_weight 0.0\n"
        "  inference_config: conf/decode.yaml\n  inference_asr_model: valid.pth\n"
    )
    return Settings(
        root=tmp_path,
        study_dir=tmp_path / "exp",
        corpus="tiny",
        attack_config=tmp_path / "conf" / "attack_pgd.yaml",
    )


def plan(settings: Settings) -> list[study_plan.Step]:
    shared = plan_shared(settings)
    (system,) = load_systems(settings.root / "conf" / "systems.yaml")
    return shared + plan_system(settings, system, shared[-1].key)


def keys(settings: Settings) -> dict[int, str]:
    return {step.stage: step.key for step in plan(settings)}


def changed(before: dict[int, str], after: dict[int, str]) -> set[int]:
    assert before.keys() == after.keys()
    return {stage for stage in before if before[stage] != after[stage]}


def test_the_six_systems_and_their_order() -> None:
    assert [s.name for s in load_systems(ROOT / "conf" / "systems.yaml")] == NAMES


def test_systems_come_in_the_order_of_the_file() -> None:
    systems = load_systems(ROOT / "conf" / "systems.yaml", ["hybrid", "ctc"])
    assert [system.name for system in systems] == ["ctc", "hybrid"]


def test_unknown_system_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="no system nope.*ctc, att, hybrid"):
        load_systems(ROOT / "conf" / "systems.yaml", ["ctc", "nope"])


def test_incomplete_system_is_named(settings: Settings) -> None:
    path = settings.root / "conf" / "systems.yaml"
    path.write_text("odd:\n  asr_args: x\n")
    with pytest.raises(UserError, match="system odd must have exactly"):
        load_systems(path)


def test_broken_yaml_is_named(settings: Settings) -> None:
    path = settings.root / "conf" / "systems.yaml"
    path.write_text("ctc: [\n")
    with pytest.raises(UserError, match=r"systems\.yaml is not valid YAML"):
        load_systems(path)


def test_presets() -> None:
    path = ROOT / "conf" / "presets.yaml"
    assert load_preset(path, "default", "mini_accent") == {}
    assert "--max_epoch" in load_preset(path, "smoke", "mini_accent")["train_args"]
    with pytest.raises(UserError, match="no such preset"):
        load_preset(path, "huge", "mini_accent")


def test_local_data_opts_of_a_preset_belong_to_a_corpus(tmp_path: Path) -> None:
    path = tmp_path / "presets.yaml"
    path.write_text("few:\n  local_data_opts:\n    one: --n 1\n")
    assert load_preset(path, "few", "one") == {"local_data_opts": "--n 1"}
    assert load_preset(path, "few", "two") == {}


@pytest.mark.parametrize(
    ("change", "stages"),
    [
        ({"python": "/other/python"}, set()),
        ({"attack_args": "steps=5"}, {15, 16, 17}),
        ({"num_attack_utts": "4"}, {15, 16, 17}),
        ({"inference_args": "--beam_size 9"}, {12, 13, 16, 17}),
        ({"seed": 1}, set(range(11, 18))),
        ({"train_args": "--max_epoch 9"}, set(range(10, 18))),
        ({"local_data_opts": "--n 3"}, {1, 2, 3, 4, 5, *range(10, 18)}),
    ],
)
def test_an_option_repeats_what_depends_on_it(
    settings: Settings, change: dict, stages: set[int]
) -> None:
    other = dataclasses.replace(settings, **change)
    assert changed(keys(settings), keys(other)) == stages


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("conf/decode.yaml", {12, 13, 16, 17}),
        ("conf/attack_pgd.yaml", {15, 16, 17}),
        ("egs2/tiny/asr_mtl1/conf/train_asr_mtl.yaml", set(range(10, 18))),
        ("egs2/tiny/asr_mtl1/local/data.sh", {1, 2, 3, 4, 5, *range(10, 18)}),
    ],
)
def test_a_changed_file_repeats_what_depends_on_it(
    settings: Settings, file: str, stages: set[int]
) -> None:
    before = keys(settings)
    path = settings.root / file
    path.write_text(path.read_text() + "# changed\n")
    assert changed(before, keys(settings)) == stages


def test_options_keep_spaces_and_leave_out_the_empty(settings: Settings) -> None:
    settings = dataclasses.replace(settings, train_args="--a b --c d", seed=3)
    (system,) = load_systems(settings.root / "conf" / "systems.yaml")
    options = plan_system(settings, system, "key")[0].options
    arguments = dict(zip(options[::2], options[1::2], strict=True))
    assert arguments["--asr_args"] == "--accent_weight 0.0 --seed 3 --a b --c d"
    assert "--attack_args" not in arguments
    assert Path(arguments["--asr_exp"]).is_absolute()


def test_an_attack_is_named_as_by_the_recipe(settings: Settings) -> None:
    names = {"attack_pgd.yaml": "attack_pgd", "attacks/cw.yaml": "attack_cw"}
    for file, tag in names.items():
        config = settings.root / "conf" / file
        assert dataclasses.replace(settings, attack_config=config).attack_tag == tag


def test_a_suite_depends_on_its_source_and_on_the_decoder(settings: Settings) -> None:
    suite = settings.root / "conf" / "attack_suite.yaml"
    suite.write_text("attacks: [{attack: transfer}]\n")
    settings = dataclasses.replace(settings, attack_config=suite)
    (system,) = load_systems(settings.root / "conf" / "systems.yaml")
    twin = dataclasses.replace(system, name="twin", asr_args="--accent_weight 0.5")

    def plan(settings: Settings, source: study_plan.System | None):
        steps = plan_system(settings, system, "key", source)
        return {step.stage: step for step in steps}

    alone, helped = plan(settings, None), plan(settings, twin)
    options = helped[15].options
    zips = options[options.index("--attack_source_zips") + 1]
    assert zips == str(settings.study_dir / "asr_mtl_twin" / "asr_mtl_twin_valid.zip")
    assert "--attack_source_zips" not in alone[15].options
    before, after = (
        {stage: step.key for stage, step in one.items()} for one in (alone, helped)
    )
    assert changed(before, after) == {15, 16, 17}
    other = dataclasses.replace(settings, inference_args="--beam_size 9")
    assert plan(other, None)[15].key != alone[15].key


@pytest.mark.parametrize("source", ["nobody", "ctc"])
def test_a_source_is_another_system(settings: Settings, source: str) -> None:
    path = settings.root / "conf" / "systems.yaml"
    path.write_text(path.read_text() + f"  transfer_from: {source}\n")
    with pytest.raises(UserError, match=f"transfer_from: {source}: choose another"):
        load_systems(path)


def test_every_planned_stage_has_a_name() -> None:
    planned = {*study_plan.SHARED_STAGES, *study_plan.SYSTEM_STAGES}
    planned |= {n for stages in study_plan.LM_STAGES.values() for n in stages}
    assert planned | {study_plan.REPORT_STAGE} == set(study_plan.STAGE_NAMES)


@pytest.mark.parametrize(
    ("recipe_args", "extra"),
    [
        ("--use_lm true", {6, 7, 8}),
        ("--nj 3 --use_lm=true --use_ngram true", {6, 7, 8, 9}),
        ("--use_lm false", set()),
    ],
)
def test_a_language_model_is_made_once_for_all_systems(
    settings: Settings, recipe_args: str, extra: set[int]
) -> None:
    settings = dataclasses.replace(settings, recipe_args=recipe_args)
    steps = study_plan.plan_shared(settings)
    assert {s.stage for s in steps} == {*study_plan.SHARED_STAGES, *extra}
    assert steps[-1].stage == 10  # what training builds on
    has_lm = 7 in extra
    for step in plan(settings):
        assert (f"--lm_exp {settings.study_dir}/lm" in " ".join(step.options)) == has_lm

    before = keys(settings)
    (settings.recipe / "conf" / "train_lm.yaml").write_text("max_epoch: 3")
    wanted = {7, 8, 12, 13, 14, 15, 16, 17} if extra else set()
    assert changed(before, keys(settings)) == wanted
