"""What is trained in the place of a recogniser."""

import pytest
import torch
from espnet2.train.distributed_utils import DistributedOption
from robust_factory import make_model, make_named_batch

from espnet_mtl.asr_mtl.robust.choices import make_robust
from espnet_mtl.asr_mtl.robust.model import RobustModel
from espnet_mtl.asr_mtl.robust.trainer import RobustTrainer
from espnet_mtl.bin import asr_mtl_train
from espnet_mtl.errors import UserError

PGD = {"radius": 0.02, "ramp_updates": 4, "radius_draw": "fixed"}


def make_robust_model(**settings):
    return RobustModel(make_model(), make_robust("pgd", PGD), **settings)


def test_weights_and_their_names_are_those_of_the_recogniser():
    wrapped, model = make_robust_model(), make_model()
    assert list(wrapped.state_dict()) == list(model.state_dict())
    names = [name for name, _ in model.named_parameters()]
    assert [name for name, _ in wrapped.named_parameters()] == names
    assert len(list(wrapped.parameters())) == len(names)
    other = {name: value + 1 for name, value in model.state_dict().items()}
    wrapped.load_state_dict(other)
    assert torch.equal(wrapped.model.ctc.ctc_lo.bias, other["ctc.ctc_lo.bias"])


def test_features_for_statistics_are_those_of_the_recogniser():
    batch = make_named_batch()
    own = make_robust_model().collect_feats(**batch)["feats"]
    assert torch.equal(own, make_model().collect_feats(**batch)["feats"])


def test_updates_are_counted_where_batches_are_accumulated(monkeypatch):
    moments = []
    wrapped = make_robust_model(accum_grad=2, seed=5)
    way = type(wrapped._robust)
    monkeypatch.setattr(
        way, "__call__", lambda self, m, b, moment: moments.append(moment)
    )
    wrapped.start_epoch(7)
    for _ in range(3):
        wrapped(**make_named_batch())
    assert [tuple(moment) for moment in moments] == [
        ("train", 5, 7, 3),
        ("train", 5, 8, 4),
        ("train", 5, 9, 4),
    ]


@pytest.mark.parametrize(
    "speech", [torch.zeros(3, 800, 2), torch.zeros(3, 800, dtype=torch.long)]
)
def test_what_is_no_audio_of_one_channel_is_refused(speech):
    batch = {**make_named_batch(), "speech": speech}
    with pytest.raises(UserError, match="audio of one channel"):
        make_robust_model()(**batch)


def test_one_process_with_several_gpus_is_refused():
    option = DistributedOption(ngpu=2)
    command = "--token_list x --output_dir y --robust pgd --robust_conf radius=0.1"
    args = asr_mtl_train.get_parser().parse_args(command.split())
    with pytest.raises(UserError, match="--ngpu 2 needs a process for each GPU"):
        RobustTrainer.run(
            model=make_model(),
            trainer_options=RobustTrainer.build_options(args),
            distributed_option=option,
        )


def test_other_kinds_of_models_are_refused():
    class Other(type(make_model(accent_weight=0.0))):
        """A model of which nothing is known."""

    model = make_model(accent_weight=0.0)
    RobustModel(model, make_robust("pgd", PGD))
    model.__class__ = Other
    with pytest.raises(UserError, match="not Other: use --robust none"):
        RobustModel(model, make_robust("pgd", PGD))
