"""Stage 5: whoever speaks in training speaks in no other set."""

import pytest

from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.stages.shared_speakers import check_speakers_apart


@pytest.fixture
def make(tmp_path):
    """Write sets with nothing but speakers, given as words "<utterance>=<speaker>"."""

    def write(name, text):
        (tmp_path / name).mkdir()
        lines = [word.replace("=", " ") + "\n" for word in text.split()]
        (tmp_path / name / "utt2spk").write_text("".join(lines))
        return tmp_path / name

    return write


def test_apart_nothing_is_said(make, caplog):
    train = make("train", "a-1=a a-2=a sp0.9-a-1=sp0.9-a")
    check_speakers_apart(train, [make("test", "b-1=b b-2=b")], allow=False)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "train",
    [
        "a-1=a b-1=b b-2=b",
        "a-1=a b-1=b b-2=b sp1.1-a-1=sp1.1-a sp1.1-b-1=sp1.1-b",
        "sp0.9-a-1=sp0.9-a sp0.9-b-1=sp0.9-b sp0.9-b-2=sp0.9-b",  # no speed of 1
    ],
)
def test_a_speaker_of_training_in_another_set_is_told(make, caplog, train):
    train = make("train", train)
    valid = make("valid", "c-1=c c-2=c")
    test = make("test", "a2-3=a2 b-8=b b-9=b")
    with pytest.raises(DataDirError) as caught:
        check_speakers_apart(train, [valid, test], allow=False)
    message = f"{test / 'utt2spk'}:2: 1 speaker (b) of its 2"
    assert str(caught.value).startswith(
        f"speakers of the training set {train}: {message}. The model would be"
    )
    assert "--allow_shared_speakers true" in str(caught.value)
    check_speakers_apart(train, [valid, test], allow=True)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert message in caplog.text


def test_a_speaker_may_be_called_as_stage_2_does(make):
    train = make("train", "x-1=sp2-x y-1=y y-2=y")
    check_speakers_apart(train, [make("test", "x-2=x x-3=x")], allow=False)


def test_ids_that_stage_1_makes_hide_no_unknown_speakers(make, caplog):
    """There, ``<speaker>-<clip>`` is never the speaker alone."""
    train = make("train", "sp0.9-x1-x1=sp0.9-x1 sp0.9-x2-x2=sp0.9-x2 x1-x1=x1 x2-x2=x2")
    test = make("test", "x3-x3=x3")
    check_speakers_apart(train, [test], allow=False)
    for path in (train, test):
        said = f"{path / 'utt2spk'}: every utterance has a different speaker"
        assert said in caplog.text


def test_a_small_set_may_have_a_speaker_for_each_utterance(make, caplog):
    train = make("train", "a-1=a a-2=a b-1=b")
    check_speakers_apart(train, [make("test", "c-1=c d-1=d")], allow=False)
    assert caplog.text == ""


def test_where_speakers_are_not_known_that_is_said(make, caplog):
    train = make("train", "a-1=a a-2=a")
    test = make("test", "b-1=b-1 b-2=b-2")
    check_speakers_apart(train, [test], allow=False)
    assert f"{test / 'utt2spk'}: every utterance has a different speaker" in caplog.text
    assert len(caplog.records) == 1
