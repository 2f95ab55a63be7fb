"""The audit of whole evaluations: plain victims pass, those built to fool it fail.

Each of the latter looks robust for another reason than robustness, and the gate that
fails has to be the one that knows this reason.
"""

import math
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch
import toy_attack
import yaml
from toy_problem import ToyListener, words_of
from toy_victim import HOP, ToyVictim

from espnet_mtl.attack.config import parse_config
from espnet_mtl.bin.asr_mtl_score import main as score
from espnet_mtl.data.tables import read_table, write_table
from espnet_mtl.metrics.wish import Heard
from espnet_mtl.report.audit.audits import make_audits
from espnet_mtl.report.experiment import read_experiments
from tests.espnet_mtl.attack.conftest import make_data_dir

STANDARD = Path(__file__).parents[4] / "conf" / "attack_standard.yaml"
WEIGHTS = {"ctc": 0.7, "accent": 0.3}
# Of four words each: enough pairs with three budgets, and enough words
NUM_UTTS = 34


class Detached(ToyVictim):
    """Its front end cuts the gradient off."""

    def _logits(self, speech):
        return super()._logits(speech.detach())


class Rounding(ToyVictim):
    """Its preprocessor rounds, which has no gradient."""

    def _logits(self, speech):
        return super()._logits(speech.mul(256).round().div(256))


class Shattered(ToyVictim):
    """Its front end rounds, and hands back a gradient that leads elsewhere."""

    def _logits(self, speech):
        rounded = speech.detach().mul(256).round().div(256)
        return super()._logits(rounded + speech.flip(1) - speech.flip(1).detach())


class Saturated(ToyVictim):
    """Its front end is so loud that all but the quietest samples are cut off."""

    def _logits(self, speech):
        return super()._logits(0.03 * (speech * 200).clamp(-1, 1))


class Noisy(ToyVictim):
    """It hears something else every time."""

    def _logits(self, speech):
        return super()._logits(speech + 0.02 * torch.randn_like(speech))


class HashNoisy(ToyVictim):
    """It hears the same in the same audio, and something else in any other."""

    def _logits(self, speech):
        noise = torch.zeros_like(speech)
        for row, samples in enumerate(speech.detach()):
            seed = zlib.crc32(samples.numpy().tobytes().rstrip(b"\0"))
            generator = torch.Generator().manual_seed(seed)
            noise[row] = torch.randn(len(samples), generator=generator)
        return super()._logits(speech + 0.02 * noise)


class Inflated(HashNoisy):
    """Its gradient is scaled up until it would explain any noise."""

    def _logits(self, speech):
        logits = super()._logits(speech)
        return logits.detach() + 1e10 * (logits - logits.detach())


class ByLength(ToyVictim):
    """It answers by the length of the audio alone."""

    def _logits(self, speech):
        frames = speech.shape[1] // HOP
        classes = torch.arange(frames) // 2 % 9
        one = 8.0 * torch.nn.functional.one_hot(classes, 9).float()
        return one.expand(len(speech), frames, 9)


class TwoBranches(ToyVictim):
    """It has an attention decoder, too: each fourth of the frames is one token."""

    def losses(self, speech, lengths, texts, accents, branches):
        losses = super().losses(speech, lengths, texts, accents, ["ctc"])
        scores = self.attend(speech).transpose(1, 2)
        tokens = torch.tensor(texts)
        att = torch.nn.functional.cross_entropy(scores, tokens, reduction="none")
        losses["att"] = att.sum(1)
        return {name: losses[name] for name in branches}

    def attend(self, speech):
        """Return scores of the four tokens, (Batch, 4, Classes)."""
        return self._logits(self.attended(speech)).unflatten(1, (4, 3)).mean(2)

    def attended(self, speech):
        """Return what the attention decoder is given."""
        return speech


class DetachedBranch(TwoBranches):
    """No gradient comes back from its attention branch."""

    def attended(self, speech):
        return speech.detach()


class Deaf(TwoBranches):
    """Its attention decoder ignores the audio."""

    def attended(self, speech):
        return 0 * speech


class Attending(ToyListener):
    """Decodes the attention branch alone."""

    about = replace(ToyListener.about, branches=("att",), ctc_weight=0.0)

    def __call__(self, speech):
        with torch.no_grad():
            best = self.victim.attend(torch.from_numpy(speech)[None])[0].argmax(1)
        return Heard(words_of([token for token in best.tolist() if token]))


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


def standard(budgets, steps):
    """Make the standard attack shorter; all of its attacks and checks stay."""
    settings = yaml.safe_load(STANDARD.read_text())
    short = {"square": {"queries": 5}, "transcript_search": {"queries": 3}}
    for attack in settings["attacks"]:
        attack |= short.get(attack["attack"], {})
        if attack["attack"] == "chain":
            attack["steps"] = [steps for _ in attack["steps"]]
            attack |= {"listen_every": steps}
    settings |= {
        "budgets": budgets,
        "curve": None,
        "unbounded": 40,
        "black_box": {"times": 16, "queries": 1000, "transcripts": 50},
    }
    return parse_config(settings).with_sources([])


