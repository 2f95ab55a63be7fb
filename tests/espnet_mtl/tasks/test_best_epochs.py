"""Averages of the best epochs: each of its own epochs, and of those with a number."""

import math
from contextlib import nullcontext

import pytest
import torch
from espnet2.train.reporter import Reporter

from espnet_mtl.errors import UserError
from espnet_mtl.tasks.best_epochs import (
    NumberReporter,
    average_nbest_models,
    reporter_for,
)

ACC, CER = ["valid", "acc", "max"], ["valid", "cer_ctc", "min"]


def make(tmp_path, **values):
    """Epochs whose weight is their number, and what was measured after each."""
    reporter = NumberReporter()
    reporter.set_epoch(1)
    rows = zip(*values.values(), strict=True)
    for epoch, row in enumerate(rows, start=1):
        reporter.set_epoch(epoch)
        reporter.stats[epoch] = {"valid": dict(zip(values, row, strict=True))}
        torch.save({"w": torch.tensor(float(epoch))}, tmp_path / f"{epoch}epoch.pth")
    return reporter


def weight(tmp_path, name):
    return torch.load(tmp_path / name, weights_only=True)["w"].item()


def test_a_second_criterion_has_the_average_of_its_own_epochs(tmp_path):
    reporter = make(
        tmp_path, acc=[0.1, 0.2, 0.3, 0.7, 0.8, 0.9], cer_ctc=[9, 8, 7, 3, 2, 1]
    )
    average_nbest_models(tmp_path, reporter, [ACC, CER], [3])
    assert weight(tmp_path, "valid.acc.ave.pth") == pytest.approx((4 + 5 + 6) / 3)
    assert weight(tmp_path, "valid.cer_ctc.ave.pth") == pytest.approx((4 + 5 + 6) / 3)


def test_averages_over_several_numbers_of_epochs(tmp_path):
    reporter = make(tmp_path, acc=[0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    average_nbest_models(
        output_dir=tmp_path,
        reporter=reporter,
        best_model_criterion=[ACC],
        nbest=[4, 2, 10],
    )
    assert weight(tmp_path, "valid.acc.ave_2best.pth") == pytest.approx(5.5)
    assert weight(tmp_path, "valid.acc.ave_4best.pth") == pytest.approx(4.5)
    assert weight(tmp_path, "valid.acc.ave.pth") == pytest.approx(4.5)
    assert not (tmp_path / "valid.acc.ave_10best.pth").exists()


def test_fewer_epochs_than_wanted_leave_the_best(tmp_path):
    average_nbest_models(tmp_path, make(tmp_path, acc=[0.5, 0.4]), [ACC], 3)
    assert weight(tmp_path, "valid.acc.ave.pth") == 1.0


def test_a_branch_that_the_model_lacks_has_no_average(tmp_path):
    reporter = make(tmp_path, acc=[math.nan] * 4, cer_ctc=[4, 3, 2, 1])
    assert Reporter.has(reporter, "valid", "acc")  # what ESPnet says
    assert not reporter.has("valid", "acc") and not reporter.has("valid", "acc", 2)
    average_nbest_models(tmp_path, reporter, [ACC, CER], [2])
    assert not list(tmp_path.glob("valid.acc.*"))
    assert weight(tmp_path, "valid.cer_ctc.ave.pth") == pytest.approx(3.5)


def test_epochs_without_a_number_are_not_among_the_best():
    reporter = NumberReporter()
    for epoch, loss in enumerate([math.nan, 3.0, math.nan, 1.0, 2.0], start=1):
        reporter.set_epoch(epoch)
        reporter.stats[epoch] = {"valid": {"loss": loss}}
    assert reporter.sort_epochs("valid", "loss", "min") == [4, 5, 2]
    assert reporter.sort_epochs("valid", "loss", "max") == [2, 5, 4]
    assert reporter.get_best_epoch("valid", "loss", "min") == 4
    assert not reporter.check_early_stopping(1, "valid", "loss", "min")


def test_a_training_without_any_best_epoch_ends_with_the_first(tmp_path):
    """Else the trainer would keep the last epoch alone."""
    lacking, known = ["valid", "acc_adv", "max"], ["train", "loss", "min"]
    for criteria, said in (([lacking, ACC], True), ([lacking, known], False)):
        reporter = reporter_for(criteria)()
        reporter.set_epoch(1)
        with pytest.raises(UserError) if said else nullcontext() as caught:
            for key in ("train", "valid"):
                with reporter.observe(key) as sub:
                    sub.register({"acc": math.nan, "loss": 1.0})
                    sub.next()
        if said:
            assert "best_model_criterion: acc_adv (valid), acc (valid): not" in str(
                caught.value
            )


def test_training_does_not_stop_early_by_what_is_not_there(tmp_path):
    reporter = make(tmp_path, acc=[math.nan] * 4)
    with pytest.raises(UserError, match="this model has no acc .*patience"):
        reporter.check_early_stopping(2, *ACC)
