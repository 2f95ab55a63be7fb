"""Utterances from recordings, commands and archives, through stages 2 and 3."""

import numpy as np
import pytest
import soundfile
from kaldi_files import kaldiio

from espnet_mtl.bin import format_wav_scp
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.stages import utterances
from espnet_mtl.data.tables import write_table

RATE = 8000


@pytest.fixture
def recordings(data_dir):
    """Two recordings of 3 s, of which the four utterances are parts."""
    rng = np.random.default_rng(1)
    samples = {
        name: rng.integers(-9999, 9999, 3 * RATE).astype(np.int16) for name in "yz"
    }
    for name, audio in samples.items():
        soundfile.write(data_dir / f"{name}.wav", audio, RATE)
    write_table(data_dir / "wav.scp", {name: f"{data_dir}/{name}.wav" for name in "yz"})
    segments = {
        "ann-1": "z 0.5 1.25",
        "ann-2": "y 0 2.2501",
        "bob-1": "z 1.0 -1",
        "bob-2": "y 2.5 3.4",  # clipped
    }
    write_table(data_dir / "segments", segments)
    return samples


@pytest.fixture
def read(monkeypatch):
    """The places that are read."""
    places = []
    read_source = utterances.read_source

    def watch(value, place):
        places.append(place)
        return read_source(value, place)

    monkeypatch.setattr(utterances, "read_source", watch)
    return places


def format_to(target, data_dir, *options):
    format_wav_scp.main(["--fs", "8k", *options, str(data_dir), str(target)])
    return {
        utt: soundfile.read(path, dtype="int16")[0]
        for utt, path in load_data_dir(target)["wav.scp"].items()
    }


def test_segments_are_cut_and_each_recording_is_read_once(
    data_dir, recordings, tmp_path, read, add_tables
):
    add_tables(data_dir)
    found = format_to(tmp_path / "dump", data_dir)
    y, z = recordings["y"], recordings["z"]
    expected = {
        "ann-1": z[4000:10000],
        "ann-2": y[:18001],
        "bob-1": z[8000:],
        "bob-2": y[20000:],
    }
    assert list(found) == list(expected)
    for utt, samples in expected.items():
        np.testing.assert_array_equal(found[utt], samples)
    assert read == [f"recording {name}: {data_dir}/{name}.wav" for name in "zy"]
    names = {path.name for path in (tmp_path / "dump").iterdir()}
    assert {"utt2age", "text_target", "text.de", "spk2gender", "spk2utt"} <= names
    assert not {"segments", "reco2dur", "reco2utt"} & names


@pytest.mark.parametrize(
    "value, fault",
    [
        ("z 2 3.6", "the segment is from 2 s to 3.6 s, but the recording has 3 s"),
        ("z 3 -1", "the segment is from 3 s on, but the recording has 3 s"),
        ("z 3.1 3.2", "the segment is from 3.1 s to 3.2 s, but the recording has 3 s"),
    ],
)
def test_a_segment_beyond_its_recording_is_an_error(
    data_dir, recordings, tmp_path, edit, value, fault
):
    edit(data_dir / "segments", "z 1.0 -1", value)
    with pytest.raises(DataDirError) as caught:
        format_to(tmp_path / "dump", data_dir)
    assert f"utterance bob-1: recording z: {data_dir}/z.wav: {fault}" in str(
        caught.value
    )
    assert "1 of 4 utterances" in str(caught.value)


def test_a_bad_recording_is_read_once_and_named_by_each_utterance(
    data_dir, recordings, tmp_path, read
):
    (data_dir / "y.wav").unlink()
    with pytest.raises(DataDirError) as caught:
        format_to(tmp_path / "dump", data_dir)
    for utt in ("ann-2", "bob-2"):
        fault = f"utterance {utt}: recording y: {data_dir}/y.wav: no such audio file"
        assert fault in str(caught.value)
    assert len(read) == 2


def test_a_silent_part_of_a_recording_is_told(data_dir, recordings, tmp_path):
    z = recordings["z"]
    z[4000:10000] = 0
    soundfile.write(data_dir / "z.wav", z, RATE)
    with pytest.raises(DataDirError, match=r"1 of 4 .*\n  utterance ann-1: .* silent"):
        format_to(tmp_path / "dump", data_dir)


def test_a_part_that_is_moved_is_cut_again(data_dir, recordings, tmp_path, read, edit):
    format_to(tmp_path / "dump", data_dir)
    edit(data_dir / "segments", "z 0.5 1.25", "z 0.5 1.5")
    read.clear()
    found = format_to(tmp_path / "dump", data_dir)
    assert [place.split(":")[0] for place in read] == ["recording z"]
    np.testing.assert_array_equal(found["ann-1"], recordings["z"][4000:12000])


def test_commands_and_archives_are_sources_too(data_dir, tmp_path):
    paths = load_data_dir(data_dir)["wav.scp"]
    expected = {u: soundfile.read(path, dtype="int16")[0] for u, path in paths.items()}
    kaldiio.save_ark(
        str(data_dir / "plain.ark"),
        {"ann-2": (RATE, expected["ann-2"])},
        scp=str(data_dir / "plain.scp"),
    )
    values = {
        **paths,
        "ann-1": f"cat {paths['ann-1']} | cat |",
        "ann-2": (data_dir / "plain.scp").read_text().split()[1],
    }
    write_table(data_dir / "wav.scp", values)
    found = format_to(tmp_path / "dump", data_dir, "--audio_format", "wav")
    for utt, samples in expected.items():
        np.testing.assert_array_equal(found[utt], samples)


def test_a_failing_command_is_bad_audio_with_its_last_words(data_dir, tmp_path, edit):
    edit(data_dir / "wav.scp", f"{data_dir}/ann-1.wav", "echo no disk >&2; false |")
    with pytest.raises(DataDirError, match=r"exit status 1 \(no disk\)"):
        format_to(tmp_path / "dump", data_dir)
    lines = (tmp_path / "dump" / "bad_audio").read_text().splitlines()
    assert len(lines) == 1 and lines[0].startswith("ann-1 utterance ann-1: echo no")


def test_empty_text_goes_to_stage_4(data_dir, tmp_path, edit):
    edit(data_dir / "text", "bob-1 say 1 again", "bob-1")
    format_wav_scp.main(["--fs", "8k", str(data_dir), str(tmp_path / "dump")])
    assert "bob-1\n" in (tmp_path / "dump" / "text").read_text()
