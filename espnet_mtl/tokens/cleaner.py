"""ESPnet's text cleaners."""

from collections.abc import Callable

from espnet_mtl.errors import UserError


def load_cleaner(name: str, option: str = "--cleaner") -> Callable[[str], str]:
    """Return an ESPnet text cleaner by its name; ``none`` leaves a text as it is.

    Raises:
        UserError: If ESPnet has no such cleaner, or the package that it needs is
            missing; the message begins with ``option``.
    """
    if name in ("none", ""):
        return str
    # Loaded here: a text without cleaner needs no ESPnet.
    from espnet2.text.cleaner import TextCleaner

    clean: Callable[[str], str] = TextCleaner(name)
    try:
        clean("a")
    except RuntimeError as error:
        raise UserError(f"{option} {name}: {error}") from error
    return clean
