"""What a study does again, and what it leaves as it is, when something has changed."""

import shutil
from collections.abc import Callable

from fake_study import Study, add, stages


def test_changed_settings_repeat_a_training_from_its_start(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    fake.begun()
    (fake.exp / "asr_mtl_a" / "checkpoint.pth").touch()
    assert fake.begun("--attack_args", "steps=3") == ["a.15", "a.16", "a.17"]
    assert (fake.exp / "asr_mtl_a" / "checkpoint.pth").exists()
    fake.run("--attack_args", "steps=3", "--seed", "7")
    assert stages(fake.calls(), "a") == list(range(11, 18))
    assert (fake.exp / "old" / "asr_mtl_a.1" / "checkpoint.pth").exists()
    assert not (fake.exp / "asr_mtl_a" / "checkpoint.pth").exists()


def test_a_change_that_fails_and_is_taken_back_costs_nothing(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    fake.begun()
    (fake.notes / "fail.shared.1").touch()
    _, err = fake.run("--local_data_opts", "--typo", status=1)
    assert "a: training (stage 11): begins anew" in err
    (fake.notes / "fail.shared.1").unlink()
    fake.calls()
    assert fake.begun() == ["shared.1"]
    assert not (fake.exp / "old").exists()


def test_changed_settings_train_a_language_model_from_its_start(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    with_lm = ("--recipe_args", "--use_lm true", "--stop_stage", "10")
    fake.run(*with_lm)
    (fake.exp / "lm").mkdir()
    (fake.exp / "lm" / "checkpoint.pth").touch()
    fake.calls()
    assert fake.begun(*with_lm) == []
    conf = fake.root / "egs2" / "fake" / "asr_mtl1" / "conf"
    conf.mkdir()
    (conf / "train_lm.yaml").write_text("max_epoch: 3")
    assert fake.begun(*with_lm) == ["shared.7", "shared.8"]
    assert (fake.exp / "old" / "lm.1" / "checkpoint.pth").exists()
    assert not (fake.exp / "lm").exists()
    (conf / "train_lm.yaml").write_text("max_epoch: [4")  # for the stage to refuse
    assert fake.begun(*with_lm) == ["shared.7", "shared.8"]


def test_a_comment_in_a_configuration_repeats_nothing(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    attack = fake.root / "conf" / "attack_standard.yaml"
    attack.write_text("steps: 3\n")
    fake.begun()
    attack.write_text("# Three are enough.\nsteps:   3\n")
    assert fake.begun() == []
    attack.write_text("# Three are enough.\nsteps: 4\n")
    assert fake.begun() == ["a.15", "a.16", "a.17"]


def test_redo_repeats_what_builds_on_it_too(study: Callable[..., Study]) -> None:
    fake = study("a", "b")
    fake.begun()
    assert fake.begun(
        "--systems", "a", "--stage", "15", "--redo", "true", "--stop_stage", "15"
    ) == ["a.15"]
    assert fake.begun() == ["a.16", "a.17"]


def test_redo_begins_with_nothing_of_the_last_time(study: Callable[..., Study]) -> None:
    fake = study("a", "b")
    fake.begun()
    attack = fake.exp / "asr_mtl_a" / "attack_standard"
    kept = [attack, fake.exp / "asr_mtl_b" / "attack_standard", fake.exp / "data"]
    for directory in kept:
        directory.mkdir(exist_ok=True)
        (directory / "kept").touch()
    redo = ("--redo", "true", "--stop_stage", "15")
    fake.begun("--systems", "a", "--stage", "15", *redo)
    assert (fake.exp / "old" / "asr_mtl_a.attack_standard.1" / "kept").exists()
    assert [(one / "kept").exists() for one in kept] == [False, True, True]
    # A training takes all with it.
    (attack / "kept").touch()
    fake.begun("--systems", "a", "--stage", "11", *redo)
    assert (fake.exp / "old" / "asr_mtl_a.1" / "attack_standard" / "kept").exists()
    fake.begun("--redo", "true", "--stop_stage", "1")
    assert (fake.exp / "old" / "data.1" / "kept").exists()


def test_results_that_were_removed_are_made_again(study: Callable[..., Study]) -> None:
    fake = study("a", "b")
    fake.begun()
    shutil.rmtree(fake.exp / "asr_mtl_a" / "attack_standard")
    _, err = fake.run("--stage", "18", status=1)
    assert "a: attack (stage 15) has not been done" in err
    assert fake.begun() == ["a.15", "a.16", "a.17"]
    shutil.rmtree(fake.exp / "asr_mtl_b" / "decode_ctc_attack_standard")
    assert fake.begun() == ["b.16", "b.17"]
    shutil.rmtree(fake.exp / "asr_mtl_b")
    out, _ = fake.run("--systems", "a")
    assert "/asr_mtl_a" in out and "/asr_mtl_b" not in out  # b is not reported
    assert fake.begun() == [f"b.{stage}" for stage in range(11, 18)]
    assert fake.begun() == []


def test_a_packed_model_that_was_removed_is_made_again(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    fake.begun()
    (fake.exp / "asr_mtl_a" / "asr_mtl_a.zip").unlink()
    assert fake.begun() == ["a.14", "a.15", "a.16", "a.17"]


def attack_otherwise(fake: Study) -> None:
    """Do all of a study, with another attack than the standard one."""
    (fake.root / "conf" / "other.yaml").write_text("steps: 3\n")
    fake.begun("--attack_config", "conf/other.yaml")


def test_other_attacks_with_a_former_decoding_are_not_reported(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    attack_otherwise(fake)
    fake.begun()
    exp, old = fake.exp / "asr_mtl_a", fake.exp / "old"
    decoded, attacked = exp / "decode_ctc_attack_other", exp / "attack_other"
    assert decoded.is_dir() and attacked.is_dir()

    _, err = fake.run("--inference_args", "--beam_size 1")
    assert f"{decoded}: is of another attack, with a decoding that changes" in err
    assert not decoded.exists() and attacked.is_dir()
    assert (old / "asr_mtl_a.decode_ctc_attack_other.1").is_dir()
    assert (exp / "decode_ctc_attack_standard").is_dir()

    systems = fake.root / "conf" / "systems.yaml"
    systems.write_text(systems.read_text().replace("valid.acc.ave", "valid.loss.ave"))
    _, err = fake.run("--inference_args", "--beam_size 1")
    assert f"{attacked}: is of another attack, with a model that changes" in err
    assert not attacked.exists() and (exp / "attack_standard").is_dir()


def test_redo_keeps_no_other_attack_with_a_former_decoding(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    attack_otherwise(fake)
    decoded = fake.exp / "asr_mtl_a" / "decode_ctc_attack_other"
    assert decoded.is_dir()
    beam = ("--inference_args", "--beam_size 1")
    _, err = fake.run("--redo", "true", "--stage", "12", *beam)
    assert err.count(f"{decoded}: is of another attack") == 1  # of stages 12 and 14
    assert not decoded.exists()
    assert (fake.exp / "old" / "asr_mtl_a.decode_ctc_attack_other.1").is_dir()


def test_other_attacks_go_with_a_training_that_begins_anew(
    study: Callable[..., Study],
) -> None:
    fake = study("a")
    attack_otherwise(fake)
    _, err = fake.run("--train_args", "--max_epoch 1")
    assert "is of another attack" not in err
    assert (fake.exp / "old" / "asr_mtl_a.1" / "decode_ctc_attack_other").is_dir()


def test_how_to_go_on_after_a_redo_is_said(study: Callable[..., Study]) -> None:
    fake = study("a")
    fake.begun()
    (fake.notes / "fail.a.13").touch()
    _, err = fake.run("--redo", "true", "--stage", "11", status=1)
    assert "run the same command again, without --redo true: finished" in err
    assert fake.calls() == ["a.11", "a.12", "a.13"]
    (fake.notes / "fail.a.13").unlink()
    assert fake.begun("--stage", "11") == ["a.13", "a.14", "a.15", "a.16", "a.17"]


def test_a_system_that_is_left_out_of_the_report_is_named(
    study: Callable[..., Study],
) -> None:
    fake = study("a", "b")
    add(fake, a="transfer_from: b", b="transfer_from: a")
    (fake.root / "conf" / "suite.yaml").write_text("attacks: [{attack: pgd}]\n")
    suite = ("--attack_config", "conf/suite.yaml")
    fake.run(*suite, "--systems", "a")
    out, err = fake.run(*suite, "--systems", "b")
    assert "asr_mtl_a " not in out.partition("REPORT")[2].partition("--exp")[2]
    assert "would make other results of it: a. To have all: --systems 'a b'" in err
    _, err = fake.run(*suite, "--systems", "a b")
    assert "Left out of the report" not in err
