"""The whole: ./run.sh --preset smoke, from nothing to the report, and once again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from espnet_mtl.results.attack import read_attack_run, read_records

ROOT = Path(__file__).parents[2]
SYSTEMS = ["ctc", "att", "hybrid", "ctc_accent", "att_accent", "hybrid_accent"]
ROW = (
    "system seed decoder attack attacker norm budget n benign_wer null_twer adv_twer "
    "adv_wer success_rate snr_db accent_acc accent_balanced_acc "
    "accent_majority adv_accent_acc adv_accent_balanced_acc seconds"
).split()


def run_study(expdir, *options):
    command = [str(ROOT / "run.sh"), "--preset", "smoke", "--python", sys.executable]
    return subprocess.run(
        [*command, "--expdir", str(expdir), *options],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    expdir = tmp_path_factory.mktemp("exp")
    done = run_study(expdir)
    assert done.returncode == 0, done.stderr[-5000:]
    return expdir / "study_mini_accent_smoke", done


@pytest.fixture(scope="module")
def rows(study):
    return json.loads((study[0] / "results.json").read_text())["content"]


def test_every_system_has_every_row(rows):
    assert sorted({row["system"] for row in rows}) == sorted(SYSTEMS)
    for row in rows:
        assert not set(ROW) - set(row)
        assert row["n"] > 0 and row["seconds"] > 0
    for system in SYSTEMS:
        attacks = {(r["attack"], r["attacker"]) for r in rows if r["system"] == system}
        wanted = {("none", None), ("noise", None)}
        # The preset has changed the standard attack, and it says so.
        wanted |= {("standard_changed", "worst_case")}
        wanted |= {
            (name, "worst_case") for name in ("unbounded", "planted", "black_box")
        }
        assert attacks == wanted


def test_only_systems_with_an_accent_branch_have_an_accent_accuracy(rows):
    for row in rows:
        assert (row["accent_acc"] is not None) is row["system"].endswith("_accent")


def test_no_attack_changes_nothing_and_the_others_keep_their_budget(study, rows):
    for row in rows:
        if row["attack"] == "none":
            assert row["adv_wer"] == row["benign_wer"]
            assert row["adv_twer"] == row["null_twer"]
    attacks = list(study[0].glob("asr_mtl_*/attack_standard/test"))
    assert len(attacks) == len(SYSTEMS)
    for attack in attacks:
        run = read_attack_run(attack)
        for record in read_records(attack).values():
            assert record.linf <= run.trial(record.trial).budget


def test_every_system_was_attacked_on_the_same_utterances_and_targets(study):
    seen = {
        system: {
            (record.utt, record.target)
            for record in read_records(
                study[0] / f"asr_mtl_{system}/attack_standard/test"
            ).values()
        }
        for system in SYSTEMS
    }
    assert all(seen[system] == seen["ctc"] for system in SYSTEMS)


def test_attacked_audio_is_sixteen_bit_at_the_models_rate(study):
    files = list(study[0].glob("asr_mtl_ctc/attack_standard/test/wav/*/*.wav"))
    assert files
    for path in files:
        info = soundfile.info(path)
        assert (info.subtype, info.samplerate, info.channels) == ("PCM_16", 16000, 1)


def test_the_report_is_there_and_the_command_ends_by_printing_it(study):
    folder, done = study
    report = (folder / "RESULTS.md").read_text()
    for part in ("espnet version", "AdvTWER", "− ctc", "− att", "paper's claims"):
        assert part in report
    plots = {path.name for path in (folder / "plots").glob("*.png")}
    assert {
        "advtwer_vs_budget.png",
        "robustness_curve.png",
        "training.png",
        "accents.png",
        "example.png",
    } <= plots
    page = [folder / "index.html", *(folder / "plots").iterdir()]
    page += (folder / "audio").iterdir()
    sizes = [path.stat().st_size for path in page]
    assert sizes[0] > 1000 and sum(sizes) < 10e6
    for system in SYSTEMS:
        assert system in done.stdout
    assert str(folder / "RESULTS.md") in done.stdout


def test_progress_is_shown(study):
    progress = [line for line in study[1].stderr.splitlines() if "so far" in line]
    assert progress
    # Which moments are shown is a matter of luck; each says what runs, and the rest.
    assert all(
        line.split(" | ")[0].endswith(("left", "estimating")) and " | " in line
        for line in progress
    )


def test_a_second_time_nothing_is_repeated_but_the_report(study):
    folder, _ = study
    model = folder / "asr_mtl_ctc" / "valid.cer_ctc.ave.pth"
    before = model.stat().st_mtime_ns
    again = run_study(folder.parent)
    assert again.returncode == 0, again.stderr[-5000:]
    assert model.stat().st_mtime_ns == before
    assert "done in" not in again.stderr


def test_the_exported_zips_are_stock_espnet_packages(study):
    """With stock ESPnet's own unpacking; test_export has the recogniser."""
    from espnet2.main_funcs.pack_funcs import unpack

    zips = list(study[0].glob("asr_mtl_*/asr_mtl_*.zip"))
    assert len(zips) == len(SYSTEMS)
    for path in zips:
        files = unpack(path, path.parent / "unpacked")
        assert set(files) >= {"asr_train_config", "asr_model_file"}
