"""Load an exported model."""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import espnet_mtl.fast_start  # noqa: F401  (before ESPnet)

from espnet2.asr.espnet_model import ESPnetASRModel
from espnet2.text.abs_tokenizer import AbsTokenizer
from espnet2.text.build_tokenizer import build_tokenizer
from espnet2.text.cleaner import TextCleaner
from espnet2.text.token_id_converter import TokenIDConverter

from espnet_mtl.data.audio import read_model_rate
from espnet_mtl.errors import UserError
from espnet_mtl.package.packing import CONFIG_KEY, WEIGHTS_KEY
from espnet_mtl.package.unpacking import unpack_model
from espnet_mtl.precision import use_full_precision
from espnet_mtl.provenance import hash_file
from espnet_mtl.tasks.asr_mtl import ASRMTLTask
from espnet_mtl.tasks.tokenizer import read_tokenizer


@dataclass(frozen=True)
class Export:
    """An exported recogniser, ready to use.

    Attributes:
        model: The model in eval mode; an ``ESPnetASRMTLModel`` if it has accents.
        args: Its training configuration.
        sha256: Hash of the zip.
    """

    model: ESPnetASRModel
    args: argparse.Namespace
    tokenizer: AbsTokenizer
    cleaner: TextCleaner
    sha256: str

    @property
    def rate(self) -> int:
        """Sampling rate in Hz of the audio that the model takes."""
        return read_model_rate(getattr(self.args, "frontend_conf", None))

    @property
    def has_accent(self) -> bool:
        """Whether the model classifies accents."""
        return hasattr(self.model, "accent_head")

    @property
    def accents(self) -> tuple[str, ...]:
        """Accent labels in class order; empty without an accent head."""
        return tuple(self.model.accent_list) if self.has_accent else ()

    def encode_text(self, text: str) -> list[int]:
        """Turn a transcript into token ids, without start and end."""
        converter = TokenIDConverter(token_list=self.model.token_list)
        return converter.tokens2ids(self.tokenizer.text2tokens(self.cleaner(text)))

    def decode_text(self, ids: Sequence[int]) -> str:
        """Spell token ids, as decoding writes them; ``<unk>`` is what no token can."""
        converter = TokenIDConverter(token_list=self.model.token_list)
        text = self.tokenizer.tokens2text(converter.ids2tokens(ids))
        return text.replace("\u2047", "<unk>")  # sentencepiece's own sign for it


def load_export(
    zip_file: Path | str, device: str = "cpu", trusted: bool = False
) -> Export:
    """Load a packed model: ours, or any stock ESPnet2 ASR package.

    ``trusted`` is that of :func:`espnet_mtl.package.unpacking.unpack_model`.

    Raises:
        UserError: If the zip is refused, is no ASR package, or its weights do not fit.
    """
    use_full_precision()
    zip_file = Path(zip_file)
    if not zip_file.is_file():
        raise UserError(f"{zip_file}: no such file; stage 14 packs the model")
    with tempfile.TemporaryDirectory(prefix="espnet_mtl-") as folder:
        files = unpack_model(zip_file, Path(folder) / "model", trusted)
        try:
            model, args = ASRMTLTask.build_model_from_file(
                files[CONFIG_KEY], files[WEIGHTS_KEY], device
            )
        except UserError as error:
            raise UserError(f"{zip_file}: {error}") from error
        try:
            tokenizer = build_tokenizer(
                token_type=args.token_type,
                bpemodel=args.bpemodel,
                non_linguistic_symbols=args.non_linguistic_symbols,
                g2p_type=getattr(args, "g2p", None),
            )
        except Exception as error:  # ESPnet raises any kind for a wrong argument
            raise UserError(
                f"{zip_file}: no tokenizer can be built from its configuration: "
                f"{type(error).__name__}: {error}"
            ) from error
        read_tokenizer(tokenizer, zip_file)
    cleaner = TextCleaner(getattr(args, "cleaner", None))
    return Export(model.eval(), args, tokenizer, cleaner, hash_file(zip_file))
