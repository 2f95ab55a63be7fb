"""What a study is made of, and what makes parts of it run again."""

import re
import shutil
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from plan import (
    STAGES,
    Step,
    make_plan,
    with_what_needs_them,
    with_what_they_need,
)
from settings import Settings, read_settings

from espnet_mtl.errors import UserError
from espnet_mtl.results import files

ROOT = Path(__file__).resolve().parents[2]
ROBUST = "conf/systems_robust.yaml"
NAMES = ["ctc", "att", "hybrid", "ctc_accent", "att_accent", "hybrid_accent"]
OPTIONS = {
    **{"root": str(ROOT), "command": "./run.sh", "corpus": "mini_accent"},
    "table": "",
    **{"preset": "default", "stage": "1", "stop_stage": "10000", "systems": ""},
    **{"nj": "2", "ngpu": "0", "seed": "0", "python": "python3", "expdir": "exp"},
    **{"redo": "false", "update_readme": "false", "train_args": ""},
    **{"attack_config": "conf/attack_pgd.yaml", "attack_args": ""},
    **{"inference_args": "", "num_attack_utts": "", "local_data_opts": ""},
    **{"recipe_args": "", "systems_config": "conf/systems.yaml"},
}
SYSTEM = (
    "{name}:\n  asr_args: --accent_weight 0.0\n"
    "  inference_config: conf/decode.yaml\n  inference_asr_model: valid.pth\n"
)


def read(**options: str) -> Settings:
    return read_settings({**OPTIONS, **options})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    recipe = tmp_path / "egs2" / "tiny" / "asr_mtl1"
    (recipe / "local").mkdir(parents=True)
    (recipe / "conf").mkdir()
    (recipe / "run.sh").write_text(
        "#!/bin/sh\n./asr_mtl.sh --asr_config conf/train_asr_mtl.yaml\n"
    )
    (recipe / "local" / "data.sh").write_text("#!/bin/sh\n")
    (recipe / "conf" / "train_asr_mtl.yaml").write_text("max_epoch: 3\n")
    (recipe / "conf" / "train_other.yaml").write_text("max_epoch: 4\n")
    (recipe / "conf" / "accents.tsv").write_text("us\tamerican\n")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "decode.yaml").write_text("beam_size: 3\n")
    (tmp_path / "conf" / "attack_pgd.yaml").write_text("steps: 10\n")
    (tmp_path / "conf" / "attack_suite.yaml").write_text("attacks: [{attack: pgd}]\n")
    (tmp_path / "conf" / "presets.yaml").write_text("default: {}\n")
    (tmp_path / "conf" / "systems.yaml").write_text(SYSTEM.format(name="ctc"))
    return read(root=str(tmp_path), corpus="tiny")


def change(settings: Settings, **changes: Any) -> Settings:
    return msgspec.structs.replace(settings, **changes)


def plan(settings: Settings, *sources: str, owner: str = "ctc") -> dict[int, Step]:
    systems = settings.read_systems()
    steps = make_plan(settings, [*systems.values()], sources)
    return {step.stage: step for step in steps if step.owner in ("shared", owner)}


def changed(before: dict[int, Step], after: dict[int, Step]) -> set[int]:
    assert before.keys() == after.keys()
    return {stage for stage in before if before[stage].key != after[stage].key}


