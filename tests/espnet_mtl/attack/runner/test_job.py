import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import toy_attack
from toy_victim import ToyVictim

from espnet_mtl.attack.attackers import AttackerConfig
from espnet_mtl.attack.config import AttackSpec, CurveConfig
from espnet_mtl.attack.methods.chain import Chain
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.runner import made_of, recordings
from espnet_mtl.attack.runner import writer as module
from espnet_mtl.attack.runner.batching import make_batches
from espnet_mtl.attack.runner.log import JobLog, read_records
from espnet_mtl.attack.runner.test_set import read_test_set
from espnet_mtl.bin.validate_data_dir import main as validate
from espnet_mtl.data.tables import read_table, write_table
from espnet_mtl.errors import UserError
from espnet_mtl.results.attack import read_attack_run
from espnet_mtl.results.attack import read_records as read_merged_records

NUM_UTTS = 7
NUM_TRIALS = 1 + 2 + 2 * 2
TESTS = Path(__file__).parents[3]


def with_steps(steps):
    return replace(toy_attack.CONFIG, attacks=(AttackSpec("pgd", PGD(steps=steps)),))


def contents(output_dir):
    """All of the result: every file by its name, but for logs and timings."""
    found = {
        str(path.relative_to(output_dir)): path.read_bytes()
        for path in output_dir.rglob("*")
        if path.is_file() and path.parent.name != "logdir"
    }
    run = json.loads(found["attack.json"])
    del run["content"]["seconds"]
    return {**found, "attack.json": run}


def journal_keys(output_dir):
    lines = (output_dir / "logdir" / "records.1.jsonl").open()
    return [json.loads(line)["key"] for line in lines]


def replace_paths(files, old, new):
    files["wav.scp"] = files["wav.scp"].replace(str(old).encode(), str(new).encode())
    return files


def test_the_result_is_a_valid_data_directory_that_says_all(data_dir, tmp_path):
    out = tmp_path / "out"
    toy_attack.run_and_merge(data_dir, out)
    validate([str(out)])
    records = [json.loads(line) for line in (out / "records.jsonl").open()]
    assert len(records) == NUM_UTTS * NUM_TRIALS
    tables = {
        name: read_table(out / name)
        for name in (
            "wav.scp",
            "text_target",
            "utt2orig",
            "utt2trial",
            "utt2linf",
            "utt2snr",
            "text",
            "utt2accent",
        )
    }
    truth = read_table(data_dir / "text")
    clean = read_table(data_dir / "wav.scp")
    attack = read_attack_run(out)
    for record in records:
        key, utt = record["key"], record["utt"]
        assert all(key in table for table in tables.values())
        assert tables["utt2orig"][key] == utt
        assert tables["text"][key] == truth[utt] != record["target"]
        # What is recorded is what lies on disk.
        saved, rate = soundfile.read(tables["wav.scp"][key])
        before, _ = soundfile.read(clean[utt])
        change = saved - before
        assert rate == 8000 and len(saved) == len(before)
        assert record["linf"] == pytest.approx(np.abs(change).max())
        trial = attack.trial(record["trial"])
        assert tables["utt2trial"][key] == trial.name
        assert np.abs(change).max() <= trial.budget + 1e-9
        if trial.is_untouched:
            assert not change.any() and record["snr_db"] is None
        else:
            power = 10 * np.log10((before @ before) / (change @ change))
            assert record["snr_db"] == pytest.approx(power)
            assert float(tables["utt2snr"][key]) == pytest.approx(power, abs=1e-3)
        if trial.attack == "pgd":
            assert record["loss_end"] < record["loss_start"]
    assert set(attack.seconds) == {trial.name for trial in attack.trials}
    assert min(attack.seconds.values()) > 0
    assert attack.decoder is None  # nobody listened


def test_any_number_of_jobs_gives_the_same_result(data_dir, tmp_path):
    one, three = tmp_path / "one", tmp_path / "three"
    toy_attack.run_and_merge(data_dir, one)
    toy_attack.run_and_merge(data_dir, three, [(2, 3), (3, 3), (1, 3)])
    assert contents(one) == replace_paths(contents(three), three, one)


