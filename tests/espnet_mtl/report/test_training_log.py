from exp_factory import add_log

from espnet_mtl.report.training_log import read_training_log


def test_values_by_epoch(tmp_path):
    add_log(tmp_path, epochs=3, accent=True)
    curves = read_training_log(tmp_path)
    assert curves["valid.loss"] == {1: 50.0, 2: 25.0, 3: 16.667}
    assert curves["train.loss"] == {1: 40.0, 2: 20.0, 3: 13.333}
    assert curves["train.iter_time"][1] == 0.001
    assert curves["valid.acc_accent"][3] == 0.8
    assert "valid.loss_ctc" not in curves  # never a number
    assert "train.time" not in curves  # no number either


def test_a_continued_training_counts_as_its_newest_log_says(tmp_path):
    line = "x INFO: {}epoch results: [train] loss=9.0, [valid] loss={}\n"
    (tmp_path / "train.10.log").write_text(line.format(1, 1.0) + line.format(2, 2.0))
    (tmp_path / "train.2.log").write_text(line.format(2, 2.5) + line.format(3, 3.0))
    (tmp_path / "train.log").write_text(line.format(3, 3.5) + line.format(4, 4.0))
    assert read_training_log(tmp_path)["valid.loss"] == {1: 1.0, 2: 2.5, 3: 3.5, 4: 4.0}


def test_no_log(tmp_path):
    assert read_training_log(tmp_path) == {}
