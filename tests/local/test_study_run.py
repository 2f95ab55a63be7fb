"""The study from its command line, on a recipe that only notes what it was asked."""

import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from fake_study import RECIPE, ROOT, Study, add, gone, stages


def test_order_report_and_nothing_twice(study: Callable[..., Study]) -> None:
    fake = study("a", "b", "c")
    out, err = fake.run()
    calls = fake.calls()
    assert calls[:6] == [f"shared.{stage}" for stage in (1, 2, 3, 4, 5, 10)]
    for owner in "abc":
        assert stages(calls, owner) == list(range(11, 18))
    assert f"REPORT --output {fake.exp}" in out
    assert (
        f"--exp {fake.exp}/asr_mtl_a {fake.exp}/asr_mtl_b {fake.exp}/asr_mtl_c" in out
    )
    assert "estimating" in err
    assert "c: scoring the attack (stage 17): done in" in err
    assert len(list((fake.exp / "log" / "benchmark").iterdir())) == 6 + 3 * 7

    out, _ = fake.run()
    assert fake.calls() == []
    assert "REPORT" in out and " --systems " not in out


def add_pages(fake: Study, name: str = "fake") -> None:
    """Make the pages that results are written into."""
    recipe = fake.root / "egs2" / "fake" / "asr_mtl1" / "README.md"
    (fake.root / "doc").mkdir(exist_ok=True)
    for page in (fake.root / "README.md", fake.root / "doc" / "results.md", recipe):
        page.write_text(f"<!-- results:{name} -->\n<!-- /results:{name} -->\n")


