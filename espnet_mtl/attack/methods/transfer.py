"""Transfer: attack other models, and play the result to the victim."""

from dataclasses import dataclass

from espnet_mtl.attack.methods.base import Traits
from espnet_mtl.attack.methods.pgd import PGD
from espnet_mtl.errors import UserError


@dataclass(frozen=True)
class Transfer(PGD):
    """Run PGD on other models (Papernot et al. 2016, arXiv 1605.07277).

    This is the paper's transfer within one technique: from one network to another.
    Nothing of the victim is used, least of all its gradients. A victim that resists
    attacks on itself, but not attacks on similar models, hides its gradients. With
    several sources, all are attacked at once (Liu et al. 2017, arXiv 1611.02770,
    ensemble-based approaches): what deceives many models is likelier to deceive
    another; see ``MeanLoss``.

    The problem's loss has to be that of the sources, which the caller loads. So
    ``loss_start`` and ``loss_end`` are theirs too, and say nothing about the victim.

    Deviations: PGD with momentum for the sources, instead of one step or Adam.

    Attributes:
        sources: Paths of the packed models that are attacked instead of the victim.
    """

    traits = Traits(
        kind="transfer", listens=False, blind=None, needs="models", in_suites=True
    )

    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(not source for source in self.sources):
            raise UserError("sources: '': give paths of packed models")