def test_the_six_systems_and_their_order() -> None:
    assert [*read().read_systems()] == NAMES
    steps = make_plan(read(), [*read().read_systems().values()], NAMES)
    assert [*dict.fromkeys(step.owner for step in steps)] == ["shared", *NAMES]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("odd:\n  asr_args: x\n", "system odd: .* missing required field"),
        (SYSTEM.format(name="odd") + "  x: 1\n", "system odd: .* unknown field `x`"),
        ("ctc: [\n", r"systems\.yaml: while parsing"),
        (SYSTEM.format(name="a") + "  transfer_from: b\n", "b: choose another one"),
        (SYSTEM.format(name="a") + "  transfer_from: a\n", "a: choose another one"),
        (SYSTEM.format(name="a").replace("decode", "no"), "no.yaml does not exist"),
        ("odd: 3\n", "system odd: Expected `object`"),
        (SYSTEM.format(name="a") + "  pretrained_from: b\n", "pretrained_from: b: cho"),
        (SYSTEM.format(name="a") + "  compare_with: [b]\n", "compare_with: b: choose"),
        (SYSTEM.format(name="a") + "  last_stage: 13\n", "system a: .*>= 14"),
        (
            "".join(
                SYSTEM.format(name=one) + f"  pretrained_from: {other}\n"
                for one, other in ("ab", "bc", "cb")
            ),
            "pretrained_from: (b from c from b|c from b from c): one of them has to",
        ),
    ],
)
def test_a_fault_in_the_systems_is_named(
    settings: Settings, text: str, message: str
) -> None:
    settings.path("conf/systems.yaml").write_text(text)
    with pytest.raises(UserError, match=message):
        settings.read_systems()


def test_the_systems_of_robust_training_are_trained_for_the_same_time() -> None:
    systems = read(systems_config=ROBUST).read_systems()
    updates = defaultdict(set)
    for name, system in systems.items():
        kind, _, way = name.partition("_")
        assert system.pretrained_from == ("" if kind == "ctc" else f"ctc_{way}")
        words = system.options.split()
        epochs, size = (
            int(words[words.index(name) + 1])
            for name in ("--max_epoch", "--num_iters_per_epoch")
        )
        updates[kind].add(epochs * size)
        [steps] = re.findall(r"total_steps=(\d+)", system.options)
        # Beyond its end, ESPnet's learning rate would go on falling.
        assert kind != "ctc" or 0.9 < epochs * size / int(steps) < 1.1
        assert ("pgd" in words) == way.startswith("adversarial")
        assert ("noise" in words) == (way == "noise")
        assert ("--shuffle_accents" in words) == way.endswith("shuffled")
        # What is compared differs in what its name says.
        assert (system.inference_asr_model.split(".")[1]).endswith("_adv") == (
            way != "plain"
        )
    assert len(systems) == 3 * 5
    assert all(len(found) == 1 for found in updates.values())
    assert updates["att"] == updates["hybrid"]


@pytest.mark.parametrize("file", ["systems", "systems_robust", "systems_quick"])
def test_what_is_decoded_is_an_average_that_training_makes(file: str) -> None:
    config = ROOT / "egs2/TEMPLATE/asr_mtl1/conf/train_asr_mtl.yaml"
    usual = yaml.safe_load(config.read_text())["best_model_criterion"]
    for system in read(systems_config=f"conf/{file}.yaml").read_systems().values():
        words = system.options.split()
        own = [
            words[place + 1].split(",")
            for place, word in enumerate(words)
            if word == "--best_model_criterion"
        ]
        criteria = {f"{phase}.{name}": name for phase, name, _ in own or usual}
        name = criteria[system.inference_asr_model.removesuffix(".ave.pth")]
        # A model of CTC alone has no accuracy of tokens, and one of attention no CTC.
        weight = words[words.index("--model_conf") + 1]
        if weight == "ctc_weight=1.0":
            assert name.startswith("cer_ctc")
        else:
            assert name.startswith("acc")
        # Attacked batches are there to be judged only where training attacks them.
        assert ("--robust" in words) == name.endswith("_adv")


def test_other_systems_have_a_directory_and_a_name_of_their_own() -> None:
    robust = read(systems_config=ROBUST, preset="smoke")
    assert robust.study_dir == ROOT / "exp" / "study_mini_accent_robust_smoke"
    assert robust.name == "mini_accent_robust_smoke"
    assert (read(systems_config=ROBUST).name) == "mini_accent_robust"
    assert read().name == "mini_accent"


