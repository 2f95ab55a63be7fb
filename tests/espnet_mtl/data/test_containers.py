"""Audio that was cut short is refused in every format; whole audio never is."""

import io
import struct

import kaldiio
import numpy as np
import pytest
import soundfile

from espnet_mtl.data.ark import pack_entry
from espnet_mtl.data.audio import read_audio, read_audio_headers
from espnet_mtl.data.audio_file import read_header, read_samples
from espnet_mtl.data.containers import find_extent
from espnet_mtl.data.errors import DataDirError
from espnet_mtl.data.sources import read_source, read_source_header

RATE = 16000
TONE = 0.3 * np.sin(np.arange(3 * RATE) / 9) * np.sin(np.arange(3 * RATE) / 4000)
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "wav of floats": ("WAV", "FLOAT"),
    "wav of 24 bits": ("WAV", "PCM_24"),
    "wav of 8 bits": ("WAV", "PCM_U8"),
    "ulaw": ("WAV", "ULAW"),
    "adpcm": ("WAV", "MS_ADPCM"),
    "gsm": ("WAV", "GSM610"),
    "wavex": ("WAVEX", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "nist": ("NIST", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "vorbis": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def encode(name, samples=TONE, rate=RATE, subtype_of_flac=None, **options):
    kind, subtype = FORMATS[name]
    subtype = subtype_of_flac or subtype
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype, **options)
    return buffer.getvalue()


def flac_without_length(content):
    """As programs print it that do not know its length yet."""
    return content[:21] + bytes([content[21] & 0xF0]) + bytes(4) + content[26:]


def mp3_without_xing(mode):
    """As most MP3 of Common Voice: the frame with the Xing header is left out."""
    samples = np.pad(TONE, (0, 90000))
    content = encode("mp3", samples, bitrate_mode=mode, compression_level=0.5)
    return content[content.index(b"\xff\xf3", 4) :]


def wav(data_size, riff_size, after=b"", head=b""):
    samples = (TONE * 32767).astype("<i2").tobytes()
    content = b"WAVE" + head + b"fmt "
    content += struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    content += b"data" + struct.pack("<I", data_size) + samples + after
    return b"RIFF" + struct.pack("<I", riff_size) + content


@pytest.mark.parametrize(
    ("name", "channels"),
    [(n, c) for n in FORMATS for c in (1, 2) if (n, c) != ("gsm", 2)],  # GSM has one
)
def test_half_a_download_is_refused_by_header_and_by_reading(tmp_path, name, channels):
    samples = TONE if channels == 1 else np.stack([TONE, TONE / 2], axis=1)
    content = encode(name, samples)
    path = tmp_path / "a.audio"
    path.write_bytes(content)
    header = read_header(path, "a")
    assert (header.rate, header.channels) == (RATE, channels)
    assert header.num_samples == pytest.approx(len(TONE), abs=700)  # blocks of ADPCM
    assert len(read_samples(path, "a")[0]) == pytest.approx(len(TONE), abs=700)
    for share in (0.4, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        for read in (read_header, read_samples):
            with pytest.raises(DataDirError, match="^here: cut short: .*; repl"):
                read(path, "here")


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize("name", ["wav", "flac", "mp3", "vorbis", "nist", "aiff"])
@pytest.mark.parametrize("seconds", [0.2, 3])
def test_whole_audio_is_whole(name, rate, seconds):
    content = encode(name, TONE[: int(seconds * RATE)], rate)
    assert find_extent(io.BytesIO(content), rate, FORMATS[name][0]).fault == ""
    header = read_header(io.BytesIO(content), "")
    assert header.num_samples == len(read_samples(io.BytesIO(content), "")[0])


@pytest.mark.parametrize("kind", ["CAF", "VOC", "AVR"])
def test_samples_that_look_like_mp3_are_none(kind):
    """Random samples have the marks of a frame of MP3 now and then."""
    for seed in range(20):
        samples = np.random.RandomState(seed).uniform(-1, 1, 2 * RATE)
        buffer = io.BytesIO()
        soundfile.write(buffer, samples, RATE, format=kind, subtype="PCM_16")
        header = read_header(io.BytesIO(buffer.getvalue()), "")
        assert header.num_samples == len(samples)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
def test_mp3_of_every_kind_is_whole_with_and_without_tags(mode):
    content = encode("mp3", bitrate_mode=mode)
    before = b"ID3\x03\0\0\0\0\x01\x00" + bytes(128)
    for tagged in (before + content, content + b"TAG" + bytes(125), before + content):
        assert find_extent(io.BytesIO(tagged), RATE, "MP3").fault == ""
        assert read_header(io.BytesIO(tagged), "").num_samples == len(TONE)


@pytest.mark.parametrize("place", range(20))
def test_a_cut_at_any_place_of_the_end_is_seen_in_wav_and_ogg(place):
    for name in ("wav", "vorbis", "opus", "mp3"):
        content = encode(name)
        # Less than 0.05 s of WAV may lack: some programs count the header as data.
        least = 2000 if name == "wav" else len(content) // 30
        cut = content[: -least - place * 17]
        kind = FORMATS[name][0]
        assert find_extent(io.BytesIO(cut), RATE, kind).fault.startswith("cut short: ")


def test_a_little_less_than_the_header_says_is_whole():
    content = encode("wav")
    assert find_extent(io.BytesIO(content[:-88]), RATE, "WAV").fault == ""


def test_mp3_without_a_header_of_its_length():
    content = mp3_without_xing("CONSTANT")
    header = read_header(io.BytesIO(content), "")
    assert header.num_samples == len(read_samples(io.BytesIO(content), "")[0])
    with pytest.raises(DataDirError, match="cut short: it ends in the middle of a fra"):
        read_header(io.BytesIO(content[: len(content) // 2 + 1]), "")


def test_mp3_that_libsndfile_would_read_in_part_is_refused():
    # Its length is then guessed by the first frame, and all after that is not read.
    content = mp3_without_xing("VARIABLE")
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        heard = file.frames
    assert heard < 0.9 * (len(TONE) + 90000)
    with pytest.raises(DataDirError, match=r"only the first .* s of 8.71 s would be h"):
        read_header(io.BytesIO(content), "")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF024])
def test_wav_as_it_comes_out_of_a_pipe_is_read(tmp_path, size):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(size, size))
    for value in (str(path), f"cat {path} |"):
        assert len(read_source(value, "")[0]) == len(TONE)
    header = read_source_header(str(path), "")
    assert header.num_samples == len(TONE)
    assert header.has_length == (size != 0)
    if size == 0:  # ESPnet would read nothing
        with pytest.raises(DataDirError, match="does not say how long.*--stage 3"):
            read_audio_headers({"a": str(path)})


def test_odd_but_whole_wav_is_read():
    size = 2 * len(TONE)
    tag = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    for content in (
        wav(size, 36 + size + len(tag), tag),
        wav(size, 36 + size + len(tag), head=tag),
        wav(size, 0),
        wav(size + 44, size + 80),  # counts its own header
    ):
        assert len(read_samples(io.BytesIO(content), "")[0]) == len(TONE)


def test_empty_wav_stays_empty():
    content = encode("wav", TONE[:0])
    for more in (b"", b"LIST" + struct.pack("<I", 4) + b"INFO"):
        assert read_header(io.BytesIO(content + more), "").num_samples == 0


def test_flac_of_unknown_length_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(flac_without_length(encode("flac")))
    header = read_source_header(str(path), "")
    assert (header.num_samples, header.has_length) == (len(TONE), False)
    assert len(read_source(f"cat {path} |", "")[0]) == len(TONE)


@pytest.mark.parametrize("seed", range(40))
def test_flac_of_any_length_and_content_is_whole_and_without_its_end_is_not(seed):
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 60000)), int(rng.integers(1, 3)))
    samples = rng.uniform(-0.5, 0.5, shape)
    # Silence makes the last frames a few bytes long.
    samples[int(rng.integers(shape[0])) :] *= rng.choice([0.0, 1.0])
    content = encode("flac", samples, subtype_of_flac=rng.choice(["PCM_16", "PCM_24"]))
    header = read_header(io.BytesIO(content), "")
    assert (header.num_samples, header.channels) == shape
    header = read_header(io.BytesIO(flac_without_length(content)), "")
    assert header.num_samples == shape[0]
    file = io.BytesIO(content + content)  # what follows has no meaning
    assert len(read_samples(file, "", has_end=False)[0]) == shape[0]
    if shape[0] > 10000:
        with pytest.raises(DataDirError, match="cut short|decoder"):
            read_samples(io.BytesIO(content[: len(content) // 3]), "")


@pytest.mark.parametrize("blocks", [1, 5])
def test_flac_with_a_lost_end_is_refused(blocks):
    content = encode("flac")
    frames = [i for i in range(len(content)) if content.startswith(b"\xff\xf8", i)]
    cut = content[: frames[-blocks]]
    with pytest.raises(DataDirError, match=r"cut short: 3.00 s by its header"):
        read_header(io.BytesIO(cut), "")


@pytest.mark.parametrize("lost", [1, 20, 200])
@pytest.mark.parametrize("filled", [False, True])
def test_flac_whose_last_frame_is_not_whole_is_refused(lost, filled):
    content = encode("flac")
    cut = content[:-lost] + bytes(lost) * filled
    with pytest.raises(DataDirError, match="a: cut short: its last samples"):
        read_header(io.BytesIO(cut), "a")


@pytest.mark.parametrize("name", ["wav", "mp3", "vorbis"])
def test_what_a_command_prints_is_checked(tmp_path, name):
    path = tmp_path / "a.audio"
    path.write_bytes(encode(name))
    size = path.stat().st_size
    assert len(read_source(f"head -c {size} {path} |", "")[0])
    with pytest.raises(DataDirError, match="^utterance a: cut short"):
        read_source(f"head -c {size // 2} {path} |", "utterance a")


@pytest.mark.parametrize("name", ["wav", "flac", "mp3"])
def test_audio_that_was_cut_before_it_was_put_into_an_archive(tmp_path, name):
    content = encode(name)
    for part, fault in ((content, ""), (content[: len(content) // 2], "cut short")):
        entry, offset = pack_entry("a", part)
        (tmp_path / "a.ark").write_bytes(entry + b"b AUDIO")
        value = f"{tmp_path}/a.ark:{offset}"
        if not fault:
            assert read_source_header(value, "").num_samples == len(TONE)
            assert len(read_audio(value)) == len(TONE)
            continue
        for read in (read_source_header, read_source):
            with pytest.raises(DataDirError, match=f"here: {fault}"):
                read(value, "here")


def test_plain_archives_have_headers_of_their_entries(tmp_path):
    levels = (TONE * 32767).astype(np.int16)
    kaldiio.save_ark(
        str(tmp_path / "a.ark"),
        {"a": (RATE, levels), "b": (RATE, levels[:900])},
        scp=str(tmp_path / "a.scp"),
    )
    values = [line.split()[1] for line in (tmp_path / "a.scp").open()]
    assert [read_source_header(v, "").num_samples for v in values] == [len(TONE), 900]


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"OggS" * 9, b"fLaC" * 9, b"\xff\xfb" * 50, b"FORM" + b"x" * 50],
)
def test_what_is_no_audio_is_left_to_libsndfile(content):
    find_extent(io.BytesIO(content), RATE, "MP3")
    with pytest.raises(DataDirError, match="here: "):
        read_header(io.BytesIO(content), "here")
