"""Stages 10 to 15: a model does not go on with, and is not scored on, other data."""

import shutil
from pathlib import Path

import pytest

from espnet_mtl.bin.trained_on import main
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.errors import UserError
from espnet_mtl.provenance import STAMP_NAME


@pytest.fixture
def place(data_dir: Path) -> Path:
    folder = data_dir.parent
    shutil.copytree(data_dir, folder / "valid")
    (folder / "tokens.txt").write_text("<blank>\na\n<sos/eos>\n")
    (folder / "accents.txt").write_text("north\nsouth\n")
    (folder / "exp").mkdir()
    run(folder, "statistics", data_dir)
    return folder


def run(place: Path, action: str, train: Path, *more: str) -> None:
    options = ["--token_list", "tokens.txt", "--accent_list", "accents.txt"]
    options += ["--stats_dir", "stats", "--exp", "exp", "--valid_dir", "valid"]
    names = [o if o.startswith("--") else str(place / o) for o in options]
    main([action, *names, "--train_dir", str(train), *more])


def learn(place: Path, accent_weight: float = 0.5) -> None:
    (place / "exp" / "checkpoint.pth").touch()
    config = f"optim: adam\naccent_weight: {accent_weight}\n"
    (place / "exp" / "config.yaml").write_text(config)


def test_the_same_data_go_on(place, data_dir):
    run(place, "training", data_dir)
    learn(place)
    noted = (place / "exp" / STAMP_NAME).read_bytes()
    for action in ("training", "use"):
        run(place, action, data_dir)
    assert (place / "exp" / STAMP_NAME).read_bytes() == noted


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("tokens.txt", "<blank>\nb\n<sos/eos>\n", "tokens"),
        ("tokens.txt", "<blank>\n<sos/eos>\n", "tokens: 3 -> 2 lines"),
        ("valid/utt2spk", "ann-1 eve\n", "utt2spk of validation: 4 -> 1 lines"),
        ("valid/text", "ann-1 other\n" * 4, "text of validation"),
    ],
)
def test_other_data_are_named(place, data_dir, file, content, said):
    run(place, "training", data_dir)
    learn(place)
    (place / file).write_text(content)
    with pytest.raises(UserError, match="stats has the statistics of other data"):
        run(place, "training", data_dir)
    run(place, "statistics", data_dir)
    with pytest.raises(UserError, match="exp was trained on other data") as caught:
        run(place, "training", data_dir)
    assert f"({said}): give another --asr_tag or --expdir, or remove" in str(
        caught.value
    )


def test_other_accents_matter_where_there_is_a_branch(place, data_dir):
    run(place, "training", data_dir)
    learn(place)
    (place / "accents.txt").write_text("north\nwest\n")
    for action in ("training", "use"):  # the statistics are those of any accents
        with pytest.raises(UserError, match="accent list: north, south -> north, west"):
            run(place, action, data_dir)
    learn(place, accent_weight=0)
    for action in ("training", "use"):
        run(place, action, data_dir)


def test_use_warns_of_other_training_data(place, data_dir, capsys):
    run(place, "training", data_dir)
    learn(place)
    run(place, "use", data_dir)
    assert not capsys.readouterr().err
    (place / "valid" / "text").write_text("ann-1 other\n")
    run(place, "use", data_dir)
    said = "was trained on other data than there are now (text of validation: 4 -> 1"
    assert said in capsys.readouterr().err


def test_use_refuses_to_test_with_speakers_of_training(place, data_dir):
    run(place, "training", data_dir)
    learn(place)
    tests = ["--test_dirs", str(place / "valid")]
    with pytest.raises(DataDirError, match="speakers of the training set"):
        run(place, "use", data_dir, *tests)
    run(place, "use", data_dir, *tests, "--allow_shared_speakers", "true")


def test_use_can_do_without_tokens(place, data_dir):
    run(place, "training", data_dir)
    learn(place)
    (place / "tokens.txt").unlink()  # it may have been trained elsewhere
    run(place, "use", data_dir)


def test_what_has_learned_nothing_begins_with_the_new_data(place, data_dir):
    run(place, "training", data_dir)
    first = (place / "exp" / STAMP_NAME).read_text()
    (place / "tokens.txt").write_text("<blank>\nb\n<sos/eos>\n")
    run(place, "statistics", data_dir)
    run(place, "training", data_dir)
    assert (place / "exp" / STAMP_NAME).read_text() != first


def test_an_experiment_without_a_stamp_is_taken_as_it_is(place, data_dir):
    learn(place)
    run(place, "training", data_dir)
    run(place, "use", data_dir)
    assert not (place / "exp" / STAMP_NAME).exists()


def test_a_damaged_stamp_is_named(place, data_dir):
    learn(place)
    (place / "exp" / STAMP_NAME).write_text("{")
    with pytest.raises(UserError, match="stamp.json: damaged"):
        run(place, "use", data_dir)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("lm.txt", "a other\n", "text"),
        ("lm.txt", "a x\nb y\n", "text: 1 -> 2 lines"),
        ("tokens.txt", "<blank>\nb\n<sos/eos>\n", "tokens"),
    ],
)
def test_a_language_model_belongs_to_its_text_and_tokens(
    place, file, content, said, capsys
):
    def run_lm(action):
        options = {"token_list": "tokens.txt", "lm_text": "lm.txt"}
        options |= {"stats_dir": "lm_stats", "exp": "lm"}
        main([action, *(f"--{name}={place / o}" for name, o in options.items())])

    (place / "lm.txt").write_text("a x\n")
    (place / "lm").mkdir()
    run_lm("statistics")
    run_lm("training")
    (place / "lm" / "checkpoint.pth").touch()
    run_lm("training")
    (place / file).write_text(content)
    with pytest.raises(UserError, match="lm_stats has the .*: run stage 6 again") as e:
        run_lm("training")
    assert f"({said})" in str(e.value)
    run_lm("statistics")
    with pytest.raises(UserError, match="lm was trained on other data .*--lm_tag"):
        run_lm("training")
    # It may be used beside other text, which may be that of the test.
    capsys.readouterr()
    if file == "tokens.txt":
        with pytest.raises(UserError, match="lm was trained on other data"):
            run_lm("use")
    else:
        run_lm("use")
        assert f"other data than there are now ({said})" in capsys.readouterr().err
    (place / "lm" / "checkpoint.pth").unlink()
    run_lm("training")
