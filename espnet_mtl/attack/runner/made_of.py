"""What attacked audio was made of: a digest for each trial and batch.

Whatever changes the audio changes the digest, and what was made of something else does
not count. Nothing here needs a model, so that merging starts at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from espnet_mtl.attack.bound import Needs, PlannedTrial
from espnet_mtl.attack.config import AttackConfig
from espnet_mtl.attack.runner.batching import Utterances, make_batches
from espnet_mtl.attack.runner.test_set import TestSet, read_test_set
from espnet_mtl.errors import UserError
from espnet_mtl.provenance import hash_file, hash_value
from espnet_mtl.results.files import ATTACK_VERSION
from espnet_mtl.results.trial import Trial
from espnet_mtl.seeding import draw_ids


@dataclass(frozen=True)
class Inputs:
    """What an attack depends on beside its configuration and the test set.

    Attributes:
        package: Digest of the attacked package.
        sources: Digest of each other package, by path.
        fit_sets: What attacks are fitted on, by data directory.
        decoding: Stamp of the decoder's settings.
        defence: What they say of a defence that stands before the model.
    """

    package: str
    sources: Mapping[str, str] = field(default_factory=dict)
    fit_sets: Mapping[str, TestSet] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)
    defence: Sequence[Any] = ()

    @property
    def model(self) -> str:
        """Digest of what an attack follows: the package, and the defence before it."""
        if not self.defence:
            return self.package
        return hash_value([self.package, list(self.defence)])


def read_inputs(
    config: AttackConfig,
    package: str,
    decoding: Mapping[str, Any],
    defence: Sequence[Any] = (),
) -> Inputs:
    """Read what an attack may depend on.

    Raises:
        UserError: If a file is missing or faulty.
    """
    for path in config.sources:
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file; stage 14 packs a model")
    return Inputs(
        package,
        {path: hash_file(path) for path in config.sources},
        {
            path: read_test_set(Path(path), None, None, config.seed, config.target_text)
            for path in config.fit_data
        },
        decoding,
        defence,
    )


class MadeOf:
    """The digests of an attack.

    Attributes:
        batches: All batches of the test set.
        donors: For each utterance, the one that lends it a perturbation: another of
            about the same length.

    Raises:
        UserError: If audio is faulty.
    """

    def __init__(self, config: AttackConfig, test_set: TestSet, inputs: Inputs):
        self._config = config
        self._test_set = test_set
        self._inputs = inputs
        self._fits: dict[str, str] = {}
        self._chosen: dict[int, frozenset[str]] = {}  # by the size of the subset
        self.batches = make_batches(test_set.recordings.lengths(), config.batch_bins)
        # The neighbour by length, and the first for the last
        order = [utt for batch in self.batches for utt in batch]
        self.donors = dict(zip(order, order[1:] + order[:1], strict=True))

    def treated(self, trial: Trial, utterances: Utterances) -> Utterances:
        """Return the utterances of a batch that a trial treats: all, or a subset."""
        if not trial.subset:
            return utterances
        if trial.subset not in self._chosen:
            drawn = draw_ids(self._test_set.utterances, trial.subset)
            self._chosen[trial.subset] = frozenset(drawn)
        return tuple(utt for utt in utterances if utt in self._chosen[trial.subset])

    def plan(self) -> str:
        """Digest of what a plan is made of."""
        settings = asdict(self._config)
        models = [self._inputs.model, self._inputs.sources]
        return hash_value([ATTACK_VERSION, *models, settings])

    def decoder(self) -> str:
        """Digest of what the decoder is made of."""
        return hash_value([self._inputs.model, self._inputs.decoding])

    def batch(
        self,
        planned: PlannedTrial,
        utterances: Utterances,
        plan: Sequence[PlannedTrial],
    ) -> str:
        """Digest of what a batch of attacked audio is made of.

        Sums are rounded otherwise in another batch, so that all of the batch counts for
        each utterance. Of the ``plan``, the trials count that this one goes on from.
        """
        needs = planned.needs
        parts: dict[str, Any] = {
            "version": ATTACK_VERSION,
            "model": self._inputs.model,
            "sample_format": self._config.sample_format,
            "trial": _without_other_names(planned.trial),
            "batch": [_describe(self._test_set, needs, utt) for utt in utterances],
        }
        if planned.trial.subset:
            parts["treated"] = self.treated(planned.trial, utterances)
        if planned.trial.after:
            # The last one stands for those before, which it goes on from itself.
            last = next(
                one for one in plan if one.trial.name == planned.trial.after[-1]
            )
            parts["after"] = self.batch(last, utterances, plan)
        if needs.decoder:
            parts["decoding"] = self._inputs.decoding
        if needs.sources:
            parts["sources"] = [self._inputs.sources[path] for path in needs.sources]
        if needs.donor:
            parts["donors"] = [
                _describe(self._test_set, needs, self.donors[utt]) for utt in utterances
            ]
        if needs.fit_data:
            parts["fit"] = self.fit(planned)
        return hash_value(parts)

    def fit(self, planned: PlannedTrial) -> str:
        """Digest of what a fitted perturbation is made of."""
        trial, needs = planned.trial, planned.needs
        if trial.name not in self._fits:
            fit_set = self._inputs.fit_sets[needs.fit_data]
            utterances = [_describe(fit_set, needs, u) for u in fit_set.utterances]
            self._fits[trial.name] = hash_value(
                {
                    "version": ATTACK_VERSION,
                    "model": self._inputs.model,
                    "trial": _without_other_names(trial),
                    "utterances": utterances,
                    "batch_bins": self._config.batch_bins,
                    "sample_format": self._config.sample_format,
                    "decoding": self._inputs.decoding if needs.decoder else None,
                }
            )
        return self._fits[trial.name]


def _without_other_names(trial: Trial) -> Any:
    """A trial as JSON holds it; that other attackers share it changes nothing."""
    content = msgspec.to_builtins(trial)
    for member in content["members"]:
        del member["also"]
    return content


def _describe(test_set: TestSet, needs: Needs, utt: str) -> list[str]:
    """All that an attack sees of an utterance."""
    tables = test_set.tables
    seen = [
        utt,
        test_set.recordings.digest(utt),
        test_set.targets[utt],
        tables["utt2accent"][utt],
    ]
    return [*seen, tables["text"][utt]] if needs.truth else seen
