"""The recipe of CSTR VCTK, on tiny copies of both versions."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin import validate_data_dir
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError

SETS = ("train", "valid", "test")
# Blanks (~ where they end a line), regions and comments are as the corpus has them.
INFO = """\
ID  AGE  GENDER  ACCENTS  REGION COMMENTS~
p225  23  F    English    Southern  England
p226  22  M    English    Surrey
p227  38  M    English    Cumbria
p253  22  F    Welsh  Cardiff
p280  25  F    Unknown  France (mic2 files unavailable)
p294  33  F    American  San  Francisco
p315  18  M    American  New  England (Text and mic2 files unavailable)
p329  23  F    American~
p330  26  F    American~
p326  26  M    Australian  English  Sydney
p374  28  M    Australian  English~
""".replace("~", "  ")
SPEAKERS = re.findall(r"^p\d+", INFO, re.M)
SHARED = ["Please call Stella.", "Ask her to bring these things with her."]


def write_audio(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, 48000)


def write_texts(root: Path, speakers: list[str]) -> None:
    """Two sentences that everybody reads, and two of each speaker's own."""
    for speaker in speakers:
        own = [f"It was {speaker}.)", f'"If not, {speaker} should go home."']
        for number, text in enumerate([*SHARED, *own], start=1):
            path = root / "txt" / speaker / f"{speaker}_{number:03}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")


@pytest.fixture
def new(tmp_path) -> Path:
    """Version 0.92: four clips a speaker, with what the published one lacks."""
    root = tmp_path / "VCTK-Corpus-0.92"
    samples = np.random.RandomState(0).uniform(-0.1, 0.1, 2400)
    for speaker in SPEAKERS:
        for number in range(1, 5):
            for mic in ("mic1", "mic2"):
                if mic == "mic1" or speaker not in ("p280", "p315"):
                    name = f"{speaker}/{speaker}_{number:03}_{mic}.flac"
                    write_audio(root / "wav48_silence_trimmed" / name, samples)
    (root / "wav48_silence_trimmed" / "log.txt").write_text("not a speaker\n")
    write_texts(root, [speaker for speaker in SPEAKERS if speaker != "p315"])
    (root / "speaker-info.txt").write_text(INFO)
    return root


@pytest.fixture
def old(tmp_path) -> Path:
    """Version 0.80: ids without p, no comments, no row of p280."""
    root = tmp_path / "VCTK-Corpus"
    samples = np.random.RandomState(0).uniform(-0.1, 0.1, 2400)
    for speaker in SPEAKERS:
        for number in range(1, 5):
            write_audio(
                root / "wav48" / speaker / f"{speaker}_{number:03}.wav", samples
            )
    write_texts(root, [speaker for speaker in SPEAKERS if speaker != "p315"])
    rows = [
        re.sub(r"^p| \(.*| COMMENTS", "", row)
        for row in INFO.splitlines()
        if "p280" not in row
    ]
    (root / "speaker-info.txt").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def maker(vctk):
    return vctk.load("prepare_vctk")


@pytest.fixture
def make(maker, tmp_path):
    """Run the command in this process; return where the data directories are."""

    def run(root, *options) -> Path:
        data = tmp_path / "data"
        maker.main(["--root", str(root), "--output", str(data), *options])
        return data

    return run


def read_all(data: Path, table: str) -> dict[str, str]:
    return {k: v for name in SETS for k, v in read_table(data / name / table).items()}


def fates_of(data: Path) -> Counter:
    lines = (data / "corpus" / "clips.tsv").read_text().splitlines()[1:]
    return Counter(line.split("\t")[2] for line in lines)


