import random

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.attack.targets import check_targets, choose_targets
from espnet_mtl.bin import choose_targets as choose_targets_command
from espnet_mtl.data.tables import read_table, write_table
from espnet_mtl.errors import UserError
from espnet_mtl.tokens.ctc import ctc_frames_needed

WORDS = st.lists(st.sampled_from("one two three four".split()), min_size=1, max_size=4)
TEXTS = st.dictionaries(
    st.text("abc", min_size=1, max_size=4), WORDS.map(" ".join), min_size=2, max_size=12
).filter(lambda texts: len(set(texts.values())) > 1)


@settings(max_examples=200, deadline=None)
@given(texts=TEXTS, seed=st.integers(0, 5))
def test_a_target_is_a_sentence_of_the_set_but_never_the_truth(texts, seed):
    lengths = {utt: 100 * len(utt) for utt in texts}
    chosen = choose_targets(texts, lengths, seed)
    assert list(chosen) == list(texts)
    for utt, target in chosen.items():
        assert target in texts.values()
        assert target != texts[utt]
    check_targets(texts, chosen, "x")


@settings(max_examples=50, deadline=None)
@given(texts=TEXTS, seed=st.randoms(use_true_random=False))
def test_the_choice_does_not_depend_on_the_order(texts, seed):
    shuffled = list(texts.items())
    seed.shuffle(shuffled)
    lengths = {utt: 100 * len(utt) for utt in texts}
    assert choose_targets(dict(shuffled), lengths) == choose_targets(texts, lengths)


def test_a_target_is_about_as_long_as_the_truth_and_shares_few_words_with_it():
    texts = {f"u{n}": f"open the door at {hour}" for n, hour in enumerate("abcdefgh")}
    texts["long"] = "one two three four five six seven eight nine"
    texts["far"] = "turn lamps off right now"
    chosen = choose_targets(texts)
    assert "long" not in {utt for utt in texts if chosen[utt] == texts["long"]}
    assert all(texts["long"] != target for target in chosen.values())
    taken = [chosen[utt] == texts["far"] for utt in texts if utt.startswith("u")]
    assert sum(taken) >= 7  # 16 of 8 sentences are drawn: hardly one misses it


def test_another_seed_chooses_others():
    texts = {f"u{n}": f"word{n} other{n}" for n in range(40)}
    chosen, others = (choose_targets(texts, seed=seed) for seed in (0, 1))
    # Nothing is shared, so it is what is drawn first: by another program, from SHA-256
    shown = ("u0", "u1", "u39")
    assert [chosen[utt][:6] for utt in shown] == ["word23", "word9 ", "word5 "]
    assert [others[utt][:6] for utt in shown] == ["word36", "word0 ", "word18"]


@pytest.mark.parametrize(
    ("num_samples", "seed", "chosen"),
    [
        ({}, 0, ("say", "say", "open", "say", "window")),
        ({}, 1, ("off", "off", "window", "off", "window")),
        # It fits no more: "open the window" needs 15 frames, and there are 14.
        ({"off": 950}, 1, ("off", "off", "open", "off", "window")),
    ],
)
def test_targets_never_change(num_samples, seed, chosen):
    """They were worked out by another program."""
    texts = {
        "open": "open the door",
        "window": "open the window",
        "off": "turn it off",
        "close": "close the door",
        "say": "say that again",
    }
    lengths = {utt: num_samples.get(utt, 1000) for utt in texts}
    targets = choose_targets(texts, lengths if num_samples else None, seed)
    assert targets == {
        utt: texts[other] for utt, other in zip(texts, chosen, strict=True)
    }


def made_up_speech(num_utts, rate_of, seed=0):
    """Sentences as long and varied as TIMIT's; ``rate_of(draws)`` letters a second."""
    draws = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "il", "on", "urst")]
    texts, num_samples = {}, {}
    for number in range(num_utts):
        words = [
            "".join(draws.choices(syllables, k=draws.choice((1, 1, 2, 3))))
            for _ in range(draws.randint(6, 11))
        ]
        utt, text = f"u{number}", " ".join(words)
        texts[utt] = text
        num_samples[utt] = int(16000 * len(text) / rate_of(draws))
    return texts, num_samples


