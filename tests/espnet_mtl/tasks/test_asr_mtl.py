"""The task: its options, and every model it can build."""

import itertools
import pickle
from pathlib import Path

import pytest
import torch
import yaml
from model_factory import ACCENTS, make_args, make_batch, make_settings, save_model

from espnet_mtl.bin import asr_mtl_train
from espnet_mtl.errors import UserError
from espnet_mtl.tasks.asr_mtl import ASRMTLTask, read_accent_list

CONFORMER_CONF = make_settings()["encoder_conf"]
CONF = Path(__file__).parents[3] / "egs2/TEMPLATE/asr_mtl1/conf"


def test_the_default_config_can_be_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["test"])  # ESPnet reads pytest's
    config = tmp_path / "train.yaml"
    defaults = {**ASRMTLTask.get_default_config(), "accent_weight": 0.25}
    config.write_text(yaml.safe_dump(defaults))
    args = asr_mtl_train.get_parser().parse_args(["--config", str(config)])
    assert args.accent_weight == 0.25
    assert args.accent_head_conf["hidden_size"] == 128


def parse(*options):
    command = [*options, "--token_list", "x", "--output_dir", "y"]
    return asr_mtl_train.get_parser().parse_args(command)


def test_accents_cannot_be_shuffled_without_a_branch(tmp_path):
    words = ("--shuffle_accents", "true", "--output_dir", str(tmp_path))
    with pytest.raises(UserError, match="add --accent_weight, above 0"):
        ASRMTLTask.check_required_command_args(parse(*words))
    ASRMTLTask.check_required_command_args(parse(*words, "--accent_weight", "0.5"))


@pytest.mark.parametrize("config", sorted(CONF.glob("train_asr_mtl*.yaml")))
def test_every_configuration_of_the_template_builds(config, tmp_path):
    tokens, accents = tmp_path / "tokens.txt", tmp_path / "accents.txt"
    tokens.write_text("<blank>\n<unk>\na\nb\n<sos/eos>\n")
    accents.write_text("north\nsouth\n")
    command = f"--config {config} --token_list {tokens} --accent_list {accents}"
    args = asr_mtl_train.get_parser().parse_args(
        [*command.split(), "--output_dir", "x"]
    )
    args.normalize = None
    model = ASRMTLTask.build_model(args)
    assert list(model.accent_list) == ["north", "south"]
    assert model.encoder.output_size() == args.encoder_conf["output_size"]


@pytest.mark.parametrize(
    "ctc_weight,accent_weight",
    list(itertools.product([0.0, 0.3, 1.0], [0.0, 0.4, 1.0])),
)
@pytest.mark.parametrize("accent_head", ["stats_pooling", "attentive_pooling"])
def test_every_combination_of_weights_trains(ctc_weight, accent_weight, accent_head):
    args = make_args(
        model_conf={"ctc_weight": ctc_weight},
        accent_weight=accent_weight,
        accent_head=accent_head,
    )
    model = ASRMTLTask.build_model(args)
    loss, stats, weight = model(**make_batch())
    loss.backward()
    assert torch.isfinite(loss)
    assert weight.item() == 3
    head = [p for n, p in model.named_parameters() if n.startswith("accent_head")]
    assert bool(head) == (accent_weight > 0)
    assert all(p.grad.abs().sum() > 0 for p in head if p.dim() > 1)
    if 0 < accent_weight < 1:
        expected = 0.6 * stats["loss_asr"] + 0.4 * stats["loss_accent"]
        assert stats["loss"].item() == pytest.approx(expected.item(), rel=1e-6)
    recogniser = model.encoder.encoders[0].feed_forward.w_1.weight
    assert recogniser.grad.abs().sum() > 0


def test_accent_weight_changes_only_the_accent_weights(tmp_path):
    _, single = save_model(tmp_path / "single", accent_weight=0.0)
    _, multi = save_model(tmp_path / "multi", accent_weight=0.5)
    single, multi = torch.load(single), torch.load(multi)
    extra = set(multi) - set(single)
    assert extra and all(name.startswith("accent_head.") for name in extra)
    assert all(torch.equal(single[name], multi[name]) for name in single)


