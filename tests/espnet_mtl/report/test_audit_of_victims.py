"""The audit of whole evaluations: a plain victim passes, masked gradients fail."""

from pathlib import Path

import pytest
import soundfile
import torch
import toy_attack
from toy_problem import ToyListener, words_of
from toy_victim import ToyVictim

from espnet_mtl.attack.runner.config_file import read_config
from espnet_mtl.bin.asr_mtl_score import main as score
from espnet_mtl.data.tables import read_table, write_table
from espnet_mtl.report.audit.audits import make_audits
from espnet_mtl.report.experiment import read_experiments
from tests.espnet_mtl.attack.conftest import make_data_dir

STANDARD = Path(__file__).parents[3] / "conf" / "attack_standard.yaml"
WEIGHTS = {"ctc": 0.7, "accent": 0.3}


class Detached(ToyVictim):
    """Its front end cuts the gradient off."""

    def _logits(self, speech):
        return super()._logits(speech.detach())


class Shattered(ToyVictim):
    """Its front end rounds, and hands back a gradient that leads elsewhere."""

    def _logits(self, speech):
        rounded = speech.detach().mul(256).round().div(256)
        return super()._logits(rounded + speech.flip(1) - speech.flip(1).detach())


class Noisy(ToyVictim):
    """It hears something else every time."""

    def _logits(self, speech):
        return super()._logits(speech + 0.02 * torch.randn_like(speech))


def speak(data_dir):
    """Replace the noise of a data directory by what the toy victim surely hears."""
    victim = ToyVictim(WEIGHTS)
    generator = torch.Generator().manual_seed(3)
    texts = {}
    for utt, path in read_table(data_dir / "wav.scp").items():
        tokens = (1 + torch.randperm(8, generator=generator)[:4]).tolist()
        classes = [one for token in tokens for one in (token, token, 0)]
        speech = 0.03 * victim.projection[:, classes].T.reshape(-1)
        soundfile.write(path, speech.numpy(), victim.rate, subtype="PCM_16")
        texts[utt] = words_of(tokens)
    write_table(data_dir / "text", texts)


def audit(tmp_path, victims):
    """Attack, decode from disk, score, and audit; by system."""
    data_dir = make_data_dir(tmp_path / "data", 25)  # of four words: a hundred
    speak(data_dir)
    config = read_config(STANDARD, "budgets=[0.005,0.02,0.06] queries=20")
    config = config.with_sources([])
    for system, victim in victims.items():
        exp = tmp_path / f"asr_mtl_{system}"
        out, hyp = exp / "standard" / "test", exp / "decode_standard" / "test"
        toy_attack.attack(victim, config, data_dir, out)
        listener = ToyListener(victim)
        heard = {
            key: listener(soundfile.read(path, dtype="float32")[0])
            for key, path in read_table(out / "wav.scp").items()
        }
        write_table(hyp / "text", {key: one.text for key, one in heard.items()})
        write_table(hyp / "accent", {key: one.accent for key, one in heard.items()})
        where = ["--attack_dir", str(out), "--hyp_dir", str(hyp)]
        score(["attack", *where, "--system", system, "--attack_tag", "standard"])
    experiments = read_experiments([tmp_path / f"asr_mtl_{s}" for s in victims])
    (group,) = make_audits(experiments)
    return {one.label: one for one in group.audits}


def verdicts(one):
    return {name: finding.verdict for name, finding in one.findings.items()}


@pytest.mark.parametrize("masked", [Detached, Shattered])
def test_masked_gradients_fail_and_a_plain_victim_passes(tmp_path, masked):
    audits = audit(tmp_path, {"plain": ToyVictim(WEIGHTS), "masked": masked(WEIGHTS)})
    figures = {n: f.figure for n, f in audits["plain"].findings.items()}
    assert verdicts(audits["plain"]) == dict.fromkeys(figures, "PASS"), figures
    failed = {
        n for n, verdict in verdicts(audits["masked"]).items() if verdict == "FAIL"
    }
    assert "unbounded" in failed
    if masked is Detached:
        assert "gradients" in failed
    assert audits["masked"].verdict == "fail"
    assert "cannot be relied on" in audits["masked"].sentence


def test_a_random_victim_fails(tmp_path):
    torch.manual_seed(0)
    audits = audit(tmp_path, {"noisy": Noisy(WEIGHTS)})
    assert verdicts(audits["noisy"])["repeats"] == "FAIL"
    assert audits["noisy"].verdict == "fail"
    assert "cannot be relied on" in audits["noisy"].sentence