def audit(tmp_path, victims, config, num_utts, make_listener=ToyListener):
    """Attack, decode from disk, score, and audit; by system."""
    data_dir = make_data_dir(tmp_path / "data", num_utts)
    speak(data_dir)
    for system, victim in victims.items():
        exp = tmp_path / f"asr_mtl_{system}"
        out, attacked = exp / "standard" / "test", exp / "decode_standard" / "test"
        listener = make_listener(victim)
        toy_attack.attack(victim, config, data_dir, out, lambda one=listener: one)
        clean = exp / "decode" / "test"
        for wavs, hyp in ((data_dir, clean), (out, attacked)):
            heard = {
                key: listener(soundfile.read(path, dtype="float32")[0])
                for key, path in read_table(wavs / "wav.scp").items()
            }
            write_table(hyp / "text", {key: one.text for key, one in heard.items()})
            if victim.accents and make_listener is ToyListener:
                accents = {key: one.accent for key, one in heard.items()}
                write_table(hyp / "accent", accents)
        named = ["--system", system]
        where = ["--attack_dir", str(out), "--hyp_dir", str(attacked)]
        score(["attack", *where, *named, "--attack_tag", "standard"])
        where = ["--ref_dir", str(data_dir), "--hyp_dir", str(clean)]
        score(["decoding", *where, *named, "--token_type", "word"])
    experiments = read_experiments([tmp_path / f"asr_mtl_{s}" for s in victims])
    (group,) = make_audits(experiments)
    return {one.label: one for one in group.audits}


def verdicts(one):
    return {name: finding.verdict for name, finding in one.findings.items()}


def failed(one):
    return {name for name, verdict in verdicts(one).items() if verdict == "FAIL"}


def test_plain_victims_pass_every_gate(tmp_path):
    victims = {
        "ctc": ToyVictim({"ctc": 1.0}),
        "ctc_accent": ToyVictim(WEIGHTS),
    }
    config = standard([0.005, 0.02, 0.06], 60)
    for one in audit(tmp_path, victims, config, NUM_UTTS).values():
        figures = {n: f"{f.verdict}: {f.figure}" for n, f in one.findings.items()}
        assert verdicts(one) == dict.fromkeys(figures, "PASS"), figures
        assert one.verdict == "pass"


@pytest.mark.parametrize(
    "victim, gates",
    [
        (Detached, {"unbounded", "gradients", "white_box"}),
        (Rounding, {"unbounded", "gradients", "white_box"}),
        (Shattered, {"unbounded", "white_box"}),
        (Saturated, {"gradients"}),
        (Noisy, {"repeats"}),
        (HashNoisy, {"repeats"}),
        (ByLength, {"unbounded", "gradients"}),
    ],
)
def test_a_victim_that_fools_the_attack_fails_by_its_gate(tmp_path, victim, gates):
    torch.manual_seed(0)
    config = standard([0.02, 0.06], 20)
    (one,) = audit(tmp_path, {"x": victim(WEIGHTS)}, config, 8).values()
    figures = {n: f"{f.verdict}: {f.figure}" for n, f in one.findings.items()}
    assert gates <= failed(one), figures
    assert "cannot be relied on" in one.sentence


@pytest.mark.parametrize("victim", [DetachedBranch, Deaf])
def test_a_branch_without_a_gradient_fails_beside_one_that_has_it(tmp_path, victim):
    """The other branch has a gradient, so that of the whole loss is not zero."""
    both = {"ctc": 0.05, "att": 0.95}
    config = standard([0.02], 20)
    (one,) = audit(tmp_path, {"x": victim(both)}, config, 8, Attending).values()
    found = one.findings["gradients"]
    assert found.verdict == "FAIL"
    assert found.figure == (
        "8 of 8 finite, 0 zero, at most 100.0 % of the samples without in att"
    )


def test_a_branch_with_a_gradient_passes(tmp_path):
    both = {"ctc": 0.05, "att": 0.95}
    config = standard([0.02], 20)
    (one,) = audit(tmp_path, {"x": TwoBranches(both)}, config, 8, Attending).values()
    assert one.findings["gradients"].verdict == "PASS"
    assert one.findings["loss"].verdict == "PASS"


def test_what_one_level_changes_is_what_the_gradient_says(tmp_path):
    """For the plain victim; one that draws noise by the input is off by far more.

    Also where it scales its gradient up, so that this would explain any difference.
    """
    differences = {}
    victims = {"plain": ToyVictim, "noisy": HashNoisy, "inflated": Inflated}
    for name, victim in victims.items():
        folder = tmp_path / name
        folder.mkdir()
        config = standard([0.02], 1)
        (one,) = audit(folder, {name: victim(WEIGHTS)}, config, 4).values()
        figure = one.findings["repeats"].figure
        differences[name] = float(figure.split("loss by ")[1].split()[0])
    assert differences["plain"] < 1e-4 < 1e-2 < differences["noisy"] < math.inf
    assert 1e-2 < differences["inflated"] < math.inf
