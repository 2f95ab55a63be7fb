"""A directory made elsewhere is taken as it is, or told what it lacks."""

import subprocess

import numpy as np
import pytest
import soundfile

from espnet_mtl.bin.check_formatted import main
from espnet_mtl.data.errors import DataDirError


def check(*directories):
    main(["--fs", "8k", *map(str, directories)])


@pytest.fixture
def dump(data_dir):
    """As ESPnet leaves it, speakers that are no prefixes and all."""
    (data_dir / "spk2utt").unlink()
    (data_dir / "utt2spk").write_text("ann-1 z\nann-2 y\nbob-1 z\nbob-2 y\n")
    (data_dir / "feats_type").write_text("raw\n")
    (data_dir / "audio_format").write_text("wav\n")
    (data_dir / "utt2num_samples").write_text(
        "ann-1 4000\nann-2 4800\nbob-1 5600\nbob-2 6400\n"
    )
    return data_dir


def test_an_espnet_dump_with_accents_is_sound(dump):
    check(dump, dump)
    (dump / "audio_format").unlink()
    (dump / "feats_type").unlink()
    check(dump)


def test_the_message_on_missing_accents_has_the_command_that_adds_them(dump):
    (dump / "utt2accent").unlink()
    with pytest.raises(DataDirError, match="utt2accent: no such file; write") as caught:
        check(dump)
    way_out, command = str(caught.value).split("For all of them: ")
    assert '--asr_args "--accent_weight 0"' in way_out
    subprocess.run(command, shell=True, check=True)
    assert (dump / "utt2accent").read_text().splitlines()[0] == "ann-1 <unk>"
    check(dump)


@pytest.mark.parametrize(
    "name, content, fault",
    [
        ("feats_type", "fbank_pitch\n", "feats_type: 'fbank_pitch', but audio is need"),
        ("audio_format", "flac.multi\n", "audio_format: 'flac.multi', but one channel"),
        ("audio_format", "flac.ark\n", "write 'flac' to .*audio_format"),
        ("segments", "ann-1 ann-1 0 1\n", "segments: one audio file for each utteran"),
        ("text", "ann-1 a\nann-2 a\nbob-1\nbob-2 a\n", "text:3: no value after"),
        ("utt2accent", "ann-1 north\n", "utt2accent: no line for 3 utterances"),
    ],
)
def test_what_would_fail_later_is_told(dump, name, content, fault):
    (dump / name).write_text(content)
    if name == "segments":
        content = "".join(f"{utt} {utt} 0 1\n" for utt in ("ann-1", "ann-2"))
        (dump / name).write_text(content + "bob-1 bob-1 0 1\nbob-2 bob-2 0 1\n")
    with pytest.raises(DataDirError, match=fault):
        check(dump)


def test_commands_are_not_run_and_named_by_line(dump, edit, tmp_path):
    edit(dump / "wav.scp", f"{dump}/bob-1.wav", f"touch {tmp_path}/harm; cat x |")
    with pytest.raises(
        DataDirError, match=r"wav.scp:3: bob-1 touch .*: a command.*3\)"
    ):
        check(dump)
    assert not (tmp_path / "harm").exists()


def test_archives_of_another_format_file_are_told(dump, edit):
    (dump / "a.ark").write_bytes(b"ann-1 AUDIO\x01\x00")
    (dump / "wav.scp").write_text(
        "".join(
            f"{utt} {dump}/a.ark:6\n" for utt in ("ann-1", "ann-2", "bob-1", "bob-2")
        )
    )
    with pytest.raises(DataDirError, match="write 'wav.ark' to .*audio_format"):
        check(dump)


@pytest.mark.parametrize("audio_format, line", [("flac", 3), ("flac.ark", 1)])
def test_a_mix_of_files_and_archives_is_told_whichever_is_first(
    dump, edit, audio_format, line
):
    (dump / "a.ark").write_bytes(b"bob-1 AUDIO\x01\x00")
    edit(dump / "wav.scp", f"{dump}/bob-1.wav", f"{dump}/a.ark:6")
    (dump / "audio_format").write_text(f"{audio_format}\n")
    with pytest.raises(
        DataDirError,
        match=f"wav.scp:{line}: .* 1 of 4 utterances are in archives and the others "
        "are not, but ESPnet reads either; format the directory by stage 3",
    ):
        check(dump)


def test_another_rate_than_fs_is_told(dump):
    samples, _ = soundfile.read(dump / "ann-1.wav")
    soundfile.write(dump / "ann-1.wav", samples, 16000)
    with pytest.raises(
        DataDirError,
        match=r"1 utterance \(ann-1\) of 4 are not sampled at 8000 Hz, as --fs says, "
        "but at 16000 Hz: give --fs 16000",
    ):
        check(dump)


def test_every_header_is_looked_at(dump):
    samples, _ = soundfile.read(dump / "bob-2.wav")
    soundfile.write(dump / "bob-2.wav", np.stack([samples, samples], axis=1), 8000)
    (dump / "bob-1.wav").write_bytes((dump / "bob-1.wav").read_bytes()[:4000])
    with pytest.raises(DataDirError, match="2 of 4 utterances have unus") as caught:
        check(dump)
    assert f"bob-1: {dump}/bob-1.wav: cut short: 0.70 s by its" in str(caught.value)
    assert f"bob-2: {dump}/bob-2.wav: 2 channels; give one channel" in str(caught.value)
