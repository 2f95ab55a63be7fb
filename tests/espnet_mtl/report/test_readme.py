import re
import shutil

import pytest
from curve_factory import make_curve_exp
from exp_factory import SPEAKERS

from espnet_mtl.bin.asr_mtl_report import main
from espnet_mtl.errors import UserError
from espnet_mtl.report.readme import replace_between

pytestmark = pytest.mark.usefixtures("without_plots")
README = (
    "# Title\n\n<!-- results:mini_accent:short -->\nold\n"
    "<!-- /results:mini_accent:short -->\n"
    "<!-- results:mini_accent -->\nold\n<!-- /results:mini_accent -->\n"
    "between\n<!-- results:claims -->\nold claims\n<!-- /results:claims -->\nend\n"
)


def update(study, tmp_path, corpus, text=README):
    path = tmp_path / "README.md"
    if not path.exists():
        path.write_text(text)
    words = ["--exp", *map(str, study.values()), "--output", str(tmp_path / "out")]
    words += ["--command", "./run.sh", "--update_readme", str(path)]
    main([*words, "--corpus", corpus])
    return path.read_text()


def test_results_and_claims_are_replaced_once(study, tmp_path, monkeypatch):
    monkeypatch.setattr("espnet_mtl.report.report.git_commit", lambda: "0123abc")
    text = update(study, tmp_path, "mini_accent")
    assert "old" not in text
    assert text.startswith("# Title\n\n<!-- results:mini_accent:short -->\n")
    short = text.partition("<!-- /results:mini_accent:short -->")[0]
    assert "| system | WER ↓ | AdvTWER ↑ without attack | budget " in short
    assert "Audit of all systems: " in short or "Audit: " in short
    systems = re.findall(r"^\| (\w+) \| [\d-]", short, flags=re.M)
    assert systems == ["ctc", "ctc_accent", *systems[2:]]
    assert text.endswith("<!-- /results:claims -->\nend\n")
    results, claims = text.split("\nbetween\n")
    assert "| ctc_accent |" in results and "```sh\n./run.sh\n```" in results
    assert "\nCommit 0123abc.\n" in results
    assert "Das & Chau" in claims and "| ctc_accent − ctc |" in claims
    assert str(tmp_path) not in text
    assert update(study, tmp_path, "mini_accent") == text


def test_another_corpus_leaves_the_claims(study, tmp_path):
    text = update(study, tmp_path, "fsdd", README.replace("mini_accent", "fsdd"))
    assert "old claims" in text
    assert "\nold\n" not in text


@pytest.mark.parametrize(
    ("start", "end"),
    [("results:x", "results:x"), ("/results:x", "results:x"), ("", "")],
)
def test_wrong_markers(start, end):
    with pytest.raises(UserError, match="results:x"):
        replace_between(f"<!-- {start} --> <!-- {end} -->", "results:x", "new", "R.md")


def test_several_files_and_one_without_place_for_claims(study, tmp_path):
    paths = [tmp_path / "README.md", tmp_path / "recipe.md"]
    paths[0].write_text(README)
    paths[1].write_text(README.partition("between")[0])
    words = ["--exp", *map(str, study.values()), "--output", str(tmp_path / "out")]
    main([*words, "--update_readme", *map(str, paths), "--corpus", "mini_accent"])
    texts = [path.read_text() for path in paths]
    assert all("| ctc_accent |" in text and "old" not in text for text in texts)
    assert "Das & Chau" in texts[0] and "Das & Chau" not in texts[1]


def test_a_missing_marker_changes_nothing(study, tmp_path):
    text = README.replace("<!-- /results:claims -->", "")
    with pytest.raises(UserError, match="README.md: found '<!-- /results:claims"):
        update(study, tmp_path, "mini_accent", text)
    assert (tmp_path / "README.md").read_text() == text


def test_readmes_are_checked_before_anything_is_read(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(README.replace("<!-- /results:claims -->", ""))
    words = ["--exp", str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")]
    with pytest.raises(UserError, match="found '<!-- /results:claims"):
        main([*words, "--update_readme", str(readme), "--corpus", "mini_accent"])
    readme.write_text(README)
    with pytest.raises(UserError, match="nowhere: no such directory"):
        main([*words, "--update_readme", str(readme), "--corpus", "mini_accent"])
    assert readme.read_text() == README and not (tmp_path / "out").exists()


def test_nothing_replaces_no_tables(study, tmp_path):
    copy = shutil.copytree(study["ctc"], tmp_path / study["ctc"].name)
    for attack in copy.glob("*attack*"):
        shutil.rmtree(attack)
    (tmp_path / "README.md").write_text(README)
    words = ["--exp", str(copy), "--output", str(tmp_path / "out"), "--update_readme"]
    with pytest.raises(UserError, match="no attack has been scored"):
        main([*words, str(tmp_path / "README.md"), "--corpus", "mini_accent"])
    assert (tmp_path / "README.md").read_text() == README
    assert (tmp_path / "out" / "RESULTS.md").is_file()  # the report itself is there


def test_corpus_and_file_are_needed(study, tmp_path):
    words = ["--exp", str(study["ctc"]), "--output", str(tmp_path), "--update_readme"]
    with pytest.raises(UserError, match="--corpus"):
        main([*words, str(tmp_path / "R.md")])
    (tmp_path / "R.md").write_text("no place")
    with pytest.raises(UserError, match="R.md: none of them has a place"):
        main([*words, str(tmp_path / "R.md"), "--corpus", "x"])
    (tmp_path / "R.md").unlink()
    with pytest.raises(UserError, match="no such file"):
        main([*words, str(tmp_path / "R.md"), "--corpus", "x"])


def test_answers_and_the_plot_are_shown_where_there_is_a_place(tmp_path):
    found = {"chain": {f"{name}-0": [(0.001, 9), (0.002, 0)] for name in SPEAKERS}}
    exp = make_curve_exp(
        tmp_path, "ctc", found, budgets=(0.001, 0.002), utts_per_speaker=1
    )
    readme, recipe = tmp_path / "README.md", tmp_path / "recipe" / "README.md"
    recipe.parent.mkdir()
    names = ("results:x:verdict", "results:x:plot", "results:x")
    readme.write_text("".join(f"<!-- {n} -->\n<!-- /{n} -->\n" for n in names))
    recipe.write_text("".join(f"<!-- {n} -->\n<!-- /{n} -->\n" for n in names[1:]))
    words = ["--exp", str(exp), "--output", str(tmp_path / "out"), "--corpus", "x"]
    main([*words, "--update_readme", str(readme), str(recipe), "--image_dir", "doc"])
    image = tmp_path / "doc" / "curves_x.png"
    assert image.read_bytes().startswith(b"\x89PNG")
    verdict, _, rest = readme.read_text().partition("<!-- /results:x:verdict -->")
    assert "**How little noise makes the recogniser hear what an attacker" in verdict
    assert re.search(r"!\[.*ctc: .*\]\(doc/curves_x.png\)", rest)
    assert "](../doc/curves_x.png)" in recipe.read_text()
    image.unlink()
    readme.write_text("<!-- results:x -->\n<!-- /results:x -->\n")
    main([*words, "--update_readme", str(readme)])
    assert not image.exists()


def test_without_curves_the_place_of_the_plot_says_so(study, tmp_path):
    places = ("results:x", "results:x:plot")
    text = "".join(f"<!-- {name} -->\n<!-- /{name} -->\n" for name in places)
    text = update(study, tmp_path, "x", text)
    assert "has not looked for robustness curves" in text
