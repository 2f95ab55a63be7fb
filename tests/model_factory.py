"""Tiny recognisers for tests: built and trained in a second, of any kind."""

import argparse
import contextlib
import os
from pathlib import Path
from unittest import mock

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
import soundfile
import torch
import yaml

RATE = 8000
TOKENS = ["<blank>", "<unk>", "a", "b", "c", "<space>", "<sos/eos>"]
ACCENTS = ["north", "south", "west"]
TEXTS = ["a b", "b c a", "c", "a c b a", "b b", "c a"]


def make_settings(**overrides) -> dict:
    """Return the training options of a tiny conformer; ``*_conf`` dicts are merged.

    A setting of ``None`` in a ``*_conf`` takes the default's away.
    """
    settings = {
        "token_list": TOKENS,
        "token_type": "char",
        "accent_list": ACCENTS,
        "frontend_conf": {"fs": RATE, "n_fft": 128, "hop_length": 64, "n_mels": 16},
        "encoder": "conformer",
        "encoder_conf": {
            "output_size": 8,
            "attention_heads": 2,
            "linear_units": 16,
            "num_blocks": 2,
            "macaron_style": True,
            "use_cnn_module": True,
            "cnn_module_kernel": 5,
            "rel_pos_type": "latest",
            "pos_enc_layer_type": "rel_pos",
            "selfattention_layer_type": "rel_selfattn",
        },
        "decoder": "transformer",
        "decoder_conf": {"attention_heads": 2, "linear_units": 16, "num_blocks": 1},
        "model_conf": {"ctc_weight": 0.5},
        "accent_weight": 0.5,
        "accent_head": "stats_pooling",
    }
    for name, value in overrides.items():
        if name.endswith("_conf"):
            merged = {**settings.get(name, {}), **value}
            settings[name] = {k: v for k, v in merged.items() if v is not None}
        else:
            settings[name] = value
    return settings


def make_args(**overrides):
    """Return the full training configuration of a tiny model as a namespace."""
    from espnet_mtl.tasks.asr_mtl import ASRMTLTask

    # ESPnet looks at the process's arguments for them, and those are pytest's.
    with mock.patch("sys.argv", ["test"]):
        defaults = ASRMTLTask.get_default_config()
    settings = make_settings(**overrides)
    for name, value in settings.items():
        if name.endswith("_conf") and name != "accent_head_conf":
            defaults[name] = value
    return argparse.Namespace(**{**defaults, **settings})


