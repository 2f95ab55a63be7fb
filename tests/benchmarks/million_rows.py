#!/usr/bin/env python3
"""Time and memory of everything but attacking and decoding, up to a million rows.

    PYTHONPATH=.:tests tests/benchmarks/million_rows.py --rows 10000 100000 1000000

A row is one utterance in one trial: a line of ``records.jsonl``. Two systems have half
of the rows each. Both are attacked by the standard attack, with stand-ins for all that
is slow: the victim is that of the tests, what came of an utterance is drawn by its id,
and all audio is links to one short file. The rest is the code itself:

- journals: a thousand jobs write theirs in any order; one in ten is killed in the
  middle of a line, and continues when all others have finished;
- start: what a job does first when everything is finished already;
- merge: the attacked audio becomes a data directory;
- score: stage 17, of a decoding that is drawn as well;
- report: all that the report of both systems computes (``results.json``,
  ``audit.json``, ``curve.json``, comparisons), without plots and page.

Each part runs in a process of its own, those of one system for the first one only. All
that a part needs is in the page cache. Prints the processor time, which other programs
disturb less than the clock, the seconds on the clock and the peak memory of each.
"""

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

SYSTEMS = ("ctc", "att")
PARTS = ("journals", "start", "merge", "score", "report")
CONFIG = Path("egs2/TEMPLATE/asr_mtl1/conf/attack_standard.yaml")
RATE, SAMPLES = 8000, 800
WHOLE_TRIALS = 10  # trials of all utterances; the others take a few
UTTS_PER_SPEAKER = 50
UTTS_PER_BATCH = 24
WORDS = tuple(f"{letter}{second}" for letter in "abcdefgh" for second in "abcdefgh")
STRONGEST = 0.008  # of the search for the smallest budget
UNBREAKABLE = 0.02  # share of utterances
LEVEL = 1 / 32768
WEAKEST = 8 * LEVEL


