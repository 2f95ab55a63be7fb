#!/usr/bin/env python3
"""Cut the readings of the Speech Accent Archive, and join the parts to utterances.

The same options give the same bytes.
"""

import argparse
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from align import FS, Alignment, align_all, read_reading
from archive import ACCENT, PITCH, Archive, Reading, find_archive, read_archive
from cutting import PHRASE, SPLICED, Cutter, Utterance
from departures import Verdict, judge
from pitch import HIGH, LOW, find_boundary, measure_all
from splice import cut, join

from espnet_mtl.atomic import write_text
from espnet_mtl.data.corpus import write_set, write_wav
from espnet_mtl.data.prepare.audio_check import check_audio
from espnet_mtl.data.prepare.clip import SETS, Clip
from espnet_mtl.data.prepare.names import fold, show
from espnet_mtl.data.prepare.options import Options, get_parser, read_options
from espnet_mtl.data.prepare.own_corpus import classes_of
from espnet_mtl.data.prepare.prepare import prepare, refuse_bad_audio, refuse_names
from espnet_mtl.data.prepare.speaker_split import split_by_speaker
from espnet_mtl.data.progress import LoopProgress
from espnet_mtl.errors import UserError, run_main, setup_logging
from espnet_mtl.grouped_help import group

LISTS = "corpus"


class Found(NamedTuple):
    """What is known of a reading's sound.

    Attributes:
        alignment: Where its words are.
        verdict: Which of them are unusual.
    """

    alignment: Alignment
    verdict: Verdict


