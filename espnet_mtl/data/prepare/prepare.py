"""Clips to data directories: filter, accents, sets, account."""

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from espnet_mtl.atomic import write_files
from espnet_mtl.data.datadir import render_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.prepare import accents, account, speaker_split
from espnet_mtl.data.prepare.audio_check import check_audio
from espnet_mtl.data.prepare.caps import cap, cap_in_sets
from espnet_mtl.data.prepare.characters import drop_invisible
from espnet_mtl.data.prepare.clip import BAD_AUDIO, RULES, SETS, Clip, open_clips
from espnet_mtl.data.prepare.names import fold, is_broken
from espnet_mtl.data.prepare.options import Options
from espnet_mtl.data.prepare.shared_text import settle_shared_text

_SMALL_SHOWN = 10


def prepare(
    clips: list[Clip],
    source: Path | str,
    classes: dict[str, str],
    options: Options,
    sets: Sequence[str] = SETS,
    lists: str = "corpus",
    write: Callable[[list[Clip]], None] | None = None,
) -> None:
    """Make the data directories of a corpus, and account for every clip.

    Prints what became of the clips, and a table of accents. Writes, beside the data
    directories, ``<lists>/clips.tsv`` (every clip and its fate), ``bad_clips.tsv``
    and ``accent_labels.tsv``.

    Args:
        clips: All clips; those that the reader has taken out already have a fate.
        write: Writes the data directories, given the clips that are used, where clips
            are no utterances, but what utterances are made of. Their texts and
            speakers are not compared, then: that is for whoever makes them.

    Raises:
        DataDirError: If too much audio is bad, a set would be empty, or fewer than two
            accents are left.
    """
    folder = options.output / lists
    refuse_names(open_clips(clips))
    if options.check_audio:
        check_audio(open_clips(clips), folder / "headers.jsonl", options.nj)
        _report_rates(open_clips(clips))
    refuse_bad_audio(clips, source, folder, options.max_bad_audio)
    _report_bad_audio(clips, folder)

    # 1. Accents and caps
    seed = options.seed
    labels = folder / "accent_labels.tsv"
    num_unknown = accents.write_labels(labels, open_clips(clips), classes)
    accents.give_classes(open_clips(clips), classes, options)
    cap(open_clips(clips), "speaker", options.max_clips_per_speaker, seed)
    if options.min_speakers is None:
        fewest = accents.choose_min_speakers(open_clips(clips))
        options = replace(options, min_speakers=fewest)
    small = accents.settle_small_classes(open_clips(clips), options)
    labelled = [c for c in open_clips(clips) if c.accent != UNKNOWN_ACCENT]
    cap_in_sets(labelled, options.max_clips_per_accent, seed)

    # 2. Sets
    _give_sets(clips, source, options)
    if write is None:
        settle_shared_text(
            [clip for clip in clips if clip.fate in SETS], options.shared_text
        )
    _forget_untrained(clips)

    # 3. The account comes first: it says why, where there is nothing to write
    used = [clip for clip in clips if clip.fate in SETS]
    account.write_account(folder, clips)
    fates = account.format_fates(clips, source)
    print(f"{fates}\n\n{account.format_classes(used)}", flush=True)
    _report_unknown(num_unknown, labels, options)
    _report_small(small, labels, options)
    logging.info("%s: what became of every clip", folder / "clips.tsv")
    _refuse_empty_sets(clips, source, options)
    if write is None:
        _report_strangers(used, source)
    accents.require_two(used, classes, source, labels)

    # 4. Data directories
    if write is None:
        _write_sets(options.output, sets, used)
    else:
        write(used)


def refuse_names(clips: list[Clip]) -> None:
    """Take out what no ``wav.scp`` can name."""
    for clip in clips:
        if clip.path.rstrip().endswith("|"):
            clip.fate, clip.why = "malformed", "its path would be run as a command"
        elif not clip.path.isascii() and is_broken(clip.path):
            clip.fate, clip.why = "malformed", "its path is not UTF-8"


def _report_rates(clips: list[Clip]) -> None:
    rates = Counter(clip.rate for clip in clips).most_common()
    logging.info(
        "Sampling rates: %s; stage 3 brings all to --fs",
        ", ".join(f"{rate} Hz ({count} clips)" for rate, count in rates) or "none",
    )


