"""TRADES: clean loss, and outputs that an attack changes little."""

import pytest
import torch
from robust_factory import FIRST, SPECAUG_CONF, make_model, make_named_batch

from espnet_mtl.asr_mtl.robust.outputs import divergence, kept_outputs
from espnet_mtl.asr_mtl.robust.trades import TradesTraining

STILL = {
    "encoder_conf": {
        "dropout_rate": 0.0,
        "positional_dropout_rate": 0.0,
        "attention_dropout_rate": 0.0,
    },
    "decoder_conf": {
        "dropout_rate": 0.0,
        "positional_dropout_rate": 0.0,
        "self_attention_dropout_rate": 0.0,
        "src_attention_dropout_rate": 0.0,
    },
}


def outspoken(model):
    """Make an untrained model's outputs differ from audio to audio."""
    for name, part in (("ctc", "ctc_lo"), ("decoder", "output_layer")):
        if getattr(model, name) is not None:
            getattr(getattr(model, name), part).weight.data.mul_(30.0)
    return model


def write(model, batch, speech):
    """Return each utterance's CTC and decoder posteriors by the model's own parts."""
    encoded, frames = model.encode(speech, batch["speech_lengths"])
    found = []
    for row, length in enumerate(batch["text_lengths"]):
        text = batch["text"][row, :length]
        given = torch.cat([torch.tensor([model.sos]), text])[None]
        part, own = encoded[row : row + 1], frames[row : row + 1]
        logits, _ = model.decoder(part, own, given, torch.tensor([given.shape[1]]))
        found.append(
            {
                "ctc": model.ctc.log_softmax(part[:, : own[0]])[0],
                "att": logits[0].log_softmax(dim=1),
            }
        )
    return found


@pytest.mark.parametrize("ctc_weight", [0.0, 0.3, 1.0])
def test_the_divergence_is_that_of_torch(ctc_weight):
    model = outspoken(make_model(model_conf={"ctc_weight": ctc_weight})).eval()
    batch = make_named_batch()
    other = batch["speech"].flip(0) * (batch["speech"] != 0)
    kept = []
    for speech in (batch["speech"], other):
        with kept_outputs(model) as outputs, torch.no_grad():
            model(**{**batch, "speech": speech})
        kept.append(outputs)
    own = divergence(model, *kept)
    with torch.no_grad():
        # The decoder and CTC of models that lack one are still needed to ask both.
        expected, weights = 0.0, {"ctc": ctc_weight, "att": 1 - ctc_weight}
        whole = make_model()
        whole.load_state_dict(model.state_dict(), strict=False)
        whole.eval()
        clean = write(whole, batch, batch["speech"])
        changed = write(whole, batch, other)
        for name, weight in weights.items():
            for one, two in zip(clean, changed, strict=True):
                expected += weight * torch.nn.functional.kl_div(
                    two[name], one[name], reduction="sum", log_target=True
                )
    assert own > 0.01
    torch.testing.assert_close(own, expected / 3, rtol=1e-3, atol=1e-5)


def test_the_loss_is_that_of_clean_audio_and_the_divergence():
    model = make_model(**STILL).eval()
    batch = make_named_batch()
    clean, *_ = model(**batch)
    way = TradesTraining(radius=0.02, beta=4.0, ramp_updates=0)
    loss, stats, weight = way(model, batch, FIRST)
    assert stats["divergence"] > 0 and weight.item() == 3
    # The accent's half of the loss has no part in it.
    torch.testing.assert_close(loss, clean + 0.5 * 4.0 * stats["divergence"])
    torch.testing.assert_close(stats["loss"], loss.detach())


def test_both_passes_have_the_same_dropout_and_specaugment():
    model = make_model(
        specaug="specaug",
        specaug_conf=SPECAUG_CONF,
        encoder_conf={"dropout_rate": 0.5},
        decoder_conf={"dropout_rate": 0.5},
    )
    way = TradesTraining(radius=1e-9, ramp_updates=0)
    _, stats, _ = way(model, make_named_batch(), FIRST)
    assert stats["divergence"] < 1e-5
    with kept_outputs(model) as one:
        model(**make_named_batch())
    with kept_outputs(model) as two:
        model(**make_named_batch())
    assert divergence(model, one, two) > 0.01


def test_the_attack_raises_the_divergence():
    model = make_model().eval()
    batch = make_named_batch()
    way = TradesTraining(radius=0.02, ramp_updates=0, radius_draw="fixed", steps=5)
    _, stats, _ = way(model, batch, FIRST)
    ball = way.ball(batch, FIRST)
    with torch.no_grad():
        with kept_outputs(model) as clean:
            model(**batch)
        with kept_outputs(model) as noisy:
            noise = ball.random(FIRST.seeds("start", batch))
            model(**{**batch, "speech": ball.clean + noise})
    assert stats["divergence"] > 2 * divergence(model, clean, noisy)


def test_every_weight_learns_and_no_hook_stays():
    model = make_model()
    loss, _, _ = TradesTraining(radius=0.01)(model, make_named_batch(), FIRST)
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    assert not model.ctc._forward_hooks and not model.decoder._forward_hooks
