"""The recipe of Common Voice: two real releases, and made ones of every year."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin import format_wav_scp, validate_data_dir
from espnet_mtl.data import headers
from espnet_mtl.data.audio_file import Header
from espnet_mtl.data.prepare.accents import read_accent_map
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.journal import read_journals

BESIDE = Path(__file__).resolve().parents[3] / "shared/data"
SAMPLES = Path(os.environ.get("COMMONVOICE_SAMPLES") or BESIDE)
OLD = SAMPLES / "cv-corpus-6.1-2020-12-11"
NEW = SAMPLES / "cv-corpus-18.0-delta-2024-06-14"
SETS = ("train_en", "dev_en", "test_en")
# Columns of the years; see the release's own files.
YEARS = {
    "4": "client_id path sentence up_votes down_votes age gender accent",
    "7": "client_id path sentence up_votes down_votes age gender accent locale segment",
    "13": "client_id path sentence up_votes down_votes age gender accents variant "
    "locale segment",
    "17": "client_id path sentence_id sentence sentence_domain up_votes down_votes age "
    "gender accents variant locale segment",
}


@pytest.fixture(scope="module")
def maker(commonvoice):
    return commonvoice.load("prepare_commonvoice")


def accents_of(data):
    return {
        name: Counter(read_table(data / name / "utt2accent").values()) for name in SETS
    }


def fates_of(data):
    lines = (data / "corpus_en" / "clips.tsv").read_text().splitlines()[1:]
    return Counter(line.split("\t")[2] for line in lines)


def speakers_are_apart(data):
    speakers = [set(read_table(data / name / "utt2spk").values()) for name in SETS]
    return len(set.union(*speakers)) == sum(map(len, speakers))


def id_of(client: str) -> str:
    return client.encode().hex().ljust(128, "0")


@pytest.fixture
def release(tmp_path):
    """Make a release: ``release("17", rows)``, a row being a dict of its columns."""

    def make(year, rows, lang="en", **tables):
        folder = tmp_path / f"cv-corpus-{year}" / lang
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        columns = YEARS[year].split()
        lines = ["\t".join(columns)]
        for row in rows:
            lines.append("\t".join(row.get(column, "") for column in columns))
            clip = folder / "clips" / row["path"]
            if not clip.exists() and clip.parent.is_dir():
                tone = np.sin(np.arange(4800) / 20) / 2
                soundfile.write(clip, tone, 48000, format="MP3")
        (folder / "validated.tsv").write_text("\n".join(lines) + "\n")
        for name, names in tables.items():
            lines = ["\t".join(columns)]
            lines += ["\t".join(r.get(c, "") for c in columns) for r in names]
            (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
        return folder.parent

    return make


def clips_of(speakers, column, count=2):
    """Rows of speakers: name -> accents cell."""
    return [
        {
            "client_id": id_of(name),
            "path": f"common_voice_{name}_{i}.mp3",
            "sentence": f"Sentence, number {i}.",
            column: cell,
        }
        for name, cell in speakers.items()
        for i in range(count)
    ]


SIX = {f"us{i}": "us" for i in range(3)} | {f"uk{i}": "england" for i in range(3)}
SIX_NAMES = {
    name: {"us": "United States English", "england": "England English"}[code]
    for name, code in SIX.items()
}
FEW = ("--min_clips", "1", "--min_speakers", "3")


# -- real releases


@pytest.mark.skipif(not OLD.is_dir(), reason="no samples (COMMONVOICE_SAMPLES)")
def test_every_clip_of_release_6_1_is_accounted_for(maker, tmp_path, capsys):
    maker.main(
        ["--root", str(OLD), "--output", str(tmp_path), *FEW, "--min_clips", "3"]
    )
    assert fates_of(tmp_path) == {"train": 78, "valid": 11, "test": 11}
    assert sum(accents_of(tmp_path).values(), Counter()) == {
        "us": 35,
        "indian": 5,
        "england": 4,
        "australia": 3,
        "<unk>": 53,
    }
    assert speakers_are_apart(tmp_path)
    assert all(accents_of(tmp_path)[n]["australia"] == 1 for n in SETS)
    for name in SETS:
        validate_data_dir.main([str(tmp_path / name)])
    assert (
        "<unk>: 50 without a label, 3 of accents with too few"
        in capsys.readouterr().out
    )


@pytest.mark.skipif(not NEW.is_dir(), reason="no samples (COMMONVOICE_SAMPLES)")
def test_every_clip_of_release_18_delta_is_accounted_for(maker, tmp_path, capsys):
    options = ["--root", str(NEW), "--output", str(tmp_path), *FEW, "--min_clips", "3"]
    maker.main(options)
    assert fates_of(tmp_path) == {"train": 261, "valid": 33, "test": 32}
    assert sum(accents_of(tmp_path).values(), Counter()) == {
        "us": 219,
        "canada": 22,
        "england": 3,
        "<unk>": 82,
    }
    assert speakers_are_apart(tmp_path)
    assert (
        "<unk>: 24 not in the map, 23 several accents, 19 of accents with too few "
        "clips or speakers, 16 without" in capsys.readouterr().out
    )
    maker.main([*options, "--free_text", "drop", "--several_accents", "drop"])
    fates = fates_of(tmp_path)
    assert (fates["free_text"], fates["several_accents"]) == (24, 23)
    maker.main([*options, "--no_accent", "drop", "--small_accents", "drop"])
    assert fates_of(tmp_path)["no_accent"] == 16
    assert fates_of(tmp_path)["small_accent"] == 19
    maker.main(
        [*options, "--max_clips_per_accent", "20", "--max_clips_per_speaker", "5"]
    )
    fates = fates_of(tmp_path)
    assert sum(fates.values()) == 326
    assert max(sum(accents_of(tmp_path).values(), Counter()).items())[1] <= 20


@pytest.mark.skipif(not NEW.is_dir(), reason="no samples (COMMONVOICE_SAMPLES)")
def test_a_spoilt_copy_of_a_release_is_accounted_for(maker, tmp_path):
    """Clips gone, empty, no audio; rows twice, torn, with nothing said."""
    # 1. A copy with faults
    root = tmp_path / "en"
    (root / "clips").mkdir(parents=True)
    for clip in (NEW / "en" / "clips").iterdir():
        (root / "clips" / clip.name).symlink_to(clip)
    table = (NEW / "en" / "validated.tsv").read_text().splitlines()
    names = [line.split("\t")[1] for line in table[1:]]
    (root / "clips" / names[0]).unlink()
    for name, content in ((names[1], b""), (names[2], b"ID3 and nothing more")):
        (root / "clips" / name).unlink()
        (root / "clips" / name).write_bytes(content)
    table.append(table[20])
    table.append(table[21].replace(table[21].split("\t")[3], "Something else."))
    fields = table[22].split("\t")
    table[22] = "\t".join([*fields[:3], "?!", *fields[4:]])
    table[23] = table[23].split("\t", 2)[0]
    (root / "validated.tsv").write_text("\n".join(table) + "\n")

    # 2. Its account adds up
    data = tmp_path / "data"
    maker.main(["--root", str(root), "--output", str(data), *FEW, "--min_clips", "3"])
    fates = fates_of(data)
    used = sum(fates.pop(name) for name in ("train", "valid", "test"))
    assert fates == {
        "missing": 1,
        "empty": 1,
        "undecodable": 1,
        "duplicate": 1,
        "conflict": 2,
        "no_text": 1,
        "malformed": 1,
    }
    assert used + sum(fates.values()) == 328
    assert len((data / "corpus_en" / "bad_clips.tsv").read_text().splitlines()) == 4


# -- made releases


@pytest.mark.parametrize("year", YEARS)
def test_releases_of_every_year_give_the_same_classes(maker, release, tmp_path, year):
    old = year in ("4", "7")
    speakers, column = (SIX, "accent") if old else (SIX_NAMES, "accents")
    root = release(year, clips_of(speakers, column))
    data = tmp_path / "data"
    maker.main(["--root", str(root), "--output", str(data), *FEW])
    assert sum(accents_of(data).values(), Counter()) == {"us": 6, "england": 6}
    texts = read_table(data / "train_en" / "text").values()
    assert set(texts) == {"SENTENCE NUMBER 0", "SENTENCE NUMBER 1"}


def test_labels_joined_by_pipes_or_commas(maker, release, tmp_path):
    cells = {
        "a": "England English|United States English",
        "b": "United States English|wolof",
        "c": "India and South Asia (India, Pakistan, Sri Lanka)|"
        "India and South Asia (India, Pakistan, Sri Lanka)",
        "d": "India and South Asia (India, Pakistan, Sri Lanka)",
        "e": " india and south asia (India,  Pakistan, Sri Lanka) ",
    }
    root = release("17", clips_of({**SIX_NAMES, **cells}, "accents"))
    data = tmp_path / "data"
    maker.main(["--root", str(root), "--output", str(data), *FEW])
    assert sum(accents_of(data).values(), Counter()) == {
        "us": 6,
        "england": 6,
        "indian": 6,
        "<unk>": 4,
    }


def test_the_releases_own_sets_are_kept_and_speakers_stay_apart(
    maker, release, tmp_path
):
    rows = clips_of(SIX_NAMES, "accents")
    by_speaker = {name: rows[2 * i : 2 * i + 2] for i, name in enumerate(SIX)}
    root = release(
        "17",
        rows,
        train=by_speaker["us0"] + by_speaker["uk0"][:1],
        dev=by_speaker["us1"][:1] + by_speaker["uk1"],
        test=by_speaker["us2"] + by_speaker["uk2"],
    )
    data = tmp_path / "data"
    maker.main(["--root", str(root), "--output", str(data), *FEW])
    # What is in none of the sets goes to training, unless its speaker is elsewhere.
    assert fates_of(data) == {"train": 4, "valid": 3, "test": 4, "other_set": 1}
    assert speakers_are_apart(data)
    maker.main(
        ["--root", str(root), "--output", str(data), *FEW, "--splits", "speaker"]
    )
    assert fates_of(data) == {"train": 4, "valid": 4, "test": 4}


def test_sets_that_a_delta_release_has_not(maker, release, tmp_path):
    root = release("17", clips_of(SIX_NAMES, "accents"))
    with pytest.raises(UserError, match="train.tsv does not exist .delta releases"):
        maker.main(["--root", str(root), "--splits", "release"])


def test_sets_of_another_release_are_refused_and_strangers_are_told(
    maker, release, tmp_path, capsys
):
    rows = clips_of(SIX_NAMES, "accents")
    stranger = {**rows[0], "path": "common_voice_stranger_0.mp3"}
    data = tmp_path / "data"
    none = [{**row, "path": f"x{row['path']}"} for row in rows]
    root = release("17", rows, train=none[:4], dev=none[4:8], test=none[8:])
    with pytest.raises(UserError, match="name no clip .* another release"):
        maker.main(["--root", str(root), "--output", str(data), *FEW])
    root = release(
        "17",
        rows,
        train=[*rows[:2], *rows[6:8], stranger],
        dev=[*rows[2:4], *rows[8:10]],
        test=[*rows[4:6], *rows[10:]],
    )
    maker.main(["--root", str(root), "--output", str(data), *FEW])
    assert "1 clips of the release's sets are not in" in capsys.readouterr().err


def test_lengths_of_the_release_are_used_where_clips_are_not_opened(
    maker, release, tmp_path, capsys
):
    rows = clips_of(SIX_NAMES, "accents")
    root = release("17", rows)
    lines = ["clip\tduration[ms]", *(f"{row['path']}\t3600000" for row in rows)]
    (root / "en" / "clip_durations.tsv").write_text("\n".join(lines) + "\n")
    data = tmp_path / "data"
    maker.main(
        ["--root", str(root), "--output", str(data), *FEW, "--check_audio", "false"]
    )
    assert "       4         2    4.00|" in capsys.readouterr().out.splitlines()[-1]


def test_a_second_run_opens_only_what_is_new(maker, release, tmp_path, monkeypatch):
    root = release("17", clips_of(SIX_NAMES, "accents"))
    data = tmp_path / "data"
    options = ["--root", str(root), "--output", str(data), *FEW]
    maker.main(options)
    journal = data / "corpus_en" / "headers.jsonl"
    whole = read_journals([journal], Header)
    assert len(whole) > 1
    journal.write_text(journal.read_text()[:-10])  # a kill tears a line off
    opened = []
    look_at = headers.look_at
    monkeypatch.setattr(headers, "look_at", lambda v: opened.append(v) or look_at(v))
    maker.main(options)
    assert len(opened) == 1
    assert read_journals([journal], Header) == whole
    maker.main(options)
    assert len(opened) == 1


def test_another_language_has_no_map_and_its_labels_are_classes(
    maker, release, tmp_path
):
    speakers = {f"n{i}": "Norte" for i in range(3)} | {f"s{i}": "Sur" for i in range(3)}
    root = release("17", clips_of(speakers, "accents"), lang="es")
    data = tmp_path / "data"
    maker.main(["--root", str(root), "--lang", "es", "--output", str(data), *FEW])
    accents = read_table(data / "train_es" / "utt2accent")
    assert set(accents.values()) == {"norte", "sur"}


def test_the_folder_of_another_language_is_refused(maker, release, tmp_path):
    """It is named itself; so nothing but its rows tells that it is another one."""
    rows = [row | {"locale": "en"} for row in clips_of(SIX_NAMES, "accents")]
    root = release("17", rows) / "en"
    data = ["--output", str(tmp_path / "data"), *FEW]
    with pytest.raises(UserError, match="validated.tsv:2: locale is 'en', not 'es'"):
        maker.main(["--root", str(root), "--lang", "es", *data])
    maker.main(["--root", str(root), *data])


def test_a_row_that_cannot_be_read_is_told(maker, release, tmp_path, capsys):
    root = release("17", clips_of(SIX_NAMES, "accents"))
    with (root / "en" / "validated.tsv").open("ab") as file:
        file.write(b"caf\xe9\n")
    maker.main(["--root", str(root), "--output", str(tmp_path / "data"), *FEW])
    log = capsys.readouterr().err
    assert "not UTF-8" in log and "such rows are not used" in log


def test_small_accents_of_another_language_are_listed(maker, release, tmp_path, capsys):
    speakers = {f"n{i}": "Norte" for i in range(3)} | {f"s{i}": "Sur" for i in range(3)}
    root = release("17", clips_of(speakers, "accents"), lang="es")
    data = tmp_path / "data"
    with pytest.raises(UserError) as error:
        maker.main(["--root", str(root), "--lang", "es", "--output", str(data)])
    listed = data / "corpus_es/accent_labels.tsv"
    assert f"All labels are in {listed}" in capsys.readouterr().err
    assert f"give labels a class in --accent_map ({listed} has" in str(error.value)


def test_quoted_cells_of_a_release_are_text_without_their_quotes(
    maker, release, tmp_path
):
    """As in release 6.1."""
    rows = clips_of(SIX, "accent")
    rows[0]["sentence"] = '"He said ""well"", and went."'
    root = release("7", rows)
    data = tmp_path / "data"
    plain = ["--punctuation", "keep", "--text_case", "keep"]
    maker.main(["--root", str(root), "--output", str(data), *FEW, *plain])
    texts = {v for n in SETS for v in read_table(data / n / "text").values()}
    assert 'He said "well", and went.' in texts


def test_a_map_of_the_users_own_decides(maker, release, tmp_path):
    path = tmp_path / "map.tsv"
    path.write_text("United States English\tamerican\nEngland English\t<drop>\n")
    rows = clips_of({**SIX_NAMES, **{f"c{i}": "Cajun" for i in range(3)}}, "accents")
    path.write_text(path.read_text() + "Cajun\tcajun\n")
    root = release("17", rows)
    data = tmp_path / "data"
    maker.main(
        ["--root", str(root), "--output", str(data), "--accent_map", str(path), *FEW]
    )
    assert fates_of(data)["dropped_by_map"] == 6
    assert sum(accents_of(data).values(), Counter()) == {"american": 6, "cajun": 6}


def test_what_is_no_release_is_named(maker, release, commonvoice, tmp_path):
    done = commonvoice.run_data_sh("--datadir", tmp_path / "data", COMMONVOICE="")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "where is Common Voice?" in done.stderr and "db.sh" in done.stderr
    root = release("17", clips_of(SIX_NAMES, "accents"))
    for options, message in (
        (["--root", str(tmp_path / "no")], "is not a folder"),
        (["--root", str(root), "--lang", "fr"], "no language 'fr', but en"),
        (["--root", str(tmp_path)], "no unpacked release"),
    ):
        with pytest.raises(UserError, match=message):
            maker.main(options)


def test_a_path_that_leaves_the_release_is_refused(maker, release, tmp_path):
    rows = clips_of(SIX_NAMES, "accents")
    rows.append({**rows[0], "path": "../../secret.mp3"})
    root = release("17", rows)
    with pytest.raises(UserError) as error:
        maker.main(["--root", str(root), "--output", str(tmp_path / "data")])
    assert "not the name of a file in clips/" in str(error.value)
    assert "line 14: '../../secret.mp3'" in str(error.value)


def test_a_table_without_its_columns_is_refused(maker, release, tmp_path):
    root = release("17", clips_of(SIX_NAMES, "accents"))
    table = root / "en" / "validated.tsv"
    table.write_text(table.read_text().replace("sentence\t", "utterance\t", 1))
    with pytest.raises(UserError, match="no column 'sentence' among: client_id, path"):
        maker.main(["--root", str(root)])


def test_quotes_mean_nothing_and_doubled_columns_are_read_once(
    maker, release, tmp_path
):
    rows = clips_of(SIX_NAMES, "accents")
    rows[0]["sentence"] = 'He said "well'
    root = release("17", rows)
    table = root / "en" / "validated.tsv"
    lines = [
        f"{line}\t{line.split(chr(9))[9]}" for line in table.read_text().splitlines()
    ]
    table.write_text("\r\n".join(lines) + "\r\n")
    assert lines[0].count("accents") == 2
    data = tmp_path / "data"
    maker.main(["--root", str(root), "--output", str(data), *FEW])
    assert fates_of(data) == {"train": 4, "valid": 4, "test": 4}
    texts = {v for n in SETS for v in read_table(data / n / "text").values()}
    assert "HE SAID WELL" in texts


def test_the_shipped_map_knows_codes_and_names_alike(maker):
    classes = read_accent_map(maker.CONF / "accents_en.tsv")
    codes = {name for name in classes.values() if name != "<unk>"}
    assert len(codes) == 16
    assert all(classes[code] == code for code in codes)


def test_data_sh_and_formatting_take_mp3_to_one_rate(commonvoice, release, tmp_path):
    root = release("17", clips_of(SIX_NAMES, "accents"))
    data = tmp_path / "data"
    done = commonvoice.run_data_sh("--datadir", data, *FEW, COMMONVOICE=str(root))
    assert done.returncode == 0, done.stderr
    assert "england" in done.stdout and "Sampling rates: 48000 Hz" in done.stderr
    dump = tmp_path / "dump"
    format_wav_scp.main(["--fs", "16k", str(data / "train_en"), str(dump)])
    path = next(iter(read_table(dump / "wav.scp").values()))
    info = soundfile.info(path)
    assert (info.format, info.samplerate) == ("FLAC", 16000)
    assert 1500 < info.frames < 1800
