"""How far a loop over utterances is, is told now and then."""

import logging

from espnet_mtl.data import progress as progress_module
from espnet_mtl.data.progress import LoopProgress


def test_progress_is_told_now_and_then(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    now = 0.0
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now)
    progress = LoopProgress(12, "joining")
    for _ in range(12):
        now += 0.5
        progress.add(1.0)
    progress.finish()
    assert caplog.messages == [
        "progress: 5/12 utterances (joining)",
        "progress: 10/12 utterances (joining)",
        "progress: 12/12 utterances (joining)",
        "Made 12 utterances, 0.00 hours, in 6.0 s: 2 utterances a second",
    ]


def test_what_an_earlier_run_has_done_counts_but_not_for_the_speed(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    now = 0.0
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now)
    progress = LoopProgress(12, "audio", done=8)
    now = 2.0
    progress.add(900.0)
    progress.finish()
    assert caplog.messages == [
        "progress: 9/12 utterances (audio)",
        "Made 1 utterances, 0.25 hours, in 2.0 s: 0 utterances a second",
    ]


def test_nothing_to_do_is_not_told(caplog):
    caplog.set_level(logging.INFO)
    LoopProgress(0, "audio").finish()
    assert not caplog.messages
