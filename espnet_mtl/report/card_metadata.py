"""What Hugging Face's Hub takes at the head of a model card: languages and licences.

The Hub refuses a card with other values, so they are checked before anything is made.
Its lists: https://huggingface.co/docs/hub/model-cards (languages are those of ISO 639)
and https://huggingface.co/docs/hub/repositories-licenses.
"""

import difflib
import re
from typing import Any

from espnet_mtl.errors import UserError

UNKNOWN_LANGUAGE = "noinfo"

# ISO 639-1
_LANGUAGES = frozenset(
    "aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs "
    "cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv "
    "ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl "
    "km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt "
    "my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru "
    "rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl "
    "tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu".split()
)
# ISO 639-2 and 639-3 have some thousands of three letters: only their form is checked.
_THREE_LETTERS = re.compile(r"[a-z]{3}")
_NO_ISO = ("multilingual", "code")
_TAG = re.compile(r"([a-z]{2,3})((?:-[a-z0-9]{2,8})+)", re.IGNORECASE)  # of BCP 47

_LICENCES = frozenset(
    "apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m "
    "bigscience-bloom-rail-1.0 bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd "
    "bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5 "
    "cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 "
    "cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 "
    "cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 "
    "cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 agpl-3.0 "
    "gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc lppl-1.3c ms-pl mpl-2.0 "
    "odc-by odbl openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl "
    "lgpl-lr deepfloyd-if-license llama2 gemma unknown other".split()
)
_OTHER = "other"
_NAME = re.compile(r"[a-z0-9.-]+")


def card_metadata(
    lang: str, license_id: str, license_name: str = "", license_link: str = ""
) -> dict[str, Any]:
    """Give the part of a card's head that says language and licence.

    Args:
        lang: A code of ISO 639, perhaps with a region as in ``zh-CN``;
            ``UNKNOWN_LANGUAGE`` is left out.
        license_id: One of the Hub's identifiers.
        license_name: Name of the licence, where the identifier is ``other``.
        license_link: Its address, or the name of a file in the repository.

    Raises:
        UserError: If the Hub would refuse it.
    """
    found = {} if lang == UNKNOWN_LANGUAGE else _language(lang)
    return {**found, **_licence(license_id, license_name, license_link)}


def _language(lang: str) -> dict[str, Any]:
    code = lang.replace("_", "-")
    tag = _TAG.fullmatch(code)
    base = (tag[1] if tag else code).lower()
    if (
        base not in _LANGUAGES
        and base not in _NO_ISO
        and not _THREE_LETTERS.fullmatch(base)
    ):
        raise UserError(
            f"--lang '{lang}' (in a recipe --hf_lang): Hugging Face takes no such "
            "language. Give its code of ISO 639-1, such as en, or three letters of ISO "
            "639-3, such as yue; a region may follow, as in zh-CN. "
            f"'{UNKNOWN_LANGUAGE}' leaves it out"
        )
    # The Hub wants what is more than the language in a field of its own.
    return {"language": base, **({"language_bcp47": [code]} if tag else {})}


def _licence(license_id: str, name: str, link: str) -> dict[str, Any]:
    known = license_id.lower()
    if known not in _LICENCES:
        near = difflib.get_close_matches(known, sorted(_LICENCES), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UserError(
            f"--license '{license_id}' (in a recipe --hf_license): Hugging Face has no "
            f"such identifier; {hint}All are in "
            "https://huggingface.co/docs/hub/repositories-licenses. For another "
            "licence, give 'other' and its name as --license_name (--hf_license_name)"
        )
    if known != _OTHER:
        if name or link:
            raise UserError(
                f"--license_name, --license_link (in a recipe --hf_license_name, "
                f"--hf_license_link): only --license other has them, and not {known}"
            )
        return {"license": known}
    if not _NAME.fullmatch(name):
        raise UserError(
            f"--license_name '{name}' (in a recipe --hf_license_name): --license other "
            "needs the name of the licence, in lower-case letters, digits, '.' and "
            "'-', such as coqui-public-model-license"
        )
    found = {"license": known, "license_name": name}
    return {**found, "license_link": link} if link else found
