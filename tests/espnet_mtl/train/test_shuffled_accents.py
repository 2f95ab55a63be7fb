"""Accents that say nothing: who has which, and where they are trained on."""

from collections import Counter

import pytest
from model_factory import ACCENTS, make_args

from espnet_mtl.data.tables import write_table
from espnet_mtl.errors import UserError
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.train.shuffled_accents import shuffle_accents

TABLE = {f"utt{number:03}": ACCENTS[number >= 40] for number in range(100)}


def test_accents_keep_their_numbers_and_say_nothing():
    shuffled = shuffle_accents(TABLE, seed=0)
    assert list(shuffled) == list(TABLE)
    assert Counter(shuffled.values()) == Counter(TABLE.values())
    # By chance 52 of 100 keep theirs; the standard deviation is below 5.
    kept = sum(shuffled[utt] == accent for utt, accent in TABLE.items())
    assert 35 < kept < 70
    assert shuffle_accents(TABLE, seed=0) == shuffled
    assert shuffle_accents(TABLE, seed=1) != shuffled


def test_who_has_no_label_gets_none():
    table = {**TABLE, "utt007": "<unk>", "utt070": "<unk>"}
    shuffled = shuffle_accents(table, seed=0)
    unknown = [utt for utt, accent in shuffled.items() if accent == "<unk>"]
    assert unknown == ["utt007", "utt070"]


@pytest.fixture
def args(tmp_path):
    path = tmp_path / "utt2accent"
    write_table(path, TABLE)
    data = [("wav.scp", "speech", "sound"), (str(path), "accent", "text")]
    return make_args(
        shuffle_accents=True, seed=3, train_data_path_and_name_and_type=data
    )


def test_the_training_set_alone_is_shuffled(args):
    shuffled = shuffle_accents(TABLE, seed=3)
    for train, table in ((True, shuffled), (False, TABLE)):
        preprocess = ASRMTLTask.build_preprocess_fn(args, train=train)
        for utt, accent in TABLE.items():
            [number] = preprocess(utt, {"accent": accent})["accent"]
            assert ACCENTS[number] == table[utt]


def test_without_a_branch_no_table_is_needed(args):
    args.accent_weight = 0.0
    args.train_data_path_and_name_and_type = []
    preprocess = ASRMTLTask.build_preprocess_fn(args, train=True)
    assert preprocess("utt001", {"accent": ACCENTS[0]}) == {}


def test_without_a_table_of_accents_it_is_refused(args, tmp_path):
    for data, said in (
        ([], "there are none"),
        ([(str(tmp_path), "accent", "text")], f"{tmp_path} is no file"),
    ):
        args.train_data_path_and_name_and_type = data
        with pytest.raises(UserError, match=f"--shuffle_accents true .*{said}: give"):
            ASRMTLTask.build_preprocess_fn(args, train=True)
