"""The attack command on packed models: a suite from its options to its files."""

import json
from pathlib import Path

import pytest
import soundfile
import yaml
from model_factory import RATE, save_model, write_data_dir

from espnet_mtl.bin import asr_mtl_attack
from espnet_mtl.data.tables import read_table, write_table
from espnet_mtl.errors import UserError
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.listener import PackedListener
from espnet_mtl.package.packing import pack_model
from espnet_mtl.results.attack import Decoder, read_attack_run, read_records

SUITE = """
name: tiny
version: 1
budgets: [0.01]
attackers: {accent_blind: {accent: 0}}
attacks:
  - {attack: pgd, steps: 2, everyone: true}
  - {attack: transfer, steps: 2, everyone: true}
  - {attack: square, queries: 3, everyone: true}
  - {attack: transcript_search, queries: 3, everyone: true}
unbounded: 2
doubled: true
batch_bins: 9000
"""
DECODING = "--ctc_weight 1.0 --beam_size 1 --maxlenratio -6"
TRIALS = ("clean", "noise_linf0.01", "tiny_linf0.01", "unbounded")
NUM_UTTS = 3


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """A victim, another model and what is attacked, as the command's options."""
    folder = tmp_path_factory.mktemp("attack")
    for name, ctc_weight in (("victim", 0.5), ("other", 1.0)):
        files = save_model(folder / name, model_conf={"ctc_weight": ctc_weight})
        pack_model(*files, [], folder / f"{name}.zip")
    data = write_data_dir(folder / "data", num_utts=NUM_UTTS)
    (folder / "tiny.yaml").write_text(SUITE)
    (folder / "decode.yaml").write_text("beam_size: 7\n")
    return [
        *("--model_zip", str(folder / "victim.zip"), "--data_dir", str(data)),
        *("--source_zips", str(folder / "other.zip")),
        *("--config", str(folder / "tiny.yaml")),
        *("--inference_config", str(folder / "decode.yaml")),
        *("--output_dir", str(folder / "out"), "--nj", "2"),
    ]


@pytest.fixture(scope="module")
def out(options):
    """Where two jobs and a merge have left the attack."""
    decoding = f"--inference_args={DECODING}"
    for last in (["--job", "1"], ["--job", "2"], ["--merge"]):
        asr_mtl_attack.main([*options, decoding, *last])
    return value_of(options, "--output_dir")


def value_of(options, name):
    return Path(options[options.index(name) + 1])


