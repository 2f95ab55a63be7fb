"""What attacks know of their victim. Without torch: reports ask too."""

_KINDS = {
    **dict.fromkeys(("noise", "gaussian", "shuffled", "kenansville"), "control"),
    "transfer": "transfer",
    **dict.fromkeys(("square", "transcript_search"), "black_box"),
}


def kind_of(attack: str) -> str:
    """Tell what an attack knows of the victim.

    Args:
        attack: Its name.

    Returns:
        ``control``: nothing; ``transfer``: other models; ``black_box``: what the victim
        puts out; ``white_box``: its gradients.
    """
    return _KINDS.get(attack, "white_box")
