"""Every attack through the runner: from a configuration to files and records."""

import json
import re
from collections import Counter

import numpy as np
import pytest
import soundfile
import toy_attack
from toy_problem import ToyListener
from toy_victim import ToyVictim

from espnet_mtl.attack.eot import EOT
from espnet_mtl.attack.planted import DIFFICULTIES
from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.attack.runner.log import read_records
from espnet_mtl.attack.runner.made_of import Inputs, read_inputs
from espnet_mtl.attack.runner.merge import merge
from espnet_mtl.bin.validate_data_dir import main as validate
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.results.attack import read_attack_run
from espnet_mtl.seeding import draw_ids
from tests.espnet_mtl.attack.conftest import make_data_dir

SUITE = """
name: tiny
version: 3
budgets: [0.02, 0.1]
attackers: {accent_blind: {accent: 0}, multitask: {}}
attacks:
  - {attack: noise, draws: 2, everyone: true}
  - {attack: pgd, steps: 10, everyone: true}
  - {attack: transfer, steps: 5, attackers: [accent_blind]}
  - {attack: square, queries: 10, attackers: [accent_blind]}
  - {attack: pgd, steps: 20, attackers: [accent_blind]}
unbounded: 20
doubled: true
batch_bins: 3000
"""


def run(tmp_path, data_dir, text, args="", victim=None, sources=(), out="out"):
    path = tmp_path / "attack.yaml"
    path.write_text(text)
    config = read_config(path, args).with_sources(sources)
    toy_attack.attack(victim or ToyVictim(), config, data_dir, tmp_path / out)
    return [json.loads(line) for line in (tmp_path / out / "records.jsonl").open()]


def merge_again(tmp_path, data_dir, sources=(), decoding=None):
    """What merging says when something has changed since."""
    config = read_config(tmp_path / "attack.yaml").with_sources(sources)
    inputs = read_inputs(config, "toy0", decoding or {})
    merge(config, toy_attack.read(data_dir, config), tmp_path / "out", inputs)


def of(records, trial):
    found = [record for record in records if record["trial"] == trial]
    assert found
    return found


def test_a_suite_keeps_the_worst_case_that_is_in_the_file(tmp_path, data_dir):
    source = tmp_path / "other.zip"
    source.write_bytes(b"another model")
    records = run(tmp_path, data_dir, SUITE, sources=[str(source)])
    validate([str(tmp_path / "out")])
    attack = read_attack_run(tmp_path / "out")
    assert [(trial.name, trial.role) for trial in attack.trials] == [
        ("clean", "control"),
        ("noise_linf0.02", "control"),
        ("noise_linf0.1", "control"),
        ("tiny_linf0.02", "main"),
        ("tiny_linf0.1", "main"),
        ("unbounded", "audit"),
    ]
    assert attack.trials[3].suite == 3
    kinds = [(m.attack, m.attacker, m.kind) for m in attack.trials[3].members]
    assert ("pgd", "multitask", "white_box") in kinds
    assert ("transfer", "accent_blind", "transfer") in kinds
    assert ("square", "accent_blind", "black_box") in kinds
    listener = ToyListener(ToyVictim())
    paths = read_table(tmp_path / "out" / "wav.scp")
    for name in ("tiny_linf0.02", "tiny_linf0.1", "unbounded"):
        for record in of(records, name):
            saved, _ = soundfile.read(paths[record["key"]], dtype="float32")
            assert listener(saved).text == record["heard"]
    for record in of(records, "tiny_linf0.1"):
        attempts = record["attempts"]
        broken = [n for n, one in enumerate(attempts) if one["success"]]
        if broken and broken[0] > 2:  # noise and PGD of both attackers go over everyone
            assert broken[0] == len(attempts) - 1
        assert record["linf"] <= 0.1 + 1e-9
        assert (record["doubled"] is None) == any(
            one["success"] for one in attempts[:6]
        )
    for record in of(records, "unbounded"):
        assert record["heard"] == record["target"]
    for record in of(records, "clean"):
        health = record["health"]
        assert health["gradient_finite"] and health["heard_repeat"]
        assert health["gradient_l1"] > 0 and health["loss_repeat_diff"] == 0
    assert attack.decoder == ToyListener.about


