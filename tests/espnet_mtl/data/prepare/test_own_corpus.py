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
SPOKEN = "abcdef"


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


def test_speakers_that_differ_in_case_alone_are_warned_of(make, rows, capsys):
    make([HEADER, *rows])
    assert "differ in case alone" not in capsys.readouterr().err
    upper = [row.replace(",a,", ",A,") if n % 2 else row for n, row in enumerate(rows)]
    assert upper != rows
    make([HEADER, *upper])
    said = capsys.readouterr().err
    assert "2 speakers have names that differ in case alone" in said
    assert "'a' (line 2)" in said and "'A' (line 3)" in said


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
    "bars": (
        lambda r: [line.replace(",", "|") for line in [HEADER, *r]],
        ["corpus.csv:1: columns are separated by '|'", "with commas"],
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
    "a URL": (
        lambda r: [HEADER, *r, "https://x.org/a.wav,hi,a,north", "~/a.wav,hi,a,north"],
        ["a URL or '~', not a path (2 times); download it", "line 15: ~/a.wav"],
    ),
    "a speaker whom nobody knows": (
        lambda r: [HEADER, *r, "audio/x.wav,hi,N/A,north", "b.wav,hi,Unknown,north"],
        ["no speaker (2 times); name the speaker", "line 14: N/A", "line 15: Unknown"],
    ),
    "a wrong encoding": (
        lambda r: [HEADER, *r, "audio/x.wav,donâ€™t,a,north"],
        ["read as another encoding; export", "line 14: 'donâ€™t' for 'don’t'"],
    ),
    "a letter that was lost": (
        lambda r: [HEADER, *r, "audio/x.wav,caf\ufffd,a,north"],
        [
            "the character '\ufffd', which stands for one that was lost",
            "line 14: audio",
        ],
    ),
    "another name for a column": (
        lambda r: [HEADER.replace("text", "sentence"), *r],
        ["no column 'text'", "rename 'sentence' to 'text'"],
    ),
    "no names of columns": (
        lambda r: r,
        ["no column 'path', 'text', 'speaker', 'accent'", "write a first line that"],
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


def test_two_speakers_are_enough_for_an_accent_where_hardly_any_has_three(
    make, rows, capsys
):
    accents = {"a": "north", "b": "north", "c": "south", "d": "south", "e": "south"}
    voices = "abcde"
    table = [f"{v}{n}.wav,say {v} {n},{v},{accents[v]}" for v in voices for n in "01"]
    data = make([HEADER, *table], "--check_audio", "false")
    assert "two are enough for one here" in capsys.readouterr().err
    found = {v for t in read_sets(data, "utt2accent").values() for v in t.values()}
    assert found == {"north", "south"}
    # Said by the user, it holds.
    with pytest.raises(UserError, match="accents left: 1 "):
        make([HEADER, *table], "--check_audio", "false", "--min_speakers", "3")


def test_too_few_speakers_for_three_sets(make, rows):
    with pytest.raises(UserError, match="no clip is left for valid .*train 2, valid 0"):
        make([HEADER, *rows[2:8]], "--min_speakers", "1")


def test_a_set_of_no_share_is_empty_by_its_option(make, rows):
    with pytest.raises(UserError, match="for test .*give --test_share .* more than 0"):
        make([HEADER, *rows], "--test_share", "0")


def split_table(rows, sets):
    """Add the column: the set of each speaker."""
    return [f"{HEADER},split", *(f"{row},{sets[row[6]]}" for row in rows)]


@pytest.mark.parametrize(
    ("sets", "missing"),
    [
        ({s: "test" if s in "cf" else "train" for s in SPOKEN}, ["valid"]),
        ({s: "valid" if s in "cf" else "train" for s in SPOKEN}, ["test"]),
        (dict.fromkeys(SPOKEN, "train"), ["valid", "test"]),
    ],
)
def test_a_set_that_the_table_does_not_have_comes_from_training(
    make, rows, capsys, sets, missing
):
    data = make(split_table(rows, sets))
    speakers = {s: set(t.values()) for s, t in read_sets(data, "utt2spk").items()}
    assert all(speakers.values()) and len(set.union(*speakers.values())) == 6
    for speaker, name in sets.items():
        assert speaker in speakers[name] or name == "train"
    log = capsys.readouterr().err
    for name in missing:
        assert f"no clip has the split '{name}': 2 of the " in log
        assert f"(--{name}_share 0.1, in --local_data_opts)" in log


def test_where_no_speaker_can_be_spared_that_is_said(make, rows):
    sets = {s: "train" if s == "a" else "test" for s in SPOKEN}
    with pytest.raises(UserError) as error:
        make(split_table(rows, sets))
    assert "no clip has the split 'valid'" in str(error.value)
    assert "give the split 'valid' to some speakers of training" in str(error.value)
    assert "left out" not in str(error.value)


def test_a_set_whose_clips_are_all_bad_says_so(make, rows, root):
    for name in ("b0", "b1", "e0", "e1"):
        (root / f"audio/{name}.wav").write_bytes(b"")
    sets = {
        s: {"b": "valid", "e": "valid", "c": "test"}.get(s, "train") for s in SPOKEN
    }
    with pytest.raises(UserError) as error:
        make(split_table(rows, sets), "--max_bad_audio", "0.5")
    assert "no clip is left for valid" in str(error.value)
    assert "are left out (4: audio without a sample)" in str(error.value)


def test_a_table_without_training_says_so(make, rows):
    sets = {s: "valid" if s in "abc" else "test" for s in SPOKEN}
    with pytest.raises(UserError, match="no clip has the split 'train'"):
        make(split_table(rows, sets))


def test_a_speaker_of_its_own_for_every_clip_is_told(make, rows, capsys):
    alone = [row.replace(f",{row[6]},", f",{row[6:8]},") for row in rows]
    make([HEADER, *alone])
    assert "every clip has a speaker of its own" in capsys.readouterr().err
    make([HEADER, *rows])
    assert "speaker of its own" not in capsys.readouterr().err


@pytest.mark.parametrize("word", ["no", "NA", "none", "-"])
def test_a_word_that_often_means_nothing_is_an_accent_if_the_map_says_so(
    make, rows, capsys, tmp_path, word
):
    names = tmp_path / "map.tsv"
    names.write_text(f"{word}\tno\nsouth\tna\n")
    rows = [row.replace("north", word) for row in rows]
    data = make([HEADER, *rows], "--accent_map", str(names))
    assert "not known" not in capsys.readouterr().err
    accents = {v for t in read_sets(data, "utt2accent").values() for v in t.values()}
    assert accents == {"no", "na"}


def test_labels_without_a_class_are_told_with_the_list(make, rows, capsys, tmp_path):
    names = tmp_path / "map.tsv"
    names.write_text("north\tn\nsouth\ts\n")
    rows = [row.replace(",b,north", ",b,secret") for row in rows]
    data = make([HEADER, *rows], "--accent_map", str(names), "--min_speakers", "2")
    log = capsys.readouterr().err
    listed = data / "corpus/accent_labels.tsv"
    assert "1 accent labels have no class in the map (--free_text unknown" in log
    assert f"marked '?' in {listed}" in log and "secret" not in log
    assert "secret\t?\t2\t1" in listed.read_text()


@pytest.mark.parametrize(
    ("options", "word", "is_told"),
    [
        ("", "t-uisce", True),
        ("--hyphens split", "t uisce", False),
        ("--hyphens join", "tuisce", False),
        ("--lang en-GB", "t uisce", False),
    ],
)
def test_hyphens_in_words(make, rows, capsys, options, word, is_told):
    rows = [row.replace("say 0", "an t-uisce").replace("say 1", "say!") for row in rows]
    data = make([HEADER, *rows], "--punctuation", "remove", *options.split())
    texts = {v for t in read_sets(data, "text").values() for v in t.values()}
    assert texts == {f"an {word}", "say"}
    told = "such as 't-uisce' (line 2), which stays; --hyphens split or join"
    assert (told in capsys.readouterr().err) is is_told


def test_hyphens_cannot_go_while_punctuation_stays():
    with pytest.raises(UserError, match="--hyphens split: .*add --punctuation remove"):
        prepare_own_corpus.main(["--hyphens", "split"])


def test_signs_that_are_read_aloud_are_told_before_they_go(make, rows, capsys):
    rows[3] = rows[3].replace("say 1", "R&D for 5 %")
    make([HEADER, *rows], "--punctuation", "remove")
    log = capsys.readouterr().err
    assert "1 texts have signs that people read aloud (line 5: & %)" in log
    make([HEADER, *rows])
    assert "read aloud" not in capsys.readouterr().err


def test_names_that_look_alike_are_one_speaker(make, rows):
    rows[0] = rows[0].replace(",a,", ",\u200e a\u00ad\u00a0,")
    data = make([HEADER, *rows])
    speakers = {v for t in read_sets(data, "utt2spk").values() for v in t.values()}
    assert speakers == set(SPOKEN)


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
    with pytest.raises(UserError, match="--table FILE to ./run.sh, or set TABLE"):
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
    log = capsys.readouterr().err
    assert f"2 clips have an accent such as '{nothing}' (line 2), which is taken" in log
    assert f"write '{nothing} TAB <class>' to a file for --accent_map" in log


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


def test_letters_that_look_garbled_but_are_not_stay(make, rows):
    rows[0] = rows[0].replace("say 0", "Ângela âme Ñandú Ôter")
    texts = read_sets(make([HEADER, *rows]), "text")
    assert "Ângela âme Ñandú Ôter" in {v for t in texts.values() for v in t.values()}


def test_doubts_about_paths_and_accents_are_told(make, rows, root, capsys):
    rows[1] = rows[1].replace("north", "south")
    rows[2] = rows[2].replace("audio/b0.wav", "audio/b0")
    with pytest.raises(UserError, match=r"audio/b0: no such file \(there is b0.wav\)"):
        make([HEADER, *rows])
    said = "1 speakers have not the same accent in all rows: a in lines 2 and 3"
    log = capsys.readouterr().err
    assert said in log and "--audio_root" not in log
    with pytest.raises(UserError, match="12 of 12 clips"):
        make([HEADER, *(row.replace("audio/", "wav/") for row in rows)])
    assert f"No file of the first rows is in {root}, the" in capsys.readouterr().err


def test_a_name_that_looks_the_same_is_spelt_out(make, rows, root):
    (root / "audio/a0.wav").rename(root / "audio/e\u0301.wav")
    rows[0] = rows[0].replace("audio/a0", "audio/\u00e9")
    with pytest.raises(UserError) as error:
        make([HEADER, *rows])
    assert r"(there is 'e\u0301.wav', not '\xe9.wav')" in str(error.value)


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
    with pytest.raises(UserError, match=f"line 2: {path}: cut short"):
        make([HEADER, *rows])
    data = make([HEADER, *rows], "--max_bad_audio", "0.25")
    [_, listed] = (data / "corpus" / "bad_clips.tsv").read_text().splitlines()
    assert listed.split("\t")[1] == f"audio/{path.name}"
