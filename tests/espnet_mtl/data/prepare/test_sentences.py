"""Words of many scripts: what belongs to one stays in it, what means nothing goes."""

import pytest
import regex

from espnet_mtl.data.prepare.sentences import normalise_text
from espnet_mtl.data.prepare.symbols import find_symbols
from espnet_mtl.metrics.wer import split_words

ZWNJ, ZWJ, SHY = "\u200c", "\u200d", "\u00ad"


def words(text, **options):
    """Words as scoring counts them."""
    return split_words(normalise_text(text, punctuation="remove", **options))


# Language, sentence, words where nothing but punctuation is removed and hyphens stay.
SENTENCES = {
    "English": ("Don’t “quote” me—please!", "Don't quote me please"),
    "English quotes": ("'tis the dogs' day", "tis the dogs day"),
    "English initials": ("The U.S.A. won. Again", "The U S A won Again"),
    "Catalan": ("El cristal·lí és bell.", "El cristal·lí és bell"),
    "Catalan ligature": ("El cristaŀlí és bell.", "El cristal·lí és bell"),
    "Catalan point": ("El cristal‧lí; és bell", "El cristal·lí és bell"),
    "Sinhala": (f"ශ්{ZWJ}රී ලංකාව.", f"ශ්{ZWJ}රී ලංකාව"),
    "Persian": (f"او می{ZWNJ}رود؟", f"او می{ZWNJ}رود"),
    "Persian twice": (f"می{ZWNJ}{ZWNJ}رود", f"می{ZWNJ}رود"),
    "Persian at the end": (f"خانه{ZWNJ} بزرگ{ZWNJ}.", "خانه بزرگ"),
    "German": (f"Die E-Mail{SHY}adresse, Grüße!", "Die E-Mailadresse Grüße"),
    "German parts": ("Vor- und Nachteile", "Vor und Nachteile"),
    "German ligature": (f"Auf{ZWNJ}lage", "Auflage"),
    "Irish": (
        "B’fhéidir go bhfuil an t-uisce te?",
        "B'fhéidir go bhfuil an t-uisce te",
    ),
    "French": (
        "L’été, aujourd’hui\u202f: « peut-être » !",
        "L'été aujourd'hui peut-être",
    ),
    "Italian": ("C'è un po' d’acqua", "C'è un po d'acqua"),
    "Breton": ("Trugarez, emezañ: c\u02bchoar!", "Trugarez emezañ c'hoar"),
    "Ukrainian": ("П’ять, пʼять, п'ять", "П'ять п'ять п'ять"),
    "Belarusian": ("Аб`ява", "Аб'ява"),
    "Swedish": ("EU:s ord: nej", "EU s ord nej"),
    "Romanian": ("S-a dus într-o zi.", "S-a dus într-o zi"),
    "Hebrew": ("צה״ל, ג׳ירפה.", "צה״ל ג׳ירפה"),
    "Hebrew typed": ('צה"ל וג\'ורג\' "שלום"', "צה״ל וג׳ורג׳ שלום"),
    "Hebrew quotes": ("הוא אמר 'שלום' וצ'אס", "הוא אמר שלום וצ׳אס"),
    "Hebrew maqaf": ("בית־ספר גדול", "בית-ספר גדול"),
    "Hebrew points": ("שָׁלוֹם, עֲלֵיכֶם", "שָׁלוֹם עֲלֵיכֶם"),
    "Arabic": ("كتـــاب\u200f، جديد؟", "كتاب جديد"),
    "Hindi": ("नमस्ते, दुनिया। धीरे-धीरे", "नमस्ते दुनिया धीरे-धीरे"),
    "Nepali": (f"गर्{ZWJ}यो।", f"गर्{ZWJ}यो"),
    "Bengali": (f"র{ZWJ}্যাব, উৎসব।", f"র{ZWJ}্যাব উৎসব"),
    "Malayalam": (f"അവന്{ZWJ} വന്നു.", "അവൻ വന്നു"),
    "Tamil": (f"பக்{ZWNJ}ஷி!", f"பக்{ZWNJ}ஷி"),
    "Thai": ("น้ำ ๆ ดี", "น้ำ ๆ ดี"),
    "Khmer": ("ខ្ញុំ\u200bស្រឡាញ់។", "ខ្ញុំ ស្រឡាញ់"),
    "Tibetan": ("བོད་སྐད།", "བོད སྐད"),
    "Georgian": ("„გამარჯობა“, მეგობარო!", "გამარჯობა მეგობარო"),
    "Armenian": ("Ինչո՞ւ, բարև՛։", "Ինչու բարև"),
    "Amharic": ("ሰላም፡ዓለም።", "ሰላም ዓለም"),
    "Japanese": ("「こんにちは」、世界。", "こんにちは 世界"),
    "Greek": ("Πες μου· τι;", "Πες μου τι"),
    "Hawaiian": ("ʻŌlelo Hawaiʻi.", "ʻŌlelo Hawaiʻi"),
    "numbers": ("1,000 and 3.5, 2, 1990-1995.", "1,000 and 3.5 2 1990 1995"),
    "Arabic numbers": ("٣٫٥ و ١٬٠٠٠", "٣٫٥ و ١٬٠٠٠"),
    "signs": ("me@home, R&D; a/b 5%", "me home R D a b 5"),
    "marks of direction": ("\ufeffan\u200ena\u200f \u202acan\u202c", "anna can"),
    "a mark before an apostrophe": ("x\u0323'a", "x\u0323'a"),
    "dashes": ("yes--no – well - so", "yes no well so"),
    "nothing": ("...!", ""),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_every_word_stays_whole(name):
    text, wanted = SENTENCES[name]
    assert words(text) == split_words(wanted)
    again = normalise_text(normalise_text(text, punctuation="remove"))
    assert words(again) == split_words(wanted)


@pytest.mark.parametrize("name", SENTENCES)
def test_in_capitals_there_are_as_many_words(name):
    text, wanted = SENTENCES[name]
    for case in ("upper", "lower"):
        assert len(words(text, case=case)) == len(split_words(wanted))


@pytest.mark.parametrize(
    ("hyphens", "wanted"),
    [
        ("split", "an t uisce bit sefer long term 1990 1995"),
        ("keep", "an t-uisce bit-sefer long-term 1990 1995"),
        ("join", "an tuisce bitsefer longterm 1990 1995"),
    ],
)
def test_hyphens_follow_the_policy_whichever_they_are(hyphens, wanted):
    text = "an t\u2011uisce, bit\u05besefer; long\u2010term 1990-1995 -"
    assert words(text, hyphens=hyphens) == wanted.split()


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ("kilit ışık", {"case": "upper", "lang": "tr"}, "KİLİT IŞIK"),
        ("KİLİT IŞIK", {"case": "lower", "lang": "tr"}, "kilit ışık"),
        ("kilit", {"case": "upper", "lang": "en"}, "KILIT"),
        ("Caf\u0065\u0301", {"case": "upper"}, "CAFÉ"),
        ("Ο ΟΔΟΣ.", {"case": "lower"}, "ο οδος"),
        ("გამარჯობა", {"case": "upper"}, "გამარჯობა"),
        ("Togʻ, o‘g'il, ma’no", {"lang": "uz"}, "Togʻ oʻgʻil ma'no"),
        ("Hawai‘i, ‘ōlelo", {"lang": "haw"}, "Hawaiʻi ʻōlelo"),
        ("Ό,τι πεις, ό,τι.", {"lang": "el"}, "Ό,τι πεις ό,τι"),
        ("καλό,τι", {"lang": "el"}, "καλό τι"),
        ("അവന്\u200d, അവൻ", {"lang": "ml"}, "അവൻ അവൻ"),
        ("EU:s ord: nej", {"lang": "sv-SE"}, "EU:s ord nej"),
    ],
)
def test_languages_have_rules_of_their_own(text, options, wanted):
    assert normalise_text(text, punctuation="remove", **options) == wanted


def test_what_is_kept_still_takes_one_form():
    assert normalise_text("  Two\tblanks ") == "Two blanks"
    assert normalise_text(f"Well, don’t{SHY} s\u2011a\ufeff!") == "Well, don't s-a!"
    assert normalise_text("cristaŀlí,") == "cristal·lí,"


def test_words_are_those_of_unicodes_rules():
    """Apart from full stops, colons and hyphens, where the docstring says otherwise."""
    for text, _ in SENTENCES.values():
        text = normalise_text(text).translate(dict.fromkeys(map(ord, "-:._"), " "))
        if regex.search(
            r"[\p{Thai}\p{Hiragana}\p{Han}\p{Khmer}\u0640\u055e\u055b]", text
        ):
            continue  # no blanks between words, or signs that we leave out
        found = regex.split(r"(?w)\b", text, flags=regex.VERSION1 | regex.WORD)
        spoken = [w for w in found if regex.search(r"[\p{L}\p{N}]", w)]
        assert [w for w in words(text) if not w.isspace()] == spoken, text


def test_signs_that_are_read_aloud_are_found():
    assert find_symbols("R&D at 5 % + €3, a-b.") == "&%+€"
    assert find_symbols("It's 3.5 km/h") == ""
