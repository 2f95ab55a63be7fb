"""Small synthetic experiment directories, as stages 11 to 17 leave them."""

import hashlib
import json
from pathlib import Path

import numpy as np
import soundfile

RATE = 16000
SPEAKERS = ("ann", "bob", "cyd", "dan")
WORDS = 10
CLEAN = {"condition": "clean", "attack": "none", "attacker": None, "norm": None}
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


def errors_of(system):
    """Return a system's errors for make_exp: speakers differ by up to 3 words."""

    def errors(row, speaker, number):
        if row["attack"] == "noise":
            return 11
        base = STRENGTHS[system][row["attacker"]][BUDGETS.index(row["budget"])]
        # Speakers of the attention decoder differ the other way round.
        spread = 3 - speaker if system == "att" else speaker
        return max(base + spread - 1 + number % 2, 0)

    return errors


def conditions(budgets, attackers, norm="linf"):
    """Rows of the conditions, without scores."""
    rows = [{**CLEAN, "budget": 0.0}]
    for budget in budgets:
        kinds = [("noise", None), *(("pgd", attacker) for attacker in attackers)]
        for attack, attacker in kinds:
            name = "_".join(filter(None, [attack, attacker, f"{norm}{budget:g}"]))
            rows.append(
                {
                    "condition": name,
                    "attack": attack,
                    "attacker": attacker,
                    "norm": norm,
                    "budget": budget,
                }
            )
    return rows


def make_exp(
    folder: Path,
    system: str,
    *,
    errors,
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
    rows=None,
    tag="attack_pgd",
):
    """Make the directory of one attacked system.

    Args:
        folder: Where to.
        system: Name.
        errors: Function (condition row, speaker number, utterance number) -> errors
            against a target of ``WORDS`` words.
        budgets: Budgets.
        attackers: Attackers.
        norm: Norm.
        accent: Whether it has an accent branch.
        seed: Seed.
        wer: WER of untouched audio, percent.
        audio: Whether to write audio.
        infeasible: Utterances with too long a target.
        also: Other names of the attackers.
        utts_per_speaker: Utterances of each speaker.
        rows: The conditions, where they are not ``conditions(...)`` of the above.
        tag: Name of the attack's directory.

    Returns:
        The directory.
    """
    exp = folder / f"asr_mtl_{system}"
    attack_dir = exp / tag / "test"
    scores = exp / f"decode_{system}_{tag}" / "test" / "score_attack"
    scores.mkdir(parents=True)
    attack_dir.mkdir(parents=True)
    wanted = rows or conditions(budgets, attackers, norm)
    rows, lines, scp = [], [], []
    for row in wanted:
        mine = []
        for speaker, name in enumerate(SPEAKERS):
            for number in range(utts_per_speaker):
                utt = f"{name}-{number}"
                wrong = 10 if row["attack"] == "none" else errors(row, speaker, number)
                mine.append(_line(row, utt, name, wrong, accent, utt in infeasible))
                scp.append((mine[-1]["key"], _audio_path(attack_dir, row, utt)))
        used = [line for line in mine if line["feasible"]]
        rows.append({**_scored(row, used, accent, wer), "infeasible": len(infeasible)})
        rows[-1] |= {"system": system, "seed": seed, "decoder": f"decode_{system}"}
        lines += mine
        if audio:
            _write_audio(attack_dir, row, mine)
    (scores / "results.json").write_text(json.dumps(rows))
    (scores / "utt_scores.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    (attack_dir / "wav.scp").write_text(
        "".join(f"{key} {path}\n" for key, path in sorted(scp))
    )
    (attack_dir / "conditions.json").write_text(
        json.dumps(
            [
                {"name": r["condition"], "also": also if r["attacker"] else []}
                for r in rows
            ]
        )
    )
    add_clean(exp, system, wer, accent)
    return exp


def _line(row, utt, speaker, wrong, accent, infeasible):
    target = [f"word{place}" for place in range(WORDS)]
    heard = [f"x{place}" for place in range(min(wrong, WORDS))] + target[wrong:]
    heard += ["more"] * max(wrong - WORDS, 0)
    return {
        "key": f"{utt}-{row['condition']}",
        "utt": utt,
        "spk": speaker,
        "condition": row["condition"],
        "feasible": not infeasible,
        "ref": "a truth of five words",
        "target": " ".join(target),
        "hyp": " ".join(heard),
        "edits_ref": 5,
        "words_ref": 5,
        "edits_target": wrong,
        "words_target": WORDS,
        "success": wrong == 0,
        "accent": "us",
        "hyp_accent": "us" if accent else None,
    }


