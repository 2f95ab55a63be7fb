"""What a study shows of its logs."""

from pathlib import Path
from types import SimpleNamespace

import notices
import pytest
from plan import Step

HEAD = "2025-01-01 00:00:00,000"
STAGE_1 = f"""# cd /egs2/mine
# ./run.sh --stage 1
2025-01-01T00:00:00 (stages_data.sh:7:stage_1) Stage 1: Data preparation
{HEAD} (progress:35) INFO: progress: 3/3 clips (headers)
        3  clips in corpus.csv
        2  train

accent  | clips
north   |     2
{HEAD} (prepare:90) WARNING: 1 accents have fewer than 3 speakers:
    south
{HEAD} (prepare:99) INFO: clips.tsv: what became of every clip
2025-01-01T00:00:00 (asr_mtl.sh:169:main) Successfully finished. [elapsed=1s]
# Ended with exit status 0
"""


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def step(stage: int, owner: str, directory: Path) -> Step:
    return Step(owner, stage, (), "", directory, ())


def test_the_account_and_the_warnings_of_data_are_told_and_nothing_else(
    tmp_path: Path,
) -> None:
    log = write(tmp_path / "log" / "shared.stage01.log", STAGE_1)
    assert notices.tell(step(1, "shared", tmp_path), log, 0.0) == [
        "        3  clips in corpus.csv",
        "        2  train",
        "",
        "accent  | clips",
        "north   |     2",
        "WARNING: 1 accents have fewer than 3 speakers:",
        "    south",
    ]
    # What later stages print is in the report; their warnings count.
    log.write_text(f"{STAGE_1}{HEAD} (x:1) WARNING: odd\nset  accent\n")
    later = notices.tell(step(5, "shared", tmp_path), log, 0.0)
    first = ["WARNING: 1 accents have fewer than 3 speakers:", "    south"]
    assert later == [*first, "WARNING: odd"]


def test_warnings_of_jobs_are_told_once_and_a_flood_is_cut(tmp_path: Path) -> None:
    log = write(tmp_path / "log" / "shared.stage10.log", "x\n")
    job = f"{HEAD} (a:1) WARNING: odd\n" * 9 + f"[host] {HEAD} (b:1) WARNING: odder\n"
    job += f"{HEAD} (c:2) WARNING: Set decoder to none as ctc_weight==1.0\n"
    write(tmp_path / "stats" / "stats.1.log", job)
    told = notices.tell(step(10, "shared", tmp_path), log, 0.0)
    assert told == ["WARNING: odd", "WARNING: odder"]
    log.write_text("".join(f"{HEAD} (a:1) WARNING: {n}\n" for n in range(500)))
    told = notices.tell(step(10, "shared", tmp_path), log, 0.0)
    assert len(told) < 100
    assert f"more lines in {log}" in told[-1]


def test_a_warning_is_not_told_again() -> None:
    told: set[str] = set()
    long = ["WARNING: few speakers:", "    south"]
    lines = ["  3  clips", *long, "WARNING: odd"]
    assert notices.pick_news(lines, told).split("\n") == [*lines, ""]
    assert notices.pick_news([*long, "WARNING: new"], told) == "WARNING: new\n"
    # Another second line: it is another warning.
    again = [long[0], "    north"]
    assert notices.pick_news(again, told).split("\n") == [*again, ""]
    assert notices.pick_news([], told) == ""


def test_the_last_words_name_each_kind_of_warning_with_its_systems_and_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SimpleNamespace(
        study_dir=tmp_path, exp_of=lambda system: tmp_path / f"exp_{system}"
    )
    first = write(tmp_path / "log" / "shared.stage01.log", STAGE_1)
    for system, number in (("a", 3), ("b", 1)):
        warning = f"{HEAD} (beam_search:489) WARNING: best hypo length: {number}\n"
        write(tmp_path / f"exp_{system}" / "decode" / "x.1.log", warning * number)
    steps = [step(1, "shared", tmp_path)]
    steps += [step(12, name, tmp_path / f"exp_{name}") for name in "ab"]
    assert notices.summarise(settings, steps) == [
        f"Account of data   {first}",
        "Warnings          the first of each kind, and the log that has it:",
        "  shared: 1 accents have fewer than 3 speakers:",
        f"    {first}",
        "  a, b: best hypo length: 3 (4 times)",
        f"    {tmp_path}/exp_a/decode/x.1.log",
        'Options in them   go into --recipe_args "...", if nothing else is said; '
        "--asr_args are --train_args",
    ]
    monkeypatch.setattr(notices, "_MOST_WARNINGS", 1)
    assert "and 1 more kinds" in notices.summarise(settings, steps)[-2]
