"""Options of commands that are Kaldi's as well."""


def spell(name: str) -> list[str]:
    """Spell an option as Kaldi (``--utt-prefix``) and as ESPnet (``--utt_prefix``)."""
    return list(dict.fromkeys([f"--{name}", f"--{name.replace('-', '_')}"]))