def _count_bad(clips: list[Clip]) -> tuple[list[Clip], int]:
    """Return clips of bad audio, and how many clips are wanted."""
    bad = [clip for clip in clips if clip.fate in BAD_AUDIO]
    # Nobody has to have the audio of languages that are not asked for.
    return bad, sum(clip.fate != "other_language" for clip in clips)


def _report_bad_audio(clips: list[Clip], folder: Path) -> None:
    bad, num_wanted = _count_bad(clips)
    if bad:
        logging.warning(
            "%d of %d clips are skipped because of their audio: %s",
            len(bad),
            num_wanted,
            folder / account.BAD_LIST,
        )


def refuse_bad_audio(
    clips: list[Clip], source: Path | str, folder: Path, allowed: float
) -> None:
    """Refuse a corpus of which too much is missing or no audio; list it in a file.

    Args:
        source: What the clips come from, for the message.
        folder: Where to list them.
        allowed: Which share of the clips may be so.

    Raises:
        DataDirError: If more are.
    """
    bad, num_wanted = _count_bad(clips)
    if not bad:
        return
    listed = folder / account.BAD_LIST
    account.write_bad_clips(listed, clips)
    share = len(bad) / num_wanted
    if share <= allowed:
        return
    shown = "".join(
        f"\n    line {c.line}: {c.path}: {c.why}{_hint(c)}" for c in bad[:5]
    )
    more = f"\n    ... and {len(bad) - 5} more" if len(bad) > 5 else ""
    raise DataDirError(
        f"{source}: {len(bad)} of {num_wanted} clips ({share:.1%}) are missing, empty, "
        "cut short or no audio; --max_bad_audio (in --local_data_opts) allows "
        f"{allowed:.1%}. Get the whole corpus, correct the paths, or allow more (all "
        f"are in {listed}):{shown}{more}"
    )


def _hint(clip: Clip) -> str:
    """Guess why a file is missing."""
    path = Path(clip.path)
    if "\\" in clip.name:
        return " (a path of Windows? write '/', and where the file is here)"
    if clip.fate == "missing" and path.parent.is_dir():
        names = {fold(name): name for name in os.listdir(path.parent)}
        other = names.get(fold(path.name), path.name)
        if other != path.name:
            # Names that look alike differ in how letters and marks are put together.
            alike = drop_invisible(other) == drop_invisible(path.name)
            other = ascii(other) if alike else other
            return f" (there is {other}{f', not {ascii(path.name)}' if alike else ''})"
        whole = [name for name in names.values() if Path(name).stem == path.name]
        if whole:
            return f" (there is {min(whole)})"
    return ""


def _give_sets(clips: list[Clip], source: Path | str, options: Options) -> None:
    used = open_clips(clips)
    shares = {"valid": options.valid_share, "test": options.test_share}
    given = {clip.split for clip in clips} - {""}
    if not given:
        homes = speaker_split.split_by_speaker(used, *shares.values(), options.seed)
        for clip in used:
            clip.fate = homes[clip.speaker]
        return

    # 1. Sets of the corpus; whoever is in two of them is tested
    homes = speaker_split.keep_speakers_apart(used)
    for clip in used:
        home = homes[clip.speaker]
        clip.fate = home if (clip.split or "train") == home else "other_set"

    # 2. A set that it does not have comes out of its training
    missing = [name for name in SETS[1:] if name not in given]
    trained = [clip for clip in used if clip.fate == "train"]
    wanted = [shares[name] if name in missing else 0.0 for name in SETS[1:]]
    homes = speaker_split.split_by_speaker(trained, *wanted, options.seed)
    for clip in trained:
        clip.fate = homes[clip.speaker]
    for name in missing:
        speakers = {clip.speaker for clip in trained if clip.fate == name}
        if speakers:
            logging.warning(
                "%s: no clip has the split '%s': %d of the %d speakers of training are "
                "taken for it (--%s_share %g, in --local_data_opts)",
                source,
                name,
                len(speakers),
                len(homes),
                name,
                shares[name],
            )


def _forget_untrained(clips: list[Clip]) -> None:
    """Turn classes that are not in training into unknown accents."""
    trained = {clip.accent for clip in clips if clip.fate == "train"}
    lost: dict[str, int] = defaultdict(int)
    for clip in clips:
        if clip.fate in SETS and clip.accent not in {*trained, UNKNOWN_ACCENT}:
            lost[clip.accent] += 1
            clip.accent, clip.unlabelled = UNKNOWN_ACCENT, "untrained"
    for accent, count in sorted(lost.items()):
        logging.warning(
            "accent '%s' has no clip in training: %d clips of it become %s",
            accent,
            count,
            UNKNOWN_ACCENT,
        )


