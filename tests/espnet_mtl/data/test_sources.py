"""What wav.scp may name, against what ESPnet reads with."""

import io
import os
import struct

import numpy as np
import pytest
import soundfile
from kaldi_files import kaldiio

from espnet_mtl.data.audio import read_audio, read_audio_rate
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.sources import (
    check_formatted_value,
    read_source,
    source_version,
    split_ark,
)

RATE = 8000
LEVELS = np.random.default_rng(0).integers(-20000, 20000, 900).astype(np.int16)


@pytest.fixture
def wav(tmp_path):
    path = tmp_path / "an odd name.wav"
    soundfile.write(path, LEVELS, RATE, subtype="PCM_16")
    return path


def save_ark(path, levels=(LEVELS, LEVELS[::-1]), **options):
    """Write an archive as others do; return the values of wav.scp."""
    scp = path.with_suffix(".scp")
    entries = {
        f"ann-{n}": (RATE, audio) if not options else (audio, RATE)
        for n, audio in enumerate(levels)
    }
    kaldiio.save_ark(str(path), entries, scp=str(scp), **options)
    return [line.split(maxsplit=1)[1] for line in scp.read_text().splitlines()]


def extended(kind):
    return {"write_function": "soundfile", "write_kwargs": {"format": kind}}


def streamed_wav(size):
    """WAV as programs print it that do not know its length yet."""
    head = b"RIFF" + struct.pack("<I", size) + b"WAVEfmt "
    head += struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return head + b"data" + struct.pack("<I", size) + LEVELS.tobytes()


@pytest.mark.parametrize(
    "command",
    [
        "cat '{}' |",
        "head -c 999999 < '{}' | cat |",  # a pipeline
        "cat '{}' | ",
        "A='{}'; cat \"$A\" |",  # the shell's variables
    ],
)
def test_what_a_command_prints_is_read(wav, command):
    samples, rate = read_source(command.format(wav), "ann-1")
    assert rate == RATE
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples[:, 0] * 32768, LEVELS)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF024])
def test_wav_of_unknown_length_is_read(tmp_path, size):
    (tmp_path / "a.wav").write_bytes(streamed_wav(size))
    (tmp_path / "a.ark").write_bytes(b"ann-1 " + streamed_wav(size))
    for value in (f"cat {tmp_path}/a.wav |", f"{tmp_path}/a.ark:6"):
        np.testing.assert_array_equal(read_source(value, "")[0][:, 0] * 32768, LEVELS)


@pytest.mark.parametrize(
    "command, fault",
    [
        (
            "echo one >&2; echo no such disk >&2; exit 3 |",
            r"the command failed with exit status 3 \(one / no such disk\); try it",
        ),
        (
            "no_such_program_at_all |",
            "the command failed with exit status 127.*not found",
        ),
        ("echo quiet >&2 |", r"the command printed nothing \(quiet\); it has to write"),
        ("echo hello |", "unreadable"),
        ("kill -9 $$ |", "the command failed with exit status"),
        ("cat |", "the command printed nothing"),  # standard input is closed
    ],
)
def test_a_command_that_gives_no_audio_is_an_error(command, fault):
    with pytest.raises(DataDirError, match=rf"^utterance ann-1: x: {fault}"):
        read_source(command, "utterance ann-1: x")


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_extended_archives_are_read(tmp_path, kind):
    values = save_ark(tmp_path / "a.ark", **extended(kind))
    for value, levels in zip(values, (LEVELS, LEVELS[::-1]), strict=True):
        samples, rate = read_audio_rate(value, utt="ann-1")
        assert rate == RATE
        np.testing.assert_array_equal(samples * 32768, levels)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8"])
def test_plain_archives_are_for_data_preparation_only(tmp_path, subtype):
    wav = io.BytesIO()
    soundfile.write(wav, LEVELS, RATE, format="WAV", subtype=subtype)
    expected, _ = soundfile.read(io.BytesIO(wav.getvalue()))
    content = b"ann-1 " + wav.getvalue()
    (tmp_path / "a.ark").write_bytes(content + content)
    values = [f"{tmp_path}/a.ark:{6 + offset}" for offset in (0, len(content))]
    samples, rate = read_source(values[1], "")
    assert rate == RATE
    np.testing.assert_array_equal(samples[:, 0], expected)
    # ESPnet's loader gives these to the model as they are.
    assert kaldiio.load_mat(values[1])[1].dtype.kind in "iu"
    with pytest.raises(DataDirError, match="a.ark:.*a plain WAV archive.*--stage 3"):
        read_audio(values[1])
    with pytest.raises(DataDirError, match="a plain WAV archive"):
        check_formatted_value(values[1], "")


