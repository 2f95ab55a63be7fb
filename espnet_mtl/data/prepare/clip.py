"""One recording of one sentence, and what becomes of it."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePath

from espnet_mtl.data.file_kinds import UNKNOWN_ACCENT
from espnet_mtl.data.prepare.names import make_id

SETS = ("train", "valid", "test")

# Why a clip is not used, in the order of the account. Other fates are names of sets.
RULES = {
    "malformed": "a row that cannot be read, or a path that cannot be in a table",
    "no_speaker": "no speaker: it could be in two sets",
    "no_transcript": "no text file in UTF-8",
    "no_text": "no words in the text",
    "duplicate": "the same clip again",
    "conflict": "the same clip with another text, speaker or label",
    "unlisted": "a recording that the table does not have",
    "not_recorded": "the table says that there is no recording",
    "other_language": "of a language that is not asked for (--languages)",
    "missing": "no such audio file",
    "undecodable": "audio that cannot be decoded, or was cut short",
    "empty": "audio without a sample",
    "departs": "a reading that departs from the text",
    "no_accent": "no accent (--no_accent drop)",
    "several_accents": "several accents (--several_accents drop)",
    "free_text": "an accent that the map does not know (--free_text drop)",
    "dropped_by_map": "the map says <drop>",
    "small_accent": "too few clips or speakers of the accent (--small_accents drop)",
    "speaker_cap": "more of this speaker than --max_clips_per_speaker",
    "accent_cap": "more of this accent than --max_clips_per_accent",
    "other_set": "its speaker is in another set",
    "shared_text": "a sentence of training and of another set (--shared_text)",
}
BAD_AUDIO = ("missing", "undecodable", "empty")


@dataclass(slots=True)
class Clip:
    """One recording.

    Attributes:
        line: Its line in the corpus's table, or its number where there is none.
        name: What the corpus calls it; no two clips share it.
        speaker: Who says it, as it is written to the data directories.
        labels: The accent labels that the corpus gives it.
        split: The set that the corpus puts it in; empty where it does not say.
        seconds: Its length; ``None`` where not known.
        rate: Its sampling rate in Hz; 0 where not known.
        key: Utterance id.
        accent: Its accent class.
        unlabelled: Why the class is not known: ``none``, ``several``, ``free_text``,
            ``small`` or ``untrained``; empty where it is.
        fate: A set, or the rule that takes it out; empty while that is open.
        why: More about its fate, for the list of clips.
        raw_speaker: Who says it, as it is written in the corpus.
    """

    line: int
    name: str
    path: str
    text: str
    speaker: str
    labels: tuple[str, ...] = ()
    split: str = ""
    seconds: float | None = None
    rate: int = 0
    key: str = ""
    accent: str = UNKNOWN_ACCENT
    unlabelled: str = "none"
    fate: str = ""
    why: str = ""
    raw_speaker: str = ""


def open_clips(clips: list[Clip]) -> list[Clip]:
    """Pick the clips that no rule has taken out."""
    return [clip for clip in clips if not clip.fate]


def give_keys(clips: list[Clip]) -> None:
    """Name utterances ``<speaker>-<file>``, sorted by speaker as Kaldi wants them.

    Files of one name in several folders are told apart by what the corpus calls them.
    """
    owners: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        stem = make_id(PurePath(clip.name).stem)
        clip.key = f"{clip.speaker}-{stem}"
        owners[clip.key].append(clip)
    for same in owners.values():
        if len(same) > 1:
            for clip in same:
                digest = hashlib.sha256(
                    clip.name.encode("utf-8", "surrogateescape")
                ).hexdigest()[:8]
                clip.key += f"-{digest}"