def records_of(out, trial):
    lines = (out / "records.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [record for record in records if record["trial"] == trial]


def state(out):
    """Content of every file, and when audio was written."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns * (path.suffix == ".wav"))
        for path in out.rglob("*")
        if path.is_file()
    }


def test_a_suite_of_packed_models_is_run_by_jobs_and_merged(options, out):
    for trial in TRIALS:
        assert len(records_of(out, trial)) == NUM_UTTS
    for record in records_of(out, "tiny_linf0.01"):
        attempts = record["attempts"]
        expected = ["pgd", "transfer", "square", "transcript_search"]
        assert [one["attack"] for one in attempts][:4] == expected
        assert record["linf"] <= 0.01
        assert isinstance(record["heard"], str)
    for record in records_of(out, "unbounded"):
        assert isinstance(record["heard"], str)
    for record in records_of(out, "clean"):
        assert record["health"]["heard_repeat"] and record["health"]["gradient_l1"] > 0


def test_the_decoder_is_the_one_of_the_options(options, out):
    assert read_attack_run(out).decoder == Decoder(
        branches=("ctc",), ctc_weight=1.0, lm_weight=0.0, ngram_weight=0.0, beam_size=1
    )
    model = value_of(options, "--model_zip")
    listener = PackedListener(model, Decoding(args=DECODING))
    paths = read_table(out / "wav.scp")
    for record in records_of(out, "tiny_linf0.01") + records_of(out, "unbounded"):
        samples, rate = soundfile.read(paths[record["key"]], dtype="float32")
        assert rate == RATE
        assert listener(samples).text == record["heard"]


def test_a_second_run_does_nothing(options, out, monkeypatch):
    before = state(out)
    # Nobody has to listen, so that no decoder is made.
    monkeypatch.setattr(
        "espnet_mtl.inference.listener.PackedListener", lambda *_: pytest.fail("made")
    )
    decoding = f"--inference_args={DECODING}"
    for last in (["--job", "1"], ["--job", "2"], ["--merge"], []):
        asr_mtl_attack.main([*options, decoding, *last])
    assert state(out) == before


@pytest.mark.parametrize("name", ["--inference_args", "--inference_config"])
def test_another_decoder_makes_what_listens_stale_and_no_noise(
    options, out, tmp_path, name
):
    more = [f"--inference_args={DECODING}"]
    if name == "--inference_args":
        more = [f"--inference_args={DECODING} --penalty 0.5"]
    else:
        config = tmp_path / "decode.yaml"
        config.write_text("beam_size: 7\npenalty: 0.5\n")
        more += ["--inference_config", str(config)]
    # All that listens: a suite's clean audio is heard, too, for the audit.
    stale = f"{3 * NUM_UTTS} of {4 * NUM_UTTS} files .* are not attacked yet"
    with pytest.raises(UserError, match=stale):
        asr_mtl_attack.main([*options, *more, "--merge"])
    assert (out / "records.jsonl").is_file()  # what was whole is still there


def test_another_source_makes_the_attack_stale(options, out, tmp_path):
    other = tmp_path / "other.zip"
    pack_model(*save_model(tmp_path / "exp", accent_weight=0.0), [], other)
    more = [f"--inference_args={DECODING}", "--source_zips", str(other), "--merge"]
    changed = "not attacked yet with these models and this configuration"
    with pytest.raises(UserError, match=changed):
        asr_mtl_attack.main([*options, *more])
    source = value_of(options, "--source_zips")
    before = source.read_bytes()
    try:
        source.write_bytes(other.read_bytes())
        with pytest.raises(UserError, match=changed):
            asr_mtl_attack.main([*options, more[0], "--merge"])
    finally:
        source.write_bytes(before)


def test_only_what_is_stale_is_attacked_again(options, out):
    audio = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    more = f"--inference_args={DECODING} --penalty 0.5"
    asr_mtl_attack.main([*options, more])
    again = {p.parent.name for p, t in audio.items() if p.stat().st_mtime_ns != t}
    assert again == {"clean", "tiny_linf0.01", "unbounded"}


def test_options_that_cannot_be_are_refused_before_a_model_is_loaded(
    options, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "espnet_mtl.victim.espnet_victim.load_victim", lambda *_: pytest.fail("loaded")
    )
    none = str(tmp_path / "none")
    for more, message in (
        (["--source_zips", none], "none: no such file"),
        (["--inference_config", none], "--inference_config .*none: no such file"),
        (["--merge", "--job", "1"], "--merge comes after all jobs"),
        (["--num_utts", "0"], "--num_utts 0"),
        (["--model_zip", none], "none: no such file"),
        (["--config", none], "none: no such attack configuration"),
    ):
        with pytest.raises(UserError, match=message):
            asr_mtl_attack.main([*options, *more])
        with pytest.raises(UserError, match=message):
            asr_mtl_attack.main([*options, *more, "--check"])


def test_jobs_are_numbered_from_1(options, tmp_path):
    """An array of jobs from 0 on: the first would do all of the work."""
    with pytest.raises(UserError, match="--job 0: with --nj 4, jobs are numbered 1"):
        asr_mtl_attack.main([*options, "--nj", "4", "--job", "0"])


def test_a_check_says_what_the_model_cannot_write_and_attacks_nothing(
    options, tmp_path, capsys
):
    options = [*options]
    options[options.index("--output_dir") + 1] = str(tmp_path / "out")
    data = value_of(options, "--data_dir")
    utts = list(read_table(data / "text"))
    for targets, refused in ((["x", "b a", "b a"], False), (["x", "x", "x"], True)):
        write_table(tmp_path / "target", dict(zip(utts, targets, strict=True)))
        words = [*options, "--text_target", str(tmp_path / "target"), "--check"]
        if refused:
            with pytest.raises(UserError, match="nothing would be left to count"):
                asr_mtl_attack.main(words)
        else:
            asr_mtl_attack.main(words)
            said = capsys.readouterr().err
            assert "1 of 3 targets cannot be reached by any attack" in said
            assert f"{utts[0]}: 'x', it comes back as '<unk>'" in said
    assert not (tmp_path / "out").exists()


def test_a_class_that_is_not_allowed_is_refused_at_once(options, tmp_path, monkeypatch):
    config, weights = save_model(tmp_path / "exp")
    settings = yaml.safe_load(config.read_text()) | {"frontend": "s3prl"}
    config.write_text(yaml.safe_dump(settings))
    pack_model(config, weights, [], tmp_path / "x.zip")
    strange, said = str(tmp_path / "x.zip"), "x.zip: .*'frontend: s3prl' may read"
    with pytest.raises(UserError, match=said):
        asr_mtl_attack.main([*options, "--model_zip", strange, "--check"])
    trusted = [*options, "--trust_model_zip"]
    with pytest.raises(UserError, match=said):  # only the model is trusted
        asr_mtl_attack.main([*trusted, "--source_zips", strange, "--check"])
    # Both that load the model are told.
    told = []
    monkeypatch.setattr(
        "espnet_mtl.victim.espnet_victim.load_victim", lambda *args: told.append(args)
    )
    monkeypatch.setattr(
        "espnet_mtl.attack.runner.job.Job", lambda *args: args[5]() and None
    )
    monkeypatch.setattr(
        "espnet_mtl.inference.listener.PackedListener",
        lambda *args: told.append((args[0], *args[2:])),
    )
    for more, trust in ((options, False), (trusted, True)):
        told.clear()
        with pytest.raises(AttributeError):  # there is no job
            asr_mtl_attack.main([*more, "--num_utts", "1"])
        model = value_of(options, "--model_zip")
        assert told[0] == told[-1] == (model, "cpu", trust)


def test_an_attack_goes_through_the_defence_of_the_decoder(
    options, out, tmp_path, capsys
):
    defended = f"{DECODING} --smoothing std=0.05 --smoothing draws=2"
    more = [*options, f"--inference_args={defended}"]
    with pytest.raises(UserError, match="not attacked yet with these models"):
        asr_mtl_attack.main([*more, "--merge"])  # another victim

    more += ["--output_dir", str(tmp_path / "out")]
    more += ["--attack_args", "attacks=[{attack:\\ pgd,steps:\\ 2}] doubled=false"]
    asr_mtl_attack.main(more)
    assert "averages over 1 draws of it" in capsys.readouterr().err
    records = read_records(tmp_path / "out")
    clean = [one for one in records.values() if one.trial == "clean"]
    assert len(clean) == NUM_UTTS and all(one.health.is_random for one in clean)

    # Noise, which asks neither decoder nor gradients, is that of the plain victim.
    plain = read_records(out)
    noise = [key for key, one in records.items() if one.trial.startswith("noise")]
    assert len(noise) == NUM_UTTS
    assert all(records[key].sha256 == plain[key].sha256 for key in noise)

    averaged = more[:-1] + [f"{more[-1]} eot={{draws:\\ 16}}"]
    asr_mtl_attack.main([*averaged, "--check"])
    assert "draws of it" not in capsys.readouterr().err
    with pytest.raises(UserError, match="smoothing: std: 0.0"):
        asr_mtl_attack.main([*more, "--inference_args=--smoothing std=0", "--check"])
