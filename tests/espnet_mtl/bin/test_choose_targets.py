"""The command that chooses the targets of a test set."""

from espnet_mtl.bin import choose_targets
from espnet_mtl.data.tables import read_table, write_table


def test_targets_are_cleaned_as_the_text_of_the_training_is(tmp_path):
    texts = {"u1": "Mr. Smith said no.", "u2": "Stop & go!", "u3": "Dr. Who came."}
    write_table(tmp_path / "text", texts)
    options = ["--text", str(tmp_path / "text"), "--wav_scp", str(tmp_path / "none")]
    options += ["--token_type", "word", "--output", str(tmp_path / "text_target")]
    choose_targets.main(options)
    assert set(read_table(tmp_path / "text_target").values()) <= set(texts.values())
    choose_targets.main([*options, "--cleaner", "tacotron"])
    targets = set(read_table(tmp_path / "text_target").values())
    assert targets <= {"MISTER SMITH SAID NO.", "STOP AND GO!", "DOCTOR WHO CAME."}