@pytest.mark.parametrize("ctc_weight", [0.0, 0.3, 1.0])
def test_an_intermediate_layer_is_handed_out(ctc_weight):
    model_conf = {"ctc_weight": ctc_weight}
    args = make_args(accent_head_conf={"layer": 1}, model_conf=model_conf)
    model = ASRMTLTask.build_model(args)
    assert model.encoder.interctc_layer_idx == [1]
    # What is saved is what the user wrote: stock ESPnet needs no blocks.
    assert "interctc_layer_idx" not in args.encoder_conf
    loss, _, _ = model(**make_batch())
    assert torch.isfinite(loss)


@pytest.mark.parametrize(
    ("layer", "settings", "said"),
    [
        (0, {}, "layer: 0 is not one of the encoder's blocks 1 to 1"),
        (2, {}, "layer: 2 is not one of the encoder's blocks 1 to 1"),
        (
            2,
            {
                "encoder_conf": {
                    "num_blocks": 3,
                    "interctc_layer_idx": [1],
                    "interctc_use_conditioning": True,
                }
            },
            "layer: 2: with encoder_conf: interctc_use_conditioning",
        ),
        (
            1,
            {
                "encoder": "e_branchformer",
                "encoder_conf": {
                    **dict.fromkeys(CONFORMER_CONF),
                    "output_size": 8,
                    "num_blocks": 2,
                    "layer_drop_rate": 0.1,
                },
            },
            "layer: 1: with encoder_conf: layer_drop_rate",
        ),
        (
            1,
            {
                "postencoder": "length_adaptor",
                "postencoder_conf": {"length_adaptor_n_layers": 1},
            },
            "layer: 1: with a post-encoder",
        ),
        (
            1,
            {"encoder": "rnn", "encoder_conf": dict.fromkeys(CONFORMER_CONF)},
            "layer: 1: a RNNEncoder does not return the outputs of its blocks",
        ),
    ],
)
def test_a_layer_that_cannot_be_handed_out_is_refused(layer, settings, said):
    args = make_args(accent_head_conf={"layer": layer}, **settings)
    with pytest.raises(UserError, match=said):
        ASRMTLTask.build_model(args)


def test_accents_without_a_list_are_refused():
    with pytest.raises(UserError, match="--accent_list FILE"):
        ASRMTLTask.build_model(make_args(accent_list=None))


def test_an_accent_list_of_one_is_refused(tmp_path):
    path = tmp_path / "accents.txt"
    path.write_text("north\n")
    with pytest.raises(UserError, match="accents.txt: .*at least two"):
        read_accent_list(str(path))
    path.write_text("\ufeffnorth\nsouth\n\n")  # as some editors begin a file
    assert read_accent_list(str(path)) == ["north", "south"]


def test_the_preprocessor_numbers_accents_and_survives_a_worker():
    preprocess = ASRMTLTask.build_preprocess_fn(make_args(), train=True)
    preprocess = pickle.loads(pickle.dumps(preprocess))
    data = preprocess("utt1", {"text": "a b", "accent": ACCENTS[1]})
    assert data["accent"].tolist() == [1]
    assert data["text"].tolist() == [2, 5, 3]
    assert preprocess("utt1", {"accent": "<unk>"})["accent"].tolist() == [-1]
    with pytest.raises(UserError, match="utterance utt1: the accent 'mars'"):
        preprocess("utt1", {"accent": "mars"})


def test_without_an_accent_branch_labels_are_dropped():
    preprocess = ASRMTLTask.build_preprocess_fn(make_args(accent_weight=0.0), True)
    assert set(preprocess("utt1", {"text": "a b", "accent": "mars"})) == {"text"}


def test_collated_accents_are_one_number_each():
    collate = ASRMTLTask.build_collate_fn(make_args(), train=True)
    preprocess = ASRMTLTask.build_preprocess_fn(make_args(), train=True)
    items = [
        (u, preprocess(u, {"accent": a})) for u, a in zip("xy", ACCENTS, strict=False)
    ]
    _, batch = collate(items)
    assert batch["accent"].tolist() == [[0], [1]]
    assert "accent_lengths" not in batch