def num_too_long(texts, num_samples, chosen, frames_a_second):
    return sum(
        ctc_frames_needed(chosen[utt]) > num_samples[utt] / 16000 * frames_a_second
        for utt in texts
    )


def test_targets_fit_into_the_audio_of_sentences_as_fast_as_timits():
    texts, num_samples = made_up_speech(200, lambda draws: draws.gauss(15, 2))
    rates = [ctc_frames_needed(texts[utt]) * 16000 / num_samples[utt] for utt in texts]
    nearly_all = sorted(rates)[-10]  # frames of a model into which 190 of 200 fit
    blind, fitting = (
        num_too_long(texts, num_samples, choose_targets(texts, limit), nearly_all)
        for limit in (None, num_samples)
    )
    assert blind > 20 and fitting <= 3
    chosen = choose_targets(texts, num_samples)
    assert num_too_long(texts, num_samples, chosen, 25) == 0  # ESPnet's 10 ms


def test_where_no_sentence_of_that_many_words_fits_others_are_taken():
    texts = {"fast": "go on", "slow": "strengths thoughts", "x": "yes", "y": "no"}
    num_samples = {"fast": 500, "slow": 9000, "x": 6000, "y": 6000}
    chosen = choose_targets(texts, num_samples)
    assert chosen["fast"] in ("yes", "no")
    assert chosen["slow"] == "go on"
    # Where nothing fits, it is the shortest: counted as infeasible, not left out.
    texts = {"a": "no", "b": "certainly", "c": "perhaps"}
    assert choose_targets(texts, {"a": 10, "b": 9000, "c": 9000})["a"] == "perhaps"


def test_what_fits_is_drawn_as_if_lengths_were_not_known():
    texts, num_samples = made_up_speech(60, lambda draws: draws.gauss(15, 2))
    chosen, blind = choose_targets(texts, num_samples), choose_targets(texts)
    room = {utt: num_samples[utt] / 16000 * 12 for utt in texts}
    kept = [utt for utt in texts if ctc_frames_needed(blind[utt]) <= room[utt]]
    assert len(kept) > 5
    assert all(chosen[utt] == blind[utt] for utt in kept)


def test_one_sentence_leaves_nothing_to_choose():
    with pytest.raises(UserError, match="every utterance says 'Hello'"):
        choose_targets({"a": "hello", "b": " Hello "})


def test_faulty_targets_are_named_by_line():
    texts = {"a": "x y", "b": "y"}
    with pytest.raises(UserError, match="t:2: the target of b is what is said anyway"):
        check_targets(texts, {"a": "y", "b": " Y"}, "t")
    with pytest.raises(UserError, match="t: no target for b .1 of 2"):
        check_targets(texts, {"a": "y"}, "t")


@pytest.mark.parametrize(
    ("token_type", "target"), [("char", "five six"), ("word", "strengths thoughts")]
)
def test_the_command_writes_a_table(tmp_path, token_type, target):
    texts = {"a": "one six", "b": "strengths thoughts", "c": "five six"}
    seconds = {"a": 1, "b": 3, "c": 1}
    for utt, length in seconds.items():
        soundfile.write(tmp_path / f"{utt}.wav", np.zeros(8000 * length), 8000)
    write_table(tmp_path / "text", texts)
    wavs = {utt: str(tmp_path / f"{utt}.wav") for utt in texts}
    write_table(tmp_path / "wav.scp", wavs)
    choose_targets_command.main(
        [
            *("--text", str(tmp_path / "text"), "--wav_scp", str(tmp_path / "wav.scp")),
            *("--output", str(tmp_path / "text_target"), "--token_type", token_type),
        ]
    )
    written = read_table(tmp_path / "text_target")
    assert written["a"] == target
