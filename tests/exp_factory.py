"""Small synthetic experiment directories, as stages 11 to 17 leave them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from espnet_mtl.provenance import hash_file
from espnet_mtl.results.attack import (
    RECORDS_NAME,
    AttackRun,
    Decoder,
    read_records,
    write_attack,
)
from espnet_mtl.results.attack_scores import (
    ATTACK_SCORES_NAME,
    AttackScores,
    Row,
    UttScore,
    hash_attack,
    read_attack_scores,
    write_attack_scores,
)
from espnet_mtl.results.clean_scores import (
    AccentConfusion,
    CleanScores,
    PooledErrors,
    write_clean_scores,
)
from espnet_mtl.results.files import ATTACK_VERSION, write_lines, write_result
from espnet_mtl.results.infeasible import Infeasible, count_reasons
from espnet_mtl.results.record import Attempt, Doubled, Health, Planted, Record
from espnet_mtl.results.trial import PLANTED, SCRATCH, Member, Trial

RATE = 16000
SPEAKERS = ("ann", "bob", "cyd", "dan")
WORDS = 10
CLEAN = Trial(name="clean", role="control", attack="none")
CONTROLS = ("noise", "gaussian", "shuffled")
KINDS = {"transfer": "transfer", "square": "black_box"}
TOO_LONG = Infeasible(reason="too_long", detail="99 frames needed, 9 there")
ACCENTS = ("northern", "scottish", "us")
# Errors (of 10 words) at the smallest and the largest budget, for either attacker.
# The accent-blind one is the stronger on *_accent, but only at the largest budget.
STRENGTHS = {
    "ctc": {"multitask": (6, 1)},
    "att": {"multitask": (7, 2)},
    "ctc_accent": {"multitask": (7, 9), "accent_blind": (8, 4)},
    "hybrid_accent": {"multitask": (7, 9), "accent_blind": (8, 2)},
}
BUDGETS = (0.001, 0.008)
DIFFICULTIES = {"easy": 4, "medium": 16, "hard": 32}
SUITE_BUDGETS = (0.001, 0.002, 0.008)

Errors = Callable[[Trial, int, int], int]
"""Errors against a target of ``WORDS`` words: of trial, speaker's and utterance's
number."""


def errors_of(system: str) -> Errors:
    """Return a system's errors for make_exp: speakers differ by up to 3 words."""

    def errors(trial, speaker, number):
        if trial.attack == "noise":
            return 11
        base = STRENGTHS[system][trial.attacker][BUDGETS.index(trial.budget)]
        # Speakers of the attention decoder differ the other way round.
        spread = 3 - speaker if system == "att" else speaker
        # Otherwise it would be the same number of words from ctc everywhere.
        if system == "ctc_accent":
            spread += (speaker == 0) - (speaker == 1)
        return max(base + spread - 1 + number % 2, 0)

    return errors


def make_trial(attack, attacker="", norm="linf", budget=0.01, also=(), weights=None):
    """Make the trial of one attack, or of a control."""
    member = Member(
        attack=attack,
        attacker=attacker,
        kind="control" if attack in CONTROLS else KINDS.get(attack, "white_box"),
        also=tuple(also) if attacker else (),
        weights=weights or {},
        settings={"steps": 75} if attack == "pgd" else {},
    )
    return Trial(
        name="_".join(filter(None, [attack, attacker, f"{norm}{budget:g}"])),
        role="control" if attack in CONTROLS else "main",
        attack=attack,
        norm=norm,
        budget=budget,
        members=(member,),
    )


def make_trials(budgets, attackers, norm="linf", also=()):
    """Untouched audio; then noise and PGD at each budget."""
    # Where attackers are the same, there is no accent to attack.
    weights = {} if also else {"multitask": {"ctc": 0.7, "accent": 0.3}}
    trials = [CLEAN]
    for budget in budgets:
        trials.append(make_trial("noise", norm=norm, budget=budget))
        trials += [
            make_trial("pgd", name, norm, budget, also, weights.get(name, {"ctc": 1}))
            for name in attackers
        ]
    return trials


