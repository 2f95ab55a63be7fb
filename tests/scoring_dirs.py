"""Small data directories, decodings and attacks for the scoring tests."""

from exp_factory import CLEAN, make_trial

from espnet_mtl.results.attack import AttackRun, write_attack
from espnet_mtl.results.infeasible import Infeasible
from espnet_mtl.results.record import Record

UTTERANCES = {
    "ann-1": ("one two three", "us"),
    "ann-2": ("four five", "us"),
    "bob-1": ("six seven eight nine", "india"),
    "bob-2": ("ten", "<unk>"),
}
TARGETS = {
    "ann-1": "go left now",
    "ann-2": "stop here",
    "bob-1": "turn it all off",
    "bob-2": "a very long sentence for so short an utterance",
}
INFEASIBLE = "bob-2"
TOO_LONG = Infeasible(reason="too_long", detail="99 frames needed, 9 there")
TRIALS = (CLEAN, make_trial("noise"), make_trial("pgd", "multitask"))
SECONDS = {"noise_linf0.01": 0.5, "pgd_multitask_linf0.01": 3.25}
KEYS = {f"{utt}-{trial.name}": (utt, trial) for utt in UTTERANCES for trial in TRIALS}


def write_table(path, table):
    """Write ``key value`` lines in byte order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{key} {table[key]}".rstrip() + "\n" for key in sorted(table)]
    path.write_text("".join(lines), encoding="utf-8")


def make_data_dir(path):
    """Write the reference."""
    write_table(path / "text", {u: text for u, (text, _) in UTTERANCES.items()})
    write_table(path / "utt2accent", {u: a for u, (_, a) in UTTERANCES.items()})
    write_table(path / "utt2spk", {u: u.split("-")[0] for u in UTTERANCES})
    return path


def make_attack_dir(path, trials=TRIALS):
    """Write what an attack leaves, without its audio."""
    records = [
        make_record(key, utt, trial, number)
        for number, (key, (utt, trial)) in enumerate(sorted(KEYS.items()))
    ]
    run = AttackRun(
        version=2,
        package="digest",
        config={},
        trials=trials,
        seconds=SECONDS,
        made_of="first",
    )
    write_attack(path, run, records, make_tables())
    return path


def make_tables():
    """The tables of the attacked data directory that scoring reads."""
    return {
        "text": {key: UTTERANCES[utt][0] for key, (utt, _) in KEYS.items()},
        "utt2spk": {key: utt.split("-")[0] for key, (utt, _) in KEYS.items()},
        "utt2accent": {key: UTTERANCES[utt][1] for key, (utt, _) in KEYS.items()},
    }


def make_record(key, utt, trial, number):
    """What the attack did to one utterance."""
    nothing = trial.is_untouched
    return Record(
        key=key,
        utt=utt,
        trial=trial.name,
        target=TARGETS[utt],
        accent_wish=None,
        infeasible=TOO_LONG if utt == INFEASIBLE else None,
        linf=0.0 if nothing else 0.01,
        l2=0.0 if nothing else 1.0,
        snr_db=None if nothing else 30.0 + number,
        segsnr_db=None if nothing else 20.0,
        peak_snr_db=None,
        loss_start=None,
        loss_end=None,
        sha256="",
    )


def make_attack_decoding(path):
    """Write a decoding: noise changes nothing, PGD reaches two targets of four."""
    text = {key: UTTERANCES[utt][0] for key, (utt, _) in KEYS.items()}
    accent = dict.fromkeys(KEYS, "us")
    text["ann-1-pgd_multitask_linf0.01"] = TARGETS["ann-1"]
    text["ann-2-pgd_multitask_linf0.01"] = TARGETS["ann-2"].upper()
    accent["ann-1-pgd_multitask_linf0.01"] = "india"
    write_table(path / "text", text)
    write_table(path / "accent", accent)
    return path