def test_a_suite_is_never_weaker_than_its_first_member_alone(tmp_path, data_dir):
    plain = "{attack: pgd, steps: 10, budgets: [0.02, 0.1], batch_bins: 3000}"
    listener = ToyListener(ToyVictim())
    alone = run(tmp_path, data_dir, plain, out="alone")
    suite = run(tmp_path, data_dir, SUITE)
    paths = read_table(tmp_path / "alone" / "wav.scp")

    def cost(heard, target):
        from toy_problem import edits

        return edits(target.split(), heard.split())

    for budget in ("0.02", "0.1"):
        worst = {r["utt"]: r for r in of(suite, f"tiny_linf{budget}")}
        for record in of(alone, f"pgd_accent_blind_linf{budget}"):
            heard = listener(soundfile.read(paths[record["key"]], dtype="float32")[0])
            mine = worst[record["utt"]]
            assert cost(mine["heard"], mine["target"]) <= cost(
                heard.text, record["target"]
            )


@pytest.mark.parametrize(
    "text",
    [
        "{attack: fgsm}",
        "{attack: pgd, steps: 5, norm: l2, budgets: [0.3]}",
        "{attack: pgd, steps: 5, norm: snr, budgets: [30, 20]}",
        "{attack: pgd, steps: 5, eot: {draws: 2, gaussian: 0.001}}",
        "{attack: apgd, steps: 8}",
        "{attack: cw, steps: 30, budgets: [0.2]}",
        "{attack: imperceptible, budgets: [0.2]}",
        "{attack: kenansville, norm: snr, budgets: [10]}",
        "{attack: square, queries: 10}",
        "{attack: transcript_search, queries: 20, budgets: [0.5]}",
        "{attack: pgd, steps: 5, controls: [clean, noise, gaussian, shuffled]}",
        "{attack: pgd, steps: 5, attackers: {untargeted: {words: away}}}",
        "{attack: pgd, steps: 5, attackers: {flip: {words: keep, accent: 1}}}",
        "{attack: pgd, steps: 5, target_text: a b c}",
    ],
)
def test_every_attack_runs_and_keeps_its_budget(tmp_path, data_dir, text):
    records = run(tmp_path, data_dir, text)
    attack = read_attack_run(tmp_path / "out")
    for record in records:
        trial = attack.trial(record["trial"])
        if trial.norm == "linf":
            assert record["linf"] <= trial.budget + 1e-9
        elif trial.norm == "l2":
            assert record["l2"] <= trial.budget * (1 + 1e-6)
        elif trial.norm == "snr":
            assert record["snr_db"] is None or record["snr_db"] >= trial.budget - 1e-4
    main = [trial.name for trial in attack.trials if trial.role == "main"]
    changed = [r["linf"] > 0 for r in records if r["trial"] in main]
    assert np.mean(changed) > 0.5


def test_one_text_for_all_leaves_out_who_says_it_already(tmp_path, data_dir):
    records = run(tmp_path, data_dir, "{steps: 1, target_text: A b}")
    assert {record["target"] for record in records} == {"A b"}
    assert len({record["utt"] for record in records}) == 6


@pytest.mark.parametrize("mode", ["add", "prepend"])
def test_a_universal_perturbation_is_fitted_once_and_is_the_same_for_all(
    tmp_path, data_dir, mode
):
    fit = make_data_dir(tmp_path / "fit", 4, seed=1)
    text = (
        f"{{attack: universal, fit_data: {fit}, epochs: 2, mode: {mode}, "
        "budgets: [0.1], seconds: 0.02, attackers: {away: {words: away}}, "
        "batch_bins: 3000}"
    )
    run(tmp_path, data_dir, text)
    fitted = list((tmp_path / "out" / "fitted").glob("*.npy"))
    assert len(fitted) == 1
    perturbation = np.load(fitted[0])
    assert len(perturbation) == 160 and np.abs(perturbation).max() <= 0.1 + 1e-6
    clean = read_table(data_dir / "wav.scp")
    origin = read_table(tmp_path / "out" / "utt2orig")
    for key, path in read_table(tmp_path / "out" / "wav.scp").items():
        if "universal" not in key:
            continue
        saved, before = soundfile.read(path)[0], soundfile.read(clean[origin[key]])[0]
        if mode == "prepend":
            assert np.abs(saved[:160] - perturbation).max() < 1e-4
            assert np.array_equal(saved[160:], before)
        else:
            repeated = np.resize(perturbation, len(before))
            free = np.abs(before + repeated) < 1.0
            assert np.abs(saved - before - repeated)[free].max() < 1e-4
            assert free.mean() > 0.9
    stamp = fitted[0].stat().st_mtime_ns
    run(tmp_path, data_dir, text)
    assert fitted[0].stat().st_mtime_ns == stamp