def make_batch(num_utts: int = 3, seed: int = 0) -> dict[str, torch.Tensor]:
    """Return a ragged batch: speech, text and accents (the last one unknown)."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.tensor([6000 - 700 * i for i in range(num_utts)])
    speech = 0.1 * torch.randn(num_utts, int(lengths[0]), generator=generator)
    for row, length in enumerate(lengths):
        speech[row, length:] = 0.0
    text_lengths = torch.tensor([4 - i % 3 for i in range(num_utts)])
    text = torch.randint(2, 5, (num_utts, 4), generator=generator)
    for row, length in enumerate(text_lengths):
        text[row, length:] = -1
    accent = torch.arange(num_utts)[:, None] % len(ACCENTS)
    accent[-1] = -1
    return {
        "speech": speech,
        "speech_lengths": lengths,
        "text": text,
        "text_lengths": text_lengths,
        "accent": accent,
    }


def save_model(folder: Path, **overrides) -> tuple[Path, Path]:
    """Write a tiny model as training leaves it; return configuration and weights."""
    from espnet2.utils.yaml_no_alias_safe_dump import yaml_no_alias_safe_dump

    from espnet_mtl.tasks.asr_mtl import ASRMTLTask

    torch.manual_seed(0)
    args = make_args(**overrides)
    model = ASRMTLTask.build_model(args)
    folder.mkdir(parents=True, exist_ok=True)
    config, weights = folder / "config.yaml", folder / "model.pth"
    config.write_text(yaml_no_alias_safe_dump(vars(args)), encoding="utf-8")
    torch.save(model.state_dict(), weights)
    return config, weights


def pack_tiny(folder: Path, **overrides) -> Path:
    """Write a tiny model and its package, ``x.zip``."""
    from espnet_mtl.package.packing import pack_model

    config, weights = save_model(folder, **overrides)
    pack_model(config, weights, [], folder / "x.zip")
    return folder / "x.zip"


def speeches(num: int = 8, seed: int = 0) -> list[np.ndarray]:
    """Tones that rise or fall, in noise, of many lengths."""
    rng = np.random.default_rng(seed)
    audios = []
    for number in rng.permutation(num):
        time = np.arange(RATE // 2 + 571 * number) / RATE
        pitch = rng.uniform(100, 2000) + rng.uniform(-1000, 2000) * time
        noise = 0.02 * rng.standard_normal(len(time))
        audios.append(0.3 * np.sin(2 * np.pi * pitch * time) + noise)
    return [audio.astype(np.float32) for audio in audios]


def pack_hearing(folder: Path, **overrides) -> Path:
    """Pack a model that hears something: its weights are far from zero."""
    from espnet_mtl.package.packing import pack_model
    from espnet_mtl.tasks.asr_mtl import ASRMTLTask

    config, weights = save_model(folder, **overrides)
    model, _ = ASRMTLTask.build_model_from_file(str(config), str(weights), "cpu")
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.4 * torch.randn_like(parameter)
        # Sure of each frame, as trained models are, and not of silence
        if model.ctc is not None:
            model.ctc.ctc_lo.weight *= 8
            model.ctc.ctc_lo.bias[0] -= 4
        if hasattr(model.decoder, "output_layer"):
            model.decoder.output_layer.weight *= 4
            model.decoder.output_layer.bias[-1] -= 6
    torch.save(model.state_dict(), weights)
    pack_model(config, weights, [], folder / "x.zip")
    return folder / "x.zip"


def pack_stock(folder: Path) -> Path:
    """Write a model as anybody's: packed by ESPnet, without a word about accents."""
    from espnet2.main_funcs.pack_funcs import pack

    config, weights = save_model(folder, accent_weight=0.0)
    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    settings = {k: v for k, v in settings.items() if not k.startswith("accent")}
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    with contextlib.chdir(folder):  # ESPnet packs paths as they are seen from here
        pack(
            {"asr_model_file": folder / "model.pth"},
            {"asr_train_config": folder / "config.yaml"},
            "stock.zip",
        )
    return folder / "stock.zip"


class RunsCode:
    """Makes a folder when it is unpickled: what a hostile file of weights may hold."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        """Tell pickle to make the folder."""
        return os.mkdir, (str(self.marker),)


def save_lm(folder: Path, tokens: list[str] = TOKENS, seed: int = 0) -> list[Path]:
    """Write a tiny language model as training leaves it: configuration and weights.

    Its opinions are strong: weighed in, it changes what is heard.
    """
    from espnet2.tasks.lm import LMTask

    settings = {
        "token_list": tokens,
        "lm": "seq_rnn",
        "lm_conf": {"unit": 8, "nlayers": 1, "dropout_rate": 0.0},
        "model": "lm",
        "model_conf": {},
        "init": None,
    }
    torch.manual_seed(seed)
    model = LMTask.build_model(argparse.Namespace(**settings))
    torch.nn.init.normal_(model.lm.decoder.bias, std=5.0)
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "config.yaml", folder / "valid.loss.ave.pth"]
    files[0].write_text(yaml.safe_dump(settings), encoding="utf-8")
    torch.save(model.state_dict(), files[1])
    return files


def write_data_dir(folder: Path, num_utts: int = 6, rate: int = RATE) -> Path:
    """Write a Kaldi-style data directory of noise bursts by two speakers."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    tables = {name: {} for name in ("wav.scp", "text", "utt2spk", "utt2accent")}
    speakers: dict[str, list[str]] = {}
    for i in range(num_utts):
        speaker = f"spk{i % 2}"
        utt = f"{speaker}-{i:03d}"
        wav = folder / f"{utt}.wav"
        samples = 0.1 * rng.standard_normal(4000 + 500 * i)
        soundfile.write(wav, samples, rate, subtype="PCM_16")
        tables["wav.scp"][utt] = str(wav)
        tables["text"][utt] = TEXTS[i % len(TEXTS)]
        tables["utt2spk"][utt] = speaker
        tables["utt2accent"][utt] = ACCENTS[i % 2]
        speakers.setdefault(speaker, []).append(utt)
    tables["spk2utt"] = {spk: " ".join(sorted(u)) for spk, u in speakers.items()}
    for name, table in tables.items():
        lines = [f"{key} {table[key]}\n" for key in sorted(table)]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    return folder
