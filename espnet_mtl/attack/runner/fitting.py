"""Perturbations that are fitted once and applied to every utterance."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from espnet_mtl.attack.conditions import Condition
from espnet_mtl.attack.methods.universal import Universal
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.runner.batch import load_batch
from espnet_mtl.attack.runner.plan import TestSet, make_batches, read_audios
from espnet_mtl.attack.runner.problems import Problems
from espnet_mtl.locks import lock_file


def fit_universal(
    method: Universal,
    condition: Condition,
    problems: Problems,
    fit_set: TestSet,
    output_dir: Path,
    key: str,
) -> torch.Tensor:
    """Fit a universal perturbation, or read what another job has fitted.

    Args:
        method: The attack.
        condition: Its attacker and ball.
        problems: Makes the problems to fit on.
        fit_set: What to fit on.
        output_dir: The attack's directory.
        key: Names all that the perturbation depends on.

    Returns:
        The perturbation, (Samples,).
    """
    bins = problems.config.batch_bins
    digest = hashlib.sha256(
        json.dumps([key, condition.to_json(), bins], sort_keys=True).encode()
    ).hexdigest()
    path = output_dir / "fitted" / f"{condition.name}.{digest[:16]}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        _wait_for(lambda: lock_file(lock), path)
        if not path.is_file():
            logging.info(
                "%s: fitting on %d utterances", condition.name, len(fit_set.utterances)
            )
            fitted = method.fit(lambda: _batches(condition, problems, fit_set))
            part = path.with_suffix(".part.npy")
            np.save(part, fitted.cpu().numpy())
            part.replace(path)
    return torch.from_numpy(np.load(path)).to(problems.victim.device)


def _batches(
    condition: Condition, problems: Problems, fit_set: TestSet
) -> Iterator[Problem]:
    audios = read_audios(fit_set, problems.victim.rate)
    bins = problems.config.batch_bins
    for utterances in make_batches(fit_set.utterances, audios, bins):
        batch = load_batch(fit_set, utterances, problems.victim.device)
        yield problems.make(batch, condition.wish, condition.norm, condition.budget)


def _wait_for(lock: Callable[[], None], path: Path) -> None:
    """Wait while another job fits the same perturbation."""
    said = False
    while True:
        try:
            lock()
            return
        except BlockingIOError:
            if not said:
                logging.info("%s: another job is fitting it; waiting", path)
                said = True
            time.sleep(1.0)
