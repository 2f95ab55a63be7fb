"""Who says what in mini_accent: a pure function of (seed, set, index).

Nothing here depends on how many utterances are asked for: a larger set is a smaller one
with more utterances appended.
"""

import random
from dataclasses import dataclass
from itertools import product

# Six accents of espeak-ng, chosen so that every pair says at least two thirds of the
# words below with different phones. "en-gb" and "en-gb-x-gbclan" are left out: the
# first takes no variants, the second is a milder West Midlands.
ACCENTS = {
    "american": "en-us",
    "caribbean": "en-029",
    "new_york": "en-us-nyc",
    "rp": "en-gb-x-rp",
    "scottish": "en-gb-scotland",
    "west_midlands": "en-gb-x-gbcwmd",
}

# Variants that differ in little (one family of formants) stay in one set. Left out are
# whispering, croaking, echoing and robot voices, those that clip, those with phones of
# their own, and those whose words could not be told apart by matching them with plain
# voices.
VOICES = {
    "train": (
        "f1 f3 linda belinda aunty anika Andrea grandma steph steph2 m1 m3 Mike m5 m7 "
        "m8 Nguyen Gene Gene2 Diogo Henrique Hugo michel miguel iven2 iven3 iven4 "
        "Mario Michael Denis victor grandpa pablo boris"
    ).split(),
    "valid": "f4 m2 max john ed rob".split(),
    "test": "f2 f5 m4 m6 Alex pedro paul sandro".split(),
}

# A take is one speaker's way with a voice: an accent, a variant, a pitch, a rate.
TAKES_PER_VOICE = 2

PLACES = "bathroom garage garden harbour kitchen tower".split()
THINGS = "boat computer door heater lamp motor radio window".split()
SETTINGS = "darker faster louder off right slower".split()
TIMES = "at four|at nine|later|now|tomorrow".split("|")
TEMPLATES = (
    ("keep|make|turn".split("|"), ["the"], PLACES, THINGS, SETTINGS),
    ("close|move|open|start|check".split("|"), ["the"], PLACES, THINGS, TIMES),
    ("keep|make|turn".split("|"), ["the"], THINGS, SETTINGS, TIMES),
    ("close|move|open|start|check".split("|"), ["the"], THINGS, TIMES),
)


@dataclass(frozen=True)
class Utterance:
    """One utterance, before it is spoken.

    Attributes:
        index: Position in its set, from 0.
        key: Utterance id; starts with the speaker id.
        voice: espeak-ng's name of accent and variant.
        pitch: 0 to 99.
        rate: Words per minute.
    """

    index: int
    key: str
    speaker: str
    accent: str
    text: str
    voice: str
    pitch: int
    rate: int


def all_sentences() -> list[str]:
    """Every sentence of the grammar, sorted."""
    return sorted(" ".join(words) for slots in TEMPLATES for words in product(*slots))


def split_sentences(seed: int) -> dict[str, list[str]]:
    """Share the sentences out, so that no two sets have a sentence in common.

    ``valid`` and ``test`` get a tenth each, in the order of use.
    """
    sentences = all_sentences()
    random.Random(f"{seed} sentences").shuffle(sentences)
    tenth = len(sentences) // 10
    return {
        "test": sentences[:tenth],
        "valid": sentences[tenth : 2 * tenth],
        "train": sentences[2 * tenth :],
    }


def plan_set(name: str, num_utts: int, seed: int) -> list[Utterance]:
    """Plan the utterances of one set, in the order of their indices.

    Accents take turns, then voices, then takes, so that every start of the list is as
    balanced as it can be.
    """
    sentences = split_sentences(seed)[name]
    accents = list(ACCENTS)
    voices = list(VOICES[name])
    random.Random(f"{seed} {name} voices").shuffle(voices)
    plan = []
    for index in range(num_utts):
        accent = accents[index % len(accents)]
        turn = index // len(accents)
        voice = voices[turn % len(voices)]
        take = turn // len(voices) % TAKES_PER_VOICE
        speaker = f"{accent}_{voice.lower()}_{take + 1}"
        habits = random.Random(f"{seed} {speaker}")
        plan.append(
            Utterance(
                index=index,
                key=f"{speaker}-{index:06d}",
                speaker=speaker,
                accent=accent,
                # Each time around, a sentence has the next accent.
                text=sentences[(index + index // len(sentences)) % len(sentences)],
                voice=f"{ACCENTS[accent]}+{voice}",
                pitch=35 + int(habits.random() * 31),
                rate=165 + int(habits.random() * 46),
            )
        )
    return plan
