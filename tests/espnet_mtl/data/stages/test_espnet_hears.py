"""Every audio format gives ESPnet's own loaders the samples that the attack reads."""

import numpy as np
import pytest
import soundfile
from espnet2.train.dataset import ESPnetDataset
from espnet2.train.iterable_dataset import IterableESPnetDataset
from kaldi_files import kaldiio

from espnet_mtl.bin import check_formatted, format_wav_scp
from espnet_mtl.data.audio import read_audio
from espnet_mtl.data.datadir import load_data_dir
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.stages.audio_stores import FORMATS, is_archive


def heard_by_espnet(data_dir):
    """Samples by utterance, as training and as decoding get them."""
    is_ark = is_archive((data_dir / "audio_format").read_text().strip())
    kind = "kaldi_ark" if is_ark else "sound"
    speech = [(str(data_dir / "wav.scp"), "speech", kind)]
    training = ESPnetDataset(speech, preprocess=None)
    yield {utt: training[utt][1]["speech"] for utt in training.loader_dict["speech"]}
    yield {utt: data["speech"] for utt, data in IterableESPnetDataset(speech)}


@pytest.mark.parametrize("audio_format", FORMATS)
def test_training_decoding_and_attack_get_the_same_samples(
    data_dir, tmp_path, audio_format
):
    target = tmp_path / "dump"
    options = ["--fs", "8k", "--audio_format", audio_format, "--num_jobs", "2"]
    format_wav_scp.main([*options, str(data_dir), str(target)])
    check_formatted.main(["--fs", "8k", str(target)])
    sources = load_data_dir(data_dir)["wav.scp"]
    values = load_data_dir(target)["wav.scp"]
    for heard in heard_by_espnet(target):
        assert list(heard) == list(sources)
        for utt, source in sources.items():
            expected = soundfile.read(source, dtype="float32")[0]
            assert heard[utt].dtype == np.float32
            np.testing.assert_array_equal(heard[utt], expected)
            np.testing.assert_array_equal(read_audio(values[utt], 8000), expected)


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_a_dump_of_espnets_own_making_is_read_alike(data_dir, kind):
    sources = load_data_dir(data_dir)["wav.scp"]
    kaldiio.save_ark(
        str(data_dir / "data_wav.ark"),
        {utt: soundfile.read(path) for utt, path in sources.items()},
        scp=str(data_dir / "wav.scp"),
        write_function="soundfile",
        write_kwargs={"format": kind, "subtype": None},
    )
    (data_dir / "audio_format").write_text(f"{kind}.ark\n")
    check_formatted.main(["--fs", "8k", str(data_dir)])
    values = load_data_dir(data_dir)["wav.scp"]
    for heard in heard_by_espnet(data_dir):
        for utt in sources:
            np.testing.assert_array_equal(read_audio(values[utt]), heard[utt])


def test_plain_archives_would_be_heard_at_another_scale_and_are_refused(
    data_dir, tmp_path
):
    sources = load_data_dir(data_dir)["wav.scp"]
    levels = {u: soundfile.read(p, dtype="int16")[0] for u, p in sources.items()}
    kaldiio.save_ark(
        str(data_dir / "plain.ark"),
        {utt: (8000, audio) for utt, audio in levels.items()},
        scp=str(data_dir / "wav.scp"),
    )
    (data_dir / "audio_format").write_text("wav.ark\n")
    for heard in heard_by_espnet(data_dir):
        np.testing.assert_array_equal(heard["ann-1"], levels["ann-1"])  # up to 32768
    with pytest.raises(DataDirError, match=r"wav.scp:1: ann-1 .*a plain WAV archive"):
        check_formatted.main(["--fs", "8k", str(data_dir)])
    target = tmp_path / "dump"
    format_wav_scp.main(["--fs", "8k", str(data_dir), str(target)])
    for heard in heard_by_espnet(target):
        np.testing.assert_array_equal(heard["ann-1"] * 32768, levels["ann-1"])