class Simulation:
    """One system under attack: data, plan, and what is drawn of each utterance."""

    def __init__(self, folder: Path, system: str):
        from toy_victim import ToyVictim

        from espnet_mtl.attack.bound import PlannedTrial
        from espnet_mtl.attack.plan import make_plan
        from espnet_mtl.attack.runner.config_file import read_config
        from espnet_mtl.attack.runner.made_of import Inputs, MadeOf
        from espnet_mtl.attack.runner.test_set import read_test_set

        victim = ToyVictim({system: 1.0})
        config = read_config(CONFIG)
        self.system = system
        self.exp = folder / f"asr_mtl_{system}"
        self.attack_dir = self.exp / "attack_standard" / "test"
        self.hyp_dir = self.exp / f"decode_{system}_attack_standard" / "test"
        self.config = replace(
            config,
            # The stand-in has no other model to transfer from.
            attacks=tuple(one for one in config.attacks if one.attack != "transfer"),
            batch_bins=UTTS_PER_BATCH * SAMPLES,
        )
        self.test_set = read_test_set(folder / "data", None, None, 0, "")
        self.inputs = Inputs(f"{victim.sha256} {system}")
        plan = make_plan(self.config, victim, {})
        self.plan = [PlannedTrial(one.trial, one.needs) for one in plan]
        self.made_of = MadeOf(self.config, self.test_set, self.inputs)
        self.sha256 = hashlib.sha256((folder / "one.wav").read_bytes()).hexdigest()

    def smallest(self, utt):
        """Draw the smallest budget that breaks an utterance; infinite if none does."""
        rng = random.Random(f"{utt} {self.system}")
        needed = max(1.5 * WEAKEST, 0.0008 * 2.0 ** rng.gauss(0.0, 0.9))
        return float("inf") if rng.random() < UNBREAKABLE else needed

    def hypothesis(self, utt, trial):
        """Say what is heard in the end."""
        target = self.test_set.targets[utt].split()
        if trial.role == "control":
            return self.test_set.tables["text"][utt]
        is_broken = self.smallest(utt) <= max(trial.budget, STRONGEST)
        if trial.role == "main":
            is_broken = self.smallest(utt) <= trial.budget
        if trial.role == "audit":
            is_broken = True
        missed = 0 if is_broken else len(target) // 3
        return " ".join([*["zz"] * missed, *target[missed:]])

    def record(self, utt, trial):
        """Draw what an attack says of an utterance."""
        from espnet_mtl.results.record import Health, Planted, Record

        rng = random.Random(f"{utt} {trial.name}")
        loud = bool(trial.budget)
        more = {}
        if trial.is_untouched:
            more["health"] = Health(
                gradient_l1=100.0 * rng.random(),
                gradient_finite=True,
                gradient_zero_share=0.01,
                branch_zero_shares={self.system: 0.01},
                loss_repeat_diff=0.0,
                heard_repeat=True,
                loss_level_diff=0.0002,
                loss_level_slope=0.0002,
                heard_level=True,
            )
        elif trial.role == "curve":
            more["smallest"] = self._search(utt)
        elif trial.attack == "planted":
            about = {"exists": True, "found": True, "opened": 1.0, "gradients": 75}
            wheels = {"easy": 2, "medium": 4, "hard": 12}
            more["planted"] = tuple(
                Planted(difficulty=name, wheels=number, **about)
                for name, number in wheels.items()
            )
        elif trial.role == "main":
            more |= self._suite(utt, trial, rng)
        return Record(
            key=f"{utt}-{trial.name}",
            utt=utt,
            trial=trial.name,
            target=self.test_set.targets[utt],
            accent_wish=None,
            infeasible=None,
            linf=trial.budget,
            l2=130.0 * trial.budget,
            snr_db=30.0 + rng.random() if loud else None,
            segsnr_db=25.0 + rng.random() if loud else None,
            peak_snr_db=45.0 + rng.random() if loud else None,
            loss_start=50.0 + rng.random() if loud else None,
            loss_end=5.0 + rng.random() if loud else None,
            sha256=self.sha256,
            heard=None if trial.role == "control" else self.hypothesis(utt, trial),
            **more,
        )

    def _search(self, utt):
        from espnet_mtl.results.record import Smallest

        needed, tried, step = self.smallest(utt), [], 8  # levels of 16-bit audio
        while step * LEVEL < STRONGEST:
            tried.append(step * LEVEL)
            step += max(1, step // 10)
        near = [b for b in tried if 0.7 * needed < b < 1.3 * needed and b > WEAKEST]
        tried = [WEAKEST, *near, STRONGEST]
        broke = [budget for budget in tried if budget >= needed]
        resisted = [budget for budget in tried if budget < needed]
        return Smallest(
            budget=min(broke, default=None),
            resisted=max(resisted, default=None),
            tried=tuple((budget, 3.0 * (budget < needed)) for budget in tried),
            gradients=375,
            decodings=20,
        )

    def _suite(self, utt, trial, rng):
        from espnet_mtl.results.record import Attempt, Doubled

        if trial.after and self.smallest(utt) <= trial.budget / 2:
            return {"attempts": ()}  # a smaller budget has broken it
        success = self.smallest(utt) <= trial.budget
        cost = 0.0 if success else float(len(self.test_set.targets[utt].split()) // 3)
        attempts = []
        for member in trial.members:
            white = member.kind == "white_box"
            attempts.append(
                Attempt(
                    attack=member.attack,
                    attacker=member.attacker,
                    kind=member.kind,
                    loss=5.0 + rng.random() if white else None,
                    cost=cost,
                    success=success,
                    gradients=225 if white else 0,
                    decodings=9,
                )
            )
            if success:
                break
        doubled = None
        if not success:
            about = {"cost": cost, "cost_before": cost, "success": False}
            doubled = Doubled(gradients=450, more_gradients=450, **about)
        return {"attempts": tuple(attempts), "doubled": doubled}


def sentence(number: int, num_words: int) -> str:
    """Make a sentence of the stand-in victim's letters."""
    return " ".join(random.Random(number).choices(WORDS, k=num_words))


def make_data(folder: Path, num_utts: int, num_words: int) -> None:
    """Write a data directory; all audio is links to one file."""
    from espnet_mtl.data.datadir import write_data_dir

    audio = 0.1 * np.random.default_rng(0).standard_normal(SAMPLES)
    soundfile.write(folder / "one.wav", audio, RATE, subtype="PCM_16")
    data = folder / "data"
    (data / "wav").mkdir(parents=True)
    names = ("wav.scp", "text", "text_target", "utt2spk", "utt2accent")
    tables: dict[str, dict[str, str]] = {name: {} for name in names}
    for number in range(num_utts):
        speaker = f"s{number // UTTS_PER_SPEAKER:06d}"
        utt = f"{speaker}-{number:08d}"
        path = data / "wav" / f"{utt}.wav"
        path.symlink_to("../../one.wav")
        accent = ("north", "south")[number // UTTS_PER_SPEAKER % 2]
        texts = (sentence(one, num_words) for one in (number, -1 - number))
        for name, value in zip(
            names, (str(path), *texts, speaker, accent), strict=True
        ):
            tables[name][utt] = value
    write_data_dir(data, tables)


def link_audio(one: Simulation) -> None:
    """Put attacked audio where an attack saves it."""
    from espnet_mtl.attack.runner.writer import audio_path

    every = tuple(one.test_set.utterances)
    for planned in one.plan:
        folder = one.attack_dir / "wav" / planned.trial.name
        folder.mkdir(parents=True)
        for utt in one.made_of.treated(planned.trial, every):
            path = audio_path(one.attack_dir, utt, planned.trial)
            path.symlink_to("../../../../../one.wav")


def make_decoding(one: Simulation) -> None:
    """Write what a decoder hears in the attacked audio."""
    from espnet_mtl.data.tables import write_table

    every, heard = tuple(one.test_set.utterances), {}
    for planned in one.plan:
        for utt in one.made_of.treated(planned.trial, every):
            heard[f"{utt}-{planned.trial.name}"] = one.hypothesis(utt, planned.trial)
    one.hyp_dir.mkdir(parents=True)
    write_table(one.hyp_dir / "text", heard)


def runs_of(num_jobs: int, num_batches: int) -> Iterator[tuple[int, slice, bool]]:
    """Say in which order jobs run: the job, its batches of all, whether it is killed.

    One job in ten is killed half-way, and continues when all others have finished.
    """
    order = list(range(num_jobs))
    random.Random(0).shuffle(order)
    killed = set(order[::10])
    for job in order:
        middle = job + (num_batches - job) // num_jobs // 2 * num_jobs
        if job in killed:
            yield job, slice(job, middle, num_jobs), True
        else:
            yield job, slice(job, None, num_jobs), False
    for job in killed:
        middle = job + (num_batches - job) // num_jobs // 2 * num_jobs
        yield job, slice(middle, None, num_jobs), False


def write_journals(one: Simulation, jobs: int) -> None:
    """Let jobs finish in any order, and be killed."""
    from espnet_mtl.attack.runner.log import JobLog
    from espnet_mtl.results.attack import Decoder

    weights = {"lm_weight": 0.0, "ngram_weight": 0.0, "beam_size": 1}
    share = float(one.system == "ctc")
    decoder = Decoder(branches=(one.system,), ctc_weight=share, **weights)
    batches = one.made_of.batches
    jobs = min(jobs, len(batches))
    for job, part, is_killed in runs_of(jobs, len(batches)):
        with JobLog(one.attack_dir, job + 1) as log:
            log.add_plan(one.made_of.plan(), one.plan)
            log.add_decoder(one.made_of.decoder(), decoder)
            for utterances in batches[part]:
                for planned in one.plan:
                    treated = one.made_of.treated(planned.trial, utterances)
                    records = [one.record(utt, planned.trial) for utt in treated]
                    made_of = one.made_of.batch(planned, utterances, one.plan)
                    log.add_records(made_of, planned.trial, 1.0, records)
        if is_killed:
            path = one.attack_dir / "logdir" / f"records.{job + 1}.jsonl"
            with path.open("ab") as file:
                file.write(b'{"key":"s000000-0000')


def start_job(one: Simulation) -> None:
    """Do what a job does first: see what is finished, of its own share."""
    from espnet_mtl.attack.runner import log

    share = one.made_of.batches[::1000]
    keys = {f"{u}-{p.trial.name}" for batch in share for u in batch for p in one.plan}
    if not log.read_records(one.attack_dir, keys):
        sys.exit("no records")


def score(one: Simulation) -> None:
    """Score as stage 17 does."""
    from espnet_mtl.metrics.score_attack import score_attack
    from espnet_mtl.report.experiment_page import format_attack
    from espnet_mtl.results.attack_scores import write_attack_scores

    scores, utt_scores = score_attack(
        one.attack_dir,
        one.hyp_dir,
        system=one.system,
        seed=0,
        decoder=f"decode_{one.system}",
        set_name="test",
        attack_tag="attack_standard",
    )
    table = format_attack(scores)
    write_attack_scores(one.hyp_dir, scores, utt_scores, table)


def compute_report(folder: Path) -> None:
    """Compute all that a report says of both systems."""
    from exp_factory import add_clean

    from espnet_mtl.report.claims import measure_claims
    from espnet_mtl.report.experiment import read_experiments
    from espnet_mtl.report.report import Report, results_rows
    from espnet_mtl.results.curve import write_curves
    from espnet_mtl.results.files import write_result

    exps = [folder / f"asr_mtl_{system}" for system in SYSTEMS]
    for exp, system in zip(exps, SYSTEMS, strict=True):
        add_clean(exp, system)
    report = Report(read_experiments(exps), pairs=[SYSTEMS])
    audits = [audit for group in report.audits for audit in group.audits]
    write_result(folder / "audit.json", [audit.export() for audit in audits])
    write_result(folder / "results.json", results_rows(report.experiments, audits))
    every = [curve for curves in report.curves for curve in curves.every]
    write_curves(folder / "curve.json", every)
    for group, curves in zip(report.groups, report.curves, strict=True):
        measure_claims(group, curves, [(*SYSTEMS, "")])
    report.main_text()


def run_part(part: str, folder: Path, system: str, jobs: int) -> None:
    """Run a part in this process."""
    from espnet_mtl.attack.runner.merge import merge

    if part == "report":
        compute_report(folder)
        return
    one = Simulation(folder, system)
    if part == "links":
        link_audio(one)
        make_decoding(one)
    elif part == "journals":
        write_journals(one, jobs)
    elif part == "start":
        start_job(one)
    elif part == "merge":
        merge(one.config, one.test_set, one.attack_dir, one.inputs)
    else:
        score(one)


def run(part: str, folder: Path, system: str, jobs: int) -> str:
    """Run a part in a process of its own; say what it took."""
    command = [sys.executable, __file__, "--part", part, "--folder", str(folder)]
    command += ["--system", system, "--jobs", str(jobs)]
    began = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"'{part}' failed: {' '.join(command)}")
    used, took = usage.ru_utime + usage.ru_stime, time.monotonic() - began
    return (
        f"{used:.1f} s of processor time, {took:.1f} s, {usage.ru_maxrss / 1024:.0f} MB"
    )


def measure(folder: Path, rows: int, num_words: int, jobs: int) -> None:
    """Measure all parts with so many rows, and print each."""
    make_data(folder, rows // WHOLE_TRIALS // len(SYSTEMS), num_words)
    for part in ("links", *PARTS):
        shown = SYSTEMS if part != "report" else SYSTEMS[:1]
        if part == "start":
            shown = SYSTEMS[:1]
        for system in shown:
            took = run(part, folder, system, jobs)
            if part != "links" and system == SYSTEMS[0]:
                whose = "both systems" if part == "report" else "one system"
                print(f"{rows:8} rows, {part} ({whose}): {took}", flush=True)


def main() -> None:
    """Measure and print, or run a part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--rows", type=int, nargs="+", default=[10_000, 100_000], metavar="N")
    add("--jobs", type=int, default=1000, help="Of each system")
    add("--words", type=int, default=20, help="Of a sentence, as LibriSpeech has")
    add("--folder", type=Path, help="Keep everything there, one folder for each N")
    add("--part", help=argparse.SUPPRESS)
    add("--system", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        run_part(args.part, args.folder, args.system, args.jobs)
        return
    for rows in args.rows:
        if args.folder:
            (args.folder / str(rows)).mkdir(parents=True)
            measure(args.folder / str(rows), rows, args.words, args.jobs)
        else:
            with tempfile.TemporaryDirectory() as name:
                measure(Path(name), rows, args.words, args.jobs)


if __name__ == "__main__":
    main()