def make_exp(
    folder: Path,
    system: str,
    *,
    errors: Errors,
    budgets=(0.001, 0.002, 0.008),
    attackers=("multitask", "accent_blind"),
    norm="linf",
    accent=False,
    seed=0,
    wer=4.0,
    audio=True,
    infeasible=(),
    also=(),
    utts_per_speaker=3,
    speakers=SPEAKERS,
    accent_of=lambda speaker: "us",
    trials=None,
    tag="attack_pgd",
    decoder=None,
    decoding="",
    package="digest of the package",
    describe=lambda trial, score: {},
) -> Path:
    """Make the directory of one attacked system, ``folder/asr_mtl_SYSTEM``.

    ``accent`` says whether it has an accent branch; ``trials`` are given where they are
    not ``make_trials(...)`` of the other arguments; ``infeasible`` utterances have too
    long a target; ``describe`` gives what else a record says, of trial and score;
    ``accent_of`` the true accent, of a speaker's name.
    """
    exp = folder / f"asr_mtl_{system}"
    decoding = decoding or f"decode_{system}"
    attack_dir, hyp_dir = exp / tag / "test", exp / f"{decoding}_{tag}" / "test"
    trials = trials or make_trials(budgets, attackers, norm, also)
    scores, rows, records, wavs = [], [], [], {}
    identity = {"system": system, "seed": seed, "decoder": decoding}
    for trial in trials:
        mine = []
        for speaker, name in enumerate(speakers):
            for number in range(utts_per_speaker):
                utt = f"{name}-{number}"
                wrong = 10 if trial.is_untouched else errors(trial, speaker, number)
                one = _score(trial, utt, name, wrong, accent, utt not in infeasible)
                mine.append(replace(one, accent=accent_of(name)))
        if audio:
            _write_audio(attack_dir, trial, mine)
        for score in mine:
            path = _audio_path(attack_dir, score)
            wavs[score.key] = str(path)
            records.append(_record(trial, score, path, describe(trial, score)))
        rows.append(_row(trial, mine, accent, wer, identity))
        scores += mine
    write_attack(
        attack_dir,
        AttackRun(
            version=ATTACK_VERSION,
            package=package,
            config={},
            trials=tuple(trials),
            decoder=decoder,
            made_of=system,
        ),
        records,
        {
            "wav.scp": wavs,
            "text": {score.key: score.ref for score in scores},
            "utt2spk": {score.key: score.spk for score in scores},
            "utt2accent": {score.key: score.accent for score in scores},
        },
    )
    about = AttackScores(
        attack_tag=tag,
        attack_version=ATTACK_VERSION,
        attack_dir=f"../../{tag}/test",
        made_of=hash_attack(attack_dir),
        rows=tuple(rows),
    )
    write_attack_scores(hyp_dir, about, scores, "")
    add_clean(exp, system, wer, accent, decoding)
    return exp


def _score(trial, utt, speaker, wrong, accent, feasible):
    target = [f"word{place}" for place in range(WORDS)]
    heard = [f"x{place}" for place in range(min(wrong, WORDS))] + target[wrong:]
    heard += ["more"] * max(wrong - WORDS, 0)
    return UttScore(
        key=f"{utt}-{trial.name}",
        utt=utt,
        spk=speaker,
        trial=trial.name,
        infeasible=None if feasible else TOO_LONG,
        ref="a truth of five words",
        target=" ".join(target),
        hyp=" ".join(heard),
        edits_ref=5,
        words_ref=5,
        edits_target=wrong,
        words_target=WORDS,
        success=wrong == 0,
        accent="us",
        hyp_accent="us" if accent else None,
    )


def _record(trial, score, path, more):
    about = {
        **dict.fromkeys(("linf", "l2", "snr_db", "segsnr_db", "peak_snr_db")),
        "accent_wish": None,
        "loss_start": None,
        "loss_end": None,
        "sha256": hash_file(path) if path.is_file() else "",
    }
    return Record(
        key=score.key,
        utt=score.utt,
        trial=trial.name,
        target=score.target,
        infeasible=score.infeasible,
        **{**about, **more},
    )


