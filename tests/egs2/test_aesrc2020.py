"""The recipe of AESRC2020, on tiny copies."""

import os
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
FOLDERS = {
    "American English Speech Data": "US",
    "Chinese Speaking English Speech Data": "CHN",
    "Spanish Speaking English Speech Data": "ES",
}


def add_speaker(root: Path, accent: str, number: int, clips: int = 2) -> Path:
    """Add a speaker as the corpus has them; return the folder."""
    speaker = f"G{number:05}"
    folder = root / accent / speaker
    folder.mkdir(parents=True)
    samples = np.random.RandomState(number).uniform(-0.1, 0.1, 800)
    for i in range(1, clips + 1):
        path = folder / f"{speaker}S{1000 + i}.wav"
        soundfile.write(path, samples, 16000)
        path.with_suffix(".txt").write_text(
            f"Isn't Mr. {speaker} well-known, for {i}?\n"
        )
        path.with_suffix(".metadata").write_text("SEX\tMale\nACT\tsomewhere\n")
    return folder


@pytest.fixture
def root(tmp_path) -> Path:
    """Three accents of three speakers each; two numbers are in two accents."""
    root = tmp_path / "Datatang-English" / "data"
    for i, accent in enumerate(FOLDERS):
        for number in range(3):
            add_speaker(root, accent, 2 * i + number)
    (root / "documents").mkdir()
    return root


@pytest.fixture(scope="module")
def maker(aesrc2020):
    return aesrc2020.load("prepare_aesrc2020")


@pytest.fixture
def make(maker, tmp_path):
    """Run the command in this process; return where the data directories are."""

    def run(root, *options) -> Path:
        data = tmp_path / "data"
        maker.main(["--root", str(root), "--output", str(data), *map(str, options)])
        return data

    return run


def read_all(data: Path, table: str) -> dict[str, str]:
    return {k: v for name in SETS for k, v in read_table(data / name / table).items()}


def speakers_of(data: Path) -> dict[str, set[str]]:
    return {n: set(read_table(data / n / "utt2spk").values()) for n in SETS}


def fates_of(data: Path) -> Counter:
    lines = (data / "corpus" / "clips.tsv").read_text().splitlines()[1:]
    return Counter(line.split("\t")[2] for line in lines)


def test_the_corpus_from_end_to_end(root, aesrc2020, tmp_path):
    data = tmp_path / "data"
    done = aesrc2020.run_data_sh("--datadir", data, AESRC2020=str(root.parents[1]))
    assert done.returncode == 0, done.stderr
    account = dict.fromkeys(re.findall(r"^ +\d+  .+", done.stdout, re.M))
    assert [" ".join(line.split()) for line in account] == [
        f"18 clips in {root}",
        "6 train",
        "6 valid",
        "6 test",
    ]
    for name in SETS:
        validate_data_dir.main([str(data / name)])
        accents = Counter(read_table(data / name / "utt2accent").values())
        assert accents == {"US": 2, "CHN": 2, "ES": 2}
    speakers = speakers_of(data)
    assert sum(map(len, speakers.values())) == len(set.union(*speakers.values())) == 9

    # The same number in two accents is two speakers.
    key = "CHN_G00002-G00002S1001"
    assert read_all(data, "utt2spk")[key] == "CHN_G00002"
    assert read_all(data, "utt2accent")["US_G00002-G00002S1001"] == "US"
    assert read_all(data, "text")[key] == "ISN'T MR G00002 WELL KNOWN FOR 1"
    assert read_all(data, "wav.scp")[key] == (
        f"{root}/Chinese Speaking English Speech Data/G00002/G00002S1001.wav"
    )


def test_the_map_knows_all_accents_by_both_their_names(aesrc2020, maker):
    classes = maker.read_accent_map(maker.ACCENTS)
    codes = "US UK IND CHN JPN PT RU KR CA ES".split()
    assert Counter(classes.values()) == dict.fromkeys(codes, 2)
    assert all(classes[code.lower()] == code for code in codes)


def test_folders_that_espnets_recipe_has_renamed(root, make):
    wanted = speakers_of(make(root))
    for folder, code in FOLDERS.items():
        (root / folder).rename(root / code)
    assert speakers_of(make(root)) == wanted


def test_files_that_are_missing_or_empty(root, make, capsys):
    us, chn, _ = (root / name for name in FOLDERS)
    (us / "G00000" / "G00000S1001.txt").unlink()
    (us / "G00001" / "G00001S1001.txt").write_text("\n")
    (chn / "G00003" / "G00003S1001.wav").unlink()
    (chn / "G00003" / "._G00003S1003.wav").write_bytes(b"a Mac's")
    with pytest.raises(UserError, match="1 of 18 clips .* are missing"):
        make(root)
    data = make(root, "--max_bad_audio", "0.1")
    fates = fates_of(data)
    assert fates["no_transcript"] == fates["no_text"] == fates["missing"] == 1
    assert fates.total() == 18
    assert "left out: US_G00000 (1 clips)" in capsys.readouterr().err


def test_a_folder_that_is_no_accent(root, make):
    add_speaker(root, "Klingon English Speech Data", 99)
    with pytest.raises(
        UserError, match="does not know 'Klingon .*--accent_map.*--free"
    ):
        make(root)
    labels = read_all(make(root, "--free_text", "unknown"), "utt2accent")
    assert labels["Klingon_English_Speech_Data_G00099-G00099S1001"] == "<unk>"
    fates = fates_of(make(root, "--free_text", "drop"))
    assert fates["free_text"] == 2