def test_results_without_a_place_are_refused_before_the_first_stage(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    update = ("--update_readme", "true")
    _, err = fake.run(*update, status=1)
    assert f"--update_readme {fake.root / 'README.md'}: no such file" in err
    add_pages(fake, "other")
    _, err = fake.run(*update, status=1)
    assert "write '<!-- results:fake -->' and '<!-- /results:fake -->' around" in err
    assert fake.calls() == []
    add_pages(fake)
    fake.run(*update)
    assert fake.calls()


@pytest.mark.parametrize(
    "options", [("--systems", "b", "--update_readme", "true"), ("--systems=b",)]
)
def test_the_command_of_a_report_names_what_is_in_it(
    study: Callable[..., Study], options: Sequence[str]
) -> None:
    fake = study("a", "b", "c")
    add_pages(fake)
    fake.run("--systems", "a")
    out, _ = fake.run(*options)
    command = "--command ./run.sh --corpus fake "
    assert command in out
    said = out[out.index(command) :].split("--exp")[0]
    assert "--systems 'a b'" in said and "--update_readme" not in said
    assert said.count("--systems") == 1


def test_a_corpus_elsewhere_is_not_taken_for_the_one_that_was_read(
    study: Callable[..., Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = study("a")
    (fake.recipe / "db.sh").write_text("OTHER=${OTHER:-}\nMINE=${MINE:-}\n")
    (fake.recipe / "local").mkdir()
    (fake.recipe / "local" / "data.sh").write_text('make --root "${MINE}"\n')
    monkeypatch.setenv("MINE", "/one")
    first = ("--stop_stage", "3")
    assert fake.begun(*first)
    monkeypatch.setenv("OTHER", "/any")
    monkeypatch.delenv("MINE")
    assert fake.begun(*first) == []
    monkeypatch.setenv("MINE", "/two")
    _, err = fake.run(*first, status=1)
    assert "MINE=/two: the data in" in err and "were made from /one" in err
    assert fake.begun(*first, "--redo", "true")
    assert fake.begun(*first) == []


def test_the_account_of_the_data_is_shown_once_and_warnings_are_summed_up(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    out, err = fake.run()
    assert "   96  clips in corpus.csv\nWARNING: mind shared.1\n" in err
    assert "mind a.15" not in err
    assert f"  shared, a: mind shared.1 (2 times)\n    {fake.exp}/log" in out
    again, err = fake.run()
    assert "corpus.csv" not in err
    assert "shared, a: mind shared.1 (2 times)" in again
    _, err = fake.run("--local_data_opts", "--other 1")
    assert "   96  clips in corpus.csv\nWARNING: mind shared.1\n" in err


def with_template(fake: Study) -> Path:
    """Give it the template, whose recipes only note; return a table."""
    template = fake.root / "egs2" / "TEMPLATE"
    shutil.rmtree(template)
    shutil.copytree(ROOT / "egs2" / "TEMPLATE", template, symlinks=True)
    (template / "asr_mtl1" / "run.sh").write_text(RECIPE)
    folder = fake.root / "my data"
    folder.mkdir()
    (folder / "my corpus.csv").write_text("path,text,speaker,accent\n")
    return folder / "my corpus.csv"


def test_a_table_gets_a_recipe_and_changed_is_done_anew(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    table = with_template(fake)
    name = ("--corpus", "")
    _, err = fake.run(*name, "--table", str(table.relative_to(fake.root)))
    assert "at most 100 (--num_attack_utts)" in err
    assert f"TABLE={table}" in fake.lines("begin a.11")[0]
    assert len(fake.calls()) == 6 + 7
    assert (fake.root / "exp" / "study_my_corpus" / "asr_mtl_a").is_dir()
    recipe = fake.root / "egs2" / "my_corpus" / "asr_mtl1"
    assert (recipe / "conf" / "train_asr_mtl.yaml").is_file()
    # Nothing is repeated, and the recipe knows its table.
    assert fake.begun(*name, "--table", str(table)) == []
    assert fake.begun("--corpus", "my_corpus") == []
    # Another table of this name would not be that corpus.
    other = fake.root / table.name
    other.write_text("path,text,speaker,accent\n")
    _, err = fake.run(*name, "--table", str(other), status=1)
    assert f"belongs to {table}. Give this table a name of its own" in err
    assert "Traceback" not in err
    table.write_text("path,text,speaker,accent\na.wav,hello,ann,north\n")
    calls = fake.begun("--corpus", "my_corpus")
    assert calls[0] == "shared.1" and len(calls) == 6 + 7
    table.unlink()
    _, err = fake.run("--corpus", "my_corpus", status=1)
    assert f"its table {table} is gone. Give --table FILE" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--table", "no.csv"], "no.csv: no such file"),
        (["--table", "fake.csv", "--corpus", "fake"], "reads no table. Give yours a"),
        (["--table", "fake.csv", "--corpus", "a/b"], "--corpus a/b: give the recipe a"),
    ],
)
def test_a_table_that_cannot_be_taken_is_refused(
    study: Callable[..., Study], options: list[str], message: str
) -> None:
    fake = study("a")
    (fake.root / "fake.csv").touch()
    _, err = fake.run(*options, status=1)
    assert message in err
    assert "Traceback" not in err


def test_a_recipe_of_a_table_without_one_says_where_to_give_it(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    (fake.recipe / "db.sh").write_text("TABLE=${TABLE:-}\n")
    _, err = fake.run(status=1)
    assert "where is its table? Give --table FILE, or set TABLE in" in err


def test_systems_run_side_by_side_and_share_the_cores(
    study: Callable[..., Study],
) -> None:
    fake = study("a", "b", "c")
    fake.run("--nj", "4", "--systems", "a b")
    training = [line.split()[:2] for line in fake.lines() if ".11" in line]
    assert [word for word, _ in training[:2]] == ["begin", "begin"]
    assert "c.11" not in [name for _, name in training]
    begins = fake.lines("begin a.1")
    assert "OMP=2" in begins[0]
    assert "--nj 1 " in begins[0]
    assert "OMP=1" in begins[1]
    assert "--nj 2 --inference_nj 2 --attack_nj 2" in begins[1]


def test_on_a_cluster_a_step_has_all_jobs_and_every_system_runs(
    study: Callable[..., Study],
) -> None:
    fake = study("a", "b", "c")
    fake.backend = "slurm"
    fake.run("--nj", "20")
    training = [line.split()[:2] for line in fake.lines() if ".11" in line]
    assert [word for word, _ in training[:3]] == ["begin"] * 3
    decoding, attack = fake.lines("begin a.12"), fake.lines("begin a.15")
    assert all("--nj 20 --inference_nj 20 --attack_nj 20" in line for line in decoding)
    assert all("OMP=1" in line and "--attack_nj 20" in line for line in attack)
    assert "--nj 1 " in fake.lines("begin a.11")[0]


def test_each_system_gets_one_gpu(study: Callable[..., Study]) -> None:
    fake = study("a", "b")
    fake.backend = "slurm"  # GPUs of other machines
    fake.run("--ngpu", "2")
    training = [line for line in fake.lines("begin") if ".11 " in line]
    assert {line.split()[3] for line in training} == {"GPU=0", "GPU=1"}
    assert all("--ngpu 1 --gpu_inference true" in line for line in training)


def test_gpus_that_are_not_there_are_missed_before_anything_runs(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    _, err = fake.run("--ngpu", "1", status=1)
    assert "ERROR: --ngpu 1: " in err and "--ngpu" in err.split("ERROR: --ngpu 1: ")[1]
    assert "Traceback" not in err
    assert fake.calls() == []
    fake.run("--ngpu", "1", "--stop_stage", "10")  # which needs none
    (fake.recipe / "cmd.sh").write_text("cmd_backend=${cmd_backend:-slurm}\n")
    assert "a.11" in fake.begun("--ngpu", "1")


def test_failure_shows_the_log_and_a_rerun_continues(
    study: Callable[..., Study],
) -> None:
    fake = study("a", "b")
    (fake.notes / "fail.a.12").touch()
    (fake.notes / "hang.b.11").touch()
    out, err = fake.run(status=1)
    assert "the reason of a.12\n# Ended with exit status 3\n-----\n" in err
    assert "a: decoding (stage 12) failed; see its log" in err
    assert "run the same command again" in err
    assert "Stopping b: training (stage 11)" in err
    assert "Traceback" not in err
    assert "REPORT" not in out
    assert gone(fake.wait_for("b.11"))
    fake.calls()
    for file in fake.notes.glob("*.*"):
        file.unlink()
    fake.run()
    calls = fake.calls()
    assert stages(calls, "shared") == []
    assert stages(calls, "a") == list(range(12, 18))
    assert stages(calls, "b") == list(range(11, 18))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(study: Callable[..., Study], number: int) -> None:
    fake = study("a", "b")
    (fake.notes / "hang.a.11").touch()
    (fake.notes / "hang.b.11").touch()
    process = fake.start()
    jobs = [fake.wait_for("a.11"), fake.wait_for("b.11")]
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert all(gone(job) for job in jobs)


def test_killed_anywhere_it_continues(study: Callable[..., Study]) -> None:
    fake = study("a", "b")
    done: list[str] = []
    for step in ("shared.3", "a.11", "b.15"):
        (fake.notes / f"hang.{step}").touch()
        process = fake.start()
        job = fake.wait_for(step)
        process.kill()
        process.communicate()
        os.kill(job, signal.SIGKILL)  # with the engine gone, it would go on
        (fake.notes / f"hang.{step}").unlink()
        fake.wait_until_free()
        done += fake.calls("end")
    fake.run()
    done += fake.calls("end")
    steps = [f"{owner}.{n}" for owner in "ab" for n in range(11, 18)]
    steps += [f"shared.{n}" for n in (1, 2, 3, 4, 5, 10)]
    assert set(done) == set(steps)
    # What the kill hit may have been done twice, nothing else.
    assert len(done) <= len(steps) + 3 * 2
    assert not (fake.exp / "old").exists()


def test_without_the_engines_own_notes_nothing_is_lost(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    fake.begun()
    shutil.rmtree(fake.exp / ".snakemake")
    assert fake.begun() == []
    assert fake.begun("--inference_args", "--beam_size 3") == [
        "a.12",
        "a.13",
        "a.15",  # the standard attack asks the decoder
        "a.16",
        "a.17",
    ]


def test_a_second_run_is_refused_by_name(study: Callable[..., Study]) -> None:
    fake = study("a")
    (fake.notes / "hang.a.11").touch()
    first = fake.start()
    fake.wait_for("a.11")
    _, err = fake.run(status=1)
    running = f"process {first.pid} is already running a study"
    assert running in err
    assert "Traceback" not in err
    fake.run("--preset", "smoke", "--stop_stage", "5")
    first.kill()
    first.communicate()
    _, err = fake.run(status=1)
    assert running in err
    assert "or it was killed, and commands that it had started still run" in err
    os.kill(fake.wait_for("a.11"), signal.SIGKILL)
    (fake.notes / "hang.a.11").unlink()


def test_stages_are_chosen_as_in_espnet(study: Callable[..., Study]) -> None:
    fake = study("a")
    out, _ = fake.run("--stop_stage", "3")
    assert fake.calls() == ["shared.1", "shared.2", "shared.3"]
    assert "REPORT" not in out
    _, err = fake.run("--stage", "11", status=1)
    assert "shared: length filter (stage 4) has not been done" in err
    assert "Start with --stage 4" in err
    fake.begun("--stop_stage", "12")
    assert fake.begun("--stage", "12", "--stop_stage", "13") == ["a.13"]
    assert fake.begun("--stage", "12", "--stop_stage", "12", "--redo", "true") == [
        "a.12"
    ]
    assert fake.begun("--stage", "13", "--stop_stage", "13") == ["a.13"]


def test_a_suite_waits_for_the_system_that_it_transfers_from(
    study: Callable[..., Study],
) -> None:
    fake = study("a", "b")
    systems = fake.root / "conf" / "systems.yaml"
    text = systems.read_text()
    systems.write_text(text.replace("\nb:", "  transfer_from: b\n\nb:"))
    (fake.root / "conf" / "suite.yaml").write_text("attacks: [{attack: pgd}]\n")
    fake.run("--attack_config", "conf/suite.yaml", "--nj", "1")
    order = [" ".join(line.split()[:2]) for line in fake.lines()]
    assert order.index("end b.14") < order.index("begin a.15")
    (attack,) = fake.lines("begin a.15")
    assert "--attack_source_zips" in attack and "/asr_mtl_b/asr_mtl_b.zip" in attack


def test_transfer_attacks_are_made_on_all_systems_or_on_none(
    study: Callable[..., Study],
) -> None:
    fake = study("a", "b", "c")
    add(fake, a="transfer_from: b", b="transfer_from: a", c="transfer_from: a")
    (fake.root / "conf" / "suite.yaml").write_text("attacks: [{attack: pgd}]\n")
    suite = ("--attack_config", "conf/suite.yaml")
    _, err = fake.run(*suite, "--systems", "a c")
    assert "leaves out some of these others: b (for a)" in err
    assert not any("--attack_source_zips" in line for line in fake.lines())
    fake.calls()
    fake.run(*suite)
    attacks = [line for line in fake.lines("begin") if ".15 " in line]
    assert len(attacks) == 3
    assert all("--attack_source_zips" in line for line in attacks)
    fake.calls()
    # What others had been attacked with is there, so that nothing changes.
    _, err = fake.run(*suite, "--systems", "c")
    assert fake.calls() == [] and "leaves out" not in err


def test_what_a_system_starts_from_is_trained_and_packed_first(
    study: Callable[..., Study],
) -> None:
    fake = study("start", "a", "b")
    more = "pretrained_from: start\n  "
    add(fake, start="last_stage: 14", a=more + "compare_with: [b]", b=more)
    add(fake, b="baseline: true")
    fake.run("--systems", "a", "--stop_stage", "11")
    lines = fake.lines()
    (training,) = [line for line in lines if line.startswith("begin a.11 ")]
    assert "/asr_mtl_start/asr_mtl_start.zip" in training
    order = [line.split()[:2] for line in lines if "shared" not in line]
    assert [step for word, step in order if word == "end"] == [
        "start.11",
        "start.14",
        "a.11",
    ]
    fake.calls()
    out, _ = fake.run()
    calls = fake.calls()
    assert (stages(calls, "start"), stages(calls, "a")) == (
        [12, 13],
        list(range(12, 18)),
    )
    (report,) = [line for line in out.splitlines() if line.startswith("REPORT")]
    assert "--baselines b --compare a:b " in report
    assert "asr_mtl_start" not in report
    # With a start that was made anew, so is what goes on from it.
    assert fake.begun("--systems", "start", "--stage", "11", "--redo", "true") == [
        f"start.{stage}" for stage in range(11, 15)
    ]
    assert stages(fake.begun("--systems", "b"), "b") == list(range(11, 18))


def test_presets_come_before_what_is_given(study: Callable[..., Study]) -> None:
    fake = study("a")
    (fake.root / "conf" / "presets.yaml").write_text(
        "quick:\n  train_args: --max_epoch 1\n  num_attack_utts: 4\n"
    )
    fake.run("--preset", "quick", "--train_args", "--max_epoch 2 --x 3")
    (training,) = fake.lines("begin a.11")
    assert "--asr_args --name a --seed 0 --max_epoch 1 --max_epoch 2 --x 3" in training
    assert "--num_attack_utts 4" in training
    assert (fake.root / "exp" / "study_fake_quick" / "log").is_dir()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--corpus", "nope"], "--corpus nope: there is no"),
        (["--systems", "a z"], "has no system z"),
        (["--preset", "nope"], "no such preset"),
        (["--nj", "0"], "--nj 0: give a whole number, at least 1"),
        (["--num_attack_utts", "0"], "--num_attack_utts 0: give a whole number, at"),
        (["--ngpu", "-1"], "--ngpu -1: give a whole number, at least 0"),
        (["--stage", "x"], "--stage x: give a whole number, at least 0"),
        (["--attack_config", "x.yaml"], "--attack_config x.yaml: no such file"),
        (["--systems_config", "x.yaml"], "--systems_config x.yaml: no such file"),
    ],
)
def test_bad_options_are_refused_with_the_fix(
    study: Callable[..., Study], options: list[str], message: str
) -> None:
    _, err = study("a").run(*options, status=1)
    assert message in err
    assert "Traceback" not in err


def test_positional_arguments_are_refused(study: Callable[..., Study]) -> None:
    _, err = study("a").run("ctc", status=2)
    assert "No positional arguments are required" in err