def _row(trial, scores, accent, wer, identity):
    is_targeted = trial.words == "target"
    used = [score for score in scores if score.feasible or not is_targeted]
    twer = success = None  # where nothing is left to count
    if used:
        twer = 100 * sum(score.edits_target for score in used) / (WORDS * len(used))
        success = 100 * sum(score.success for score in used) / len(used)
    clean = trial.is_untouched
    names = ("role", "attack", "attacker", "also", "norm", "budget", "words")
    names += ("members", "suite", "doubled", "settings")
    return Row(
        **identity,
        set="test",
        trial=trial.name,
        **{name: getattr(trial, name) for name in names},
        n=len(used),
        infeasible=count_reasons(s.infeasible for s in scores if is_targeted),
        benign_wer=wer if used else None,
        null_twer=100.0 if used else None,
        adv_twer=twer,
        adv_twer_ci=(twer - 4, twer + 5) if used else None,
        adv_wer=(wer if clean else 100.0) if used else None,
        adv_wer_ci=None,
        success_rate=success,
        success_ci=(success - 9, success + 8) if used else None,
        null_success_rate=0.0 if used else None,
        snr_db=None if clean or not used else 30.0,
        segsnr_db=None,
        accent_acc=87.5 if accent and used else None,
        accent_balanced_acc=80.0 if accent and used else None,
        accent_majority=40.0 if accent and used else None,
        adv_accent_acc=50.0 if accent and used else None,
        adv_accent_balanced_acc=45.0 if accent and used else None,
        seconds=1.0,
    )


def _audio_path(attack_dir, score):
    return attack_dir / "wav" / score.trial / f"{score.utt}.wav"


def _write_audio(attack_dir, trial, scores):
    time = np.arange(int(0.8 * RATE)) / RATE
    clean = 0.3 * np.sin(2 * np.pi * (200 + 900 * time) * time) * np.hanning(len(time))
    noise = np.random.default_rng(0).choice((-1.0, 1.0), len(time))
    for score in scores:
        path = _audio_path(attack_dir, score)
        path.parent.mkdir(parents=True, exist_ok=True)
        size = trial.budget
        if trial.norm == "snr":
            size = np.sqrt(np.mean(clean**2)) * 10.0 ** (-trial.budget / 20)
        # A little less than the budget, so that rounding stays in it.
        soundfile.write(path, clean + 0.95 * size * noise, RATE)


def add_clean(
    exp: Path,
    system: str,
    wer: float = 4.0,
    accent: bool = False,
    decoding: str = "",
    set_name: str = "test",
) -> None:
    """Add scores of untouched audio: 40 utterances of 1000 words."""
    decoding = decoding or f"decode_{system}"
    wrong = round(10 * wer)
    errors = PooledErrors(
        utterances=40,
        wrong=5,
        correct=1000 - wrong,
        substitutions=wrong,
        deletions=0,
        insertions=0,
    )
    counts = ((8, 2, 0), (1, 9, 0), (0, 3, 17))
    accents = AccentConfusion(
        accents=ACCENTS,
        counts=counts,
        unlabelled=0,
        speakers=(2, 3, 4),
        num_speakers=9,
        accuracy_ci=(70.0, 93.0),
        balanced_ci=(71.0, 94.0),
    )
    scores = CleanScores(
        system=system,
        decoder=decoding,
        set=set_name,
        errors={"wer": errors, "cer": errors, "ter": errors},
        accents=accents if accent else None,
    )
    write_clean_scores(exp / decoding / set_name, scores)


