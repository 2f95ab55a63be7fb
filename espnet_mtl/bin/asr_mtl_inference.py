#!/usr/bin/env python3
"""Decode text and accent: ESPnet's asr_inference for models with an accent head."""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.torch_utils.set_all_random_seed import set_all_random_seed

from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.gpus import require_gpus
from espnet_mtl.grouped_help import group
from espnet_mtl.inference.decode import Utterances, decode
from espnet_mtl.inference.decoding import Decoding
from espnet_mtl.inference.search import Search
from espnet_mtl.inference.search import get_parser as get_search_parser
from espnet_mtl.inference.smoothed import recognise_from_disk
from espnet_mtl.inference.speech2text import Speech2TextAccent
from espnet_mtl.package.zoo import fetch_model
from espnet_mtl.provenance import hash_file

# Options that change nothing in the results, or are there in another form.
_NOT_STAMPED = {
    *("log_level", "config", "key_file", "num_workers", "output_dir"),
    *("inference_args", "trust_model_zip"),
}


def get_parser() -> argparse.ArgumentParser:
    """Return the parser: the options of decoding, and a zip."""
    parser = get_search_parser()
    parser.description = (
        "ASR and accent decoding: ESPnet's asr_inference, of packed models as well. "
        "What matters most: --model_zip (or --model_tag, its name on Hugging Face), "
        "--data_path_and_name_and_type, --output_dir."
    )
    add = group(parser, "a packed model")
    add(
        "--model_zip",
        help="A packed model, instead of --asr_train_config and --asr_model_file; its "
        "language models are used where no others are given",
    )
    add(
        "--trust_model_zip",
        action="store_true",
        help="The package is your own: build any class of ESPnet that it names, and "
        "read its n-gram model",
    )
    add(
        "--inference_args",
        default="",
        help="More of these options, in one argument; they win. Quote a value that has "
        "blanks",
    )
    return parser


def main(cmd: list[str] | None = None) -> None:
    """Decode.

    Raises:
        UserError: If an option or an input file does not fit.
    """
    parser = get_parser()
    cmd = sys.argv[1:] if cmd is None else cmd
    args = parser.parse_args(cmd)
    more = Decoding(args=args.inference_args).words()
    args = parser.parse_args([*cmd, *more])
    setup_logging(args.log_level, all_of_espnet=True)
    if args.model_tag:
        _fetch(args)
    _check(args)
    search = Search.from_args(args)
    made_of = _stamp(args, search)
    utterances = Utterances(
        tables=args.data_path_and_name_and_type,
        key_file=args.key_file,
        dtype=args.dtype,
        num_workers=args.num_workers,
        allow_variable_data_keys=args.allow_variable_data_keys,
    )
    set_all_random_seed(args.seed)
    with tempfile.TemporaryDirectory(prefix="espnet_mtl-") as folder:
        if args.model_zip:
            search = search.with_package(
                Path(args.model_zip), Path(folder) / "model", args.trust_model_zip
            )
        search.log_ignored_weights()
        device = "cuda" if args.ngpu >= 1 else "cpu"
        speech2text = Speech2TextAccent(device=device, **search.options)
        recognise = speech2text.recognise
        if search.smoothing is not None:
            recognise = recognise_from_disk(speech2text, search.smoothing, args.seed)
        decode(speech2text, recognise, utterances, made_of, Path(args.output_dir))


def _fetch(args: argparse.Namespace) -> None:
    """Put the packed model in the place of its name."""
    if args.model_zip:
        raise UserError("give --model_zip or --model_tag, not both")
    args.model_zip, args.model_tag = str(fetch_model(args.model_tag)), None


def _check(args: argparse.Namespace) -> None:
    files = (args.asr_train_config, args.asr_model_file)
    if args.model_zip and any(files):
        raise UserError(
            "give --model_zip, or --asr_train_config and --asr_model_file, not both"
        )
    if not args.model_zip and not all(files):
        raise UserError("give --model_zip, or --asr_train_config and --asr_model_file")
    if args.batch_size > 1 or args.ngpu > 1:
        raise UserError("decoding takes --batch_size 1 and at most --ngpu 1")
    require_gpus(f"--ngpu {args.ngpu}", args.ngpu, "leave --ngpu out")
    for file in (args.model_zip, *files):
        if file and not Path(file).is_file():
            raise UserError(f"{file}: no such file")


def _stamp(args: argparse.Namespace, search: Search) -> dict[str, Any]:
    """Describe all that the results depend on, but for the audio."""
    files = search.hash_files()
    if args.model_zip:
        files["model_zip"] = hash_file(args.model_zip)
    left_out = _NOT_STAMPED | files.keys()
    options = {k: v for k, v in vars(args).items() if k not in left_out}
    return {"options": options, "files": files}


if __name__ == "__main__":
    run_main(main)
