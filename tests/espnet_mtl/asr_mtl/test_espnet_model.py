"""The model: its loss, and what each accent head listens to."""

import pytest
import torch
from model_factory import make_args, make_batch

from espnet_mtl.asr_mtl.accent_head.attentive_pooling import AttentivePoolingHead
from espnet_mtl.asr_mtl.accent_head.statistics_pooling import StatisticsPoolingHead
from espnet_mtl.errors import UserError
from espnet_mtl.tasks.asr_mtl import ASRMTLTask

NOT_OF_E_BRANCHFORMERS = (
    "macaron_style use_cnn_module cnn_module_kernel selfattention_layer_type".split()
)
HEADS = [StatisticsPoolingHead, AttentivePoolingHead]


def _model(**overrides):
    torch.manual_seed(0)
    return ASRMTLTask.build_model(make_args(**overrides)).eval()


@pytest.mark.parametrize("head_class", HEADS)
def test_padding_does_not_reach_the_logits(head_class):
    head = head_class(4, 3).eval()
    frames = torch.randn(2, 9, 4)
    lengths = torch.tensor([9, 5])
    logits = head(frames, lengths)
    frames[1, 5:] = 1e4
    assert torch.equal(head(frames, lengths), logits)
    alone = head(frames[1:, :5], lengths[1:])
    assert torch.allclose(alone, logits[1:], atol=1e-6)


@pytest.mark.parametrize("head_class", HEADS)
@pytest.mark.parametrize("scale", [1.0, 0.0, -0.5])
def test_the_gradient_is_scaled_and_the_logits_are_not(head_class, scale):
    torch.manual_seed(0)
    plain = head_class(4, 3, dropout_rate=0.0)
    scaled = head_class(4, 3, dropout_rate=0.0, grad_scale=scale)
    scaled.load_state_dict(plain.state_dict())
    gradients = []
    for head, training in ((plain, True), (scaled, True), (scaled, False)):
        head.train(training)
        frames = torch.ones(1, 6, 4).cumsum(1).requires_grad_()
        logits = head(frames, torch.tensor([6]))
        logits[0, 0].backward()
        gradients.append(frames.grad)
    assert torch.allclose(gradients[1], scale * gradients[0])
    # Attacks on the trained model follow the true gradient.
    assert torch.allclose(gradients[2], gradients[0])


def test_a_silent_utterance_has_a_finite_gradient():
    head = StatisticsPoolingHead(4, 3)
    frames = torch.zeros(1, 5, 4, requires_grad=True)
    head(frames, torch.tensor([5])).sum().backward()
    assert torch.isfinite(frames.grad).all()


def test_unlabelled_utterances_train_the_recogniser_only():
    model, batch = _model(accent_weight=0.5), make_batch()
    _, stats, _ = model(**{k: v.clone() for k, v in batch.items()})
    batch["accent"][:] = -1
    loss, unlabelled, _ = model(**{k: v.clone() for k, v in batch.items()})
    assert torch.isnan(unlabelled["acc_accent"])
    assert unlabelled["loss_asr"] == stats["loss_asr"]
    assert loss.item() == pytest.approx(0.5 * stats["loss_asr"].item())
    loss.backward()
    head = list(model.accent_head.parameters())
    assert all(p.grad is not None and not p.grad.any() for p in head)


def accent_loss_and_gradient(logits, accent):
    logits = logits.clone().requires_grad_(True)
    loss, _ = _model()._calc_accent_loss(logits, accent)
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.detach(), gradient


@pytest.mark.parametrize("size", [1, 3, 7, 32])
def test_where_all_are_labelled_the_accent_loss_is_the_mean(size):
    logits = torch.randn(size, 3, requires_grad=True)
    accent = torch.randint(3, (size,))
    expected = torch.nn.functional.cross_entropy(logits, accent)
    (slope,) = torch.autograd.grad(expected, logits)
    loss, gradient = accent_loss_and_gradient(logits.detach(), accent)
    assert torch.equal(loss, expected)
    assert torch.equal(gradient, slope)


def test_each_label_weighs_alike_whatever_its_batch():
    """In the sum over batches that ESPnet weighs by their sizes, as for processes."""
    torch.manual_seed(0)
    logits, accent = torch.randn(12, 3), torch.randint(3, (12,))
    accent[[0, 1, 2, 4, 5, 7, 9]] = -1
    each = torch.nn.functional.cross_entropy(
        logits, accent, ignore_index=-1, reduction="none"
    )
    for sizes in ([12], [4, 8], [1, 2, 3, 6], [6, 6]):
        total = torch.zeros(())
        for part, label in zip(logits.split(sizes), accent.split(sizes), strict=True):
            loss, gradient = accent_loss_and_gradient(part, label)
            weight = len(part)
            total += weight * loss
            assert not gradient[label == -1].any()
            torch.testing.assert_close(
                weight * gradient.abs().sum(dim=1)[label != -1],
                2.0 * (1.0 - (-each_of(part, label)).exp()),
            )
        torch.testing.assert_close(total, each.sum())