def add_log(exp: Path, epochs: int = 12, accent: bool = False, name="train.log"):
    """Add a training log as ESPnet's trainer writes it."""
    lines = ["[host] 2026-01-01 00:00:00,000 (trainer:331) INFO: 1/12epoch started"]
    for epoch in range(1, epochs + 1):
        more = f", acc_accent={1 - 0.6 / epoch:.3f}" if accent else ""
        lines.append(
            f"[host] 2026-01-01 00:00:00,000 (trainer:389) INFO: {epoch}epoch results: "
            f"[train] iter_time=1.000e-03, acc={1 - 0.9 / epoch:.3f}, "
            f"loss={40 / epoch:.3f}, time=3 minutes and 2.1 seconds, "
            f"total_count=100, gpu_max_cached_mem_GB=0.000, [valid] loss_ctc=nan, "
            f"acc={1 - 0.8 / epoch:.3f}, cer_ctc={0.9 / epoch:.3f}, "
            f"loss={50 / epoch:.3f}{more}, time=1.2 seconds, total_count=9, "
            "[att_plot] time=0.5 seconds"
        )
    (exp / name).write_text("\n".join(lines) + "\n")


def suite_errors(trial, speaker, number):
    """Errors for make_suite_exp: none, some and all utterances are broken."""
    # The system itself does not follow what is planted.
    if trial.attack in ("noise", "gaussian", PLANTED):
        return 10
    place = trial.settings.get("place", 2)  # of the budget; without a bound the largest
    return (6, 3 * (number % 2), 0)[place]


def make_suite_exp(
    folder: Path,
    system: str,
    *,
    accent=False,
    budgets=SUITE_BUDGETS,
    norm="linf",
    branches=("ctc", "att"),
    decoded=None,
    ascending=False,
    errors=suite_errors,
    **options,
) -> Path:
    """Make the directory of a system attacked by a suite, which passes the audit.

    It does so from 9 utterances for each speaker on: fewer are not enough for `steps`.
    Where budgets are ``ascending``, the largest is also tried from scratch.
    ``branches`` are attacked, and weighed by the decoder if ``decoded`` names no
    others. ``options`` are those of :func:`make_exp`.
    """
    members = _members(accent, branches)
    trials = [CLEAN]
    for place, budget in enumerate(budgets):
        trials += [
            make_trial(control, norm=norm, budget=budget)
            for control in ("noise", "gaussian")
        ]
        trials.append(
            Trial(
                name=f"standard_{norm}{budget:g}",
                role="main",
                attack="standard",
                norm=norm,
                budget=budget,
                members=members,
                suite=1,
                doubled=True,
                settings={"place": place},
            )
        )
    if ascending:
        series = [place for place, one in enumerate(trials) if one.role == "main"]
        names = [trials[place].name for place in series]
        for count, place in enumerate(series):
            trials[place] = replace(trials[place], after=tuple(names[:count]))
        last, about = trials[series[-1]], {"after": (), "members": members[:1]}
        trials.append(
            replace(last, name=SCRATCH, role="audit", attack=SCRATCH, **about)
        )
    trials.append(make_planted_trial(norm, budgets[0]))
    trials.append(
        replace(
            make_trial("unbounded", "accent_blind", budget=2.0),
            name="unbounded",
            role="audit",
        )
    )
    # Gradients break all at the larger budget, so nothing is left to black boxes.
    loud = make_trial("black_box", "accent_blind", budget=0.03)
    many = tuple(replace(one, settings={"queries": 1000}) for one in members)
    trials.append(replace(loud, role="audit", members=many, suite=1))

    def describe(trial, score):
        about = {"heard": score.hyp, "loss_start": 50.0}
        about["loss_end"] = 5.0 + score.edits_target
        if trial.attack == PLANTED:
            return {"planted": tuple(map(make_planted, DIFFICULTIES))}
        if trial.suite:
            about |= _suite_notes(score.edits_target, members)
        if trial.is_untouched:
            about["health"] = Health(
                gradient_l1=3.5,
                gradient_finite=True,
                gradient_zero_share=0.01,
                branch_zero_shares=dict.fromkeys(branches, 0.01),
                loss_repeat_diff=0.0,
                heard_repeat=True,
                loss_level_diff=0.0002,
                loss_level_slope=0.0002,
                heard_level=True,
            )
        return about

    return make_exp(
        folder,
        system,
        errors=errors,
        accent=accent,
        trials=trials,
        tag="attack_standard",
        decoder=make_decoder(decoded or branches),
        describe=describe,
        **options,
    )


