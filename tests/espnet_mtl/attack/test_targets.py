import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espnet_mtl.attack.targets import check_targets, choose_targets
from espnet_mtl.bin import choose_targets as choose_targets_command
from espnet_mtl.errors import UserError

WORDS = st.lists(st.sampled_from("one two three four".split()), min_size=1, max_size=4)
TEXTS = st.dictionaries(
    st.text("abc", min_size=1, max_size=4), WORDS.map(" ".join), min_size=2, max_size=12
).filter(lambda texts: len(set(texts.values())) > 1)


@settings(max_examples=200, deadline=None)
@given(texts=TEXTS, seed=st.integers(0, 5))
def test_a_target_is_a_sentence_of_the_set_but_never_the_truth(texts, seed):
    chosen = choose_targets(texts, seed)
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
    assert choose_targets(dict(shuffled)) == choose_targets(texts)


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
    assert choose_targets(texts, 0) != choose_targets(texts, 1)
    assert choose_targets(texts, 1) == choose_targets(texts, 1)


def test_one_sentence_leaves_nothing_to_choose():
    with pytest.raises(UserError, match="every utterance says 'Hello'"):
        choose_targets({"a": "hello", "b": " Hello "})


def test_faulty_targets_are_named_by_line():
    texts = {"a": "x y", "b": "y"}
    with pytest.raises(UserError, match="t:2: the target of b is what is said anyway"):
        check_targets(texts, {"a": "y", "b": " Y"}, "t")
    with pytest.raises(UserError, match="t: no target for b .1 of 2"):
        check_targets(texts, {"a": "y"}, "t")


def test_the_command_writes_a_table(tmp_path):
    (tmp_path / "text").write_text("a one two\nb three four\n")
    choose_targets_command.main(
        ["--text", str(tmp_path / "text"), "--output", str(tmp_path / "text_target")]
    )
    written = (tmp_path / "text_target").read_text()
    assert written == "a three four\nb one two\n"
