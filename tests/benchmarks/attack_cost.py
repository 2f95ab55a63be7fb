#!/usr/bin/env python3
"""What an attack costs: of what was attacked, and of a gradient of a large model.

    PYTHONPATH=.:tests tests/benchmarks/attack_cost.py gradient
    PYTHONPATH=.:tests tests/benchmarks/attack_cost.py attacks <attack>/<set> ...

``gradient`` builds a conformer as large as that of ESPnet's LibriSpeech recipe (12
blocks of 512, 5,000 tokens, random weights: what it would hear does not matter) and
differentiates CTC and attention losses with respect to audio as long as LibriSpeech's
on average: prints its parameters, the floating-point operations that PyTorch counts,
and the processor time of one core, which other programs on the machine hardly change.

``attacks`` reads finished attacks: gradients and decodings of an utterance, by what
they were for; seconds and bytes of an utterance.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

SECONDS_OF_AUDIO = 7.4  # test-clean of LibriSpeech: 5.4 hours in 2,620 utterances
RATE = 16_000
WORDS = 20
TOKENS = ["<blank>", "<unk>", *(chr(0x4E00 + n) for n in range(4997)), "<sos/eos>"]
PARTS = {"main": "reported", "curve": "curve", "audit": "audit", "control": "controls"}


def measure_gradient(seconds: float, repeats: int) -> None:
    """Measure one gradient with respect to the audio, and print it."""
    import torch
    from model_factory import pack_tiny
    from torch.utils.flop_counter import FlopCounterMode

    from espnet_mtl.victim.espnet_victim import load_victim

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        zip_file = pack_tiny(
            Path(folder),
            token_list=TOKENS,
            accent_weight=0.0,
            frontend_conf={"fs": RATE, "n_fft": 512, "hop_length": 160, "n_mels": 80},
            encoder_conf={
                "output_size": 512,
                "attention_heads": 8,
                "linear_units": 2048,
                "num_blocks": 12,
                "cnn_module_kernel": 31,
            },
            decoder_conf={"attention_heads": 8, "linear_units": 2048, "num_blocks": 6},
            model_conf={"ctc_weight": 0.3},
        )
        size = zip_file.stat().st_size
        victim = load_victim(zip_file)
    number = sum(one.numel() for one in victim._model.parameters())
    length = int(seconds * RATE)
    speech = 0.1 * torch.randn(1, length, generator=torch.Generator().manual_seed(0))

    def gradient() -> None:
        audio = speech.clone().requires_grad_()
        losses = victim.losses(
            audio,
            torch.tensor([length]),
            [list(range(2, 2 + 2 * WORDS))],
            [0],
            ("ctc", "att"),
        )
        torch.autograd.grad(sum(one.sum() for one in losses.values()), audio)

    gradient()
    with FlopCounterMode(display=False) as counter:
        gradient()
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        gradient()
        spent.append(time.process_time() - began)
    flops = counter.get_total_flops()
    print(
        f"{number / 1e6:.0f} million parameters, {size / 1e6:.0f} MB packed; a "
        f"gradient of {seconds:g} s of audio: {flops / 1e9:.0f} GFLOP, "
        f"{statistics.median(spent):.2f} s of one core "
        f"({flops / 1e9 / statistics.median(spent):.0f} GFLOP/s)"
    )


def count_attack(folder: Path) -> None:
    """Count what a finished attack took, by utterance, and print it."""
    from espnet_mtl.results.attack import read_attack_run, read_records

    run, records = read_attack_run(folder), read_records(folder).values()
    gradients: Counter[str] = Counter()
    decodings: Counter[str] = Counter()
    roles = {trial.name: PARTS[trial.role] for trial in run.trials}
    for record in records:
        part = roles[record.trial]
        for one in record.attempts or ():
            gradients[part] += one.gradients
            decodings[part] += one.decodings
        if record.doubled:
            gradients["doubled"] += record.doubled.more_gradients
        if record.smallest:
            gradients[part] += record.smallest.gradients
            decodings[part] += record.smallest.decodings
        gradients[part] += sum(one.gradients for one in record.planted or ())
    number = len({record.utt for record in records})
    files = [path for path in folder.rglob("*") if path.is_file()]
    audio = sum(path.stat().st_size for path in files if path.suffix == ".wav")
    rest = sum(path.stat().st_size for path in files if path.suffix != ".wav")
    print(f"{folder}: {number} utterances; of each:")
    print(
        f"  gradients {sum(gradients.values()) / number:.0f}: "
        + _each(gradients, number)
    )
    print(
        f"  decodings {sum(decodings.values()) / number:.0f}: "
        + _each(decodings, number)
    )
    print(
        f"  {sum(run.seconds.values()) / number:.1f} s; {len(records) / number:.1f} "
        f"files, {audio / number / 1e3:.0f} kB of audio, {rest / number / 1e3:.1f} kB "
        "of records and tables"
    )


def _each(counts: Counter[str], number: int) -> str:
    parts = [f"{name} {count / number:.0f}" for name, count in counts.items() if count]
    return f"{counts.total() / number:.0f}: {', '.join(parts)}"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="command")
    gradient = commands.add_parser("gradient")
    gradient.add_argument("--seconds", type=float, default=SECONDS_OF_AUDIO)
    gradient.add_argument("--repeats", type=int, default=3)
    commands.add_parser("attacks").add_argument("folders", type=Path, nargs="+")
    args = parser.parse_args()
    if args.command == "gradient":
        measure_gradient(args.seconds, args.repeats)
        return
    for folder in args.folders:
        count_attack(folder)


if __name__ == "__main__":
    main()
