"""How attacked audio was recognised: the scores of one decoded attack, from stage 17.

They lie in ``score_attack/`` in the decoding's directory: ``utt_scores.jsonl`` has one
line for each attacked utterance, ``attack_scores.json`` one row for each trial.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from espnet_mtl.atomic import write_files
from espnet_mtl.errors import UserError
from espnet_mtl.provenance import hash_file, hash_value
from espnet_mtl.results import files
from espnet_mtl.results.attack import RECORDS_NAME, read_attack_run
from espnet_mtl.results.audit import AuditSummary
from espnet_mtl.results.infeasible import Infeasible, Reason
from espnet_mtl.results.trial import UNTOUCHED, Member, Role, Words

FOLDER_NAME = "score_attack"
ATTACK_SCORES_NAME, UTT_SCORES_NAME = "attack_scores.json", "utt_scores.jsonl"
_STAGE = 17


@dataclass(frozen=True, kw_only=True, slots=True)
class UttScore:
    """How one attacked utterance was recognised.

    Attributes:
        key: Utterance in the attack's data directory.
        utt: Utterance in the attacked set.
        infeasible: Why no attack can reach the target in audio of this length;
            ``None`` if one can.
        ref: What was said.
        target: What the attacker wanted to be heard.
        hyp: What was recognised.
        edits_ref: Word errors of ``hyp`` against ``ref``, of ``words_ref`` words.
        edits_target: The same against ``target``.
        success: Whether the attacker got what was wanted; with a target, whether
            exactly its words were recognised.
        accent: The true accent; ``<unk>`` if not known.
        hyp_accent: The recognised accent; ``None`` without an accent head.
    """

    key: str
    utt: str
    spk: str
    trial: str
    infeasible: Infeasible | None
    ref: str
    target: str
    hyp: str
    edits_ref: int
    words_ref: int
    edits_target: int
    words_target: int
    success: bool
    accent: str
    hyp_accent: str | None

    @property
    def feasible(self) -> bool:
        """Whether the target can be heard at all in audio of this length."""
        return self.infeasible is None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One trial on one system: a row of the results.

    All numbers are over the same ``n`` utterances. Rates are in percent, intervals of
    95 % over speakers, SNRs means of the finite ones. ``None`` stands where there is
    no value.

    Attributes:
        seed: Seed of the system's training.
        decoder: Tag of the decoding.
        set: Name of the attacked set.
        trial: Name of the trial. Up to ``settings``, the rest is as in
            :class:`~espnet_mtl.results.trial.Trial`.
        n: Utterances that count.
        infeasible: Utterances left out, since no attack can reach their target: how
            many, by the reason.
        benign_wer: WER of the untouched audio.
        null_twer: Error rate of the untouched audio against the target.
        adv_twer: Error rate of the attacked audio against the target.
        adv_twer_ci: Its interval.
        adv_wer: WER of the attacked audio, against the truth.
        adv_wer_ci: Its interval.
        success_rate: Share of utterances in which the attacker got what was wanted.
        success_ci: Its exact interval, over utterances.
        snr_db: Power SNR of the perturbation.
        segsnr_db: Its segmental SNR.
        accent_acc: Accuracy of the accents in untouched audio.
        accent_balanced_acc: Mean recall of the accents there.
        accent_majority: Share of the most frequent accent: the accuracy of whoever
            always says that one.
        adv_accent_acc: Accuracy of the accents in attacked audio.
        adv_accent_balanced_acc: Mean recall of the accents there.
        seconds: What the trial took on all utterances.
        audit: What the audit said of the attack; only in a report's ``results.json``.
        null_success_rate: Share of utterances in which the attacker has it without an
            attack: a recogniser that mishears, or takes one accent for another.
    """

    system: str
    seed: int
    decoder: str
    set: str
    trial: str
    role: Role
    attack: str
    attacker: str | None
    also: tuple[str, ...]
    norm: str | None
    budget: float
    words: Words
    members: tuple[Member, ...]
    suite: int | None
    doubled: bool
    settings: Mapping[str, Any]
    n: int
    infeasible: Mapping[Reason, int]
    benign_wer: float | None
    null_twer: float | None
    adv_twer: float | None
    adv_twer_ci: tuple[float, float] | None
    adv_wer: float | None
    adv_wer_ci: tuple[float, float] | None
    null_success_rate: float | None
    success_rate: float | None
    success_ci: tuple[float, float] | None
    snr_db: float | None
    segsnr_db: float | None
    accent_acc: float | None
    accent_balanced_acc: float | None
    accent_majority: float | None
    adv_accent_acc: float | None
    adv_accent_balanced_acc: float | None
    seconds: float
    audit: AuditSummary | None = None

    @property
    def num_infeasible(self) -> int:
        """Utterances left out, for whatever reason."""
        return sum(self.infeasible.values())

    @property
    def is_untouched(self) -> bool:
        """Whether the audio was left as it is."""
        return self.attack == UNTOUCHED