def test_killed_at_any_moment_it_continues_to_the_same_result(data_dir, tmp_path):
    whole = tmp_path / "whole"
    toy_attack.run_and_merge(data_dir, whole)
    out = tmp_path / "killed"
    command = [sys.executable, str(TESTS / "toy_attack.py"), str(data_dir), str(out)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
    }
    finished = 0
    for kill in range(4):
        process = subprocess.Popen([*command, "1", "1", "0.03"], env=environment)
        # Each time a little further, and at another place of a batch
        wanted = finished + 3 + kill
        while process.poll() is None and len(read_records(out)) < wanted:
            time.sleep(0.005)
        time.sleep(0.017 * kill)
        assert process.poll() is None, "it ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        now = len(read_records(out))
        assert finished < now < NUM_UTTS * NUM_TRIALS
        finished = now
    before = read_records(out)
    toy_attack.run_and_merge(data_dir, out)
    after = read_records(out)
    assert all(after[key] == record for key, record in before.items())
    keys = [key for key in journal_keys(out) if "-" in key]
    assert len(keys) == NUM_UTTS * NUM_TRIALS  # nothing was done twice
    assert contents(whole) == replace_paths(contents(out), out, whole)


def test_a_finished_attack_is_not_repeated(data_dir, tmp_path):
    out = tmp_path / "out"
    toy_attack.run_and_merge(data_dir, out)
    test_set = read_test_set(data_dir, None, None, 0)
    victim = ToyVictim()
    toy_attack.make_job(victim, toy_attack.CONFIG, test_set, out).run()
    assert victim.num_calls == 0
    # More budgets keep what is done for the others.
    more = replace(toy_attack.CONFIG, budgets=(0.01, 0.02, 0.03))
    toy_attack.make_job(victim, more, test_set, out).run()
    num_batches = len(make_batches(test_set.recordings.lengths(), 3000))
    calls_of_all_budgets = 2 * 3 * num_batches * (3 + 2)
    assert victim.num_calls == calls_of_all_budgets // 3


def test_a_plan_of_an_earlier_version_gives_way(data_dir, tmp_path):
    out = tmp_path / "out"
    toy_attack.run_and_merge(data_dir, out)
    path = out / "logdir" / "records.1.jsonl"
    plan, *others = path.read_text().splitlines(keepends=True)
    path.write_text("".join([plan.replace("linf0.01", "linf_0.01"), *others]))
    for _ in range(2):
        toy_attack.run_and_merge(data_dir, out)
        names = [trial.name for trial in read_attack_run(out).trials]
        assert len(names) == NUM_TRIALS and "linf_0.01" not in " ".join(names)
        assert journal_keys(out).count("plan") == 2


@pytest.mark.parametrize(
    "what", ["audio", "target", "model", "steps", "version", "lost file"]
)
def test_what_a_result_depends_on_makes_it_stale(data_dir, tmp_path, what, monkeypatch):
    out = tmp_path / "out"
    toy_attack.run_and_merge(data_dir, out)
    victim, config = ToyVictim(), toy_attack.CONFIG
    if what == "audio":
        wav = data_dir / "spk0-0.wav"
        soundfile.write(wav, 0.5 * soundfile.read(wav)[0], 8000, subtype="PCM_16")
    elif what == "target":
        write_table(
            data_dir / "text_target",
            dict.fromkeys(read_table(data_dir / "text"), "a h"),
        )
    elif what == "model":
        victim = ToyVictim(seed=1)
    elif what == "steps":
        config = with_steps(4)
    elif what == "version":
        monkeypatch.setattr(made_of, "ATTACK_VERSION", made_of.ATTACK_VERSION + 1)
    test_set = read_test_set(data_dir, None, None, 0)
    if what == "lost file":
        next((out / "wav" / "clean").iterdir()).unlink()
        finished = len(list((out / "wav").rglob("*.wav")))
        toy_attack.make_job(victim, config, test_set, out).run()
        assert len(list((out / "wav").rglob("*.wav"))) == finished + 1
        return
    with pytest.raises(UserError, match="not attacked yet with th"):
        toy_attack.merge_again(data_dir, out, config, victim.sha256)
    toy_attack.make_job(victim, config, test_set, out).run()
    assert victim.num_calls > 0
    toy_attack.merge_again(data_dir, out, config, victim.sha256)


def test_going_back_to_earlier_settings_never_keeps_audio_of_others(data_dir, tmp_path):
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    other = with_steps(1)
    toy_attack.run_and_merge(data_dir, out)
    toy_attack.run_and_merge(data_dir, out, config=other)
    with pytest.raises(
        UserError, match="28 of 49 files .each utterance in 7 trials. are not"
    ):
        toy_attack.merge_again(data_dir, out)
    toy_attack.run_and_merge(data_dir, out)
    toy_attack.run_and_merge(data_dir, fresh)
    assert contents(fresh) == replace_paths(contents(out), out, fresh)