def test_version_0_92_from_end_to_end(new, vctk, tmp_path):
    data = tmp_path / "data"
    done = vctk.run_data_sh("--datadir", data, VCTK=str(new))
    assert done.returncode == 0, done.stderr

    # 1. Every clip is accounted for
    account = dict.fromkeys(re.findall(r"^ +\d+  .+", done.stdout, re.M))
    assert [" ".join(line.split()) for line in account] == [
        f"44 clips in {new}",
        "8 train",
        "12 valid",
        "12 test",
        "4 no text file in UTF-8",
        "8 a sentence of training and of another set (--shared_text)",
    ]
    assert "4 clips have no text that can be read" in done.stderr
    assert f"p315 (4 clips); the first: no file {new}/txt/p315" in done.stderr
    small = "australian (clips: 8, speakers: 2), welsh (clips: 4, speakers: 1)"
    assert small in done.stderr

    # 2. Sets, speakers, accents
    for name in SETS:
        validate_data_dir.main([str(data / name)])
    speakers = {n: set(read_table(data / n / "utt2spk").values()) for n in SETS}
    assert [len(speakers[name]) for name in SETS] == [4, 3, 3]
    assert sum(map(len, speakers.values())) == len(set.union(*speakers.values()))
    accents = {}
    for key, speaker in read_all(data, "utt2spk").items():
        accents[speaker] = read_all(data, "utt2accent")[key]
    known = {s: a for s, a in accents.items() if a != "<unk>"}
    assert known == {
        **dict.fromkeys(("p225", "p226", "p227"), "english"),
        **dict.fromkeys(("p294", "p329", "p330"), "american"),
    }
    assert accents.keys() - known.keys() == {"p253", "p280", "p326", "p374"}
    for name in SETS:
        labels = set(read_table(data / name / "utt2accent").values())
        assert labels >= {"english", "american"}

    # 3. Audio and texts
    key = "p225-p225_003_mic1"
    assert read_all(data, "wav.scp")[key] == (
        f"{new}/wav48_silence_trimmed/p225/p225_003_mic1.flac"
    )
    assert read_all(data, "text")[key] == "IT WAS P225"
    assert "IF NOT P253 SHOULD GO HOME" in read_all(data, "text").values()


def test_version_0_80_has_other_files_and_ids(old, make, capsys):
    data = make(old)
    assert fates_of(data) == {
        "train": 8,
        "valid": 12,
        "test": 12,
        "no_transcript": 4,
        "shared_text": 8,
    }
    assert "speaker-info.txt has no row of p280 (4 clips)" in capsys.readouterr().err
    accents = dict(
        zip(
            read_all(data, "utt2spk").values(),
            read_all(data, "utt2accent").values(),
            strict=True,
        )
    )
    assert accents["p225"] == "english" and accents["p280"] == "<unk>"
    paths = read_all(data, "wav.scp")
    assert paths["p225-p225_003"] == f"{old}/wav48/p225/p225_003.wav"


def test_the_folder_that_it_was_unpacked_in_will_do(new, make):
    assert fates_of(make(new.parent))["train"] == 8


def test_the_test_is_the_same_with_shared_sentences_in_training(new, make, capsys):
    tested = read_table(make(new) / "test" / "text")
    data = make(new, "--shared_text", "keep")
    assert read_table(data / "test" / "text") == tested
    assert fates_of(data)["train"] == 16
    told = capsys.readouterr().err
    assert "the sentence of 6 of 12 test clips is also in training" in told


def test_mic2_is_another_recording_which_two_speakers_lack(new, make, capsys):
    with pytest.raises(
        UserError, match="4 of 40 clips .* are missing, (?s:.*)p280_001_mic2"
    ):
        make(new, "--mic", "mic2")
    told = capsys.readouterr().err
    assert "neither a text nor audio (_mic2.flac): p315" in told
    data = make(new, "--mic", "mic2", "--max_bad_audio", "0.1")
    assert fates_of(data)["missing"] == 4
    assert all(p.endswith("_mic2.flac") for p in read_all(data, "wav.scp").values())
    bad = (data / "corpus" / "bad_clips.tsv").read_text()
    assert bad.count("missing\tno such file") == 4


def test_files_that_are_missing_empty_or_of_no_speaker(new, make, capsys):
    audio = new / "wav48_silence_trimmed"
    (audio / "p225" / "p225_001_mic1.flac").unlink()
    (audio / "p225" / "._p225_009_mic1.flac").write_bytes(b"a Mac's")
    (audio / "p226" / "p226_002_mic1.flac").write_bytes(b"fLaC, but no sound")
    (new / "txt" / "p226" / "p226_001.txt").write_text(" \n")
    (new / "txt" / "p227" / "p227_001.txt").unlink()
    (new / "txt" / "p227" / "p227_002.txt").write_bytes("caf\xe9".encode("latin-1"))
    for number in range(1, 3):
        path = audio / "s5" / f"s5_{number:03}_mic1.flac"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((audio / "p294" / "p294_001_mic1.flac").read_bytes())
        path = new / "txt" / "s5" / f"s5_{number:03}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"Nobody else says {number}.\n")
    data = make(new, "--max_bad_audio", "0.1", "--shared_text", "keep")
    fates = fates_of(data)
    assert fates["missing"] == fates["undecodable"] == fates["no_text"] == 1
    assert fates["no_transcript"] == 4 + 2
    assert fates.total() == 46
    told = capsys.readouterr().err
    assert "speaker-info.txt has no row of s5 (2 clips)" in told
    labels = read_all(data, "utt2accent")
    assert labels["s5-s5_001_mic1"] == "<unk>"


