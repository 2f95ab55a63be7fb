"""What may be built from the configuration of somebody else's package.

ESPnet builds whatever class a configuration names, with the arguments that stand there.
Those allowed here are made of these arguments alone, read and fetch nothing (but for
the files in :mod:`espnet_mtl.package.named_files`), and can be decoded. Others are not:
self-supervised front ends, for one, fetch what their arguments name, from any address
and into any folder.
"""

from collections.abc import Mapping
from typing import Any

from espnet_mtl.errors import UserError

_RECOGNISER: Mapping[str, tuple[str, ...]] = {
    "frontend": ("default", "sliding_window", "wav2vec_cnn"),
    "specaug": ("specaug",),
    "normalize": ("global_mvn", "utterance_mvn"),
    "model": ("espnet",),
    "preencoder": ("linear", "sinc"),
    "encoder": (
        "branchformer",
        "conformer",
        "contextual_block_conformer",
        "contextual_block_transformer",
        "e_branchformer",
        "longformer",
        "multiconv_conformer",
        "rnn",
        "transformer",
        "vgg_rnn",
    ),
    "postencoder": ("length_adaptor",),
    "decoder": (
        "dynamic_conv",
        "dynamic_conv2d",
        "lightweight_conv",
        "lightweight_conv2d",
        "rnn",
        "s4",
        "transducer",
        "transformer",
    ),
    "preprocessor": ("default",),
    "token_type": ("bpe", "char", "phn", "word"),
    "cleaner": ("jaconv", "korean_cleaner", "tacotron", "whisper_basic", "whisper_en"),
    "g2p": ("pypinyin_g2p", "pypinyin_g2p_phone"),
}
_LANGUAGE_MODEL: Mapping[str, tuple[str, ...]] = {
    "lm": ("seq_rnn", "transformer"),
    "model": ("lm",),
}
# Other settings that loading and decoding read.
_MORE_OF_A_RECOGNISER = (
    *("token_list", "bpemodel", "non_linguistic_symbols"),
    *("accent_list", "accent_weight", "accent_head", "accent_head_conf"),
    *("init", "input_size", "ctc_conf", "joint_net_conf"),
    *("use_preprocessor", "use_lang_prompt", "use_nlp_prompt", "aux_ctc_tasks"),
    "speech_volume_normalize",
)
_MORE_OF_A_LANGUAGE_MODEL = ("token_list", "init")
# Files of training. ESPnet asks whether there is such a setting, and reads none.
_FILES_OF_TRAINING = ("rir_scp", "noise_scp")


def pick_allowed(
    settings: Mapping[str, Any], place: str, is_lm: bool = False
) -> dict[str, Any]:
    """Pick what a model is built from, and leave the settings of its training out.

    Args:
        settings: The configuration of a recogniser, or of a language model.
        place: Names the file in messages.
        is_lm: Whether it is that of a language model.

    Raises:
        UserError: If it names a class, a tokenizer or a cleaner that is not allowed.
    """
    choices = _LANGUAGE_MODEL if is_lm else _RECOGNISER
    for name, allowed in choices.items():
        if name == "g2p" and settings.get("token_type") != "phn":
            continue  # not used
        _check_choice(name, settings.get(name), allowed, place)
    kept = {*choices, *(f"{name}_conf" for name in choices)}
    kept.update(_MORE_OF_A_LANGUAGE_MODEL if is_lm else _MORE_OF_A_RECOGNISER)
    picked = {name: value for name, value in settings.items() if name in kept}
    return picked | {name: None for name in _FILES_OF_TRAINING if name in settings}


def _check_choice(name: str, value: Any, allowed: tuple[str, ...], place: str) -> None:
    for one in value if isinstance(value, list) else [value]:
        if one is not None and one not in allowed:
            raise UserError(
                f"{place}: refused: '{name}: {one}' may read or fetch any file, or "
                f"cannot be decoded here. From a package of somebody else's, '{name}' "
                f"can be: {', '.join(allowed)}. If you have made the model of "
                "--model_zip yourself, or trust who has made it, add --trust_model_zip"
            )
