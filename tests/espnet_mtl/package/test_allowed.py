"""What is allowed in a stranger's configuration are some of ESPnet's choices."""

import pytest
from espnet2.tasks.asr import ASRTask
from espnet2.tasks.lm import LMTask

from espnet_mtl.errors import UserError
from espnet_mtl.package.allowed import pick_allowed

# All that ESPnet has, and that fetches, reads or cannot be decoded here.
REFUSED = {
    "frontend": {"s3prl", "espnet_ssl", "fused", "whisper", "huggingface"},
    "specaug": set(),
    "normalize": set(),
    "model": {"maskctc", "pit_espnet", "lm_multitask"},
    "preencoder": set(),
    "encoder": {
        *("transformer_multispkr", "wav2vec2", "hubert", "hubert_pretrain", "whisper"),
        *("torchaudiohubert", "avhubert", "beats"),
    },
    "postencoder": {"hugging_face_transformers"},
    "decoder": {"mlm", "whisper", "hugging_face_transformers", "linear_decoder"},
    "preprocessor": {"multi"},
    "lm": {"transformer_opt"},
}


@pytest.mark.parametrize("task", [ASRTask, LMTask])
def test_each_class_of_espnet_is_allowed_or_known_to_be_refused(task):
    for choices in task.class_choices_list:
        refused = set()
        for name in choices.classes:
            try:
                picked = pick_allowed({choices.name: name}, "x.zip", task is LMTask)
                assert picked == {choices.name: name}
            except UserError as error:
                assert f"x.zip: refused: '{choices.name}: {name}'" in str(error)
                refused.add(name)
        assert refused == REFUSED[choices.name] & set(choices.classes)
        assert len(refused) < len(choices.classes)


@pytest.mark.parametrize(
    "value", ["Conformer", "unheard_of", 3, {"a": 1}, ["rnn", "x"]]
)
def test_anything_else_is_no_class(value):
    with pytest.raises(UserError, match="'encoder: .*can be: branchformer, conformer"):
        pick_allowed({"encoder": value}, "x.zip")


def test_what_training_reads_is_left_out():
    settings = {
        **{"encoder": "rnn", "encoder_conf": {"num_layers": 1}, "token_list": ["a"]},
        **{"noise_scp": "/noise.scp", "rir_scp": "rir.scp", "init_param": ["/x.pth"]},
        **{"train_data_path_and_name_and_type": [["/wav.scp", "speech", "sound"]]},
        **{"bpemodel": None, "g2p": "g2p_en", "token_type": "char"},
    }
    kept = {"encoder", "encoder_conf", "token_list", "bpemodel", "g2p", "token_type"}
    assert pick_allowed(settings, "x.zip") == {
        **{name: settings[name] for name in kept},
        # ESPnet asks whether they are there.
        **{"noise_scp": None, "rir_scp": None},
    }