def test_what_systems_have_in_common_is_no_system(settings: Settings) -> None:
    settings.path("conf/systems.yaml").write_text(
        ".common: [&on --max_epoch 3, {any: thing}]\n"
        + SYSTEM.format(name="a").replace("--accent_weight 0.0", "[*on, --b 1]")
    )
    assert {n: one.options for n, one in settings.read_systems().items()} == {
        "a": "--max_epoch 3 --b 1"
    }


def test_a_system_builds_on_the_one_that_it_starts_from(settings: Settings) -> None:
    systems = settings.path("conf/systems.yaml")
    start = SYSTEM.format(name="start") + "  last_stage: 14\n"
    # In any order
    on = SYSTEM.format(name="ctc") + "  pretrained_from: start\n"
    systems.write_text(on + start)
    steps = make_plan(settings, [*settings.read_systems().values()], [])
    assert [s.stage for s in steps if s.owner == "start"] == [11, 12, 13, 14]
    training = next(step for step in steps if step.name == "ctc.stage11")
    assert training.builds_on == ("shared.stage10", "start.stage14")
    model = training.options[training.options.index("--pretrained_model") + 1]
    assert model == str(settings.study_dir / "asr_mtl_start" / "asr_mtl_start.zip")
    needed = with_what_they_need([training], steps)
    assert [step.name for step in needed][-3:] == [
        "ctc.stage11",
        "start.stage11",
        "start.stage14",
    ]
    assert {step.owner for step in with_what_needs_them([training], steps)} == {"ctc"}
    began = next(step for step in steps if step.name == "start.stage11")
    assert with_what_needs_them([began], steps)[0] == training
    before = plan(settings)
    systems.write_text(systems.read_text().replace("start:\n", "start:\n  #\n"))
    assert changed(before, plan(settings)) == set()
    systems.write_text(on + start.replace("0.0", "0.5"))
    assert changed(before, plan(settings)) == set(range(11, 18))


def test_presets_come_before_what_is_given() -> None:
    smoke = read(preset="smoke", attack_args="steps=5", num_attack_utts="9")
    assert "--max_epoch" in smoke.train_args
    assert smoke.attack_args.endswith(" steps=5")
    assert smoke.num_attack_utts == 9
    assert "--num_train" in smoke.local_data_opts
    assert smoke.study_dir == ROOT / "exp" / "study_mini_accent_smoke"


def test_the_systems_of_a_preset_are_replaced_by_those_given() -> None:
    quick = read(preset="quick", systems_config="")
    assert [*quick.read_systems()] == ["plain", "adversarial"]
    assert quick.study_dir == ROOT / "exp" / "study_mini_accent_quick"
    mine = read(preset="quick", systems_config=ROBUST)
    assert mine.systems_config == ROBUST
    assert mine.name == "mini_accent_robust_quick"
    assert read(systems_config="").systems_config == "conf/systems.yaml"


def test_local_data_opts_of_a_preset_belong_to_a_corpus(settings: Settings) -> None:
    presets = settings.path("conf/presets.yaml")
    presets.write_text("few:\n  local_data_opts:\n    tiny: --n 1\n    other: --n 2\n")
    few = read(root=settings.root, corpus="tiny", preset="few")
    assert few.local_data_opts == "--n 1"


def test_what_systems_need_of_a_corpus_comes_before_all_else(
    settings: Settings,
) -> None:
    systems = settings.path("conf/systems.yaml")
    systems.write_text(
        systems.read_text()
        + ".corpora:\n  tiny: {local_data_opts: --n 9, train_args: --x 1}\n"
    )
    presets = settings.path("conf/presets.yaml")
    presets.write_text("default: {}\nfew:\n  local_data_opts: {tiny: --n 1}\n")
    few = read(
        root=settings.root, corpus="tiny", preset="few", train_args="--x 3", systems=""
    )
    assert few.local_data_opts == "--n 9 --n 1"
    assert few.train_args == "--x 1 --x 3"
    assert [*few.read_systems()] == ["ctc"]
    systems.write_text(systems.read_text().replace("--n 9", "[9]"))
    with pytest.raises(UserError, match=r"systems.yaml: .corpora: Expected `str`"):
        read(root=settings.root, corpus="tiny")