def get_arguments(cmd: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = get_parser(__doc__, one_text=True, max_bad_audio=0.02)
    add = parser.add_argument
    add("--root", default="", help="the archive's folder")
    add(
        "--languages",
        default="",
        help="first languages to use, with commas in between; empty for all",
    )
    add(
        "--label",
        default=ACCENT,
        help=f"what the second task tells apart: {ACCENT}, the first language; a "
        "column of speakers_all.csv, such as sex; or, without one, pitch: high and low "
        "voices, by each reading's median pitch",
    )
    add = group(parser, "utterances made of each reading")
    add("--train_phrase", type=int, default=3, help="phrases, in training")
    add("--train_spliced", type=int, default=21, help="spliced ones, in training")
    add("--test_phrase", type=int, default=1, help="phrases, in validation and test")
    add("--test_spliced", type=int, default=3, help="spliced, in validation and test")
    args = parser.parse_args(cmd)
    args.label = args.label.casefold()
    for name in ("train", "test"):
        counts = [getattr(args, f"{name}_{kind}") for kind in (PHRASE, SPLICED)]
        if min(counts) < 0 or sum(counts) < 1:
            raise UserError(
                f"--{name}_{PHRASE} {counts[0]} --{name}_{SPLICED} {counts[1]}: at "
                "least one utterance has to be made of a reading."
            )
    return args


def hear(
    archive: Archive, readings: Sequence[Reading], options: Options
) -> dict[str, Found]:
    """Align readings, and take out those that depart from the text.

    Returns:
        What was found, by path.
    """
    folder = options.output / LISTS
    refuse_names(_open(readings))
    if options.check_audio:
        check_audio(list(_open(readings)), folder / "headers.jsonl", options.nj)
    # Before minutes of alignment
    refuse_bad_audio(list(readings), _source(archive), folder, options.max_bad_audio)
    paths = [reading.path for reading in _open(readings)]
    heard = align_all(paths, archive.text, folder / "alignments.jsonl")
    alignments = {p: one for p, one in heard.items() if isinstance(one, Alignment)}
    verdicts = judge(alignments, archive.text)
    for reading in _open(readings):
        one = heard[reading.path]
        if isinstance(one, Alignment):
            reading.seconds = one.seconds
            reading.why = verdicts[reading.path].why
            reading.fate = "departs" if reading.why else ""
        else:
            reading.fate, reading.why = "undecodable", one
    _list_departures(folder / "departures.tsv", readings)
    return {path: Found(alignments[path], verdicts[path]) for path in alignments}


def _source(archive: Archive) -> Path:
    return archive.table or archive.recordings


def refuse_one_class(
    readings: Sequence[Reading], classes: Mapping[str, str], label: str
) -> None:
    """Refuse labels that make one class, before readings are aligned for it.

    Raises:
        UserError: If there are labels, but no two classes.
    """
    labels = {label for reading in _open(readings) for label in reading.labels}
    found = sorted({classes[fold(one)] for one in labels if fold(one) in classes})
    if labels and len(found) < 2:
        raise UserError(
            f"saa: --label {label} gives {len(found)} of the two classes that a branch "
            f"needs ({', '.join(found) or '-'}); choose more --languages, or another "
            "--label or --accent_map (in --local_data_opts)."
        )


def _open(readings: Sequence[Reading]) -> list[Reading]:
    return [reading for reading in readings if not reading.fate]


def _list_departures(path: Path, readings: Sequence[Reading]) -> None:
    dropped = [reading for reading in readings if reading.fate == "departs"]
    lines = [f"{one.line}\t{show(one.name)}\t{one.why}\n" for one in dropped]
    write_text(path, "line\trecording\twhy\n" + "".join(lines))
    logging.info("%d readings depart from the text: %s", len(dropped), path)


def label_by_pitch(
    readings: Sequence[Reading], found: Mapping[str, Found], journal: Path
) -> None:
    """Label readings as low or high; those without a voiced sound get no label."""
    aligned = {one.path: found[one.path].alignment for one in _open(readings)}
    pitches = measure_all(aligned, journal)
    known = [hertz for hertz in pitches.values() if hertz is not None]
    if len(known) < 2:
        raise UserError("saa: --label pitch: there are fewer than two voices.")
    boundary = find_boundary(known)
    logging.info("Voices are high from a median pitch of %.1f Hz on", boundary)
    for reading in _open(readings):
        hertz = pitches[reading.path]
        if hertz is not None:
            reading.labels = (HIGH if hertz >= boundary else LOW,)


def plan_utterances(
    clips: Sequence[Clip],
    found: Mapping[str, Found],
    cutter: Cutter,
    amounts: Mapping[str, Mapping[str, int]],
) -> dict[str, list[Utterance]]:
    """Plan the utterances of each set.

    Args:
        clips: Readings that have a set.
        amounts: How many utterances are made of a reading, by set and kind.
    """
    plan: dict[str, list[Utterance]] = {name: [] for name in SETS}
    for clip in clips:
        alignment, verdict = found[clip.path]
        chosen = cutter.plan(
            clip.fate, clip.key, alignment, verdict.unusual, amounts[clip.fate]
        )
        plan[clip.fate] += [
            Utterance(
                key=f"{clip.key}-{kind[0]}{number:02d}",
                speaker=clip.speaker,
                accent=clip.accent,
                text=cutter.say(pieces),
                path=clip.path,
                kind=kind,
                pieces=pieces,
            )
            for number, (kind, pieces) in enumerate(chosen)
        ]
    return plan


def write_sets(
    output: Path,
    plan: Mapping[str, Sequence[Utterance]],
    found: Mapping[str, Found],
    seed: int,
) -> dict[str, float]:
    """Write audio, then data directories: after a kill, no set looks complete.

    Returns:
        Seconds of audio by set.
    """
    for name in SETS:
        (output / name / "wav.scp").unlink(missing_ok=True)
    progress = LoopProgress(sum(map(len, plan.values())), "joining")
    seconds = dict.fromkeys(SETS, 0.0)
    for name, utterances in plan.items():
        folder = output / "audio" / name
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {f"{utt.key}.wav" for utt in utterances}
        for path in folder.glob("*.wav"):  # of an earlier run with other options
            if path.name not in wanted:
                path.unlink()
        for path, own in groupby(utterances, key=attrgetter("path")):
            samples = read_reading(path)
            for utt in own:
                parts = [cut(samples, found[path].alignment, p) for p in utt.pieces]
                joined = join(parts, f"{seed} {utt.key} audio")
                write_wav(folder / f"{utt.key}.wav", joined, FS)
                seconds[name] += len(joined) / FS
                progress.add(len(joined) / FS)
    progress.finish()
    for name, utterances in plan.items():
        write_set(output / name, output / "audio" / name, utterances)
    return seconds


def list_utterances(path: Path, plan: Mapping[str, Sequence[Utterance]]) -> None:
    """Write which words of which reading each utterance is made of, from word 1 on."""
    lines = ["utterance\tset\tkind\twords\ttext\n"]
    for name, utterances in plan.items():
        for utt in utterances:
            words = " ".join(f"{piece.first + 1}-{piece.end}" for piece in utt.pieces)
            lines.append(f"{utt.key}\t{name}\t{utt.kind}\t{words}\t{utt.text}\n")
    write_text(path, "".join(lines))


def format_account(
    plan: Mapping[str, Sequence[Utterance]],
    seconds: Mapping[str, float],
    asked: Mapping[str, int],
) -> str:
    """Count utterances by set and kind, and texts that training has inside of others.

    Args:
        seconds: Of audio, by set.
        asked: How many utterances were asked for, by set.
    """
    rows = [f"{'set':<8}{PHRASE:>9}{SPLICED:>9}{'lacking':>9}{'texts':>8}{'hours':>8}"]
    for name, utterances in plan.items():
        kinds = Counter(utt.kind for utt in utterances)
        texts = len({utt.text for utt in utterances})
        lacking = asked[name] - len(utterances)
        hours = seconds[name] / 3600
        rows.append(
            f"{name:<8}{kinds[PHRASE]:>9}{kinds[SPLICED]:>9}{lacking:>9}{texts:>8}"
            f"{hours:>8.2f}"
        )
    trained = "".join(f"| {utt.text} |" for utt in plan["train"])
    for kind in (PHRASE, SPLICED):
        own = [utt for utt in plan["test"] if utt.kind == kind]
        inside = sum(f" {utt.text} " in trained for utt in own)
        rows.append(
            f"test: no text is one of training; of {len(own)} {kind} utterances, "
            f"{inside} have one that is inside a longer one of training"
        )
    return "\n".join(rows)


def main(cmd: list[str] | None = None) -> None:
    """Run the command."""
    args = get_arguments(cmd)
    setup_logging()
    options = read_options(args)
    archive = find_archive(args.root)
    readings = read_archive(archive, args.label, args.languages)
    classes = classes_of(list(readings), options.accent_map)
    refuse_one_class(readings, classes, args.label)
    found = hear(archive, readings, options)
    if args.label == PITCH:
        label_by_pitch(readings, found, options.output / LISTS / "pitch.jsonl")
        classes = classes_of(list(readings), options.accent_map)

    # The sets come from languages, whatever the label is: studies of several labels
    # have the same utterances.
    homes = split_by_speaker(
        _open(readings),
        options.valid_share,
        options.test_share,
        options.seed,
        attrgetter("language"),
    )
    for reading in _open(readings):
        reading.split = homes[reading.speaker]

    amounts = {
        name: {
            kind: getattr(args, f"{'train' if name == 'train' else 'test'}_{kind}")
            for kind in (PHRASE, SPLICED)
        }
        for name in SETS
    }

    def write(used: list[Clip]) -> None:
        plan = plan_utterances(used, found, Cutter(archive.text, options.seed), amounts)
        seconds = write_sets(options.output, plan, found, options.seed)
        list_utterances(options.output / LISTS / "utterances.tsv", plan)
        asked = Counter(clip.fate for clip in used)
        wanted = {name: asked[name] * sum(amounts[name].values()) for name in SETS}
        print(f"\n{format_account(plan, seconds, wanted)}", flush=True)

    prepare(
        list(readings),
        _source(archive),
        classes,
        replace(options, check_audio=False),
        lists=LISTS,
        write=write,
    )


if __name__ == "__main__":
    run_main(main)