def test_what_is_fitted_meets_other_transformations_in_each_epoch(
    tmp_path, data_dir, monkeypatch
):
    fit = make_data_dir(tmp_path / "fit", 2, seed=1)
    seen = []
    transform = EOT.transform

    def note(self, speech, lengths, seeds):
        seen.append(tuple(seeds))
        return transform(self, speech, lengths, seeds)

    monkeypatch.setattr(EOT, "transform", note)
    text = (
        f"{{attack: universal, fit_data: {fit}, epochs: 3, budgets: [0.1], "
        "controls: [clean], eot: {gaussian: 0.01}}"
    )
    run(tmp_path, data_dir, text)
    epochs = [one for one in seen if len(one) == 2][:3]
    assert len({seed for one in epochs for seed in one}) == 6


@pytest.mark.parametrize("samples", [1, 79])
def test_audio_too_short_to_fit_on_is_refused_by_name(tmp_path, data_dir, samples):
    fit = make_data_dir(tmp_path / "fit", 2, seed=1)
    soundfile.write(fit / "spk1-1.wav", np.full(samples, 0.1), 8000)
    text = f"{{attack: universal, fit_data: {fit}, budgets: [0.1]}}"
    message = f"fit: 1 of 2 utterances are too short .*: spk1-1 .{samples} samples"
    with pytest.raises(UserError, match=message):
        run(tmp_path, data_dir, text)
    assert not (tmp_path / "out" / "wav").exists()


class Coarse(ToyVictim):
    """Hears nothing in what is short."""

    def num_frames(self, num_samples):
        return max(0, super().num_frames(num_samples) - 10)


def test_audio_too_short_for_a_source_is_refused_by_name(tmp_path, data_dir):
    config = read_config(None, "attack=transfer sources=[other.zip]")
    inputs = Inputs("toy0", {"other.zip": "digest"})
    message = "1 of 7 .* for the encoder of the model other.zip: spk0-0 .800 samples"
    with pytest.raises(UserError, match=message):
        toy_attack.make_job(
            ToyVictim(),
            config,
            toy_attack.read(data_dir, config),
            tmp_path / "out",
            inputs,
            sources={"other.zip": Coarse(seed=7)},
        )


def test_an_attack_may_leave_silence(tmp_path, data_dir):
    """Kenansville takes all of quiet audio away, and the next budget reads the file."""
    for path in data_dir.glob("*.wav"):
        samples, rate = soundfile.read(path)
        soundfile.write(path, 0.005 * samples, rate, subtype="PCM_16")
    text = (
        "{attack: kenansville, budgets: [0.01, 0.02], ascending: true, "
        "attackers: {me: {words: away, accent: 0}}, batch_bins: 3000}"
    )
    run(tmp_path, data_dir, text)
    wavs = (tmp_path / "out" / "wav").glob("kenansville*/*.wav")
    assert any(not soundfile.read(path)[0].any() for path in wavs)


def test_names_that_begin_with_a_dot_are_kept_and_torn_files_are_not(
    tmp_path, data_dir
):
    for name in ("wav.scp", "text", "utt2spk", "utt2accent", "spk2utt"):
        path = data_dir / name
        # Everywhere but in the paths of the audio
        path.write_text(re.sub(r"(?<!/)\bspk0", ".spk0", path.read_text()))
    text = "{steps: 1, controls: [clean], batch_bins: 3000}"
    records = run(tmp_path, data_dir, text)
    assert any(record["utt"].startswith(".") for record in records)
    torn = tmp_path / "out" / "wav" / "clean" / ".spk1-1.wav.123"
    torn.touch()
    run(tmp_path, data_dir, text)
    assert not torn.exists()
    for path in read_table(tmp_path / "out" / "wav.scp").values():
        assert soundfile.info(path).frames


def test_a_transfer_attack_needs_a_source_and_a_suite_goes_without(tmp_path, data_dir):
    with pytest.raises(UserError, match="give them with --source_zips"):
        run(tmp_path, data_dir, "{attack: transfer}")
    records = run(tmp_path, data_dir, SUITE)
    tried = {a["attack"] for r in of(records, "tiny_linf0.02") for a in r["attempts"]}
    assert tried == {"noise", "pgd", "square"}


