"""What is attacked: utterances, what was said, and what is to be heard."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from espnet_mtl.attack.runner.recordings import Recordings
from espnet_mtl.attack.targets import check_targets, choose_targets, same_words
from espnet_mtl.data.checks import check_formatted
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.tables import read_table, sort_keys
from espnet_mtl.errors import UserError
from espnet_mtl.seeding import draw_ids


@dataclass(frozen=True)
class TestSet:
    """What is attacked.

    Attributes:
        tables: The data directory's tables by name, of the chosen utterances.
        targets: What each utterance is to be heard as.
    """

    tables: Mapping[str, Mapping[str, str]]
    targets: Mapping[str, str]

    @property
    def utterances(self) -> list[str]:
        """Utterance ids in the order of the directory."""
        return list(self.tables["wav.scp"])

    @cached_property
    def recordings(self) -> Recordings:
        """The utterances' audio."""
        return Recordings(self.tables["wav.scp"])


def read_test_set(
    data_dir: Path,
    text_target: Path | None,
    num_utts: int | None,
    seed: int,
    target_text: str = "",
) -> TestSet:
    """Read a data directory and its targets, and choose which utterances to attack.

    Args:
        data_dir: The directory.
        text_target: Targets; those of the directory when not given, and when it has
            none they are chosen with ``seed``.
        num_utts: How many to attack, drawn by their ids; ``None`` for all.
        seed: Seed of the targets, where they are chosen here.
        target_text: The target of all utterances instead; those that say it already are
            left out.

    Raises:
        UserError: If the directory is faulty, or a target is missing or the truth.
    """
    tables = load_data_dir(data_dir)
    check_formatted(data_dir, tables)
    path = text_target or data_dir / "text_target"
    if target_text:
        texts = tables["text"].items()
        targets = {u: target_text for u, t in texts if not same_words(t, target_text)}
        if not targets:
            raise UserError(f"{data_dir}: every utterance says '{target_text}' already")
    elif text_target is not None or path.exists():
        targets = read_table(path)
    else:
        num_samples = Recordings(tables["wav.scp"]).lengths()
        targets = choose_targets(tables["text"], num_samples, seed)
    if not target_text:
        check_targets(tables["text"], targets, path)
    chosen = [utt for utt in tables["wav.scp"] if utt in targets]
    if num_utts is not None:
        chosen = sort_keys(draw_ids(chosen, num_utts))
    return TestSet(
        {name: {utt: table[utt] for utt in chosen} for name, table in tables.items()},
        {utt: targets[utt] for utt in chosen},
    )
