"""Parts for jobs: whole speakers, nearly equal, nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espnet_mtl.bin.split_data import main
from espnet_mtl.bin.validate_data_dir import main as validate
from espnet_mtl.data.datadir import write_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.tables import read_table
from espnet_mtl.data.tools.split import _find_bounds


def test_speakers_stay_whole_and_every_table_goes_along(data_dir, add_tables):
    add_tables(data_dir)
    main([str(data_dir), "2"])
    for part, speaker in (("1", "ann"), ("2", "bob")):
        folder = data_dir / "split2" / part
        validate([str(folder)])
        assert set(read_table(folder / "utt2spk").values()) == {speaker}
        assert list(read_table(folder / "spk2gender")) == [speaker]
        assert (folder / "feats_type").read_text() == "raw\n"
        for name in ("utt2age", "utt2accent", "text_target", "reco2dur"):
            whole = read_table(data_dir / name)
            share = {k: v for k, v in whole.items() if k.startswith(speaker)}
            assert read_table(folder / name) == share


def test_utterances_of_a_speaker_may_be_parted(segmented_dir):
    main(["--per-utt", str(segmented_dir), "4"])
    parts = [segmented_dir / "split4utt" / str(n) for n in range(1, 5)]
    utts = [list(read_table(part / "segments")) for part in parts]
    assert utts == [["ann-1"], ["ann-2"], ["bob-1"], ["bob-2"]]
    assert [list(read_table(part / "wav.scp")) for part in parts] == [
        *(["rec/1"], ["rec/1"], ["rec/2"], ["rec/2"])
    ]


def test_more_parts_than_speakers_are_refused(data_dir):
    with pytest.raises(
        DataDirError, match=r"utt2spk: 2 speakers .* into 3 parts; ask "
    ):
        main([str(data_dir), "3"])
    with pytest.raises(DataDirError, match="4 utterances cannot be split into 5 parts"):
        main(["--per-utt", str(data_dir), "5"])
    with pytest.raises(DataDirError, match="into 0 parts"):
        main([str(data_dir), "0"])
    assert not list(data_dir.glob("split*"))


def test_speakers_need_not_stand_together(tmp_path):
    utt2spk = {"1": "ann", "2": "bob", "3": "ann", "4": "bob"}
    write_data_dir(tmp_path, {"utt2spk": utt2spk})
    main([str(tmp_path), "2"])
    assert list(read_table(tmp_path / "split2" / "1" / "utt2spk")) == ["1", "3"]


@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=30), data=st.data())
def test_parts_are_nearly_equal_and_none_is_empty(sizes, data):
    number = data.draw(st.integers(1, len(sizes)))
    bounds = _find_bounds(sizes, number)
    assert (bounds[0], bounds[-1], len(bounds)) == (0, len(sizes), number + 1)
    parts = [sum(sizes[a:b]) for a, b in zip(bounds, bounds[1:], strict=False)]
    assert min(parts) > 0
    if max(sizes) * number <= sum(sizes) / 2:
        assert max(parts) <= sum(sizes) / number + max(sizes)