def test_another_source_makes_a_transfer_attack_stale(tmp_path, data_dir):
    source = tmp_path / "other.zip"
    source.write_bytes(b"one")
    text = "{attack: transfer, steps: 2}"
    run(tmp_path, data_dir, text, sources=[str(source)])
    source.write_bytes(b"two")
    with pytest.raises(UserError, match="not attacked yet"):
        merge_again(tmp_path, data_dir, [str(source)])
    run(tmp_path, data_dir, text, sources=[str(source)])
    times = Counter(key for key, _ in read_records(tmp_path / "out"))
    assert times["spk0-0-transfer_accent_blind_linf0.001"] == 2
    assert times["spk0-0-noise_linf0.001"] == 1


def test_one_utterance_has_no_other_to_borrow_a_perturbation_from(tmp_path):
    data_dir = make_data_dir(tmp_path / "one", 1)
    text = "{steps: 2, controls: [clean, shuffled], target_text: a b c}"
    with pytest.raises(UserError, match="at least two utterances"):
        run(tmp_path, data_dir, text)


def test_trials_of_several_attacks_stand_side_by_side(tmp_path, data_dir):
    text = """
budgets: [0.01]
attacks:
  - {attack: pgd, steps: 2}
  - {attack: pgd, steps: 4, label: longer}
"""
    records = run(tmp_path, data_dir, text)
    assert {record["trial"] for record in records} == {
        "clean",
        "noise_linf0.01",
        "pgd_accent_blind_linf0.01",
        "longer_accent_blind_linf0.01",
    }
    with pytest.raises(UserError, match="two have the same name"):
        run(tmp_path, data_dir, text.replace(", label: longer", ""))


def test_settings_by_option_reach_the_members_that_have_them(tmp_path):
    path = tmp_path / "attack.yaml"
    path.write_text(SUITE)
    config = read_config(path, "steps=3 queries=7 budgets=[0.5]")
    methods = [member.method for member in config.attacks]
    assert [getattr(m, "steps", None) for m in methods] == [None, 3, 3, None, 3]
    assert methods[3].queries == 7
    assert config.budgets == (0.5,)


def test_a_label_that_begins_like_another_gets_its_own_settings(tmp_path, data_dir):
    text = """
budgets: [0.05]
controls: [clean]
attacks:
  - {attack: pgd, steps: 1}
  - {attack: pgd, steps: 40, label: pgd_long}
"""
    records = run(tmp_path, data_dir, text)
    short = of(records, "pgd_accent_blind_linf0.05")
    long = of(records, "pgd_long_accent_blind_linf0.05")
    assert all(b["loss_end"] < a["loss_end"] for a, b in zip(short, long, strict=True))


@pytest.mark.parametrize(
    "change",
    [
        ("doubled: true", "doubled: false"),
        ("queries: 10", "queries: 11"),
        ("steps: 10, everyone: true", "steps: 10"),
        ("multitask: {}", "multitask: {ctc: 0.9}"),
        ("multitask: {}", "multitask: {to_accent: south}"),
    ],
)
def test_what_a_suite_depends_on_makes_it_stale(tmp_path, data_dir, change):
    run(tmp_path, data_dir, SUITE)
    run(tmp_path, data_dir, SUITE.replace(*change))
    times = Counter(key for key, _ in read_records(tmp_path / "out"))
    assert times["spk0-0-tiny_linf0.02"] == 2 and times["spk0-0-noise_linf0.02"] == 1


def test_a_suite_of_unlike_wishes_is_refused(tmp_path, data_dir):
    unlike = SUITE.replace("multitask: {}", "away: {words: away}")
    with pytest.raises(UserError, match="need the same 'words'"):
        run(tmp_path, data_dir, unlike)


def test_a_suite_may_be_untargeted(tmp_path, data_dir):
    text = """
name: away
budgets: [0.05]
attackers: {untargeted: {words: away, accent: 0}}
attacks: [{attack: pgd, steps: 10}]
batch_bins: 3000
"""
    run(tmp_path, data_dir, text)
    trials = read_attack_run(tmp_path / "out").trials
    assert [trial.words for trial in trials if trial.role == "main"] == ["away"]


