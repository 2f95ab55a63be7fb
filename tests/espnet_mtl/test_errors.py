"""What commands log."""

import logging
import sys
from types import SimpleNamespace

import pytest

from espnet_mtl.errors import setup_logging


@pytest.mark.parametrize("everything", [False, True])
def test_notes_of_espnet_on_its_models_are_left_out(
    tmp_path, monkeypatch, capsys, everything
):
    # In an ESPnet checkout, our own code lies in a folder "espnet" too.
    theirs = tmp_path / "espnet" / "espnet2"
    ours = tmp_path / "espnet" / "espnet_mtl"
    module = SimpleNamespace(__file__=str(theirs / "__init__.py"))
    monkeypatch.setitem(sys.modules, "espnet2", module)
    setup_logging(all_of_espnet=everything)
    for folder, name in ((theirs, "their"), (ours, "our")):
        for level, kind in ((logging.INFO, "note"), (logging.WARNING, "warning")):
            file = str(folder / "asr" / "model.py")
            record = logging.LogRecord(
                "root", level, file, 1, f"{name} {kind}", (), None
            )
            logging.getLogger().handle(record)
    said = capsys.readouterr().err
    for text, is_said in {
        "their note": everything,
        "their warning": True,
        "our note": True,
        "our warning": True,
    }.items():
        assert (text in said) == is_said