def test_while_audio_changes_no_table_says_that_it_is_whole(data_dir, tmp_path):
    out = tmp_path / "out"
    toy_attack.run_and_merge(data_dir, out)
    victim = ToyVictim(seed=1)

    def fail(*args):
        raise KeyboardInterrupt

    victim.losses = fail
    test_set = read_test_set(data_dir, None, None, 0)
    with pytest.raises(KeyboardInterrupt):
        toy_attack.make_job(victim, toy_attack.CONFIG, test_set, out).run()
    assert not (out / "wav.scp").exists() and not (out / "records.jsonl").exists()


def test_float_audio_is_saved_as_it_was_found(data_dir, tmp_path):
    config = replace(toy_attack.CONFIG, sample_format="float32")
    toy_attack.run_and_merge(data_dir, tmp_path / "out", config=config)
    clean = read_table(data_dir / "wav.scp")
    wavs = read_table(tmp_path / "out" / "wav.scp")
    for record in map(json.loads, (tmp_path / "out" / "records.jsonl").open()):
        path = wavs[record["key"]]
        assert soundfile.info(path).subtype == "FLOAT"
        change = soundfile.read(path)[0] - soundfile.read(clean[record["utt"]])[0]
        assert np.abs(change).max() == pytest.approx(record["linf"])
        assert record["linf"] <= 0.02 * (1 + 1e-6)
        # libsndfile notes the time there: the same audio would be another file later.
        content = Path(path).read_bytes()
        assert content[content.index(b"PEAK") + 12 :][:4] == bytes(4)


def test_the_same_job_cannot_run_twice_at_a_time(data_dir, tmp_path):
    with JobLog(tmp_path, 1):
        with pytest.raises(UserError, match="the same job is running already"):
            toy_attack.run(data_dir, tmp_path)
    toy_attack.run(data_dir, tmp_path)


def test_audio_is_read_once_and_only_that_of_the_job(data_dir, tmp_path, monkeypatch):
    read = Counter()

    def count(path, *args, **kwargs):
        read[Path(path).stem] += 1
        return read_audio_rate(path, *args, **kwargs)

    read_audio_rate = recordings.read_audio_rate
    monkeypatch.setattr(recordings, "read_audio_rate", count)
    toy_attack.run(data_dir, tmp_path / "out", [(1, 3)])
    assert 0 < len(read) < NUM_UTTS
    toy_attack.run(data_dir, tmp_path / "out", [(2, 3), (3, 3)])
    assert len(read) == NUM_UTTS and set(read.values()) == {1}


def test_nothing_is_lost_on_a_full_disk(data_dir, tmp_path, monkeypatch):
    whole, out = tmp_path / "whole", tmp_path / "out"
    toy_attack.run_and_merge(data_dir, whole)
    written = []

    def write_until_full(path, *args, **kwargs):
        written.append(path)
        if len(written) > 10:
            raise OSError(28, "No space left on device", str(path))
        return write_audio(path, *args, **kwargs)

    write_audio = module.write_audio
    monkeypatch.setattr(module, "write_audio", write_until_full)
    with pytest.raises(OSError, match="No space left"):
        toy_attack.run_and_merge(data_dir, out)
    assert 0 < len(read_records(out)) <= 10
    monkeypatch.undo()
    toy_attack.run_and_merge(data_dir, out)
    assert contents(whole) == replace_paths(contents(out), out, whole)


def test_batches_hold_similar_lengths_and_stay_small(data_dir):
    test_set = read_test_set(data_dir, None, None, 0)
    lengths = test_set.recordings.lengths()
    batches = make_batches(lengths, 3000)
    assert sorted(u for batch in batches for u in batch) == test_set.utterances
    for batch in batches:
        assert max(lengths[u] for u in batch) * len(batch) <= 3000
    in_order = [lengths[u] for batch in batches for u in batch]
    assert in_order == sorted(in_order, reverse=True)
    assert len(make_batches(lengths, 1)) == NUM_UTTS


def test_a_subset_keeps_its_utterances_targets_when_it_grows(data_dir):
    small = read_test_set(data_dir, None, 3, 0)
    large = read_test_set(data_dir, None, 5, 0)
    assert len(small.utterances) == 3 and len(large.utterances) == 5
    assert set(small.targets.items()) <= set(large.targets.items())


def bad_audio(data_dir, kind):
    path = data_dir / "spk0-2.wav"
    audio, rate = soundfile.read(path)
    if kind == "rate":
        rate = 16000
    elif kind == "silent":
        audio = 0 * audio
    elif kind == "nan":
        audio[5] = np.nan
    elif kind == "stereo":
        audio = np.stack([audio, audio], axis=1)
    elif kind == "empty":
        audio = audio[:0]
    elif kind == "short":
        audio = audio[:50]
    soundfile.write(path, audio, rate, subtype="FLOAT")
    if kind == "unreadable":
        path.write_bytes(b"RIFF nonsense")