def test_flac_without_a_mark_is_read(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, LEVELS, RATE, format="FLAC")
    (tmp_path / "a.ark").write_bytes(b"ann-1 " + buffer.getvalue())
    found = read_audio(f"{tmp_path}/a.ark:6")
    np.testing.assert_array_equal(found * 32768, LEVELS)


@pytest.mark.parametrize("options", [{}, extended("wav"), extended("flac")])
def test_an_archive_cut_short_is_an_error(tmp_path, options):
    path = tmp_path / "a.ark"
    values = save_ark(path, **options)
    path.write_bytes(path.read_bytes()[:-5])
    assert len(read_source(values[0], "")[0]) == len(LEVELS)
    with pytest.raises(DataDirError, match="the archive ends in the middle of it"):
        read_source(values[1], "")


def test_what_is_no_audio_in_an_archive_is_an_error(tmp_path):
    path = tmp_path / "a.ark"
    kaldiio.save_ark(str(path), {"ann-1": np.ones((3, 4), np.float32)})
    with pytest.raises(
        DataDirError,
        match=r"a.ark:6: there is no audio at this offset \(an archive of feat",
    ):
        read_audio(f"{path}:6")
    path.write_bytes(b"ann-1 PKLcposix\nsystem\n(S'touch harm'\ntR.")
    with pytest.raises(DataDirError, match="there is no audio at this offset"):
        read_audio(f"{path}:6")
    for value in (f"{path}:999", f"{path}:6"):
        with pytest.raises(DataDirError, match="there is no audio at this offset"):
            read_source(value, value)
    with pytest.raises(DataDirError, match="no such archive"):
        read_audio(f"{path}.gz:6")


@pytest.mark.parametrize(
    "value, fault",
    [
        ("-", "standard input is not read"),
        ("a.ark:12[0:99]", "ranges are not read; write the part to 'segments'"),
        ("a.ark", "an archive; write '<archive>:<offset>'"),
        ("| cat a.wav", "a command to read from has the '|' at its end"),
        ("a.wav b.wav", "no such audio file; correct wav.scp"),
    ],
)
def test_other_values_are_refused(tmp_path, monkeypatch, value, fault):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataDirError) as caught:
        read_source(value, value)
    assert str(caught.value).startswith(f"{value}: {fault}")


def test_a_file_whose_name_ends_like_a_place_is_a_file(wav):
    odd = wav.rename(wav.with_name("take:2"))
    assert split_ark(str(odd)) is None
    assert len(read_audio(odd)) == len(LEVELS)


def test_a_version_changes_with_the_file_behind_the_value(wav, tmp_path):
    ark = tmp_path / "a.ark"
    place = save_ark(ark, **extended("wav"))[0]
    values = {str(wav): wav, f"sox -t wav '{wav}' - |": wav, place: ark}
    for value, file in values.items():
        before = source_version(value)
        assert source_version(value) == before
        os.utime(file, ns=(1, 1))
        assert source_version(value) != before
        os.utime(file)
    versions = [source_version(f"cat '{wav}' {option} |") for option in ("", "-n")]
    assert versions[0] != versions[1]
    assert source_version("what's this |") == ["what's this |"]
    wav.unlink()
    assert source_version(str(wav)) == [str(wav)]


@pytest.mark.parametrize(
    "command",
    [
        "cat '{wav}' 2> {out} |",
        "cat '{wav}' 2>>{out}|",
        "cat < '{wav}' 2>{out} |",
        "sox '{wav}' > {out}; cat {out} |",
        "cat '{wav}' &> {out} |",
    ],
)
def test_files_that_a_command_writes_do_not_change_its_version(wav, tmp_path, command):
    out = tmp_path / "out"
    value = command.format(wav=wav, out=out)
    before = source_version(value)
    out.write_text("written")
    assert source_version(value) == before
    os.utime(wav, ns=(1, 1))
    assert source_version(value) != before


def test_quoted_signs_send_no_output(wav):
    value = f"awk '$1 > 3' '{wav}' |"
    before = source_version(value)
    os.utime(wav, ns=(1, 1))
    assert source_version(value) != before


def test_devices_and_folders_do_not_change_a_version(wav, tmp_path):
    value = f"cat '{wav}' /dev/null {tmp_path} |"
    assert source_version(value) == [value, *source_version(str(wav))[1:]]
