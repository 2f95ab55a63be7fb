"""The options of a decoding, as ``asr_mtl_inference`` takes them."""

import argparse
import inspect
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any, NoReturn

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.bin import asr_inference

from espnet_mtl.errors import UserError

# What a reader looks for, ESPnet's default or not; and the model that it weighs.
_ALWAYS = {
    "beam_size": None,
    "ctc_weight": None,
    "lm_weight": "lm_file",
    "ngram_weight": "ngram_file",
}


def parse_options(config: Path | None, args: str) -> argparse.Namespace:
    """Read the options of a decoding that no table goes into.

    Args:
        config: Decoding configuration, as ``--inference_config``; ``None`` for
            ESPnet's defaults.
        args: Options that win over it, as ``--inference_args``.

    Returns:
        All options of ESPnet's ``asr_inference``.

    Raises:
        UserError: If the file is missing, or something is no such option.
    """
    if config is not None and not config.is_file():
        raise UserError(f"--inference_config {config}: no such file")

    def refuse(message: str) -> NoReturn:
        given = f"--inference_config {config}, --inference_args '{args}'"
        raise UserError(f"{given}: not options of decoding: {message}")

    parser = asr_inference.get_parser()
    parser.error = refuse  # else it ends the process
    # The parser asks for these, though nothing is read from a table.
    command = ["--output_dir", "none"]
    command += ["--data_path_and_name_and_type", "none,speech,sound"]
    command += [] if config is None else ["--config", str(config)]
    return parser.parse_args([*command, *args.split()])


def beam_size_of(options: argparse.Namespace, tokens: Sequence[str]) -> int:
    """Tell the beam that a search has: no larger than the number of tokens.

    Args:
        options: Options of the decoding.
        tokens: The model's tokens.

    Returns:
        Hypotheses that are kept.
    """
    return min(options.beam_size, len(tokens))


def told_options(
    options: argparse.Namespace, tokens: Sequence[str], files: Container[str]
) -> dict[str, Any]:
    """Pick what somebody needs to decode alike with stock ``Speech2Text``.

    Args:
        options: Options of the decoding.
        tokens: The model's tokens, which limit the beam.
        files: Files of the package, by the names of ``Speech2Text``'s arguments.

    Returns:
        Arguments of ``Speech2Text`` that are not its defaults, and the beam and weights
        of the search in any case; no file.
    """
    told = {
        name: getattr(options, name)
        for name, model in _ALWAYS.items()
        if model is None or model in files
    }
    told["beam_size"] = beam_size_of(options, tokens)
    defaults = inspect.signature(asr_inference.Speech2Text.__init__).parameters
    for name, value in vars(options).items():
        is_file = name.endswith(("_file", "_config", "bpemodel"))
        if name in _ALWAYS or name not in defaults or is_file:
            continue
        if value != defaults[name].default:
            told[name] = value
    return told
