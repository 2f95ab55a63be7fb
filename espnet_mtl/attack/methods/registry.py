"""All attacks that a configuration can name."""

from espnet_mtl.attack.methods.apgd import APGD
from espnet_mtl.attack.methods.base import Method
from espnet_mtl.attack.methods.chain import Chain
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

ATTACKS: dict[str, type[Method]] = {
    "noise": RandomSign,
    "gaussian": Gaussian,
    "shuffled": Shuffled,
    "kenansville": Kenansville,
    "fgsm": FGSM,
    "pgd": PGD,
    "chain": Chain,
    "apgd": APGD,
    "cw": CW,
    "imperceptible": Imperceptible,
    "universal": Universal,
    "transfer": Transfer,
    "square": SquareAttack,
    "transcript_search": TranscriptSearch,
}

CONTROLS = ("noise", "gaussian", "shuffled")
"""Those that a configuration can ask for as ``controls``, with their defaults."""