def _scored(row, used, accent, wer):
    twer = 100 * sum(line["edits_target"] for line in used) / (WORDS * len(used))
    clean = row["attack"] == "none"
    return {
        **row,
        "n": len(used),
        "benign_wer": wer,
        "null_twer": 100.0,
        "adv_twer": twer,
        "adv_twer_ci": [twer - 4, twer + 5],
        "adv_wer": wer if clean else 100.0,
        "success_rate": 100 * sum(line["success"] for line in used) / len(used),
        "snr_db": None if clean else 30.0,
        "accent_acc": 87.5 if accent else None,
        "adv_accent_acc": 50.0 if accent else None,
        "seconds": 1.0,
    }


def _audio_path(attack_dir, row, utt):
    return attack_dir / "wav" / row["condition"] / f"{utt}.wav"


def _write_audio(attack_dir, row, lines):
    time = np.arange(int(0.8 * RATE)) / RATE
    clean = 0.3 * np.sin(2 * np.pi * (200 + 900 * time) * time) * np.hanning(len(time))
    noise = np.random.default_rng(0).choice((-1.0, 1.0), len(time))
    for line in lines:
        path = _audio_path(attack_dir, row, line["utt"])
        path.parent.mkdir(parents=True, exist_ok=True)
        size = row["budget"]
        if row["norm"] == "snr":
            size = np.sqrt(np.mean(clean**2)) * 10.0 ** (-row["budget"] / 20)
        # A little less than the budget, so that rounding stays in it.
        soundfile.write(path, clean + 0.95 * size * noise, RATE)


def add_clean(exp: Path, system: str, wer: float = 4.0, accent: bool = False):
    """Add scores of untouched audio."""
    folder = exp / f"decode_{system}" / "test"
    (folder / "score_wer").mkdir(parents=True)
    (folder / "score_wer" / "result.txt").write_text(
        "| SPKR    | # Snt  # Wrd |   Corr    Sub    Del    Ins    Err  S.Err |\n"
        f"| Sum/Avg |    40    200 |   97.0    2.0    1.0    1.0    {wer}   12.5 |\n"
    )
    if accent:
        (folder / "score_accent").mkdir()
        counts = [[8, 2, 0], [1, 9, 0], [0, 3, 17]]
        (folder / "score_accent" / "confusion.json").write_text(
            json.dumps({"accents": ACCENTS, "counts": counts})
        )


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


SUITE_BUDGETS = (0.001, 0.002, 0.008)


def suite_errors(row, speaker, number):
    """Errors for make_suite_exp: none, some and all utterances are broken."""
    if row["attack"] in ("noise", "gaussian"):
        return 10
    place = row.get("place", 2)  # of the budget; without a bound as the largest
    return (6, 3 * (number % 2), 0)[place]


def make_suite_exp(
    folder: Path,
    system: str,
    *,
    accent=False,
    budgets=SUITE_BUDGETS,
    norm="linf",
    branches=("ctc", "att"),
    errors=suite_errors,
    **options,
):
    """Make the directory of a system attacked by a suite, which passes the audit.

    Args:
        folder: Where to.
        system: Name.
        accent: Whether it has an accent branch.
        budgets: Budgets, from weak to strong.
        norm: Norm.
        branches: What the decoder weighs.
        errors: As for :func:`make_exp`.
        **options: More for :func:`make_exp`.

    Returns:
        The directory.
    """
    rows = [{**CLEAN, "budget": 0.0}]
    kinds = (("noise", None), ("gaussian", None), ("standard", "worst_case"))
    for place, budget in enumerate(budgets):
        for attack, attacker in kinds:
            about = {"attack": attack, "attacker": attacker, "norm": norm}
            name = f"{attack}_{norm}{budget:g}"
            rows.append({"condition": name, **about, "budget": budget, "place": place})
    about = {"attack": "unbounded", "attacker": "worst_case", "norm": "linf"}
    rows.append({"condition": "unbounded", **about, "budget": 2.0})
    options = {"wer": 4.0, **options}
    exp = make_exp(
        folder,
        system,
        errors=errors,
        accent=accent,
        rows=rows,
        tag="attack_standard",
        **options,
    )
    attack_dir = exp / "attack_standard" / "test"
    members = _members(accent, branches)
    (attack_dir / "conditions.json").write_text(
        json.dumps([_suite_condition(row, members) for row in rows])
    )
    decoder = {"branches": branches, "ctc_weight": 0.3, "lm_weight": 0, "beam_size": 2}
    (attack_dir / "decoder.json").write_text(json.dumps(decoder))
    _write_suite_records(exp, members, {row["condition"]: row for row in rows})
    return exp


