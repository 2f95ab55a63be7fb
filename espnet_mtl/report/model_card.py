"""The README of a published model: what it is, how to load it, what was measured."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from espnet_mtl.environment import environment
from espnet_mtl.report.audit.blocks import audit_lines
from espnet_mtl.report.cautions import accent_warnings
from espnet_mtl.report.clean_tables import LEGEND_ACCENTS, class_tables, clean_table
from espnet_mtl.report.document import Block, Bullets, Code, Heading, Text, to_markdown
from espnet_mtl.report.effort import effort_blocks
from espnet_mtl.report.experiment import named_confusions, read_experiment
from espnet_mtl.report.report import Report
from espnet_mtl.report.result_tables import LEGEND, LEGEND_ALL, full_table

DECODING_NAME = "decode.yaml"
_TAGS = ("espnet", "audio", "automatic-speech-recognition")


def model_card(
    repo: str,
    exp: Path,
    files: Mapping[str, str],
    settings: Mapping[str, Any],
    decoding: Mapping[str, Any],
    metadata: Mapping[str, Any],
) -> str:
    """Write the card of a model. Only what was measured is claimed.

    Args:
        repo: ``<user>/<name>``.
        exp: The experiment's directory.
        files: The packed files by the names of ``Speech2Text``'s arguments.
        settings: The packed training configuration.
        decoding: Arguments of ``Speech2Text`` that the results were made with; the
            upload has them in ``DECODING_NAME`` beside the card.
        metadata: Language and licence; see :func:`card_metadata`.

    Returns:
        Markdown, headed by the YAML that Hugging Face reads.

    Raises:
        UserError: If a result file is damaged.
    """
    front = {"tags": list(_TAGS), **metadata}
    config = yaml.safe_dump(dict(settings), allow_unicode=True)
    blocks: list[Block] = [
        Heading(repo, level=1),
        Text(_description(settings, files)),
        Heading("Load it with ESPnet"),
        Text(_python(repo, settings, decoding)),
        Text(
            f"These are the options of decoding that the results were made with, those "
            f"of `{DECODING_NAME}`."
        ),
        Heading("Attack it"),
        Text("With the commands of espnet_mtl, on a data directory of your own:"),
        Code(_attack(repo, files)),
        Text(
            "That is its default attack. `--config` takes another: the files in "
            "espnet_mtl's `conf/`, `attack_standard.yaml` being the most thorough."
        ),
        *_results(exp),
        Heading("Environment"),
        Bullets(environment()),
        Heading("Training configuration"),
        Text(
            "<details><summary>config.yaml</summary>\n\n"
            f"```yaml\n{config}```\n\n</details>"
        ),
    ]
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n\n{to_markdown(blocks)}"


def _description(settings: Mapping[str, Any], files: Mapping[str, str]) -> str:
    accents = settings.get("accent_list")
    ctc_weight = (settings.get("model_conf") or {}).get("ctc_weight", 0.5)
    lines = [
        f"An ESPnet2 speech recogniser ({settings.get('encoder')} encoder, "
        f"{len(settings['token_list'])} tokens of type {settings.get('token_type')}), "
        f"trained with a CTC weight of {ctc_weight}."
    ]
    if accents and settings.get("accent_weight"):
        lines.append(
            f"It has an accent branch, which tells {', '.join(accents)} apart, trained "
            f"with weight {settings['accent_weight']}. ESPnet's own loader ignores it."
        )
    if "lm_file" in files:
        lines.append("It comes with a language model, which decoding uses.")
    if "ngram_file" in files:
        lines.append("It comes with an n-gram model (decoding needs KenLM's package).")
    return " ".join(lines)


def _python(repo: str, settings: Mapping[str, Any], decoding: Mapping[str, Any]) -> str:
    options = "".join(f"    {name}={value!r},\n" for name, value in decoding.items())
    rate = (settings.get("frontend_conf") or {}).get("fs", 16000)
    return f"""```python
import soundfile
from espnet2.bin.asr_inference import Speech2Text

speech2text = Speech2Text.from_pretrained(
    "{repo}",
{options})
speech, rate = soundfile.read("speech.wav")  # one channel, {rate} Hz
text, *_ = speech2text(speech)[0]
```"""


def _attack(repo: str, files: Mapping[str, str]) -> str:
    options = " ".join(f"--{name} {file}" for name, file in files.items())
    return (
        f"hf download {repo} --local-dir model\n"
        "cd model  # whose configuration names files as they lie here\n"
        f"asr_mtl_pack {options} --outpath ../model.zip\n"
        "cd ..\n"
        "asr_mtl_attack --model_zip model.zip --data_dir DATA --output_dir attacked "
        f"--inference_config model/{DECODING_NAME}"
    )


def _results(exp: Path) -> list[Block]:
    experiment = read_experiment(exp)
    report = Report([experiment])
    blocks: list[Block] = []
    if clean := clean_table([experiment]):
        blocks += [Heading("Untouched audio"), clean, Text(LEGEND_ACCENTS)]
        confusions = named_confusions([experiment])
        blocks += class_tables(confusions)
        said = accent_warnings(confusions)
        blocks += [Text(line, warning=True) for line in said]
    for group in report.groups:
        blocks.append(Heading(f"Under attack: {group.title}"))
        blocks += report.verdict_blocks(group)
        blocks.append(full_table(group))
    if report.groups:
        blocks += [Text(LEGEND), Text(LEGEND_ALL)]
    if lines := audit_lines(report.audits):
        blocks.append(Bullets(lines))
    if efforts := effort_blocks(report.efforts):
        blocks += [Heading("Training"), *efforts]
    return blocks