def test_a_speaker_without_a_file_is_told(new, make, capsys):
    with (new / "speaker-info.txt").open("a") as file:
        file.write("s5  30  M    English  Surrey\n")
    make(new)
    assert "neither a text nor audio (_mic1.flac): s5" in capsys.readouterr().err


def test_accents_of_few_speakers_are_as_the_options_say(new, make):
    data = make(new, "--min_speakers", "2")
    assert set(read_all(data, "utt2accent").values()) == {
        "american",
        "english",
        "australian",
        "<unk>",
    }
    assert fates_of(make(new, "--small_accents", "drop"))["small_accent"] == 12


def test_a_class_that_no_training_speaker_has_is_none(new, make, capsys):
    # Two speakers: one is tested, and the other is all that there is to train on.
    for path in [*new.glob("*/p326/*mic?.flac"), *new.glob("*/p374/*mic?.flac")]:
        path.unlink()
    for speaker in ("p326", "p374"):
        (new / "txt" / speaker / f"{speaker}_003.txt").unlink()
        (new / "txt" / speaker / f"{speaker}_004.txt").unlink()
        for number in (1, 2):
            name = f"{speaker}/{speaker}_{number:03}_mic1.flac"
            write_audio(new / "wav48_silence_trimmed" / name, np.ones(2400) / 10)
    # All that training has of them are sentences of the test.
    data = make(new, "--min_speakers", "2")
    assert "accent 'australian' has no clip in training" in capsys.readouterr().err
    assert "australian" not in read_all(data, "utt2accent").values()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("", "where is CSTR VCTK.*10283/3443.*VCTK=.*db.sh"),
        ("no folder", "is not a folder"),
        ("no audio", r"neither wav48_silence_trimmed/ \(version 0.92\) nor wav48/"),
        ("both", "two versions: .*wav48_silence_trimmed and .*wav48"),
        ("no info", "is not whole: speaker-info.txt missing"),
        ("no texts", "is not whole: txt/ missing"),
        ("no clips", r"has no <speaker>/<speaker>_<number>_mic1\.flac"),
    ],
)
def test_roots_that_are_none(new, make, tmp_path, spoil, message):
    root = new
    if spoil == "":
        root = ""
    elif spoil == "no folder":
        root = tmp_path / "no"
    elif spoil == "no audio":
        root = new / "txt"
    elif spoil == "both":
        (new / "wav48").mkdir()
    elif spoil == "no info":
        (new / "speaker-info.txt").unlink()
    else:
        for path in (new / "txt").rglob("*.txt"):
            path.unlink()
        if spoil == "no texts":
            for path in [*(new / "txt").iterdir(), new / "txt"]:
                path.rmdir()
        for path in new.rglob("*.flac"):
            path.unlink()
    with pytest.raises(UserError, match=message):
        make(root)
    assert not (tmp_path / "data" / "train").exists()


def test_version_0_80_has_one_microphone(old, make):
    with pytest.raises(
        UserError, match="--mic mic2: version 0.80 .* has one microphone"
    ):
        make(old, "--mic", "mic2")


@pytest.mark.parametrize(
    ("line", "content", "kind"),
    [
        (
            1,
            "p225  23  F    English    Southern  England",
            "does not begin with ID AGE",
        ),
        (3, "p226  22  M", "no row of ID AGE GENDER ACCENTS"),
        (3, "p226  M  22  English", "no row of ID AGE GENDER ACCENTS"),
        (4, "p226  22  M    Irish  Dublin", "a speaker with two accents"),
    ],
)
def test_rows_of_speaker_info_that_are_wrong(new, make, line, content, kind):
    path = new / "speaker-info.txt"
    rows = path.read_text().splitlines()
    rows[line - 1] = content
    path.write_text("\n".join(rows))
    message = f"{path}: {kind}.*; copy the file again.*\\s+line {line}: {content}"
    with pytest.raises(UserError, match=message):
        make(new)


def test_data_sh_says_where_to_get_the_corpus(vctk, tmp_path):
    done = vctk.run_data_sh("--datadir", tmp_path / "data", VCTK="")
    assert done.returncode == 1
    assert "https://datashare.ed.ac.uk/handle/10283/3443" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()