def _members(accent, branches):
    words = dict.fromkeys(branches, 1 / len(branches))
    attackers = {"accent_blind": words}
    if accent:
        attackers = {"multitask": {**words, "accent": 0.3}, **attackers}
    kinds = [("pgd", "white_box"), ("transfer", "transfer"), ("square", "black_box")]
    return [
        {"attack": attack, "attacker": name, "kind": kind, "weights": weights}
        | {"settings": {"steps": 100}}
        for attack, kind in kinds
        for name, weights in attackers.items()
    ]


def _suite_condition(row, members):
    roles = {"standard": "main", "unbounded": "audit"}
    suite = row["attack"] == "standard"
    return {
        "name": row["condition"],
        **{name: row[name] for name in ("attack", "attacker", "norm", "budget")},
        "role": roles.get(row["attack"], "control"),
        "weights": {},
        "also": [],
        "settings": {"version": 1, "members": members} if suite else {},
    }


def _write_suite_records(exp, members, rows):
    attack_dir = exp / "attack_standard" / "test"
    [path] = exp.glob("*/test/score_attack/utt_scores.jsonl")
    records = []
    for line in map(json.loads, path.read_text().splitlines()):
        row = rows[line["condition"]]
        audio = _audio_path(attack_dir, row, line["utt"])
        record = {
            **{k: line[k] for k in ("key", "utt", "condition", "target", "feasible")},
            "loss_start": 50.0,
            "loss_end": 5.0 + line["edits_target"],
            "heard": line["hyp"],
        }
        if audio.is_file():
            record["sha256"] = hashlib.sha256(audio.read_bytes()).hexdigest()
        if row["attack"] == "standard":
            record |= _suite_notes(line["edits_target"], members)
        if row["attack"] == "none":
            record["health"] = {
                "gradient_l1": 3.5,
                "gradient_finite": True,
                "gradient_zero_share": 0.01,
                "loss_repeat_diff": 0.0,
                "heard_repeat": True,
            }
        records.append(json.dumps(record) + "\n")
    (attack_dir / "records.jsonl").write_text("".join(records))


def _suite_notes(edits, members):
    """Attempts: the gradients of the accent-blind attacker come nearest."""
    attempts = []
    for member in members:
        best = (member["attack"], member["attacker"]) == ("pgd", "accent_blind")
        cost = edits if best else edits + 2
        about = {name: member[name] for name in ("attack", "attacker", "kind")}
        loss = 5.0 + cost
        attempts.append({**about, "loss": loss, "cost": cost, "success": cost == 0})
        if cost == 0:
            break
    doubled = {"loss": 4.9 + edits, "loss_before": 5.0 + edits, "loss_start": 50.0}
    doubled |= {"cost": edits, "success": False}
    return {"attempts": attempts, "doubled": doubled if edits else None}


def audit_dir(exp: Path) -> Path:
    """Return where a suite's attack lies."""
    return exp / "attack_standard" / "test"


def change_records(exp: Path, change, attack="standard"):
    """Change the records of one attack in place: change(record, number)."""
    names = {
        line["name"]
        for line in json.loads((audit_dir(exp) / "conditions.json").read_text())
        if line["attack"] == attack
    }
    path = audit_dir(exp) / "records.jsonl"
    records = list(map(json.loads, path.read_text().splitlines()))
    chosen = [record for record in records if record["condition"] in names]
    for number, record in enumerate(chosen):
        change(record, number)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def change_rows(exp: Path, change):
    """Change the rows of the scores in place: change(row)."""
    [path] = exp.glob("*/test/score_attack/results.json")
    rows = json.loads(path.read_text())
    for row in rows:
        change(row)
    path.write_text(json.dumps(rows))


def change_conditions(exp: Path, change):
    """Change the attack's conditions in place: change(condition)."""
    path = audit_dir(exp) / "conditions.json"
    conditions = json.loads(path.read_text())
    for condition in conditions:
        change(condition)
    path.write_text(json.dumps(conditions))
