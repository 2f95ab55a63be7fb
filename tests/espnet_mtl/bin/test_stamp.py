"""What a folder was made of, kept and compared by the stages."""

import pytest

from espnet_mtl.bin.stamp import main


def test_a_folder_is_of_its_files_until_they_change(tmp_path, capsys):
    text, other = tmp_path / "text", tmp_path / "other"
    text.write_text("a x\n")
    other.write_text("b y\n")
    folder = str(tmp_path / "parts")
    for files in ([text, other], [text]):
        with pytest.raises(SystemExit) as caught:
            main(["check", folder, *map(str, files)])
        assert caught.value.code == 1
        main(["write", folder, *map(str, files)])
        main(["check", folder, *map(str, files)])
    text.write_text("a z\n")
    with pytest.raises(SystemExit):
        main(["check", folder, str(text)])
    assert f"{folder}: changed: {text}" in capsys.readouterr().err
