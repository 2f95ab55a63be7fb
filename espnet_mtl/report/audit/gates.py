"""The gates of the audit: what each asks, and what a failure means."""

from collections.abc import Callable
from dataclasses import dataclass

from espnet_mtl.report.audit import strength as limits
from espnet_mtl.report.audit.attackers import check_accent_blind, check_loss
from espnet_mtl.report.audit.evidence import Evidence
from espnet_mtl.report.audit.files import check_infeasible, check_saved_file
from espnet_mtl.report.audit.finding import Finding
from espnet_mtl.report.audit.model import (
    check_benign_wer,
    check_gradients,
    check_repeats,
)
from espnet_mtl.report.audit.strength import (
    check_growth,
    check_noise,
    check_steps,
    check_unbounded,
    check_white_box,
)
from espnet_mtl.report.cautions import MAX_WER_SPREAD

SUITE = "run stages 15 to 18 with `--attack_config conf/attack_standard.yaml`"
AGAIN = "run stages 15 to 18 again, and keep the attacked audio"


@dataclass(frozen=True)
class Gate:
    """One question of the audit.

    Attributes:
        name: Its name in files.
        title: What is asked for, as tables say it.
        failure: What a failure means.
        check: The function that answers it.
        how: What to do where it could not be run.
    """

    name: str
    title: str
    failure: str
    check: Callable[[Evidence], Finding]
    how: str = SUITE


GATES = (
    Gate(
        "unbounded",
        f"unbounded attack succeeds (≥ {limits.LEAST_UNBOUNDED:g} %)",
        "Even without a bound the target is not reached: the attack is broken or the "
        "gradients are masked. Little success in a small budget then shows nothing.",
        check_unbounded,
    ),
    Gate(
        "growth",
        "success grows with the budget",
        "A larger budget contains the smaller one: an attack that gains nothing by it "
        "misses what is there.",
        check_growth,
        "give the attack two budgets or more, or " + SUITE,
    ),
    Gate(
        "steps",
        f"twice the steps: < {limits.MOST_BROKEN_BY_STEPS:g} point more success, "
        f"loss lower by < {limits.MOST_LOSS_BY_STEPS:g} % of that at the start",
        "The attack was stopped before it was finished: with more steps the system is "
        "less robust than reported.",
        check_steps,
    ),
    Gate(
        "white_box",
        "white-box at least as strong as noise, transfer and black-box, per utterance "
        f"(without gradients ≤ {limits.MOST_NEARER:g} % nearer by more than "
        f"{limits.NEARER_WORDS} word, ≤ {limits.MOST_BROKEN_ELSEWHERE:g} % broken)",
        "Attacks that know less do better than the one with gradients: it does not use "
        "them well, or the gradients are masked.",
        check_white_box,
    ),
    Gate(
        "noise",
        f"noise stays near the null value (≤ {limits.MOST_FROM_NULL:g} points; "
        f"from {limits.LEAST_WORDS} target words on)",
        "Loudness alone changes what is heard, so that the attack's figures are not "
        "about the attack.",
        check_noise,
        f"attack utterances of {limits.LEAST_WORDS} target words or more, give the "
        "attack `controls: [clean, noise]`, or " + SUITE,
    ),
    Gate(
        "gradients",
        "gradients at the start are finite and not zero",
        "Some utterances give the attack no direction to go, and look robust for that "
        "reason alone.",
        check_gradients,
    ),
    Gate(
        "repeats",
        "repeated runs of the model agree",
        "The model is random: an attack on one draw says little about the next, so the "
        "attack has to average over draws (`eot`).",
        check_repeats,
    ),
    Gate(
        "accent_blind",
        "accent-blind attacker not stronger than what is reported",
        "An attacker who ignores the accent branch does better than what is reported, "
        "or none was tried: robustness against attackers of all branches only is not "
        "robustness.",
        check_accent_blind,
        "give the attack an attacker with `accent: 0`, or " + SUITE,
    ),
    Gate(
        "loss",
        "attacked loss and decoder match",
        "The decoder listens to branches that were not attacked: its transcripts "
        "withstand an attack that was not aimed at them.",
        check_loss,
    ),
    Gate(
        "benign_wer",
        f"benign WER of compared systems within {MAX_WER_SPREAD:g} points",
        "A worse recogniser resists targets better through its own errors: differences "
        "between these systems are not robustness alone.",
        check_benign_wer,
        "report several systems at once (`--exp` of stage 18's command takes several)",
    ),
    Gate(
        "saved_file",
        "the saved file was scored, in its budget, heard as in the attack",
        "What was scored is not what the attack made, or it is outside its budget: the "
        "figures are those of other audio.",
        check_saved_file,
        AGAIN + "; a suite also listens: " + SUITE,
    ),
    Gate(
        "infeasible",
        "infeasible targets counted",
        "Utterances are missing from the counts: targets that cannot be reached may "
        "count as robustness, or hard utterances may have been dropped.",
        check_infeasible,
        AGAIN,
    ),
)