def test_a_preset_for_some_corpora_is_for_no_other(settings: Settings) -> None:
    presets = settings.path("conf/presets.yaml")
    presets.write_text("few:\n  corpora: [saa, other]\n")
    with pytest.raises(UserError, match="--preset few is for --corpus saa or other"):
        read(root=settings.root, corpus="tiny", preset="few")
    presets.write_text("few:\n  corpora: [saa, tiny]\n")
    assert read(root=settings.root, corpus="tiny", preset="few").preset == "few"


@pytest.mark.parametrize("option", ["train_args", "local_data_opts", "attack_args"])
def test_options_in_one_text_need_all_quotes(settings: Settings, option: str) -> None:
    with pytest.raises(UserError, match=f"--{option} --x 'y: No closing quotation"):
        read(root=settings.root, corpus="tiny", **{option: "--x 'y"})


@pytest.mark.parametrize("path", sorted((ROOT / "egs2").glob("*/asr_mtl1/run.sh")))
def test_the_configuration_that_a_recipe_trains_with_is_known(
    tmp_path: Path, path: Path
) -> None:
    [named] = re.findall(r"--asr_config (\S+)", path.read_text())
    recipe = tmp_path / "egs2" / "mine" / "asr_mtl1"
    (recipe / "conf").mkdir(parents=True)
    (recipe / "local").mkdir()
    shutil.copy(path, recipe)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (recipe / named).write_text("max_epoch: 3\n")
    mine = read(root=str(tmp_path), corpus="mine")
    before = plan(mine)
    (recipe / named).write_text("max_epoch: 4\n")
    assert changed(before, plan(mine)) == set(range(10, 18))


def from_stage(first: int, steps: Collection[int]) -> set[int]:
    """What a stage's settings repeat: of a decoding, not the packing."""
    return {stage for stage in steps if stage >= first} - (
        {14} if first == 12 else set()
    )


def test_a_changed_file_that_an_option_names_is_another_setting(
    settings: Settings,
) -> None:
    (settings.recipe / "map.tsv").write_text("a\tb\n")
    for option, first in (
        *(("local_data_opts", 1), ("train_args", 11), ("inference_args", 12)),
        ("attack_args", 15),
    ):
        mine = change(settings, **{option: "--file=map.tsv --other 1"})
        before = plan(mine)
        (settings.recipe / "map.tsv").write_text(f"a\t{option}\n")
        after = changed(before, plan(mine))
        assert after == from_stage(first, before)


def test_files_of_other_files_and_of_folders_are_settings_as_well(
    settings: Settings,
) -> None:
    for name in ("start.pth", "lm.pth", "other.zip"):
        (settings.recipe / name).write_text("first")
    settings.path("conf/decode.yaml").write_text("lm_file: lm.pth\nbeam_size: 3\n")
    suite = settings.path("conf/attack_suite.yaml")
    suite.write_text("attacks: [{attack: transfer, sources: [other.zip]}]\n")
    lists = settings.recipe / "lists"
    lists.mkdir()
    (lists / "us.txt").write_text("ann\n")
    mine = change(
        settings,
        attack_config="conf/attack_suite.yaml",
        train_args="--init_param start.pth:encoder:encoder",
        local_data_opts="--test_speakers lists",
    )
    for path, first in (
        (settings.recipe / "start.pth", 11),
        (settings.recipe / "lm.pth", 12),
        (settings.recipe / "other.zip", 15),
        (lists / "us.txt", 1),
    ):
        before = plan(mine)
        path.write_text("second")
        after = changed(before, plan(mine))
        assert after == from_stage(first, before)