def test_other_words_make_an_untargeted_attack_stale(tmp_path, data_dir):
    text = "{steps: 1, controls: [clean], attackers: {me: {words: away, accent: 0}}}"
    run(tmp_path, data_dir, text)
    path = data_dir / "text"
    path.write_text(path.read_text().replace("a b", "b a"))
    with pytest.raises(UserError, match="are not attacked yet"):
        merge_again(tmp_path, data_dir)


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "{name: x, attacks: [{attack: universal, fit_data: d}]}",
            "universal: cannot be a part of a suite",
        )
    ],
)
def test_what_makes_no_sense_is_refused_at_the_start(tmp_path, data_dir, text, message):
    with pytest.raises(UserError, match=message):
        run(tmp_path, data_dir, text)


def test_noise_of_several_draws_stands_for_itself(tmp_path, data_dir):
    text = "{attack: noise, draws: 3, controls: [clean], budgets: [0.05]}"
    records = of(run(tmp_path, data_dir, text), "noise_accent_blind_linf0.05")
    assert all(record["linf"] > 0.04 for record in records)


def test_nobody_keeps_the_words_of_a_victim_without_accents(tmp_path, data_dir):
    with pytest.raises(UserError, match="none of them attacks a branch"):
        run(
            tmp_path,
            data_dir,
            "{attackers: {flip: {words: keep}}}",
            victim=ToyVictim({"ctc": 1.0}),
        )


@pytest.mark.parametrize(
    ("to_accent", "wish"), [("random", "south"), ("away", "north"), ("south", "south")]
)
@pytest.mark.parametrize(
    "attack", ["steps: 1", "name: x, attacks: [{attack: pgd, steps: 1}]"]
)
def test_records_say_which_accent_is_wanted(
    tmp_path, data_dir, to_accent, wish, attack
):
    """Of who is from the north: another one, away from that one, or the one named."""
    who = f"attackers: {{flip: {{words: keep, to_accent: {to_accent}}}}}"
    records = run(tmp_path, data_dir, f"{{{attack}, budgets: [0.01], {who}}}")
    trials = read_attack_run(tmp_path / "out").trials
    [trial] = [trial for trial in trials if trial.role == "main"]
    assert (trial.words, trial.to_accent) == ("keep", to_accent)
    accents = read_table(data_dir / "utt2accent")
    north = [r for r in of(records, trial.name) if accents[r["utt"]] == "north"]
    assert [record["accent_wish"] for record in north] == [wish] * 3


def test_another_accent_than_is_heard_is_wanted_where_none_is_known(tmp_path, data_dir):
    """Else untouched audio would be heard as is wanted now and then."""
    who = "attackers: {flip: {words: keep, to_accent: random}}"
    records = run(tmp_path, data_dir, f"{{steps: 1, budgets: [0.01], {who}}}")
    accents = read_table(data_dir / "utt2accent")
    unknown = [r for r in of(records, "clean") if accents[r["utt"]] == "<unk>"]
    listener = ToyListener(ToyVictim())
    for record in unknown:
        audio, _ = soundfile.read(data_dir / f"{record['utt']}.wav", dtype="float32")
        assert {record["accent_wish"], listener(audio).accent} == {"north", "south"}
    assert len(unknown) == 4


def test_averaging_over_transformations_does_not_spoil_the_health_check(
    tmp_path, data_dir
):
    records = run(tmp_path, data_dir, SUITE + "eot: {draws: 2, gaussian: 0.01}")
    assert all(r["health"]["loss_repeat_diff"] == 0 for r in of(records, "clean"))


def test_another_decoder_makes_only_what_listens_stale(tmp_path, data_dir):
    text = (
        "{budgets: [0.2], attacks: [{attack: pgd, steps: 1}, {attack: cw, steps: 2}]}"
    )
    run(tmp_path, data_dir, text)
    with pytest.raises(UserError, match="7 of 28 files .* are not attacked yet"):
        merge_again(tmp_path, data_dir, decoding={"args": {"beam_size": ["3"]}})


def test_the_run_has_a_name_that_changes_with_the_audio_and_not_with_the_time(
    tmp_path, data_dir
):
    def name(text, out):
        run(tmp_path, data_dir, text, out=out)
        return read_attack_run(tmp_path / out).made_of

    first = name("{steps: 2}", "first")
    assert first == name("{steps: 2}", "second")
    assert first != name("{steps: 3}", "third")


