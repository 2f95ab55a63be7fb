"""Rates that nobody speaks at are told; whole languages never are."""

import pytest

from espnet_mtl.data.speech_rate import count_letters, find_odd_rate

# A sentence and the seconds that it takes, as people read it.
READ = {
    "english": ("please call stella ask her to bring these things from the store", 4.2),
    "mandarin": ("今天的天气很好我们去公园散步", 3.0),
    "korean": ("오늘은 날씨가 정말 좋아요", 2.2),
    "japanese": ("きょうはとてもいいてんきですね", 2.0),
    "hindi": ("आज मौसम बहुत अच्छा है", 1.8),
    "arabic": ("الطقس جميل جدا اليوم", 2.0),
    "amharic": ("ዛሬ የአየር ሁኔታ ጥሩ ነው", 2.2),
}


@pytest.mark.parametrize("language", READ)
def test_speech_is_not_odd_also_when_slow_or_fast(language):
    text, seconds = READ[language]
    for factor in (0.75, 1.0, 3.0):
        assert find_odd_rate(text, factor * seconds) == ""


@pytest.mark.parametrize("language", READ)
def test_a_sentence_in_no_time_or_in_a_minute_is_odd(language):
    text, seconds = READ[language]
    assert find_odd_rate(text, seconds / 8).startswith("too fast: ")
    assert find_odd_rate(text, 80).startswith("too slow: ")


def test_a_word_with_silence_around_it_is_not_odd():
    assert find_odd_rate("no", 4.0) == ""
    assert find_odd_rate("six", 0.3) == ""
    assert find_odd_rate("", 60) == ""


def test_blanks_and_punctuation_are_not_spoken():
    assert count_letters("Yes, 2 — don't!") == 8