def test_a_table_attacks_a_part_of_the_test_set_unless_told_otherwise() -> None:
    assert read(table="/mine.csv").num_attack_utts == 100
    assert read(table="/mine.csv", num_attack_utts="7").num_attack_utts == 7
    assert read(table="/mine.csv", preset="smoke").num_attack_utts == 4
    assert read().num_attack_utts == 64
    assert read(table="/mine.csv").study_dir == read().study_dir


def test_a_changed_table_and_one_elsewhere_make_everything_anew(
    settings: Settings, tmp_path: Path
) -> None:
    table = tmp_path / "mine.csv"
    table.write_text("path,text\n")
    mine = change(settings, table=str(table))
    before = plan(mine)
    assert changed(before, plan(mine)) == set()
    table.write_text("path,text\na.wav,hello\n")
    after = plan(mine)
    assert changed(before, after) == set(before)
    (tmp_path / "other").mkdir()
    moved = table.rename(tmp_path / "other" / "mine.csv")
    assert changed(after, plan(change(mine, table=str(moved)))) == set(before)


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"python": "/other/python"}, set()),
        ({"nj": 7, "ngpu": 1}, set()),
        ({"attack_args": "steps=5"}, {15, 16, 17}),
        ({"num_attack_utts": 4}, {15, 16, 17}),
        ({"inference_args": "--beam_size 9"}, {12, 13, 15, 16, 17}),
        ({"seed": 1}, set(range(11, 18))),
        ({"train_args": "--max_epoch 9"}, set(range(10, 18))),
        ({"local_data_opts": "--n 3"}, {1, 2, 3, 4, 5, *range(10, 18)}),
    ],
)
def test_an_option_repeats_what_depends_on_it(
    settings: Settings, changes: dict[str, Any], stages: set[int]
) -> None:
    assert changed(plan(settings), plan(change(settings, **changes))) == stages


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("conf/decode.yaml", {12, 13, 15, 16, 17}),
        ("conf/attack_pgd.yaml", {15, 16, 17}),
        ("egs2/tiny/asr_mtl1/conf/train_asr_mtl.yaml", set(range(10, 18))),
        ("egs2/tiny/asr_mtl1/local/data.sh", {1, 2, 3, 4, 5, *range(10, 18)}),
        ("egs2/tiny/asr_mtl1/conf/accents.tsv", {1, 2, 3, 4, 5, *range(10, 18)}),
        ("egs2/tiny/asr_mtl1/conf/train_other.yaml", set()),
    ],
)
def test_a_changed_file_repeats_what_depends_on_it(
    settings: Settings, file: str, stages: set[int]
) -> None:
    before = plan(settings)
    path = settings.path(file)
    path.write_text(path.read_text() + "changed: 1\n")
    assert changed(before, plan(settings)) == stages


def test_another_format_of_results_repeats_what_writes_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plan(settings)
    monkeypatch.setattr(files, "VERSION", files.VERSION + 1)
    assert changed(before, plan(settings)) == {13, 15, 16, 17}


