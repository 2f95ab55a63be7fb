"""Accents that say nothing: the control of what an accent branch teaches."""

import argparse
import logging
import random
from pathlib import Path

from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.tables import Table, read_table
from espnet_mtl.errors import UserError


def shuffle_accents(accents: Table, seed: int) -> Table:
    """Permute the known accents among the utterances that have one.

    Each accent keeps its number of utterances, and who has no label gets none: a branch
    has the same work to do, and nothing to learn from it.

    Args:
        accents: Accent by utterance.
        seed: The same seed and utterances give the same permutation.
    """
    known = [utt for utt, accent in accents.items() if accent != UNKNOWN_ACCENT]
    labels = [accents[utt] for utt in known]
    random.Random(seed).shuffle(labels)
    return {**accents, **dict(zip(known, labels, strict=True))}


def read_shuffled_accents(args: argparse.Namespace) -> Table:
    """Read the accents of a training set, permuted by the training's seed.

    Raises:
        UserError: If the training set has no table of accents.
    """
    tables = [
        path
        for path, name, _ in args.train_data_path_and_name_and_type
        if name == "accent"
    ]
    if not tables or not Path(tables[0]).is_file():
        found = f"{tables[0]} is no file" if tables else "there are none"
        raise UserError(
            f"--shuffle_accents true permutes the accents of the training set, but "
            f"{found}: give 'utt2accent,accent,text' in "
            "--train_data_path_and_name_and_type, with no splits of it, or leave "
            "--shuffle_accents out"
        )
    accents: Table = {}
    for table in tables:
        accents |= read_table(table)
    shuffled = shuffle_accents(accents, args.seed)
    kept = sum(shuffled[utt] == accent for utt, accent in accents.items())
    logging.info(
        "Accents of %d training utterances are permuted (shuffle_accents); %d keep "
        "their own by chance",
        len(accents),
        kept,
    )
    return shuffled