@pytest.mark.parametrize(
    "kind, message",
    [
        ("rate", "sampled at 16000 Hz, but 8000 Hz are needed"),
        ("silent", "silent"),
        ("nan", "sample 5 is not a number"),
        ("stereo", "2 channels"),
        ("empty", "empty"),
        ("short", r"1 of 7 utterances are too short .* \(50 samples\)"),
        ("unreadable", "unreadable"),
    ],
)
def test_bad_audio_is_refused_before_anything_is_attacked(
    data_dir, tmp_path, kind, message
):
    bad_audio(data_dir, kind)
    with pytest.raises(UserError, match=message) as error:
        toy_attack.run(data_dir, tmp_path / "out")
    assert "spk0-2" in str(error.value)
    assert not (tmp_path / "out" / "wav").exists()


def test_a_target_too_long_for_the_audio_is_marked(data_dir, tmp_path):
    targets = {utt: "a b" for utt in read_table(data_dir / "text")}
    targets["spk0-0"] = "a b c d e f g h a b c"  # 11 tokens, 10 frames
    write_table(data_dir / "text_target", targets)
    # "a b" is the truth of one utterance
    write_table(data_dir / "text", {utt: "h" for utt in targets})
    toy_attack.run_and_merge(data_dir, tmp_path / "out")
    lines = (tmp_path / "out" / "records.jsonl").open()
    found = {r["utt"]: r["infeasible"] for r in map(json.loads, lines)}
    assert {utt: why for utt, why in found.items() if why} == {
        "spk0-0": {"reason": "too_long", "detail": "11 frames needed, 10 there"}
    }


def test_a_target_that_is_the_truth_is_refused(data_dir, tmp_path):
    shutil.copy(data_dir / "text", data_dir / "text_target")
    with pytest.raises(UserError, match="text_target:1: the target of spk0-0 is what"):
        toy_attack.run(data_dir, tmp_path / "out")


def test_a_job_that_does_not_exist_is_named(data_dir, tmp_path):
    with pytest.raises(UserError, match="--job 3: .* jobs are numbered 1 to 2"):
        toy_attack.run(data_dir, tmp_path / "out", [(3, 2)])


ASCENDING = replace(
    toy_attack.CONFIG,
    name="toy",
    attacks=(AttackSpec("chain", Chain(steps=(15, 15), step_sizes=(0.3, 0.1))),),
    budgets=(0.2, 0.05, 0.1),
    attackers={"accent_blind": AttackerConfig(accent=0)},
    ascending=True,
    doubled=True,
    curve=CurveConfig(within=1.2, steps=6),
)


def test_budgets_ascend_from_what_the_smaller_one_has_saved(data_dir, tmp_path):
    toy_attack.run_and_merge(data_dir, tmp_path, config=ASCENDING)
    run, records = read_attack_run(tmp_path), read_records_of(tmp_path)
    series = [trial for trial in run.trials if trial.role == "main"]
    assert [trial.budget for trial in series] == [0.05, 0.1, 0.2]
    names = [trial.name for trial in series]
    assert [len(trial.after) for trial in series] == [0, 1, 2]
    assert run.trial("toy_linf_curve").after == tuple(names)
    broken_before = 0
    for small, large in itertools.pairwise(names):
        for utt, record in records[small].items():
            if record.doubled is None:  # it was broken
                broken_before += 1
                assert records[large][utt].sha256 == record.sha256
                assert records[large][utt].attempts == ()
                assert records[large][utt].doubled is None
    assert broken_before
    for utt, record in records["toy_linf_curve"].items():
        smallest = record.smallest
        first = [n for n in names if records[n][utt].doubled is None]
        if first:
            assert smallest.budget <= run.trial(first[0]).budget + 1e-9
            assert record.linf <= smallest.budget + 1e-9
        else:
            assert smallest.budget is None or smallest.budget > 0.2
        assert len(smallest.tried) >= 3


def test_ascending_budgets_give_the_same_result_after_a_kill(data_dir, tmp_path):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    toy_attack.run_and_merge(data_dir, whole, config=ASCENDING)
    toy_attack.run(data_dir, torn, config=ASCENDING)
    # As if it had been killed after the smallest budget of the first batch
    journal = torn / "logdir" / "records.1.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    kept = next(n for n, line in enumerate(lines) if "toy_linf0.1" in line and n > 2)
    journal.write_text("".join(lines[:kept]))
    toy_attack.run_and_merge(data_dir, torn, config=ASCENDING)
    expected = contents(whole)
    assert replace_paths(contents(torn), torn, whole) == expected


def read_records_of(output_dir):
    found = {}
    for record in read_merged_records(output_dir).values():
        found.setdefault(record.trial, {})[record.utt] = record
    return found
