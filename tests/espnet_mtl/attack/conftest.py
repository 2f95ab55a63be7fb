import numpy as np
import pytest
import soundfile

from espnet_mtl.data.tables import write_table

NUM_UTTS = 7


@pytest.fixture
def data_dir(tmp_path):
    return make_data_dir(tmp_path / "data")


def make_data_dir(folder, num_utts=NUM_UTTS, seed=0):
    """A data directory of noise for the toy victim."""
    rng = np.random.default_rng(seed)
    tables = {name: {} for name in ("wav.scp", "text", "utt2spk", "utt2accent")}
    folder.mkdir()
    for n in range(num_utts):
        utt = f"spk{n % 2}-{n}"
        wav = folder / f"{utt}.wav"
        audio = 0.3 * rng.standard_normal(800 + 80 * n)
        soundfile.write(wav, audio.clip(-1, 1), 8000, subtype="PCM_16")
        tables["wav.scp"][utt] = str(wav)
        tables["text"][utt] = " ".join("abcdefgh"[n : n + 2])
        tables["utt2spk"][utt] = f"spk{n % 2}"
        tables["utt2accent"][utt] = "north" if n % 2 else "<unk>"
    for name, table in tables.items():
        write_table(folder / name, table)
    speakers = sorted(set(tables["utt2spk"].values()))
    write_table(
        folder / "spk2utt",
        {
            spk: " ".join(u for u in sorted(tables["text"]) if u.startswith(spk))
            for spk in speakers
        },
    )
    return folder