@dataclass(frozen=True, kw_only=True)
class AttackScores:
    """Scores of one decoding of attacked audio.

    Attributes:
        attack_tag: Name of the attack.
        attack_version: Version of the attacks that made it.
        attack_dir: Its directory, relative to that of the decoding.
        made_of: Digest of the attack that was decoded; see :func:`hash_attack`.
        rows: One for each trial, at least that of untouched audio.
    """

    attack_tag: str
    attack_version: int
    attack_dir: str
    made_of: str
    rows: tuple[Row, ...]

    @property
    def clean(self) -> Row:
        """The row of untouched audio."""
        return next(row for row in self.rows if row.is_untouched)


def hash_attack(attack_dir: Path) -> str:
    """Return the digest of an attack: of what it was made of, and what came of it.

    Raises:
        UserError: If the attack is not finished, or its file is damaged.
    """
    run = read_attack_run(attack_dir)
    try:
        records = hash_file(attack_dir / RECORDS_NAME)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: no such file; run stage 15") from error
    return hash_value([run.made_of, records])


def write_attack_scores(
    hyp_dir: Path, scores: AttackScores, utt_scores: Iterable[UttScore], table: str
) -> Path:
    """Write the scores of a decoded attack into the decoding's directory.

    Returns:
        The file of the table, which is for people: ``result.txt``.
    """
    folder = hyp_dir / FOLDER_NAME
    # First away, last written: where it is, the others are of the same decoding.
    (folder / ATTACK_SCORES_NAME).unlink(missing_ok=True)
    files.write_lines(folder / UTT_SCORES_NAME, utt_scores)
    write_files(
        {
            folder / "result.txt": table.encode(),
            folder / ATTACK_SCORES_NAME: files.encode_result(scores),
        }
    )
    return folder / "result.txt"


def read_attack_scores(hyp_dir: Path) -> AttackScores:
    """Read the rows of a decoded attack from the decoding's directory.

    Raises:
        UserError: If it is not scored, or the file is damaged or incomplete.
    """
    path = hyp_dir / FOLDER_NAME / ATTACK_SCORES_NAME
    scores = files.read_result(path, AttackScores, _STAGE)
    if not any(row.is_untouched for row in scores.rows):
        raise UserError(f"{path}: no row of untouched audio; repeat stage {_STAGE}")
    return scores


def read_utt_scores(hyp_dir: Path) -> list[UttScore]:
    """Read how each attacked utterance was recognised.

    Raises:
        UserError: If it is not scored, or a line is damaged.
    """
    path = hyp_dir / FOLDER_NAME / UTT_SCORES_NAME
    texts = ("key", "utt", "spk", "trial", "ref", "target", "hyp", "accent")
    scores = []
    for score in files.read_lines(path, UttScore, _STAGE):
        files.share_texts(score, (*texts, "hyp_accent"))
        scores.append(score)
    return scores