def test_a_map_of_ones_own(root, make, tmp_path):
    path = tmp_path / "map.tsv"
    path.write_text(
        "American English Speech Data\tnative\n"
        "Chinese Speaking English Speech Data\tother\n"
        "Spanish Speaking English Speech Data\t<drop>\n"
    )
    data = make(root, "--accent_map", path)
    assert set(read_all(data, "utt2accent").values()) == {"native", "other"}
    assert fates_of(data)["dropped_by_map"] == 6


def test_an_accent_of_one_speaker_is_no_class(root, make, capsys):
    add_speaker(root, "Canadian English Speech Data", 50)
    data = make(root)
    assert read_all(data, "utt2accent")["CA_G00050-G00050S1001"] == "<unk>"
    assert "CA (clips: 2, speakers: 1)" in capsys.readouterr().err


# -- a test that somebody has chosen


def test_listed_speakers_are_tested_and_the_others_shared_out(root, make, tmp_path):
    add_speaker(root, "American English Speech Data", 7)
    # As published lists are: a file an accent, whose last line does not end.
    lists = tmp_path / "cvlist"
    lists.mkdir()
    (lists / "US_cv_spk").write_text("US-G00000\nUS-G00007")
    (lists / "CHN_cv_spk").write_text("CHN-G00003")
    (lists / "ES_cv_spk").write_text("ES-G00004")
    data = make(root, "--test_speakers", lists)
    speakers = speakers_of(data)
    assert speakers["test"] == {"US_G00000", "US_G00007", "CHN_G00003", "ES_G00004"}
    assert len(speakers["train"]) == len(speakers["valid"]) == 3
    assert not speakers["train"] & speakers["valid"]
    for name in SETS:
        assert set(read_table(data / name / "utt2accent").values()) == {
            "US",
            "CHN",
            "ES",
        }


def test_a_class_that_only_the_test_has_is_none(root, make, tmp_path, capsys):
    path = tmp_path / "list"
    path.write_text("ES-G00004\nES-G00005\nES-G00006\nUS-G09999\n")
    data = make(root, "--test_speakers", path)
    assert set(read_table(data / "test" / "utt2accent").values()) == {"<unk>"}
    told = capsys.readouterr().err
    assert "accent 'ES' has no clip in training: 6 clips" in told
    assert f"1 of 4 speakers of {path} are not in the corpus" in told
    assert "the first is US_G09999" in told


def test_lists_that_do_not_fit(root, make, tmp_path):
    with pytest.raises(UserError, match="--test_speakers .*no: no such file"):
        make(root, "--test_speakers", tmp_path / "no")
    path = tmp_path / "list"
    path.write_text("G00001\nG00002\n")
    with pytest.raises(UserError, match="none of its 2 speakers .* such as US-G00007"):
        make(root, "--test_speakers", path)


# -- roots that are none


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("", "where is AESRC2020.*datatang.com.*AESRC2020=.*db.sh"),
        ("no folder", "is not a folder"),
        ("no accent", "has no folder of an accent, such as 'American English Speech"),
        ("no clips", "has no <accent>/<speaker>/<clip>.wav"),
        ("no speaker", "whose voice is it"),
        ("too deep", "whose voice is it"),
        ("one accent", "accents left: 1"),
    ],
)
def test_roots_that_are_none(root, make, tmp_path, spoil, message):
    us, chn, es = (root / name for name in FOLDERS)
    wav = us / "G00000" / "G00000S1001.wav"
    given = root
    if spoil == "":
        given = ""
    elif spoil == "no folder":
        given = tmp_path / "no"
    elif spoil == "no accent":
        given = us
    elif spoil == "no clips":
        for path in [*root.rglob("*.wav"), *root.rglob("*.txt")]:
            path.unlink()
    elif spoil == "no speaker":
        wav.rename(us / wav.name)
    elif spoil == "too deep":
        (wav.parent / "session01").mkdir()
        wav.rename(wav.parent / "session01" / wav.name)
    else:
        for path in (chn, es):
            path.rename(tmp_path / path.name)
    with pytest.raises(UserError, match=message):
        make(given)
    assert not (tmp_path / "data" / "train").exists()


def test_data_sh_says_where_to_get_the_corpus(aesrc2020, tmp_path):
    done = aesrc2020.run_data_sh("--datadir", tmp_path / "data", AESRC2020="")
    assert done.returncode == 1
    assert "services@datatang.com" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_two_folders_of_one_class_keep_their_speakers_apart(make, root, tmp_path):
    path = tmp_path / "map.tsv"
    lines = [f"{folder}\tall\n" for folder in list(FOLDERS)[:2]]
    path.write_text("".join(lines) + f"{list(FOLDERS)[2]}\tES\n")
    data = make(root, "--accent_map", path)
    speakers = {s for n in SETS for s in read_table(data / n / "utt2spk").values()}
    assert len(speakers) == 9
    assert {speaker.split("_")[0] for speaker in speakers} == {"US", "CHN", "ES"}


def test_names_that_are_not_utf8_are_accounted_for(make, root, tmp_path):
    folder = root / next(iter(FOLDERS)) / "G00000"
    clip = next(folder.glob("*.wav"))
    for suffix in (".wav", ".txt"):
        os.rename(
            clip.with_suffix(suffix),
            os.fsencode(folder) + b"/\xb2\xe2" + suffix.encode(),
        )
    data = make(root)
    lines = (data / "corpus" / "clips.tsv").read_text().splitlines()
    [line] = [line for line in lines if "malformed" in line]
    assert "\\xb2\\xe2.wav" in line