def test_another_version_of_the_attacks_repeats_them(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plan(settings)
    monkeypatch.setattr(files, "ATTACK_VERSION", files.ATTACK_VERSION + 1)
    assert changed(before, plan(settings)) == {15, 16, 17}


def test_options_keep_spaces_and_leave_out_the_empty(settings: Settings) -> None:
    step = plan(change(settings, train_args="--a b --c d", seed=3))[11]
    options = dict(zip(step.options[::2], step.options[1::2], strict=True))
    assert options["--asr_args"] == "--accent_weight 0.0 --seed 3 --a b --c d"
    assert "--attack_args" not in options
    assert Path(options["--asr_exp"]).is_absolute()
    assert options["--packed_model"].endswith("/asr_mtl_ctc/asr_mtl_ctc.zip")


def test_an_attack_is_named_after_its_configuration(settings: Settings) -> None:
    names = {"attack_pgd.yaml": "attack_pgd", "attacks/cw.yaml": "attack_cw"}
    for file, tag in names.items():
        path = settings.path("conf", file)
        path.parent.mkdir(exist_ok=True)
        path.write_text("steps: 10\n")
        step = plan(change(settings, attack_config=f"conf/{file}"))[15]
        assert step.options[step.options.index("--attack_tag") + 1] == tag


def test_a_transfer_attack_has_the_source_of_the_system(settings: Settings) -> None:
    systems = settings.path("conf/systems.yaml")
    twin = SYSTEM.format(name="twin").replace("0.0", "0.5")
    systems.write_text(systems.read_text() + "  transfer_from: twin\n" + twin)
    settings.path("conf/attack_transfer.yaml").write_text("attack: transfer\n")
    transfer = change(settings, attack_config="conf/attack_transfer.yaml")
    step = plan(transfer, "ctc", "twin")[15]
    zips = step.options[step.options.index("--attack_source_zips") + 1]
    assert zips.endswith("/asr_mtl_twin.zip")


def test_a_suite_depends_on_its_source_and_on_the_decoder(settings: Settings) -> None:
    systems = settings.path("conf/systems.yaml")
    twin = SYSTEM.format(name="twin").replace("0.0", "0.5")
    systems.write_text(systems.read_text() + "  transfer_from: twin\n" + twin)
    pgd = plan(settings, "ctc", "twin")[15]
    assert pgd.builds_on == ("ctc.stage14",)
    suite = change(settings, attack_config="conf/attack_suite.yaml")
    alone, helped = plan(suite, "ctc"), plan(suite, "ctc", "twin")
    assert helped[15].builds_on == ("ctc.stage14", "twin.stage14")
    zips = helped[15].options[helped[15].options.index("--attack_source_zips") + 1]
    assert zips == str(settings.study_dir / "asr_mtl_twin" / "asr_mtl_twin.zip")
    assert "--attack_source_zips" not in alone[15].options
    assert changed(alone, helped) == {15, 16, 17}
    systems.write_text(systems.read_text().replace("0.5", "0.6"))
    assert changed(helped, plan(suite, "ctc", "twin")) == {15, 16, 17}
    other = change(suite, inference_args="--beam_size 9")
    assert changed(alone, plan(other, "ctc")) == {12, 13, 15, 16, 17}


@pytest.mark.parametrize(
    ("recipe_args", "place"),
    [
        ('--fs 8k --asr_args "--max_epoch 1"', "--train_args"),
        ("--attack-config=x.yaml", "--attack_config"),
        ("--inference_config x.yaml", "--systems_config"),
        ("--fs '8k", "No closing quotation"),
        ("--inference_tag x", "--inference_tag: leave it out"),
        ("--fs 8k --stop-stage=3", "--stop_stage says that"),
        ("--skip_packing true", "the study itself says that"),
    ],
)
def test_what_the_study_says_itself_is_no_option_of_the_recipe(
    recipe_args: str, place: str
) -> None:
    with pytest.raises(UserError, match=place):
        read(recipe_args=recipe_args)
    read(recipe_args='--token_type bpe --asr_config "conf/x.yaml"')


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
    settings = change(settings, recipe_args=recipe_args)
    before = plan(settings)
    shared = {stage for stage, step in before.items() if step.owner == "shared"}
    assert shared == {1, 2, 3, 4, 5, 10, *extra}
    for step in before.values():
        has_lm = f"--lm_exp {settings.study_dir}/lm" in " ".join(step.options)
        assert has_lm == (7 in extra)
    (settings.recipe / "conf" / "train_lm.yaml").write_text("max_epoch: 3")
    wanted = {7, 8, 12, 13, 14, 15, 16, 17} if extra else set()
    assert changed(before, plan(settings)) == wanted


def test_stages_build_on_earlier_ones() -> None:
    assert all(max(s.builds_on, default=0) < n for n, s in STAGES.items())