def each_of(logits, accent):
    logits, accent = logits[accent != -1], accent[accent != -1]
    return torch.nn.functional.cross_entropy(logits, accent, reduction="none")


def test_the_accent_loss_ignores_the_unlabelled_one_in_a_batch():
    model, batch = _model(), make_batch()
    encoded, lengths = model.encode(batch["speech"], batch["speech_lengths"])
    logits = model.accent_logits(encoded, lengths)[:2]
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
    _, stats, _ = model(**batch)
    assert stats["loss_accent"].item() == pytest.approx(expected.item() * 2 / 3)


@pytest.mark.parametrize("encoder", ["conformer", "e_branchformer"])
@pytest.mark.parametrize("own", [[], [2]])
def test_the_block_that_the_branch_reads_adds_no_loss(encoder, own):
    """With and without the branch, and for whoever wanted interCTC anyway."""
    conf = {"num_blocks": 3, "interctc_layer_idx": own}
    if encoder == "e_branchformer":
        conf.update(dict.fromkeys(NOT_OF_E_BRANCHFORMERS))
        conf.update(cgmlp_linear_units=16, cgmlp_conv_kernel=5)
    settings = {
        "encoder": encoder,
        "encoder_conf": conf,
        "model_conf": {"ctc_weight": 0.5, "interctc_weight": 0.3},
    }
    single = _model(accent_weight=0.0, **settings)
    multi = _model(accent_head_conf={"layer": 1}, **settings)
    weights = single.state_dict()
    assert all(torch.equal(multi.state_dict()[name], weights[name]) for name in weights)
    loss, stats, _ = single(**make_batch())
    _, ours, _ = multi(**make_batch())
    assert torch.equal(ours["loss_asr"], loss)
    assert set(stats) == set(ours) - {"loss_asr", "loss_accent", "acc_accent"}
    assert ("loss_interctc_layer2" in ours) == bool(own)
    encoded, _ = multi.encode(make_batch()["speech"], make_batch()["speech_lengths"])
    assert [block for block, _ in encoded[1]] == [1, *own]


def test_a_block_that_has_a_loss_of_its_own_keeps_it():
    settings = {
        "encoder_conf": {"interctc_layer_idx": [1]},
        "model_conf": {"ctc_weight": 0.5, "interctc_weight": 0.3},
    }
    loss, _, _ = _model(accent_weight=0.0, **settings)(**make_batch())
    _, ours, _ = _model(accent_head_conf={"layer": 1}, **settings)(**make_batch())
    assert torch.equal(ours["loss_asr"], loss) and "loss_interctc_layer1" in ours


def test_the_recogniser_loss_is_stock_espnets():
    multi, single = _model(accent_weight=0.5), _model(accent_weight=0.0)
    batch = make_batch()
    _, stats, _ = multi(**{k: v.clone() for k, v in batch.items()})
    loss, _, _ = single(**batch)
    assert stats["loss_asr"].item() == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_it_trains_in_parallel_and_in_mixed_precision(tmp_path, precision):
    """As ESPnet's trainer wraps it; also where no utterance of a batch has a label."""
    model = _model()
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1
    )
    try:
        wrapped = torch.nn.parallel.DistributedDataParallel(model)
        for accent in (-1, 1):
            batch = make_batch()
            batch["accent"][:] = accent
            with torch.autocast("cpu", torch.bfloat16, precision == torch.bfloat16):
                expected, _, _ = model(**{k: v.clone() for k, v in batch.items()})
                loss, _, _ = wrapped(**batch)
            assert torch.equal(loss, expected)
            loss.backward()
    finally:
        torch.distributed.destroy_process_group()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    # DataParallel copies a model in this way.
    replica = model._replicate_for_data_parallel()
    assert torch.isfinite(replica(**make_batch())[0])


def test_it_collects_the_features_of_stock_espnet():
    batch = make_batch()
    ours, stock = (_model(accent_weight=w).collect_feats(**batch) for w in (0.5, 0.0))
    assert ours.keys() == stock.keys()
    assert all(torch.equal(ours[name], stock[name]) for name in ours)


def test_the_encoder_runs_once():
    model, calls = _model(), []
    model.encoder.register_forward_hook(lambda *_: calls.append(1))
    model(**make_batch())
    assert len(calls) == 1


def test_a_batch_without_accents_is_refused():
    batch = make_batch()
    del batch["accent"]
    with pytest.raises(UserError, match="utt2accent,accent,text"):
        _model()(**batch)


def test_an_accent_weight_above_one_is_refused():
    with pytest.raises(UserError, match="accent_weight is 1.5"):
        _model(accent_weight=1.5)
