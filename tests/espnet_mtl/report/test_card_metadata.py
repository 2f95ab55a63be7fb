"""Languages and licences that Hugging Face's Hub takes, and those that it refuses."""

import pytest

from espnet_mtl.bin.check_card import main
from espnet_mtl.errors import UserError
from espnet_mtl.report.card_metadata import card_metadata


@pytest.mark.parametrize(
    ("lang", "found"),
    [
        ("noinfo", {}),
        ("en", {"language": "en"}),
        ("EN", {"language": "en"}),
        ("yue", {"language": "yue"}),
        ("multilingual", {"language": "multilingual"}),
        ("zh-CN", {"language": "zh", "language_bcp47": ["zh-CN"]}),
        ("nan_tw", {"language": "nan", "language_bcp47": ["nan-tw"]}),
        ("sr-Latn-RS", {"language": "sr", "language_bcp47": ["sr-Latn-RS"]}),
    ],
)
def test_languages(lang, found):
    assert card_metadata(lang, "mit") == {**found, "license": "mit"}


@pytest.mark.parametrize("lang", ["english", "jp", "", "e", "en-", "xx-US", "en/us"])
def test_what_is_no_language(lang):
    with pytest.raises(UserError, match=f"--lang '{lang}' .*--hf_lang.*ISO 639"):
        card_metadata(lang, "mit")


@pytest.mark.parametrize("licence", ["mit", "Apache-2.0", "cc-by-4.0", "openrail++"])
def test_licences(licence):
    assert card_metadata("noinfo", licence) == {"license": licence.lower()}


@pytest.mark.parametrize(
    ("licence", "near"),
    [("cc-by", "cc-by-"), ("apache", "apache-2.0"), ("GPLv3", "gpl"), ("mine!", "")],
)
def test_what_is_no_licence(licence, near):
    with pytest.raises(UserError, match=f"--license '{licence}' .*{near}.*'other'"):
        card_metadata("en", licence)


def test_another_licence_has_a_name():
    named = card_metadata("noinfo", "other", "my-licence-1.0", "https://x.org")
    assert named == {
        "license": "other",
        "license_name": "my-licence-1.0",
        "license_link": "https://x.org",
    }
    for name in ("", "My Licence"):
        with pytest.raises(UserError, match=f"--license_name '{name}'.*needs the name"):
            card_metadata("noinfo", "other", name)
    with pytest.raises(UserError, match="only --license other has them, and not mit"):
        card_metadata("noinfo", "mit", "my-licence")


def test_the_command_of_the_recipe():
    main(["--lang", "en", "--license", "mit", "--license_name", ""])
    with pytest.raises(UserError, match="--hf_license"):
        main(["--license", "none"])
