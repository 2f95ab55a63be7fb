"""Perturbations that are fitted once and applied to every utterance."""

import itertools
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import torch

from espnet_mtl.attack.bound import BoundTrial
from espnet_mtl.attack.problem import Problem
from espnet_mtl.attack.problem_maker import ProblemMaker
from espnet_mtl.attack.runner.batching import load_batch, make_batches
from espnet_mtl.attack.runner.test_set import TestSet
from espnet_mtl.locks import lock_file


def fit(
    bound: BoundTrial,
    maker: ProblemMaker,
    fit_set: TestSet,
    batch_bins: int,
    output_dir: Path,
    made_of: str,
) -> torch.Tensor:
    """Fit a trial's perturbation, (Samples,), or read what another job has fitted.

    It is kept in ``output_dir``. ``made_of`` is the digest of all that it depends on.

    Raises:
        UserError: If there is nothing to fit on.
    """
    (attack,) = bound.attacks
    device = maker.victim.device

    epochs = itertools.count()

    def batches() -> Iterator[Problem]:
        epoch = next(epochs)
        for utterances in make_batches(fit_set.recordings.lengths(), batch_bins):
            batch = load_batch(fit_set, utterances, device)
            yield maker.make(bound, attack, batch, epoch=epoch)

    path = output_dir / "fitted" / f"{bound.trial.name}.{made_of[:16]}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        _wait_for(lock, path)
        if not path.is_file():
            logging.info(
                "%s: fitting on %d utterances",
                bound.trial.name,
                len(fit_set.utterances),
            )
            fitted = attack.method.fit(batches)
            part = path.with_suffix(".part.npy")
            np.save(part, fitted.cpu().numpy())
            part.replace(path)
    return torch.from_numpy(np.load(path)).to(device)


def _wait_for(lock: IO[str], path: Path) -> None:
    """Wait while another job fits the same perturbation."""
    said = False
    while True:
        try:
            lock_file(lock)
            return
        except BlockingIOError:
            if not said:
                logging.info("%s: another job is fitting it; waiting", path)
                said = True
            time.sleep(1.0)
