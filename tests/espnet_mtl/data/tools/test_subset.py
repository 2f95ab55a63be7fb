"""Parts of data directories: who is chosen, and what goes along."""

import logging

import pytest

from espnet_mtl.bin.subset_data_dir import main
from espnet_mtl.bin.validate_data_dir import main as validate
from espnet_mtl.data.datadir import DataDir, load_data_dir, write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table
from espnet_mtl.data.tools.subset import choose, subset_data_dir


def read_all(folder):
    """Every file of a directory, by name."""
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_every_table_of_the_directory_and_of_the_user_goes_along(
    data_dir, add_tables, tmp_path, caplog
):
    caplog.set_level(logging.INFO)
    add_tables(data_dir)
    subset_data_dir(data_dir, tmp_path / "some", ["bob-2", "ann-1"])
    wav = read_table(data_dir / "wav.scp")
    assert read_all(tmp_path / "some") == {
        "wav.scp": f"ann-1 {wav['ann-1']}\nbob-2 {wav['bob-2']}\n",
        "text": "ann-1 say 1 again\nbob-2 say 2 again\n",
        "utt2spk": "ann-1 ann\nbob-2 bob\n",
        "spk2utt": "ann ann-1\nbob bob-2\n",
        "utt2accent": "ann-1 north\nbob-2 south\n",
        "accent2utt": "north ann-1\nsouth bob-2\n",
        "utt2age": "bob-2 30\n",
        "utt2num_samples": "ann-1 4000\nbob-2 4000\n",
        "text_target": "ann-1 other words\nbob-2 other words\n",
        "text.de": "ann-1 sag es noch einmal\nbob-2 sag es noch einmal\n",
        "spk2gender": "ann f\nbob m\n",
        "reco2dur": "ann-1 2.0\nbob-2 2.0\n",
        "feats_type": "raw\n",
    }
    told = [line for line in caplog.messages if "not copied" in line]
    assert len(told) == 1
    for name in ("ann-1.wav", "6 files"):
        assert name in told[0]
    assert "logdir/" not in told[0]  # which every formatted directory has
    validate([str(tmp_path / "some")])


def test_recordings_and_speakers_that_nobody_uses_stay_behind(
    segmented_dir, add_tables, tmp_path
):
    add_tables(segmented_dir)
    subset_data_dir(segmented_dir, tmp_path / "some", ["bob-1"])
    found = read_all(tmp_path / "some")
    assert found["segments"] == "bob-1 rec/2 0 1\n"
    assert found["wav.scp"] == "rec/2 2.wav\n"
    assert found["reco2dur"] == "rec/2 2.0\n"
    assert found["spk2gender"] == "bob m\n"
    validate([str(tmp_path / "some")])


def test_tables_of_an_earlier_subset_do_not_stay(data_dir, add_tables, tmp_path):
    add_tables(data_dir)
    target = tmp_path / "some"
    subset_data_dir(data_dir, target, ["bob-2"])
    (target / "notes.md").write_text("mine")
    (data_dir / "utt2age").unlink()
    subset_data_dir(data_dir, target, ["ann-1"])
    assert not (target / "utt2age").exists()
    assert (target / ".backup" / "utt2age").read_text() == "bob-2 30\n"
    assert (target / "notes.md").read_text() == "mine"


def test_a_subset_is_not_written_over_its_source(data_dir):
    with pytest.raises(DataDirError, match="source and target are the same"):
        subset_data_dir(data_dir, data_dir / ".." / data_dir.name, ["ann-1"])
    assert len(load_data_dir(data_dir)["text"]) == 4


def test_a_full_disk_leaves_the_earlier_subset(data_dir, tmp_path, fill_disk):
    target = tmp_path / "some"
    subset_data_dir(data_dir, target, ["bob-2"])
    before = read_all(target)
    fill_disk(after=2)
    with pytest.raises(OSError):
        subset_data_dir(data_dir, target, ["ann-1"])
    assert read_all(target) == before


def test_an_utterance_that_is_not_there_is_named(data_dir, tmp_path):
    with pytest.raises(DataDirError, match="utt2spk: no line for utterance 'carl-1'"):
        subset_data_dir(data_dir, tmp_path / "some", ["ann-1", "carl-1"])