def _report_unknown(num_labels: int, listed: Path, options: Options) -> None:
    if num_labels and options.free_text != "class":
        logging.warning(
            "%d accent labels have no class in the map (--free_text %s says what "
            "becomes of their clips). They are marked '%s' in %s: copy their lines to "
            "a file for --accent_map and give them a class, or write --free_text class "
            "(all in --local_data_opts)",
            num_labels,
            options.free_text,
            accents.NO_CLASS,
            listed,
        )


def _report_strangers(used: list[Clip], source: Path | str) -> None:
    """Warn where the speakers are certainly not those who speak."""
    if len(used) > len(SETS) and len({clip.speaker for clip in used}) == len(used):
        logging.warning(
            "%s: every clip has a speaker of its own. If one person speaks several "
            "clips, name that person in each of them; else the same voice may be in "
            "training and in the test, and results will be too good",
            source,
        )


def _report_small(
    small: dict[str, tuple[int, int]], listed: Path, options: Options
) -> None:
    if not small:
        return
    fate = {
        "unknown": f"become {UNKNOWN_ACCENT}",
        "other": "become 'other'",
        "drop": "are left out",
    }
    largest = sorted(small, key=lambda name: (-small[name][0], name))[:_SMALL_SHOWN]
    named = ", ".join(
        f"{name} (clips: {small[name][0]}, speakers: {small[name][1]})"
        for name in largest
    )
    # People's own words may be private: they stay out of logs.
    named = "" if options.free_text == "class" else f": {named}"
    more = len(small) - len(largest)
    logging.warning(
        "%d accents have fewer than %d clips (--min_clips) or %d speakers "
        "(--min_speakers) and %s%s%s. All labels are in %s",
        len(small),
        options.min_clips,
        options.min_speakers,
        fate[options.small_accents],
        named,
        f" and {more} more" if named and more else "",
        listed,
    )


def _refuse_empty_sets(clips: list[Clip], source: Path | str, options: Options) -> None:
    used = [clip for clip in clips if clip.fate in SETS]
    speakers = {name: {c.speaker for c in used if c.fate == name} for name in SETS}
    empty = [name for name, own in speakers.items() if not own]
    if not empty:
        return
    given = {clip.split for clip in clips}
    counts = ", ".join(f"{name} {len(own)}" for name, own in speakers.items())
    lost = Counter(clip.fate for clip in clips if clip.fate in RULES)
    reasons = ", ".join(f"{count}: {RULES[rule]}" for rule, count in lost.most_common())
    fixes = ["Each set needs speakers of its own: add speakers"]
    for name in empty:
        if name != "train" and not getattr(options, f"{name}_share"):
            fixes.append(f"give --{name}_share (in --local_data_opts) more than 0")
        elif given - {""} and name not in given:
            others = "other sets" if name == "train" else "training"
            fixes.append(
                f"no clip has the split '{name}', and no speaker can be spared for it: "
                f"give the split '{name}' to some speakers of {others}"
            )
    if lost:
        fixes.append(f"let clips pass that are left out ({reasons})")
    raise DataDirError(
        f"{source}: no clip is left for {' and '.join(empty)} (speakers: {counts}). "
        f"{'; or '.join(fixes)}"
    )


def _write_sets(output: Path, names: Sequence[str], used: list[Clip]) -> None:
    """Write all sets: those of an earlier run may have the same speakers elsewhere."""
    files: dict[Path, bytes] = {}
    leaders: dict[Path, bytes] = {}
    for name, directory in zip(SETS, names, strict=True):
        clips = [clip for clip in used if clip.fate == name]
        tables = {
            "wav.scp": {c.key: c.path for c in clips},
            "text": {c.key: c.text for c in clips},
            "utt2spk": {c.key: c.speaker for c in clips},
            "utt2accent": {c.key: c.accent for c in clips},
        }
        files |= render_data_dir(output / directory, tables)
        leader = output / directory / "wav.scp"
        leaders[leader] = files.pop(leader)
    # If a kill comes in between, no set looks complete.
    for leader in leaders:
        leader.unlink(missing_ok=True)
    write_files(files | leaders)
