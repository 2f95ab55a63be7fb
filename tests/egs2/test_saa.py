"""The recipe of the Speech Accent Archive, on tiny copies read by a synthesiser."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import saa_archive
import soundfile
from saa_archive import add_rows, read_readings

from espnet_mtl.bin import validate_data_dir
from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.prepare.accents import read_accent_map
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
ALONE = ("english", "spanish", "arabic")  # classes of one first language
SETS = ("train", "valid", "test")
FEW = "--train_phrase 2 --train_spliced 3 --test_phrase 1 --test_spliced 2".split()


@pytest.fixture(scope="module")
def maker(saa):
    return saa.load("make_corpus")


@pytest.fixture(scope="module")
def align(saa):
    return saa.load("align")


@pytest.fixture(scope="module")
def cutting(saa):
    return saa.load("cutting")


@pytest.fixture(scope="module")
def departures(saa):
    return saa.load("departures")


@pytest.fixture(scope="module")
def reader(saa):
    return saa.load("archive")


@pytest.fixture(scope="module")
def aligner() -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("the aligner has no wheel for this Python")


@pytest.fixture(scope="module")
def archive(mini_accent) -> saa_archive.Archive:
    return saa_archive.Archive(mini_accent.load("espeak"))


@pytest.fixture(scope="module")
def folders(archive, tmp_path_factory) -> Path:
    return archive.make_folders(tmp_path_factory.mktemp("folders"))


@pytest.fixture(scope="module")
def made(aligner, folders, maker, tmp_path_factory) -> Path:
    """Data directories of the folders; its journal spares others the alignment."""
    data = tmp_path_factory.mktemp("made")
    maker.main(["--root", str(folders), "--output", str(data), *FEW])
    return data


@pytest.fixture
def again(folders, made, maker, tmp_path):
    """Make the data again with other options, from the same alignments."""

    def make(*options: str) -> Path:
        data = tmp_path / "again"
        if not data.exists():
            (data / "corpus").mkdir(parents=True)
            for journal in (made / "corpus").glob("*.jsonl"):
                shutil.copy(journal, data / "corpus")
        where = ["--root", str(folders), "--output", str(data)]
        maker.main([*where, *FEW, *options])
        return data

    return make


def read_all(data: Path, table: str) -> dict[str, str]:
    return {k: v for name in SETS for k, v in read_table(data / name / table).items()}


def read_lists(data: Path, name: str) -> list[list[str]]:
    lines = (data / "corpus" / name).read_text().splitlines()
    return [line.split("\t") for line in lines[1:]]


def hash_all(data: Path) -> dict[str, str]:
    """Hash data directories without the places of their audio, audio, and lists."""
    tables = [data / s / t for s in SETS for t in ("text", "utt2spk", "utt2accent")]
    files = [*tables, *data.glob("audio/*/*.wav"), *data.glob("corpus/*.tsv")]
    return {
        str(path.relative_to(data)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_words_are_where_the_synthesiser_begins_them(archive, align, folders, made):
    paths = {path.stem: str(path) for path in folders.rglob("*.flac")}
    found = align.align_all(
        [*paths.values()], saa_archive.WORDS, made / "corpus" / "alignments.jsonl"
    )
    errors = [
        found[paths[name]].words[number].start - second
        for name, starts in archive.starts.items()
        for number, second in starts.items()
    ]
    assert len(errors) > 600
    assert np.mean(np.abs(errors) <= 0.08) >= 0.95


def test_every_reading_is_accounted_for(made):
    fates = {name: fate for _, name, fate, *_ in read_lists(made, "clips.tsv")}
    assert len(fates) == len(saa_archive.SOUND) + len(saa_archive.DEPARTING)
    dropped = {Path(name).stem for name, fate in fates.items() if fate == "departs"}
    assert dropped == saa_archive.DEPARTING.keys()
    assert Counter(fates.values()) == {"train": 4, "valid": 3, "test": 3, "departs": 3}
    why = {Path(name).stem: why for _, name, why in read_lists(made, "departures.tsv")}
    assert why.keys() == dropped and all(why.values())


def test_directories_and_audio_are_as_promised(made):
    sets = {}
    for name in SETS:
        validate_data_dir.main([str(made / name)])
        sets[name] = read_table(made / name / "text")
        speakers = set(read_table(made / name / "utt2spk").values())
        assert {speaker.rstrip("0123456789") for speaker in speakers} == {
            "english",
            "haitian_creole",
            "dutch",
        }
        for key, path in read_table(made / name / "wav.scp").items():
            samples = read_audio(path, 8000, utt=key)
            words = len(sets[name][key].split())
            assert 0.1 * words < len(samples) / 8000 < 0.9 * words + 1
            assert 0.29 < np.abs(samples).max() < 0.91
            assert not (np.convolve(samples == 0, np.ones(64), "valid") == 64).any()
    spoken = {key[0]: set(texts.values()) for key, texts in sets.items()}
    assert not any(a & b for a, b in combinations(spoken.values(), 2))
    accents = read_all(made, "utt2accent")
    for key, speaker in read_all(made, "utt2spk").items():
        assert key.startswith(f"{speaker}-")
        assert accents[key] == speaker.rstrip("0123456789")


def test_speakers_are_in_one_set(made):
    sets = [set(read_table(made / name / "utt2spk").values()) for name in SETS]
    assert sum(map(len, sets)) == len(set.union(*sets)) == len(saa_archive.SOUND)


def test_utterances_are_made_of_the_words_that_the_list_says(made):
    texts = read_all(made, "text")
    listed = {key: row for key, *row in read_lists(made, "utterances.tsv")}
    assert listed.keys() == texts.keys()
    kinds: dict[str, Counter] = defaultdict(Counter)
    for key, (name, kind, words, text) in listed.items():
        kinds[name][kind] += 1
        spans = [tuple(map(int, span.split("-"))) for span in words.split()]
        said = [saa_archive.WORDS[first - 1 : last] for first, last in spans]
        assert " ".join(sum(said, [])) == text == texts[key]
        if kind == "phrase":
            assert len(spans) == 1 and 3 <= len(said[0]) <= 6
        else:
            assert len(spans) in (2, 3)
            assert all(2 <= len(part) <= 5 for part in said)
            # No two pieces overlap or are neighbours.
            ordered = sorted(spans)
            assert all(
                a[1] + 1 < b[0] for a, b in zip(ordered, ordered[1:], strict=False)
            )
    assert kinds["train"] == {"phrase": 8, "spliced": 12}


def test_data_sh_makes_the_same_bytes_from_nothing(made, folders, saa, tmp_path):
    options = ["--datadir", tmp_path / "two", *FEW]
    done = saa.run_data_sh(*options, SAA=str(folders))
    assert done.returncode == 0, done.stderr
    assert hash_all(tmp_path / "two") == hash_all(made)

    # What it printed
    account = re.findall(r"^ +\d+  .+", done.stdout, re.M)
    assert [" ".join(line.split()) for line in account] == [
        f"13 clips in {folders}/recordings",
        "4 train",
        "3 valid",
        "3 test",
        "3 a reading that departs from the text",
    ]
    assert re.search(r"^train +8 +12 +0 ", done.stdout, re.M)
    assert "test: no text is one of training" in done.stdout


def test_another_seed_makes_other_utterances(again, made):
    other = again("--seed", "1")
    assert read_all(other, "text") != read_all(made, "text")
    assert hash_all(again("--seed", "0")) == hash_all(made)  # no file of before is left


def test_an_alignment_depends_on_no_other(aligner, align, folders):
    """The aligner follows the noise: it has to begin anew with each reading."""
    readings = [
        align.read_reading(str(path)) for path in sorted(folders.rglob("*.flac"))
    ]
    first, second = readings[0], readings[4]
    one, other = align.Aligner(saa_archive.WORDS), align.Aligner(saa_archive.WORDS)
    expected = one.align(first), one.align(second)
    assert (other.align(second), other.align(first)) == expected[::-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--languages", "dutch"), "gives 1 of the two classes .*dutch"),
        (("--accent_map", "{folder}/map"), "no label and class"),
    ],
)
def test_what_is_wrong_is_said_before_the_alignment(
    maker, folders, tmp_path, monkeypatch, options, said
):
    (tmp_path / "map").write_text("no tab in it\n")
    monkeypatch.setattr(maker, "align_all", None)
    where = ["--root", str(folders), "--output", str(tmp_path / "data")]
    more = [one.format(folder=tmp_path) for one in options]
    with pytest.raises(UserError, match=said):
        maker.main([*where, *more])


def test_a_killed_run_goes_on(again, made, align, monkeypatch):
    data = again()
    journal = data / "corpus" / "alignments.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]) + lines[-2][:40])
    left = {json.loads(line)["key"] for line in lines[-2:]}
    done = []
    module = sys.modules["align"]  # as make_corpus.py imports it
    real = module.read_reading
    monkeypatch.setattr(
        module, "read_reading", lambda path: done.append(path) or real(path)
    )
    assert hash_all(again()) == hash_all(made)
    assert set(done) == left and len(done) == 2


def test_the_label_changes_nothing_else(again, made):
    data = again("--label", "pitch")
    labels = read_all(data, "utt2accent")
    speakers = read_all(data, "utt2spk")
    heard = {speakers[key]: label for key, label in labels.items()}
    assert {speaker for speaker, label in heard.items() if label == "low"} == (
        saa_archive.LOW
    )
    assert set(heard.values()) == {"low", "high"}
    hashes, before = hash_all(data), hash_all(made)
    changed = {name for name in before if hashes[name] != before[name]}
    assert changed == {f"{name}/utt2accent" for name in SETS} | {
        "corpus/accent_labels.tsv",
        "corpus/clips.tsv",
    }


def test_the_recipe_makes_lists_and_features_of_it(again, folders, saa, tmp_path):
    data = again("--label", "pitch")
    made, dump, exp = (tmp_path / name for name in ("data", "dump", "exp"))
    (made / "corpus").mkdir(parents=True)
    for journal in (data / "corpus").glob("*.jsonl"):
        shutil.copy(journal, made / "corpus")
    done = subprocess.run(
        [
            *("./run.sh", "--stop_stage", "10", "--python", sys.executable),
            *("--datadir", made, "--dumpdir", dump, "--expdir", exp),
            *("--local_data_opts", f"--root {folders} --label pitch {' '.join(FEW)}"),
        ],
        cwd=saa.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (made / "en_accent_list" / "accents.txt").read_text() == "high\nlow\n"
    [tokens] = made.glob("en_token_list/*/tokens.txt")
    words = tokens.read_text().split()
    assert "please" in words and 40 < len(words) <= 55 + 3  # <blank>, <unk>, <sos/eos>
    [sets] = dump.glob("raw")
    assert read_table(sets / "train" / "utt2accent") == read_table(
        data / "train" / "utt2accent"
    )
    first = next(iter(read_table(sets / "test" / "wav.scp").values()))
    assert soundfile.info(saa.folder / first).samplerate == 8000
    [shapes] = exp.glob("*stats*/train/speech_shape")
    assert len(shapes.read_text().splitlines()) == len(
        read_table(sets / "train" / "text")
    )


def test_a_map_merges_languages_and_caps_bound_classes(again, tmp_path):
    path = tmp_path / "map.tsv"
    path.write_text("english\tgermanic\ndutch\tgermanic\nhaitian_creole\tromance\n")
    data = again("--accent_map", str(path), "--max_clips_per_accent", "6")
    assert set(read_all(data, "utt2accent").values()) == {"germanic", "romance"}
    fates = Counter(row[2] for row in read_lists(data, "clips.tsv"))
    assert fates["accent_cap"] == 1 and fates["departs"] == 3


def test_the_map_of_four_accents_leaves_the_others_unknown(maker):
    path = Path(maker.__file__).parents[1] / "conf" / "four_accents.tsv"
    classes = read_accent_map(path)
    assert classes["french"] == classes["portuguese"] == "romance"
    assert classes["korean"] == UNKNOWN_ACCENT
    sizes = Counter(classes.values())
    assert sizes == {UNKNOWN_ACCENT: 4, "romance": 2, **dict.fromkeys(ALONE, 1)}


def test_languages_are_chosen_and_named(again):
    data = again("--languages", "English, haitian creole", "--min_speakers", "2")
    fates = Counter(row[2] for row in read_lists(data, "clips.tsv"))
    assert fates["other_language"] == 4
    assert set(read_all(data, "utt2accent").values()) == {"english", "haitian_creole"}
    with pytest.raises(UserError, match=r"first language klingon\. .* english \(5\)"):
        again("--languages", "english,klingon")


# -- the table ---------------------------------------------------------------------


def test_a_name_that_no_table_can_hold_is_left_out(maker, reader, folders, tmp_path):
    root = tmp_path / "folders"
    shutil.copytree(folders, root)
    broken = os.fsencode(min((root / "recordings").iterdir())) + b"/caf\xe9.flac"
    with open(broken, "wb") as file:
        file.write(b"never read")
    readings = [r for r in read_readings(reader, root) if "caf" in r.name]
    command = ["--root", str(root), "--output", str(tmp_path / "data")]
    options = maker.read_options(maker.get_arguments(command))
    assert maker.hear(reader.find_archive(str(root)), readings, options) == {}
    assert [(r.fate, r.why) for r in readings] == [
        ("malformed", "its path is not UTF-8")
    ]


def test_two_copies_of_a_recording_are_one_reading(reader, folders, tmp_path):
    root = tmp_path / "folders"
    shutil.copytree(folders, root)
    one = min(root.rglob("*.flac"))
    shutil.copy(one, one.with_suffix(".wav"))
    readings = read_readings(reader, root)
    assert [r.name for r in readings if r.fate == "duplicate"] == [
        str(one.with_suffix(".wav").relative_to(root / "recordings"))
    ]
    speakers = {r.speaker for r in read_readings(reader, folders)}
    assert {r.speaker for r in readings if not r.fate} == speakers


def test_the_table_from_end_to_end(aligner, archive, maker, tmp_path, capsys):
    root = archive.make_table(tmp_path / "mp3")
    add_rows(root, saa_archive.row_of("english7", 60), saa_archive.row_of("dutch8", 61))
    soundfile.write(root / "recordings" / "dutch8.mp3", np.zeros(4000), 16000)
    data = tmp_path / "data"
    options = ["--root", str(root), "--output", str(data), *FEW]
    options += ["--languages", "english,dutch", "--label", "sex"]
    with pytest.raises(UserError, match="1 of 11 clips (?s:.*) no recordings/english7"):
        maker.main(options)
    capsys.readouterr()
    maker.main([*options, "--max_bad_audio", "0.2"])
    account = re.findall(r"^ +\d+  .+", capsys.readouterr().out, re.M)
    assert [" ".join(line.split()) for line in account] == [
        f"15 clips in {root}/speakers_all.csv",
        "3 train",
        "2 valid",
        "2 test",
        "4 of a language that is not asked for (--languages)",
        "1 no such audio file",
        "1 audio that cannot be decoded, or was cut short",
        "2 a reading that departs from the text",
    ]
    sexes = {
        speaker: read_all(data, "utt2accent")[key]
        for key, speaker in read_all(data, "utt2spk").items()
    }
    assert {name for name, sex in sexes.items() if sex == "male"} == (
        saa_archive.LOW & sexes.keys()
    )
    assert set(sexes.values()) == {"male", "female"}


# -- what is missing ---------------------------------------------------------------


def test_a_root_that_is_not_named_not_there_or_something_else(saa, reader, tmp_path):
    done = saa.run_data_sh("--datadir", tmp_path / "data", SAA="")
    assert done.returncode == 1
    assert "https://accent.gmu.edu" in done.stderr and "SAA=" in done.stderr
    assert "Traceback" not in done.stderr
    with pytest.raises(UserError, match="is not a folder"):
        reader.find_archive(str(tmp_path / "no"))
    with pytest.raises(UserError, match="recordings/ and reading-passage.txt missing"):
        reader.find_archive(str(tmp_path))
    (tmp_path / "recordings").mkdir()
    (tmp_path / "reading-passage.txt").write_text(saa_archive.PASSAGE)
    with pytest.raises(UserError, match="no recording in .*recordings"):
        reader.find_archive(str(tmp_path))
    (tmp_path / "recordings" / "dutch1.wav").write_bytes(b"not read here")
    (tmp_path / "reading-passage.txt").write_text("Please call Stella.")
    with pytest.raises(UserError, match="3 words; it has to be the passage"):
        reader.find_archive(str(tmp_path))


def test_a_column_needs_a_table(reader, folders):
    with pytest.raises(
        UserError, match="--label sex: .*speakers_all.csv, which is not"
    ):
        read_readings(reader, folders, "sex")


def test_files_of_one_name_in_two_folders_are_two_speakers(reader, tmp_path):
    for language in ("dutch", "french"):
        (tmp_path / "recordings" / language).mkdir(parents=True)
        (tmp_path / "recordings" / language / "1.wav").write_bytes(b"not read here")
    (tmp_path / "recordings" / "english3.wav").write_bytes(b"not read here")
    (tmp_path / "reading-passage.txt").write_text(saa_archive.PASSAGE)
    readings = read_readings(reader, tmp_path)
    found = {reading.speaker: reading.language for reading in readings}
    assert found == {"dutch_1": "dutch", "french_1": "french", "english3": "english"}


def test_without_the_aligner_the_fix_is_said(align, saa, monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    needed = saa.folder / "requirements.txt"
    assert "pocketsphinx==" in needed.read_text()
    with pytest.raises(UserError, match=f"pip install --no-deps -r {needed}"):
        align.Aligner(["please", "call"])


def test_a_word_that_the_aligner_does_not_know(aligner, align):
    with pytest.raises(UserError, match="does not have qwzx; correct reading-passage"):
        align.Aligner(["please", "qwzx"])


def test_amounts_that_make_nothing(maker):
    with pytest.raises(
        UserError, match="--test_phrase 0 --test_spliced 0: at least one"
    ):
        maker.main("--root x --test_phrase 0 --test_spliced 0".split())


# -- cutting and judging -----------------------------------------------------------


def spread(align, num_words: int, loud: int = -1, pause: int = -1):
    """Words of 0.3 s each; before one of them loud sound, or a pause of 0.6 s."""
    words, now = [], 0.5
    for place in range(num_words):
        now += 0.6 if place == pause else 0.0
        words.append(align.Word(now, now + 0.3, -0.01, 0.2 if place == loud else 0.0))
        now += 0.3
    return align.Alignment(tuple(words), now + 0.5)


def test_pieces_have_no_unusual_word_no_pause_and_nothing_else_that_is_said(
    align, cutting
):
    def find(alignment, unusual=()):
        pieces = cutting.find_pieces(alignment, unusual, (2, 3))
        return {tuple(piece) for piece in pieces}

    all_of_four = {(0, 2), (0, 3), (1, 3), (1, 4), (2, 4)}
    assert find(spread(align, 4)) == all_of_four
    assert find(spread(align, 4), [0]) == {(1, 3), (1, 4), (2, 4)}
    assert find(spread(align, 4, loud=2)) == find(spread(align, 4, pause=2))
    assert find(spread(align, 4, loud=2)) == {(0, 2), (2, 4)}
    assert find(spread(align, 4, loud=0)) == all_of_four


def test_texts_are_shared_out_by_the_text_alone(cutting):
    texts = [" ".join(map(str, pair)) for pair in combinations(range(80), 2)]
    counts = Counter(cutting.set_of(text, 0) for text in texts)
    shares = {name: count / len(texts) for name, count in counts.items()}
    assert shares == pytest.approx({"train": 0.8, "test": 0.1, "valid": 0.1}, abs=0.02)
    assert any(cutting.set_of(t, 0) != cutting.set_of(t, 1) for t in texts)


def test_more_utterances_begin_with_the_fewer(align, cutting):
    cutter = cutting.Cutter(saa_archive.WORDS, 0)
    alignment = spread(align, len(saa_archive.WORDS))

    def plan(phrases: int, spliced: int):
        amounts = {"phrase": phrases, "spliced": spliced}
        return cutter.plan("train", "dutch1", alignment, [], amounts)

    few, many = plan(2, 3), plan(8, 20)
    assert few == [*many[:2], *many[8:11]]
    texts = [cutter.say(pieces) for _, pieces in many]
    assert len(set(texts)) == len(texts)
    assert {cutting.set_of(text, 0) for text in texts} == {"train"}
    assert (
        cutter.plan(
            "test",
            "dutch1",
            spread(align, 69, loud=1),
            range(2, 69),
            {"phrase": 2, "spliced": 2},
        )
        == []
    )


def test_readings_that_depart_are_told_apart(align, departures):
    rng = np.random.RandomState(0)
    text = saa_archive.WORDS

    def read(odd: int = 0, loud: float = 0.0):
        now, words = 0.0, []
        for place in range(len(text)):
            length = 0.3 * rng.uniform(0.9, 1.1) * (0.1 if place < odd else 1)
            score = -0.02 * rng.uniform(0.9, 1.1)
            words.append(align.Word(now, now + length, score, loud * (place == 9)))
            now += length
        return align.Alignment(tuple(words), now)

    readings = {f"sound{number}": read() for number in range(20)}
    readings |= {"seven": read(odd=7), "eight": read(odd=8), "loud": read(loud=7.0)}
    readings["none"] = align.Alignment((), 3.0, "no path through the text")
    verdicts = departures.judge(readings, text)
    dropped = {name: verdict.why for name, verdict in verdicts.items() if verdict.why}
    assert dropped == {
        "eight": "8 of 69 words are unusual: please, call, stella, ask, her, to, "
        "bring, these",
        "loud": "7.0 s of loud sound are between the words",
        "none": "no path through the text",
    }
    assert verdicts["seven"].unusual == tuple(range(7))
    assert verdicts["sound0"].unusual == ()


def test_the_boundary_of_pitch_is_between_two_groups(saa):
    pitch = saa.load("pitch")
    boundary = pitch.find_boundary([190.0, 100.0, 210.0, 110.0, 120.0, 230.0])
    assert boundary == pytest.approx((120 * 190) ** 0.5)