@pytest.fixture
def speakers(tmp_path):
    """Three speakers of 2, 3 and 5 utterances, the later the shorter."""
    utts = [f"{s}-{i}" for s, n in (("a", 2), ("b", 3), ("c", 5)) for i in range(n)]
    write_data_dir(
        tmp_path / "all",
        {
            "utt2spk": {utt: utt[0] for utt in utts},
            "utt2dur": {utt: f"{9 - i / 2}" for i, utt in enumerate(utts)},
        },
    )
    return tmp_path / "all"


@pytest.mark.parametrize(
    "how, number, chosen",
    [
        ("first", 3, "a-0 a-1 b-0"),
        ("last", 3, "c-2 c-3 c-4"),
        ("shortest", 2, "c-4 c-3"),
        ("even", 5, "a-0 b-0 b-2 c-1 c-3"),
        ("even", 10, "a-0 a-1 b-0 b-1 b-2 c-0 c-1 c-2 c-3 c-4"),
        ("per_spk", 2, "a-0 a-1 b-0 b-1 c-0 c-2"),
        ("per_spk", 99, "a-0 a-1 b-0 b-1 b-2 c-0 c-1 c-2 c-3 c-4"),
    ],
)
def test_every_way_to_choose(speakers, how, number, chosen):
    assert choose(speakers, how, number) == chosen.split()


def test_whole_speakers_are_drawn_until_there_are_enough(speakers):
    for number in range(1, 11):
        chosen = choose(speakers, "speakers", number)
        assert len(chosen) >= number
        counts = {s: sum(utt[0] == s for utt in chosen) for s in "abc"}
        assert all(counts[s] in (0, n) for s, n in (("a", 2), ("b", 3), ("c", 5)))
        last = chosen[-1][0]
        assert len(chosen) - counts[last] < number
        assert chosen == choose(speakers, "speakers", number)


@pytest.mark.parametrize("number", [0, 11])
@pytest.mark.parametrize("how", ["even", "first", "last", "shortest", "speakers"])
def test_more_than_there_are_cannot_be_chosen(speakers, how, number):
    with pytest.raises(DataDirError, match=f"{number} of 10 .* ask for 1 to 10"):
        choose(speakers, how, number)


def test_lengths_come_from_audio_where_no_table_has_them(data_dir):
    assert choose(data_dir, "shortest", 2) == ["ann-1", "ann-2"]


@pytest.mark.parametrize(
    "option, lines, kept",
    [
        ("--utt-list", "bob-1 ignored\nann-2\ncarl-1\n", ["ann-2", "bob-1"]),
        ("--spk-list", "bob\ncarl\n", ["bob-1", "bob-2"]),
    ],
)
def test_lists(data_dir, tmp_path, monkeypatch, caplog, option, lines, kept):
    monkeypatch.setattr("espnet_mtl.bin.subset_data_dir.setup_logging", lambda: None)
    (tmp_path / "list").write_text(lines)
    main([option, str(tmp_path / "list"), str(data_dir), str(tmp_path / "some")])
    assert list(load_data_dir(tmp_path / "some")["text"]) == kept
    assert f"are not in {data_dir / 'utt2spk'}, such as 'carl" in caplog.text
    (tmp_path / "list").write_text("carl\n")
    with pytest.raises(DataDirError, match="list: none of its 1 .* is in"):
        main([option, str(tmp_path / "list"), str(data_dir), str(tmp_path / "none")])
    assert not (tmp_path / "none").exists()


def test_arguments_stand_in_the_order_of_kaldi(data_dir, tmp_path, capsys):
    main(["--last", str(data_dir), "1", str(tmp_path / "some")])
    assert list(load_data_dir(tmp_path / "some")["text"]) == ["bob-2"]
    for wrong in (
        ["--first", "x"],
        ["--utt-list", "l", "a", "1", "b"],
        ["a", "b", "c"],
    ):
        with pytest.raises(SystemExit):
            main(wrong)
    assert "'b' is not a number of utterances" in capsys.readouterr().err


def test_tables_are_known_by_their_names(data_dir, add_tables):
    add_tables(data_dir)
    (data_dir / "utt2spk~").write_text("ann-1 ann\n")
    files = DataDir.read(data_dir)
    assert {"utt2age", "text.de", "spk2gender", "reco2dur"} < files.tables.keys()
    assert files.inverses == ("accent2utt", "spk2utt")
    assert files.whole == {"feats_type": b"raw\n"}
    assert {"utt2spk~", "text.txt", "text.bak", "logdir/"} < set(files.unknown)
