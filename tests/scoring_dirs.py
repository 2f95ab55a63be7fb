"""Small data directories, decodings and attacks for the scoring tests."""

import json

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
CONDITIONS = [
    ("clean", "none", None, None, 0.0),
    ("noise_linf0.01", "noise", None, "linf", 0.01),
    ("pgd_multitask_linf0.01", "pgd", "multitask", "linf", 0.01),
]


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


def make_attack_dir(path):
    """Write what an attack leaves, without its audio."""
    keys = {f"{u}-{name}": (u, name) for u in UTTERANCES for name, *_ in CONDITIONS}
    columns = {
        "wav.scp": lambda utt, name: f"wav/{name}/{utt}.wav",
        "text": lambda utt, name: UTTERANCES[utt][0],
        "text_target": lambda utt, name: TARGETS[utt],
        "utt2spk": lambda utt, name: utt.split("-")[0],
        "utt2accent": lambda utt, name: UTTERANCES[utt][1],
        "utt2orig": lambda utt, name: utt,
        "utt2cond": lambda utt, name: name,
    }
    for file, value in columns.items():
        write_table(path / file, {key: value(*of) for key, of in keys.items()})
    names = ("name", "attack", "attacker", "norm", "budget")
    conditions = [dict(zip(names, values, strict=True)) for values in CONDITIONS]
    (path / "conditions.json").write_text(json.dumps(conditions))
    records = [
        {
            "key": key,
            "utt": utt,
            "condition": name,
            "feasible": utt != INFEASIBLE,
            "snr_db": None if name == "clean" else 30.0 + number,
            "segsnr_db": None if name == "clean" else 20.0,
        }
        for number, (key, (utt, name)) in enumerate(sorted(keys.items()))
    ]
    lines = [json.dumps(record) + "\n" for record in records]
    (path / "records.jsonl").write_text("".join(lines))
    seconds = {"noise_linf0.01": 0.5, "pgd_multitask_linf0.01": 3.25}
    (path / "seconds.json").write_text(json.dumps(seconds))
    return path


def make_attack_decoding(path):
    """Write a decoding: noise changes nothing, PGD reaches two targets of four."""
    text, accent = {}, {}
    for utt, (truth, _) in UTTERANCES.items():
        text[f"{utt}-clean"] = text[f"{utt}-noise_linf0.01"] = truth
        text[f"{utt}-pgd_multitask_linf0.01"] = truth
        for name, *_ in CONDITIONS:
            accent[f"{utt}-{name}"] = "us"
    text["ann-1-pgd_multitask_linf0.01"] = TARGETS["ann-1"]
    text["ann-2-pgd_multitask_linf0.01"] = TARGETS["ann-2"].upper()
    accent["ann-1-pgd_multitask_linf0.01"] = "india"
    write_table(path / "text", text)
    write_table(path / "accent", accent)
    return path
