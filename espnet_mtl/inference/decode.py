"""Decode a data directory: text as stock ESPnet does, and accent."""

import argparse
import inspect
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

import numpy as np
from espnet2.bin.asr_inference import Speech2Text, TooShortUttError
from espnet2.torch_utils.set_all_random_seed import set_all_random_seed

from espnet_mtl.data.sources import source_version
from espnet_mtl.data.tables import read_table
from espnet_mtl.errors import UserError
from espnet_mtl.inference.speech2text import Recognised, Speech2TextAccent
from espnet_mtl.journal import Journal, read_journals
from espnet_mtl.provenance import hash_value
from espnet_mtl.tasks.asr_mtl import ASRMTLTask

_PROGRESS_SECONDS = 5.0
_LM_FILES = ("lm_train_config", "lm_file", "ngram_file")


def decode(args: argparse.Namespace) -> None:
    """Decode every utterance of a data directory.

    Writes ``<output_dir>/<n>best_recog/{text,token,token_int,score}`` for n up to
    ``nbest``, and ``<output_dir>/1best_recog/{accent,accent_score}`` where the model
    has an accent head: ``accent_score`` holds the posteriors in the order of
    ``<output_dir>/accents``.

    Args:
        args: The options of ESPnet's ``asr_inference``.

    Raises:
        UserError: If an option or an input file does not fit.
    """
    if args.asr_train_config is None or args.asr_model_file is None:
        raise UserError("give --model_zip, or --asr_train_config and --asr_model_file")
    if args.batch_size > 1 or args.ngpu > 1:
        raise UserError("decoding takes --batch_size 1 and at most --ngpu 1")
    set_all_random_seed(args.seed)
    device = "cuda" if args.ngpu >= 1 else "cpu"
    log_idle_weights(args)
    speech2text = Speech2TextAccent(device=device, **speech2text_options(args))

    output_dir = Path(args.output_dir)
    keys = _keys_to_decode(args)
    versions = _audio_versions(args)
    path, settings = output_dir / "journal.jsonl", _settings(args)
    made_of = {key: hash_value([settings, versions.get(key, [])]) for key in keys}
    with Journal(path) as journal:
        finished = read_journals([path], dict)
        results = {k: finished[k, m] for k, m in made_of.items() if (k, m) in finished}
        remaining = [key for key in keys if key not in results]
        if len(remaining) < len(keys):
            logging.info("Continuing after %d decoded utterances", len(results))
        reported = time.monotonic()
        for key, speech in _read_speech(args, speech2text, remaining, output_dir):
            result = _result(recognise(speech2text, key, speech), speech2text)
            journal.append(made_of[key], {key: result})
            results[key] = result
            if time.monotonic() - reported > _PROGRESS_SECONDS:
                reported = time.monotonic()
                _log_progress(len(results), len(keys))
        _log_progress(len(results), len(keys))
        _write_results(output_dir, keys, results, speech2text.accents)


def _log_progress(done: int, total: int) -> None:
    logging.info("progress: %d/%d utterances (decoding)", done, total)


def take_from_zip(args: argparse.Namespace, files: Mapping[str, Path]) -> None:
    """Decode with what a packed model has; options that name other files win.

    Args:
        args: The options of ``asr_inference``, which are filled in.
        files: The unpacked files, by option.
    """
    args.zipped = [name for name in files if getattr(args, name) is None]
    for name in args.zipped:
        setattr(args, name, str(files[name]))


def log_idle_weights(args: argparse.Namespace) -> None:
    """Say which weights of a search are idle: ESPnet ignores them without a word.

    Args:
        args: The options of ``asr_inference``.
    """
    for name, file in (("lm", "lm_train_config"), ("ngram", "ngram_file")):
        weight, has_model = getattr(args, f"{name}_weight"), bool(getattr(args, file))
        if has_model and weight == 0:
            logging.warning("%s_weight is 0: %s is not listened to", name, file)
        elif weight and not has_model:
            logging.info("%s_weight %g is ignored: there is no %s", name, weight, file)


def speech2text_options(args: argparse.Namespace) -> dict:
    """Pick the options of ESPnet's ``asr_inference`` that ``Speech2Text`` takes.

    Args:
        args: The options.

    Returns:
        Arguments of ``Speech2Text``.
    """
    known = set(inspect.signature(Speech2Text.__init__).parameters) - {"self", "device"}
    return {name: value for name, value in vars(args).items() if name in known}


def _keys_to_decode(args: argparse.Namespace) -> list[str]:
    path = Path(args.key_file or args.data_path_and_name_and_type[0][0])
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    lines = path.read_text(encoding="utf-8").splitlines()
    keys = [line.split(maxsplit=1)[0] for line in lines if line.strip()]
    if not keys:
        raise UserError(f"{path}: no utterance in it")
    return keys


