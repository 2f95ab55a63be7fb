"""Your own corpus: tables that are right, and all that can be wrong with them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin import prepare_own_corpus, validate_data_dir
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError

HEADER = "path,text,speaker,accent"
SETS = ("train", "valid", "test")


def read_sets(data: Path, name: str) -> dict[str, dict[str, str]]:
    return {s: read_table(data / s / name) for s in SETS}


def test_a_table_becomes_valid_directories_with_speakers_apart(make, rows, root):
    data = make([HEADER, *rows])
    for name in SETS:
        validate_data_dir.main([str(data / name)])
    speakers = {s: set(t.values()) for s, t in read_sets(data, "utt2spk").items()}
    assert sorted(len(own) for own in speakers.values()) == [2, 2, 2]
    assert len(set.union(*speakers.values())) == 6
    for accents in read_sets(data, "utt2accent").values():
        assert set(accents.values()) == {"north", "south"}
    paths = [p for t in read_sets(data, "wav.scp").values() for p in t.values()]
    assert sorted(paths) == sorted(str(root / row.split(",")[0]) for row in rows)
    texts = {k: t for t in read_sets(data, "text").values() for k, t in t.items()}
    assert texts["a-a1"] == "say 1"


def test_the_same_table_gives_the_same_sets_in_any_order(make, rows):
    first = read_sets(make([HEADER, *rows]), "utt2accent")
    assert read_sets(make([HEADER, *reversed(rows)]), "utt2accent") == first


@pytest.mark.parametrize("kind", ["tabs", "bom and crlf", "quoted", "columns"])
def test_tables_as_programs_write_them(make, rows, kind, capsys):
    lines = [HEADER, *rows]
    if kind == "tabs":
        content = "\n".join(lines).replace(",", "\t").encode()
    elif kind == "bom and crlf":
        content = ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()
    elif kind == "quoted":
        lines = [lines[0], *(f'"{line}"'.replace(",", '","') for line in lines[1:])]
        content = "\n".join(lines).encode()
    else:  # another order and case, and a column that nobody asked for
        fields = [line.split(",") for line in lines]
        content = "\n".join(f"{a},x,{s},{t},{p}" for p, t, s, a in fields)
        content = content.replace("accent,x,", "Accent,age,").encode()
    data = make(content)
    assert sum(len(t) for t in read_sets(data, "text").values()) == 12
    told = "a byte-order mark and Windows line ends" in capsys.readouterr().err
    assert told is (kind == "bom and crlf")


def test_the_set_of_the_table_is_kept(make, rows):
    sets = {
        "a": "train",
        "b": "dev",
        "c": "test",
        "d": "train",
        "e": "Valid",
        "f": "test",
    }
    data = make([f"{HEADER},split", *(f"{row},{sets[row[6]]}" for row in rows)])
    speakers = {s: set(t.values()) for s, t in read_sets(data, "utt2spk").items()}
    assert speakers == {"train": {"a", "d"}, "valid": {"b", "e"}, "test": {"c", "f"}}


def test_paths_are_absolute_or_below_the_tables_folder_or_a_root(make, rows, root):
    wanted = read_sets(make([HEADER, *rows]), "wav.scp")
    absolute = [f"{root}/{row}" for row in rows]
    bare = [row.removeprefix("audio/") for row in rows]
    for lines, options in (
        (absolute, []),
        (bare, ["--audio_root", str(root / "audio")]),
    ):
        paths = read_sets(make([HEADER, *lines], *options), "wav.scp")
        assert sorted(p for t in paths.values() for p in t.values()) == sorted(
            p for t in wanted.values() for p in t.values()
        )


def test_files_of_one_name_in_two_folders_are_two_utterances(make, rows, root):
    (root / "more").mkdir()
    (root / "more" / "a0.wav").write_bytes((root / "audio" / "a0.wav").read_bytes())
    data = make([HEADER, *rows, "more/a0.wav,say more,a,north"])
    texts = {k: v for t in read_sets(data, "text").values() for k, v in t.items()}
    assert len(texts) == 13
    own = sorted(v for k, v in texts.items() if k.startswith("a-a0-"))
    assert own == ["say 0", "say more"]


def test_names_that_would_upset_sorting_are_made_words(make, rows):
    rows = [
        row.replace(",a,", ",Ann-Marie Lee,").replace(",b,", ",Ann,") for row in rows
    ]
    data = make([HEADER, *rows])
    for name in SETS:
        validate_data_dir.main([str(data / name)])
    speakers = {v for t in read_sets(data, "utt2spk").values() for v in t.values()}
    assert speakers == {"Ann", "Ann_Marie_Lee", "c", "d", "e", "f"}


# What is done to the rows, and what the message has to say: line, value, fix.
MISTAKES = {
    "semicolons": (
        lambda r: [line.replace(",", ";") for line in [HEADER, *r]],
        ["corpus.csv:1: columns are separated by ';'", "with commas"],
    ),
    "no such column": (
        lambda r: [HEADER.replace("speaker", "speker"), *r],
        ["no column 'speaker' among: path, text, speker", "rename 'speker'"],
    ),
    "a column twice": (
        lambda r: [f"{HEADER},text", *(f"{row},x" for row in r)],
        ["'text' names the columns 2 and 5", "all but one"],
    ),
    "quotes": (
        lambda r: [HEADER, *r, 'audio/a0.wav,"say,a,north', r[0]],
        ["unbalanced quotes; quote", 'line 14: audio/a0.wav,"say,a,north'],
    ),
    "a comma in a field": (
        lambda r: [HEADER, *r, "audio/a0.wav,well, yes,a,north"],
        [
            "not the 4 fields",
            "quote such a field",
            "line 14: 5 fields: audio/a0.wav,well, yes",
        ],
    ),
    "paths that leave": (
        lambda r: [HEADER, *r, "../a.wav,x,a,north", "audio/../../b.wav,x,a,north"],
        ["a path that leaves", "(2 times)", "absolute", "line 14: ../a.wav", "line 15"],
    ),
    "no path": (lambda r: [HEADER, ",x,a,north"], ["no path", "line 2: x"]),
    "not UTF-8": (
        lambda r: "\n".join([HEADER, *r, "audio/a.wav,\u00fcber,a,north"]).encode(
            "latin1"
        ),
        ["not UTF-8; convert", "iconv", "line 14: audio/a.wav,\ufffdber"],
    ),
    "UTF-16": (
        lambda r: "\n".join([HEADER, *r]).encode("utf-16"),
        ["UTF-16, not UTF-8; save it as UTF-8"],
    ),
    "the same clip twice": (
        lambda r: [HEADER, *r, r[0]],
        ["the same clip twice; keep one", "line 14: audio/a0.wav, as in line 2"],
    ),
    "another text": (
        lambda r: [HEADER, *r, "./audio/a1.wav,good bye,a,north"],
        [
            "the same clip with another text",
            "line 14: ./audio/a1.wav: 'good bye', line 3",
        ],
    ),
    "a speaker in two sets": (
        lambda r: [
            f"{HEADER},split",
            *(f"{row},{'train' if row[7] == '1' else 'test'}" for row in r),
        ],
        [
            "a speaker in two sets (6 times); give each speaker one set",
            "line 2: a: test",
        ],
    ),
    "no such set": (
        lambda r: [f"{HEADER},split", *(f"{row},eval" for row in r)],
        [
            "an unknown split (12 times); write train, valid or test",
            "line 2: 'eval'",
        ],
    ),
    "no text": (
        lambda r: [HEADER, *r[:3], "audio/b1.wav, ,b,north"],
        ["no text; write what is said", "line 5: audio/b1.wav"],
    ),
    "no speaker": (
        lambda r: [HEADER, *r[:3], "audio/b1.wav,hi,,north"],
        ["no speaker; name the speaker", "line 5: audio/b1.wav"],
    ),
    "two names for a speaker": (
        lambda r: [HEADER, "a.wav,hi,Ann Lee,north", "b.wav,hi,Ann-Lee,north"],
        ["two names for one speaker", "line 3: 'Ann-Lee' and 'Ann Lee' are both"],
    ),
    "a sign as an accent": (
        lambda r: [HEADER, "audio/a0.wav,hi,a,!?"],
        ["an accent without a letter", "line 2: !?"],
    ),
    "a lone carriage return": (
        lambda r: "\r".join([HEADER, *r]).encode(),
        ["corpus.csv:1: line ends of old Macs", "save the table with Unix"],
    ),
    "quotes in the first line": (
        lambda r: ['"path,text,speaker,accent', *r],
        ["line 1:", "unbalanced quotes"],
    ),
    "a NUL byte": (
        lambda r: [HEADER, *r, "audio/a\0.wav,hi,a,north"],
        [
            "the character '\\x00', which cannot be printed",
            "line 14: 'audio/a\\x00.wav",
        ],
    ),
    "another encoding": (
        lambda r: [HEADER, *r, "audio/a0.wav,well \x96 yes,a,north"] * 2,
        ["the character '\\x96', which cannot be printed (2 times)", "line 14:"],
    ),
    "a command": (
        lambda r: [HEADER, *r, "touch broken_into |,hi,a,north"],
        ["a path that ends in '|'", "line 14: touch broken_into |"],
    ),
    "no rows": (lambda r: [HEADER], ["no row below the first line"]),
    "nothing": (
        lambda r: b"",
        ["corpus.csv:1: the first line is empty", "path, text, speaker"],
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_line_value_and_fix(make, rows, tmp_path, name):
    spoil, said = MISTAKES[name]
    with pytest.raises(UserError) as error:
        make(spoil(rows))
    for part in said:
        assert part in str(error.value)
    assert not (tmp_path / "data" / "train").exists()


def test_all_mistakes_are_told_at_once_and_many_go_to_a_file(make, rows, tmp_path):
    many = [f"../{i}.wav,hi,a,north" for i in range(40)]
    with pytest.raises(UserError) as error:
        make([HEADER, *rows, *many, "audio/a0.wav,,a,north"])
    listed = tmp_path / "data" / "corpus" / "table_errors.txt"
    message = str(error.value)
    assert "no text" in message and "(40 times)" in message
    assert "line 18: ../4.wav" in message and "../5.wav" not in message
    assert "... and 35 more" in message and str(listed) in message
    assert "line 53: ../39.wav" in listed.read_text()


def test_audio_that_is_no_good_is_listed_and_skipped_up_to_a_share(
    make, rows, root, tmp_path, capsys
):
    (root / "audio" / "a0.wav").unlink()
    (root / "audio" / "b0.wav").write_bytes(b"")
    (root / "audio" / "c0.wav").write_bytes(b"RIFF, but no sound")
    with pytest.raises(UserError) as error:
        make([HEADER, *rows])
    assert "3 of 12 clips (25.0%)" in str(error.value)
    assert "--max_bad_audio (in --local_data_opts) allows 0.0%" in str(error.value)
    assert f"line 2: {root}/audio/a0.wav: no such file" in str(error.value)
    listed = tmp_path / "data" / "corpus" / "bad_clips.tsv"
    rules = [line.split("\t")[2] for line in listed.read_text().splitlines()[1:]]
    assert rules == ["missing", "empty", "undecodable"]
    assert not (tmp_path / "data" / "train").exists()

    assert "audio/c0.wav: unreadable (" in str(error.value)

    data = make([HEADER, *rows], "--max_bad_audio", "0.25")
    assert sum(len(t) for t in read_sets(data, "text").values()) == 9
    account, log = capsys.readouterr()
    assert "3 of 12 clips are skipped" in log
    assert "1  no such audio file" in account and "1  audio without a" in account
    fates = [line.split("\t")[2] for line in (data / "corpus" / "clips.tsv").open()]
    assert len(fates) == 13 and sorted(set(fates) - {*SETS, "fate"}) == sorted(rules)


def test_an_accent_of_one_speaker_is_unknown_and_the_log_says_why(make, rows, capsys):
    rows = [row.replace(",f,south", ",f,west") for row in rows]
    data = make([HEADER, *rows], "--min_speakers", "2")
    assert "west (clips: 2, speakers: 1)" in capsys.readouterr().err
    accents = {v for t in read_sets(data, "utt2accent").values() for v in t.values()}
    assert accents == {"north", "south", "<unk>"}


def test_too_few_speakers_for_three_sets(make, rows):
    with pytest.raises(UserError, match="no clip is left for valid .*train 2, valid 0"):
        make([HEADER, *rows[2:8]], "--min_speakers", "1")


def test_one_accent_is_none(make, rows):
    with pytest.raises(UserError, match="accents left: 1 .north., .* needs two"):
        make([HEADER, *(row.replace("south", "north") for row in rows)])


def test_ten_thousand_accents_are_counted_not_listed(make, capsys):
    lines = [f"{i}.wav,hi,s{i},accent {i}" for i in range(10_000)]
    lines += [
        f"{s}{i}.wav,hi,{s},{a}" for s in "uvwxyz" for i in "01" for a in ("north",)
    ]
    lines = [
        line.replace("north", "south") if line.startswith(tuple("xyz")) else line
        for line in lines
    ]
    data = make([HEADER, *lines], "--check_audio", "false", "--min_speakers", "3")
    shown, log = capsys.readouterr()
    assert len(shown.splitlines()) < 20
    assert "10000 of accents with too few" in shown
    assert "and 9990 more" in log and len(log) < 2000
    labels = (data / "corpus" / "accent_labels.tsv").read_text()
    assert "accent 9999\taccent_9999\t1\t1" in labels


def test_without_a_table_the_message_says_where_to_put_it():
    with pytest.raises(UserError, match="--table FILE to run.sh, or set it in db.sh"):
        prepare_own_corpus.main([])


@pytest.mark.parametrize(
    "option", ["--valid_share 1", "--min_clips few", "--check_audio maybe"]
)
def test_options_that_cannot_be_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        prepare_own_corpus.main(option.split())
    assert f"argument {option.split()[0]}" in capsys.readouterr().err


def test_options_that_do_not_fit_together_are_refused(tmp_path):
    with pytest.raises(UserError, match="nothing is left for training"):
        prepare_own_corpus.main(["--valid_share", "0.5", "--test_share", "0.5"])
    with pytest.raises(UserError, match="--accent_map .*no.tsv: no such file"):
        prepare_own_corpus.main(["--accent_map", str(tmp_path / "no.tsv")])


@pytest.mark.parametrize(
    ("choice", "sizes"),
    [("keep", [4, 4, 4]), ("drop_train", [2, 4, 4]), ("drop_test", [4, 2, 2])],
)
def test_sentences_of_several_sets_are_told_and_may_leave(
    make, rows, capsys, choice, sizes
):
    rows = [row.replace("say 1", f"only {row[6]}") for row in rows]
    texts = read_sets(make([HEADER, *rows], "--shared_text", choice), "text")
    assert [len(texts[name]) for name in SETS] == sizes
    assert ("drop_train or drop_test" in capsys.readouterr().err) is (choice == "keep")


def test_a_second_run_that_is_killed_leaves_no_set_that_looks_whole(
    make, rows, monkeypatch
):
    data = make([HEADER, *rows])
    replace = Path.replace
    replaced = []

    def stop(path, target):
        replaced.append(target)
        if len(replaced) > 6 and Path(target).parent.parent == data:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        make([HEADER, *rows], "--seed", "7")
    assert len(replaced) > 6
    assert not list(data.glob("*/wav.scp"))


def test_marks_of_other_scripts_tell_accents_and_speakers_apart(make, rows):
    rows = [row.replace("north", "मिल").replace("south", "मेल") for row in rows]
    rows = [row.replace(",a,", ",मेला,").replace(",b,", ",मिला,") for row in rows]
    data = make([HEADER, *rows])
    accents = {v for t in read_sets(data, "utt2accent").values() for v in t.values()}
    assert accents == {"मिल", "मेल"}


def test_quotes_in_a_tsv_mean_nothing(make, rows):
    lines = [line.replace(",", "\t") for line in [HEADER, *rows]]
    lines[1] = lines[1].replace("say 0", '"Hello" he said')
    texts = read_sets(make(lines), "text")
    assert '"Hello" he said' in {v for t in texts.values() for v in t.values()}


def test_a_field_of_any_length_is_read(make, rows):
    rows[0] = rows[0].replace("say 0", '"' + "word " * 30_000 + '"')
    texts = read_sets(make([HEADER, *rows]), "text")
    assert max(len(v) for t in texts.values() for v in t.values()) == 149_999


def test_what_a_damaged_cache_says_is_looked_at_again(make, rows, root):
    data = make([HEADER, *rows])
    cache = data / "corpus" / "headers.jsonl"
    lines = cache.read_text().splitlines()
    lines[0] = lines[0].replace("800", "8?00")
    cache.write_text("\n".join(lines) + "\n")
    make([HEADER, *rows])
    assert len(cache.read_text().splitlines()) == len(lines) + 1


@pytest.mark.parametrize("nothing", ["N/A", "unknown", "nan", "-1", "?"])
def test_accents_that_say_nothing_are_no_class(make, rows, capsys, nothing):
    rows[0] = rows[0].replace("north", nothing)
    rows[1] = rows[1].replace("north", f"{nothing}|north")
    data = make([HEADER, *rows])
    accents = {
        k: v for t in read_sets(data, "utt2accent").values() for k, v in t.items()
    }
    assert set(accents.values()) == {"north", "south", "<unk>"}
    assert (accents["a-a0"], accents["a-a1"]) == ("<unk>", "north")
    assert f"2 clips have an accent such as '{nothing}' (line 2), which means" in (
        capsys.readouterr().err
    )


def test_several_accents_of_a_clip(make, rows):
    rows[0] = rows[0].replace("north", "north|south")
    data = make([HEADER, *rows], "--several_accents", "drop")
    assert sum(len(t) for t in read_sets(data, "text").values()) == 11


def test_capitals_and_punctuation_are_told(make, rows, capsys):
    make([HEADER, *rows])
    assert "has capital and small" not in capsys.readouterr().err
    make([HEADER, *(row.replace("say 0", "Say it.") for row in rows)])
    log = capsys.readouterr().err
    assert "--text_case upper or lower" in log and "--punctuation remove" in log


def test_missing_files_get_a_hint(make, rows, root):
    rows[0] = rows[0].replace("audio/a0.wav", "audio/A0.WAV")
    rows[2] = rows[2].replace("audio/b0.wav", "D:\\speech\\b0.wav")
    with pytest.raises(UserError) as error:
        make([HEADER, *rows])
    assert "A0.WAV: no such file (there is a0.wav)" in str(error.value)
    assert "(a path of Windows? write '/'" in str(error.value)


def test_a_set_without_two_accents_is_told(make, rows, capsys):
    sets = dict(
        zip("abcdef", "train valid test train train train".split(), strict=True)
    )
    make([f"{HEADER},split", *(f"{row},{sets[row[6]]}" for row in rows)])
    shown = capsys.readouterr().out
    assert "test: only one accent is known" in shown
    assert "valid: only one accent is known" in shown


def test_what_was_wrong_is_forgotten_once_it_is_right(make, rows, tmp_path):
    many = [f"../{i}.wav,hi,a,north" for i in range(9)]
    with pytest.raises(UserError):
        make([HEADER, *rows, *many])
    assert (tmp_path / "data/corpus/table_errors.txt").is_file()
    make([HEADER, *rows])
    assert not (tmp_path / "data/corpus/table_errors.txt").exists()


def test_a_table_without_any_accent_is_for_a_plain_recogniser(make, rows, capsys):
    rows = [row.rpartition(",")[0] + "," for row in rows]
    data = make([HEADER, *rows])
    assert "no clip has an accent" in capsys.readouterr().err
    accents = {v for t in read_sets(data, "utt2accent").values() for v in t.values()}
    assert accents == {"<unk>"}


@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg", "flac"])
def test_half_a_file_is_no_clip(make, rows, root, tmp_path, kind):
    path = root / "audio" / f"a0.{kind}"
    soundfile.write(path, np.sin(np.arange(16000) / 9) / 2, 8000)
    rows[0] = rows[0].replace("a0.wav", path.name)
    make([HEADER, *rows])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=f"line 2: {path}: (cut short|unreadable)"):
        make([HEADER, *rows])
    data = make([HEADER, *rows], "--max_bad_audio", "0.25")
    [_, listed] = (data / "corpus" / "bad_clips.tsv").read_text().splitlines()
    assert listed.split("\t")[1] == f"audio/{path.name}"
