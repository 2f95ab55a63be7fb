"""A sample of many languages in Common Voice's format: every word stays whole.

The sentences are ours; each has what is special in the writing of its language.
"""

import pytest

from espnet_mtl.data.tables import read_table
from espnet_mtl.metrics.wer import split_words

COLUMNS = (
    "client_id path sentence_id sentence sentence_domain up_votes down_votes age "
    "gender accents variant locale segment"
).split()
# Language: what the release has, and the words of it.
SAMPLE = {
    "en": (
        '"Yes", she said: it\u2019s a well-known dog.',
        "Yes she said it's a well known dog",
    ),
    "ca": (
        "La col·lecció d\u2019il\u00b7lusions, aŀlots!",
        "La col·lecció d'il·lusions al·lots",
    ),
    "de": (
        "Die Straßen\u00adbahn-Linie kommt \u201enicht\u201c.",
        "Die Straßenbahn-Linie kommt nicht",
    ),
    "ga-IE": ("D\u2019ól sé an t-uisce, nár ól?", "D'ól sé an t-uisce nár ól"),
    "fr": ("Aujourd\u2019hui, y a-t-il du thé\u202f?", "Aujourd'hui y a-t-il du thé"),
    "it": ("L\u2019amica dov\u2019è?", "L'amica dov'è"),
    "br": ("N\u2019eo ket kozh ar c\u02bchi.", "N'eo ket kozh ar c'hi"),
    "uk": ("П\u02bcять м\u2019ячів, об'їзд.", "П'ять м'ячів об'їзд"),
    "sv-SE": ("EU:s färg är blå.", "EU:s färg är blå"),
    "tr": ("İstanbul\u2019da ılık hava.", "İstanbul'da ılık hava"),
    "he-IL": ("צה\u05f4ל וג'ירפה בבית־ספר.", "צה״ל וג׳ירפה בבית-ספר"),
    "fa": ("کتاب\u200cها را می\u200cخوانم\u200c.", "کتاب\u200cها را می\u200cخوانم"),
    "ar": ("هل قرأتَ الكتـابَ\u200f؟", "هل قرأتَ الكتابَ"),
    "ur": ("یہ کتاب اچھی ہے۔", "یہ کتاب اچھی ہے"),
    "si": ("ශ\u0dca\u200dරී ලංකාව ලස්සනයි.", "ශ\u0dca\u200dරී ලංකාව ලස්සනයි"),
    "hi": ("धीरे-धीरे चलो, दोस्त।", "धीरे-धीरे चलो दोस्त"),
    "bn": ("র\u200d\u09cdযাম কোথায়?", "র\u200d\u09cdযাম কোথায়"),
    "ml": ("അവന\u0d4d\u200d വന്നു.", "അവൻ വന്നു"),
    "ta": ("தமிழ் மொழி!", "தமிழ் மொழி"),
    "th": ("เด็ก ๆ ดื่มน้ำ", "เด็ก ๆ ดื่มน้ำ"),
    "ka": ("\u201eდედა\u201c მოდის.", "დედა მოდის"),
    "hy-AM": ("Ինչո՞ւ չեկար։", "Ինչու չեկար"),
    "am": ("ቡና፡ጠጣሁ።", "ቡና ጠጣሁ"),
    "el": ("Τι ώρα είναι; Τρεις.", "Τι ώρα είναι Τρεις"),
    "eu": ("Bai, \u200bbadoa\u2026", "Bai badoa"),
    "rw": ("N\u2019uko, nta kibazo.", "N'uko nta kibazo"),
}


@pytest.fixture(scope="module")
def maker(commonvoice):
    return commonvoice.load("prepare_commonvoice")


@pytest.fixture
def prepared(maker, tmp_path):
    """Prepare one language: six speakers of two accents say the sentence."""

    def run(lang, *options):
        folder = tmp_path / "cv-corpus" / lang
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        lines = ["\t".join(COLUMNS)]
        for n in range(6):
            row = dict.fromkeys(COLUMNS, "")
            row["client_id"] = f"{n}".zfill(128)[::-1]
            row |= {"path": f"{lang}_{n}.mp3", "sentence": SAMPLE[lang][0]}
            row["accents"] = ("England English", "United States English")[n % 2]
            lines.append("\t".join(row.values()))
        (folder / "validated.tsv").write_text("\n".join(lines) + "\n", "utf-8")
        data = tmp_path / "data"
        few = "--check_audio false --min_clips 1 --min_speakers 1 --lang".split()
        maker.main(
            ["--root", str(folder.parent), "--output", str(data), *few, lang, *options]
        )
        texts = {
            text
            for name in ("train", "dev", "test")
            for text in read_table(data / f"{name}_{lang}" / "text").values()
        }
        assert len(texts) == 1
        return texts.pop()

    return run


@pytest.mark.parametrize("lang", SAMPLE)
def test_every_word_stays_whole(prepared, lang):
    said = prepared(lang, "--text_case", "keep")
    assert split_words(said) == split_words(SAMPLE[lang][1])
    assert said == " ".join(split_words(said))
    # As the recipe does it, in capitals.
    assert len(split_words(prepared(lang))) == len(split_words(SAMPLE[lang][1]))