def _audio_versions(args: argparse.Namespace) -> dict[str, list]:
    path = Path(args.data_path_and_name_and_type[0][0])
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    return {key: source_version(value) for key, value in read_table(path).items()}


def _settings(args: argparse.Namespace) -> str:
    """Describe all that the results depend on, but for the audio."""
    left_out = ("log_level", "config", "key_file", "num_workers", "output_dir")
    options = {k: v for k, v in vars(args).items() if k not in left_out}
    files = [options.pop("asr_model_file"), options.pop("asr_train_config")]
    zipped = options.pop("zipped", ())
    if options.get("model_zip"):
        files = [args.model_zip]  # it is unpacked to another place each time
        options |= {name: None for name in zipped if name in options}
    files += [options[name] for name in _LM_FILES if options[name]]
    stats = [(f, Path(f).stat().st_size, Path(f).stat().st_mtime_ns) for f in files]
    return repr((sorted(options.items(), key=lambda item: item[0]), stats))


def _read_speech(
    args: argparse.Namespace,
    speech2text: Speech2TextAccent,
    keys: list[str],
    output_dir: Path,
) -> Iterator[tuple[str, np.ndarray]]:
    """Read utterances through ESPnet's own data iterator."""
    if not keys:
        return
    key_file = output_dir / "keys.remaining"
    key_file.write_text("".join(f"{key} -\n" for key in keys), encoding="utf-8")
    train_args = speech2text.train_args
    loader = ASRMTLTask.build_streaming_iterator(
        args.data_path_and_name_and_type,
        dtype=args.dtype,
        batch_size=1,
        key_file=str(key_file),
        num_workers=args.num_workers,
        preprocess_fn=ASRMTLTask.build_preprocess_fn(train_args, False),
        collate_fn=ASRMTLTask.build_collate_fn(train_args, False),
        allow_variable_data_keys=args.allow_variable_data_keys,
        inference=True,
    )
    for batch_keys, batch in loader:
        yield batch_keys[0], batch["speech"][0]
    key_file.unlink()


def recognise(
    speech2text: Speech2TextAccent, key: str, speech: np.ndarray
) -> Recognised | None:
    """Recognise one utterance.

    Args:
        speech2text: The recogniser.
        key: The utterance, for the log.
        speech: Samples, (Samples,).

    Returns:
        What was heard; ``None`` where the audio is too short for the encoder.
    """
    try:
        return speech2text(speech)
    except TooShortUttError as error:
        logging.warning(
            "%s is too short for the encoder: nothing heard. %s", key, error
        )
        return None
    except RuntimeError as error:
        if "Padding size" not in str(error):
            raise
        logging.warning("%s is shorter than half a window: nothing heard", key)
        return None


def _result(recognised: Recognised | None, speech2text: Speech2TextAccent) -> dict:
    if recognised is None:
        return {"nbest": [], "posteriors": None}
    nbest = [
        {
            "text": text or "",
            "token": " ".join(tokens),
            "token_int": " ".join(map(str, token_ids)),
            "score": str(float(hypothesis.score)),
        }
        for text, tokens, token_ids, hypothesis in recognised.hypotheses
    ]
    posteriors = recognised.posteriors
    return {
        "nbest": nbest,
        "posteriors": None if posteriors is None else [float(p) for p in posteriors],
    }


def _write_results(
    output_dir: Path, keys: list[str], results: dict, accents: tuple[str, ...]
) -> None:
    """Write ESPnet's files: one line an utterance, empty where nothing was heard."""
    depth = max(len(results[key]["nbest"]) for key in keys)
    for n in range(max(depth, 1)):
        folder = output_dir / f"{n + 1}best_recog"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("text", "token", "token_int", "score"):
            with (folder / name).open("w", encoding="utf-8") as file:
                for key in keys:
                    nbest = results[key]["nbest"]
                    value = nbest[n][name] if n < len(nbest) else ""
                    file.write(f"{key} {value}\n")
    if accents:
        (output_dir / "accents").write_text("\n".join(accents) + "\n", encoding="utf-8")
        folder = output_dir / "1best_recog"
        with (
            (folder / "accent").open("w", encoding="utf-8") as labels,
            (folder / "accent_score").open("w", encoding="utf-8") as scores,
        ):
            for key in keys:
                posteriors = results[key]["posteriors"]
                if posteriors is None:
                    labels.write(f"{key} <unk>\n")
                    scores.write(f"{key} {' '.join(['nan'] * len(accents))}\n")
                else:
                    labels.write(f"{key} {accents[int(np.argmax(posteriors))]}\n")
                    line = " ".join(f"{p:.6f}" for p in posteriors)
                    scores.write(f"{key} {line}\n")
