"""Stage 5: the accents of training, and who else may have which."""

import shutil
from pathlib import Path

import pytest

from espnet_mtl.bin.accent_list import main
from espnet_mtl.data.datadir import write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.stages.accent_list import format_table, write_accent_list

UTTS = ("ann-1", "ann-2", "bob-1", "bob-2")


@pytest.fixture
def train(data_dir: Path) -> Path:
    lengths = dict.fromkeys(UTTS, str(8000 * 1800))
    write_data_dir(data_dir, {"utt2num_samples": lengths})
    return data_dir


@pytest.fixture
def valid(train: Path) -> Path:
    """The same utterances, of other speakers."""
    folder = Path(shutil.copytree(train, train.parent / "valid"))
    (folder / "utt2spk").write_text("ann-1 cid\nann-2 cid\nbob-1 dan\nbob-2 dan\n")
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "accent_list" / "accents.txt"


def run(train: Path, output: Path, *checked: Path, given: Path | None = None) -> None:
    options = ["--fs", "8k", "--train_dir", str(train), "--output", str(output)]
    options += ["--check_dirs", *map(str, checked)]
    main(options + (["--accent_list", str(given)] if given else []))


def test_accents_of_training_are_sorted_and_unknown_is_none(train, output, edit):
    edit(train / "utt2accent", "ann-1 north\n", "ann-1 <unk>\n")
    edit(train / "utt2accent", "ann-2 north\n", "ann-2 the far north\n")
    run(train, output)
    assert output.read_text() == "south\nthe far north\n"


def test_the_table_has_a_row_for_each_accent_and_set(train, valid, output, capsys):
    run(train, output, valid, valid)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        ["set", "accent", "utts", "speakers", "hours"],
        ["train", "north", "2", "1", "1.00"],
        ["train", "south", "2", "1", "1.00"],
        ["valid", "north", "2", "1", "1.00"],
        ["valid", "south", "2", "1", "1.00"],
    ]


def test_an_accent_that_training_never_saw_is_refused(train, valid, output, edit):
    edit(valid / "utt2accent", "bob-1 south", "bob-1 west")
    with pytest.raises(DataDirError) as caught:
        run(train, output, valid)
    assert str(caught.value) == (
        f"{valid / 'utt2accent'}:3: 'bob-1' has the accent 'west', which "
        f"is not in {train / 'utt2accent'} (north, south); add speakers of it to "
        "training, or write <unk>"
    )
    assert not output.exists()


def test_an_unknown_accent_is_accepted_anywhere(train, valid, output, edit):
    edit(valid / "utt2accent", "bob-1 south", "bob-1 <unk>")
    run(train, output, valid)
    assert output.read_text() == "north\nsouth\n"


def test_lost_lines_are_refused_in_every_set(train, valid, output, edit):
    edit(valid / "utt2accent", "bob-1 south\n", "")
    with pytest.raises(DataDirError, match=r"valid/utt2accent: no line .*\(bob-1\)"):
        run(train, output, valid)
    assert not output.exists()


@pytest.mark.parametrize("accent", ["north", "<unk>"])
def test_of_fewer_than_two_accents_there_is_no_list(train, valid, output, accent):
    run(train, output)
    labels = "".join(f"{utt} {accent}\n" for utt in UTTS)
    (train / "utt2accent").write_text(labels)
    assert write_accent_list(train, [valid], output) == []  # valid has others
    assert not output.exists()  # also that of former data


def test_of_fewer_than_two_accents_the_way_out_is_named(train, output, caplog):
    (train / "utt2accent").write_text("".join(f"{utt} <unk>\n" for utt in UTTS))
    write_accent_list(train, [], output)
    assert "utt2accent: 0 accent(s) besides <unk>" in caplog.text
    assert '--asr_args "--accent_weight 0"' in caplog.text


@pytest.mark.parametrize(
    ("accent", "said"), [("south", "all are 'south'"), ("<unk>", "no accent is known")]
)
def test_sets_that_cannot_judge_accents_are_told_of(
    train, valid, output, caplog, accent, said
):
    write_accent_list(train, [valid], output)
    assert not caplog.text
    (valid / "utt2accent").write_text("".join(f"{utt} {accent}\n" for utt in UTTS))
    write_accent_list(train, [valid], output)
    assert f"{valid / 'utt2accent'}: {said}" in caplog.text


def test_people_at_several_speeds_are_counted_once(train):
    for name in ("utt2accent", "utt2spk", "utt2num_samples", "wav.scp"):
        lines = (train / name).read_text()
        prefix = "sp0.9-" if name == "utt2spk" else ""
        faster = [ln.split(maxsplit=1) for ln in lines.splitlines()]
        lines += "".join(f"sp0.9-{utt} {prefix}{value}\n" for utt, value in faster)
        (train / name).write_text(lines)
    rows = [row.split() for row in format_table([train], 8000).splitlines()]
    assert rows[1][1:4] == ["north", "4", "1"]


def test_a_given_list_is_kept_in_its_order(train, output, tmp_path, caplog):
    given = tmp_path / "given.txt"
    given.write_text("south\n\nnew north\r\nnorth")
    run(train, output, given=given)
    assert output.read_text() == "south\nnew north\nnorth\n"


@pytest.mark.parametrize(
    "content, fault",
    [
        (
            "south\nwest\n",
            "'ann-1' has the accent 'north', which .*; add it to .*given",
        ),
        ("south\nnorth\nsouth\n", "given.txt:1: remove 'south'"),
        ("south\n<unk>\nnorth\n", "given.txt:2: remove '<unk>'"),
        ("north\n", "given.txt: 1 accent"),
        (None, "given.txt: no such file"),
    ],
)
def test_a_given_list_that_does_not_fit_is_refused(
    train, output, tmp_path, content, fault
):
    given = tmp_path / "given.txt"
    if content is not None:
        given.write_text(content)
    with pytest.raises(DataDirError, match=fault):
        run(train, output, given=given)
    assert not output.exists()


def test_a_full_disk_leaves_no_list(train, output, fill_disk):
    fill_disk()
    with pytest.raises(OSError):
        run(train, output)
    assert not list(output.parent.iterdir())


def test_shared_speakers_are_an_error_unless_allowed(
    train, valid, output, edit, caplog, monkeypatch
):
    monkeypatch.setattr("espnet_mtl.bin.accent_list.setup_logging", lambda: None)
    edit(valid / "utt2spk", "bob-1 dan", "bob-1 bob")
    with pytest.raises(
        DataDirError, match=r"valid/utt2spk:3: 1 speaker \(bob\) of its"
    ):
        run(train, output, valid)
    assert not output.exists()
    options = ["--fs", "8k", "--train_dir", str(train), "--output", str(output)]
    main([*options, "--check_dirs", str(valid), "--allow_shared_speakers", "true"])
    assert "valid/utt2spk:3: 1 speaker (bob)" in caplog.text
    assert output.exists()


def test_an_accent_that_stage_4_left_out_of_training_is_told(train, valid, output):
    table = "ann-1 north\nann-2 north\nbob-1 south\nbob-2 east\n"
    (valid / "utt2accent").write_text(table)
    (train / "left_out.tsv").write_text(
        "utterance\treason\tseconds\taccent\ncid-1\tlong\t33.00\teast\n"
    )
    with pytest.raises(
        DataDirError,
        match=r"the accent 'east'.*; 1 of it are in .*/left_out.tsv\); add",
    ):
        run(train, output, valid)
