"""All attacks by name."""

from espnet_mtl.attack.methods.apgd import APGD
from espnet_mtl.attack.methods.cw import CW
from espnet_mtl.attack.methods.fgsm import FGSM
from espnet_mtl.attack.methods.imperceptible import Imperceptible
from espnet_mtl.attack.methods.kenansville import Kenansville
from espnet_mtl.attack.methods.noise import Gaussian, RandomSign
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.attack.methods.shuffled import Shuffled
from espnet_mtl.attack.methods.square import SquareAttack
from espnet_mtl.attack.methods.transcript_search import TranscriptSearch
from espnet_mtl.attack.methods.transfer import Transfer
from espnet_mtl.attack.methods.universal import Universal
from espnet_mtl.attack.problem import Attack

ATTACKS: dict[str, type[Attack]] = {
    "noise": RandomSign,
    "gaussian": Gaussian,
    "shuffled": Shuffled,
    "kenansville": Kenansville,
    "fgsm": FGSM,
    "pgd": PGD,
    "apgd": APGD,
    "cw": CW,
    "imperceptible": Imperceptible,
    "universal": Universal,
    "transfer": Transfer,
    "square": SquareAttack,
    "transcript_search": TranscriptSearch,
}

# They ask the decoder while they search.
LISTENING = ("cw", "imperceptible", "transcript_search")

CONTROLS = ("noise", "gaussian", "shuffled")


def is_blind(method: Attack) -> bool:
    """Tell whether an attack is the same whoever attacks.

    Args:
        method: The attack.

    Returns:
        Whether it looks neither at a loss nor at the decoder.
    """
    if isinstance(method, RandomSign | Gaussian):
        return method.draws == 1
    return isinstance(method, Kenansville)