def test_a_borrowed_perturbation_depends_on_who_lends_it(tmp_path, data_dir):
    run(tmp_path, data_dir, "{steps: 1, controls: [clean, shuffled], batch_bins: 1}")
    path = data_dir / "spk0-6.wav"  # the longest: a batch of its own
    samples, rate = soundfile.read(path)
    soundfile.write(path, 0.5 * samples, rate, subtype="PCM_16")
    # Its own three trials, and that of the shortest, whose donor it is.
    with pytest.raises(UserError, match="4 of 21 files .* are not attacked yet"):
        merge_again(tmp_path, data_dir)


PLANTED = """
name: tiny
version: 1
budgets: [0.008, 0.1]
ascending: true
attackers: {accent_blind: {accent: 0}}
attacks: [{attack: chain, steps: [75, 100], step_sizes: [0.25, 0.05]}]
controls: [clean]
unbounded: 20
planted: 3
batch_bins: 3000
"""


def test_planted_examples_are_found_in_a_subset(tmp_path, data_dir):
    records = of(run(tmp_path, data_dir, PLANTED), "planted")
    validate([str(tmp_path / "out")])
    wanted = sorted(draw_ids(read_table(data_dir / "text"), 3))
    assert sorted(record["utt"] for record in records) == wanted
    listener = ToyListener(ToyVictim())
    paths = read_table(tmp_path / "out" / "wav.scp")
    for record in records:
        easy, medium, hard = record["planted"]
        assert [one["difficulty"] for one in (easy, medium, hard)] == [*DIFFICULTIES]
        assert easy["exists"] and easy["found"] and medium["found"]
        assert 0 < easy["gradients"] <= 175
        # It was planted: the victim itself does not hear the target.
        assert record["heard"] is None and record["linf"] <= 0.002
        saved, _ = soundfile.read(paths[record["key"]], dtype="float32")
        assert listener(saved).text != record["target"]


def test_what_begins_anew_knows_nothing_of_smaller_budgets(tmp_path, data_dir):
    anew = PLANTED.replace("planted: 3", "scratch: 2").replace("[0.008, 0.1]", "{}")
    alike = []
    for budgets in ("[0.008, 0.1]", "[0.02, 0.1]"):
        text = anew.replace("{}", budgets)
        out = f"out{len(alike)}"
        records = run(tmp_path, data_dir, text, out=out)
        alike.append([one["sha256"] for one in of(records, "scratch")])
        for record in of(records, "scratch"):
            (attempt,) = record["attempts"]
            assert attempt["attack"] == "chain" and attempt["gradients"] > 0
            assert record["linf"] <= 0.1 and record["heard"] is not None
    assert len(alike[0]) == 2 and alike[0] == alike[1]


def test_a_weak_attack_misses_planted_examples(tmp_path, data_dir):
    weak = PLANTED.replace("[75, 100]", "[1]").replace("[0.25, 0.05]", "[0.25]")
    for record in of(run(tmp_path, data_dir, weak), "planted"):
        assert all(one["exists"] and not one["found"] for one in record["planted"])
        assert all(0 < one["opened"] < 0.6 for one in record["planted"])


def test_planted_examples_are_the_same_in_any_jobs(tmp_path, data_dir):
    (tmp_path / "attack.yaml").write_text(PLANTED)
    config = read_config(tmp_path / "attack.yaml")
    found = []
    for name, jobs in (("one", [(1, 1)]), ("three", [(3, 3), (1, 3), (2, 3)])):
        toy_attack.run_and_merge(data_dir, tmp_path / name, jobs, config)
        lines = (tmp_path / name / "records.jsonl").read_text().splitlines()
        found.append(of(list(map(json.loads, lines)), "planted"))
    assert found[0] == found[1]


def test_audio_that_is_planted_anew_is_searched_for_anew(tmp_path, data_dir):
    run(tmp_path, data_dir, PLANTED)
    again = PLANTED.replace("unbounded: 20", "unbounded: 21")
    (tmp_path / "attack.yaml").write_text(again)
    with pytest.raises(UserError, match="not attacked yet"):
        merge_again(tmp_path, data_dir)
    run(tmp_path, data_dir, again)
    before = len(read_records(tmp_path / "out"))
    run(tmp_path, data_dir, again.replace("planted: 3", "planted: 4"))
    assert len(read_records(tmp_path / "out")) > before