def make_planted_trial(norm="linf", budget=0.001):
    """Make the trial in which planted examples are searched for."""
    trial = make_trial("pgd", "accent_blind", norm, budget)
    return replace(trial, name=PLANTED, attack=PLANTED, role="audit")


def make_planted(difficulty, *, found=True, exists=True, opened=1.0):
    """Say what came of one search for a planted example."""
    return Planted(
        difficulty=difficulty,
        wheels=DIFFICULTIES[difficulty],
        exists=exists,
        found=found,
        opened=opened,
        gradients=75,
    )


def make_decoder(branches, lm_weight=0.0, ngram_weight=0.0):
    """Say what a decoder weighs."""
    return Decoder(
        branches=tuple(branches),
        ctc_weight=0.3,
        lm_weight=lm_weight,
        ngram_weight=ngram_weight,
        beam_size=2,
    )


def _members(accent, branches):
    words = dict.fromkeys(branches, 1 / len(branches))
    attackers = {"accent_blind": words}
    if accent:
        attackers = {"multitask": {**words, "accent": 0.3}, **attackers}
    return tuple(
        Member(
            attack=attack,
            attacker=name,
            kind=KINDS.get(attack, "white_box"),
            weights=weights,
            settings={"steps": 100},
        )
        for attack in ("pgd", "transfer", "square")
        for name, weights in attackers.items()
    )


def _suite_notes(edits, members):
    """Attempts: the gradients of the accent-blind attacker come nearest."""
    attempts = []
    for member in members:
        best = (member.attack, member.attacker) == ("pgd", "accent_blind")
        cost = edits if best else edits + 2
        attempts.append(
            Attempt(
                attack=member.attack,
                attacker=member.attacker,
                kind=member.kind,
                loss=5.0 + cost,
                cost=cost,
                success=cost == 0,
                gradients=100 * (member.kind == "white_box"),
                decodings=4,
            )
        )
        if cost == 0:
            break
    doubled = Doubled(
        gradients=100,
        more_gradients=100,
        cost=edits,
        cost_before=edits,
        success=False,
    )
    return {"attempts": tuple(attempts), "doubled": doubled if edits else None}


def audit_dir(exp: Path) -> Path:
    """Return where a suite's attack lies."""
    return exp / "attack_standard" / "test"


def hyp_dir_of(exp: Path) -> Path:
    """Return where the decoding of the attack lies."""
    [path] = exp.glob(f"*/test/score_attack/{ATTACK_SCORES_NAME}")
    return path.parents[1]


def change_scores(exp: Path, **changes) -> None:
    """Change what the scores say of themselves."""
    path = hyp_dir_of(exp) / "score_attack" / ATTACK_SCORES_NAME
    write_result(path, replace(read_attack_scores(hyp_dir_of(exp)), **changes))


def change_rows(exp: Path, change, attack: str | None = None) -> None:
    """Change rows, of one attack: change(row) returns what is new by name."""
    rows = [
        replace(row, **change(row)) if attack in (None, row.attack) else row
        for row in read_attack_scores(hyp_dir_of(exp)).rows
    ]
    change_scores(exp, rows=tuple(rows))


def change_records(exp: Path, change, attack: str = "standard") -> None:
    """Change an attack's records: change(record, number) returns what is new by name.

    The scores are then those of the changed attack.
    """
    rows = read_attack_scores(hyp_dir_of(exp)).rows
    trials = {row.trial for row in rows if row.attack == attack}
    records, number = [], 0
    for record in read_records(audit_dir(exp)).values():
        if record.trial in trials:
            record = replace(record, **change(record, number))
            number += 1
        records.append(record)
    write_lines(audit_dir(exp) / RECORDS_NAME, records)
    change_scores(exp, made_of=hash_attack(audit_dir(exp)))
