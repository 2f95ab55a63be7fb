"""The page in a browser: it opens, unfolds, plays, and can be read by everybody."""

import shutil
from dataclasses import replace

import pytest
from browser import CHROMIUM, Browser
from curve_factory import make_curve_exp
from exp_factory import CLEAN, make_exp, make_trial

from espnet_mtl.bin import asr_mtl_report as report

pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium here (apt-get install chromium)"
)
READY = "document.querySelector('[data-is=heard]').textContent"
PLAY = "figure[data-kind=attacked] .play"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.close()


@pytest.fixture
def page(browser, written):
    browser.problems.clear()
    browser.open(written / "index.html")
    browser.wait_until(READY)
    yield browser
    assert browser.problems == []


def pressed(page, selector=PLAY):
    return page.evaluate(f"document.querySelector('{selector}').ariaPressed")


def test_what_is_folded_opens(page):
    page.evaluate("document.querySelector('.audit').open = false")
    assert page.evaluate("document.querySelector('.gate').checkVisibility()") is False
    page.click(".audit > summary")
    page.wait_until("document.querySelector('.gate').checkVisibility()")
    page.click(".gate > summary")
    page.wait_until("document.querySelector('.gate td').checkVisibility()")


def test_a_clip_is_played_to_its_end(page):
    assert pressed(page) == "false"
    page.click(PLAY)
    page.wait_until(f"document.querySelector('{PLAY}').ariaPressed === 'true'")
    page.wait_until(f"document.querySelector('{PLAY}').ariaPressed === 'false'")
    assert page.evaluate("document.querySelector('.error').hidden")


def test_the_keyboard_is_enough(page):
    """Tab gets to every choice, button and fold; Space plays, and Enter unfolds."""
    page.evaluate(
        "document.querySelectorAll('details').forEach(one => one.open = false)"
    )
    page.evaluate(
        "[...document.querySelectorAll('select, button, summary')]"
        ".filter(one => one.checkVisibility())"
        ".forEach((one, place) => one.dataset.place = place)"
    )
    reached = set()
    for _ in range(60):
        page.press("Tab", 9)
        place = page.evaluate("document.activeElement.dataset.place")
        if place is not None:
            reached.add(int(place))
    count = page.evaluate("document.querySelectorAll('[data-place]').length")
    assert count >= 4 + 4 + 2  # choices, buttons, folds
    assert reached == {*range(count)}
    page.evaluate(f"document.querySelector('{PLAY}').focus()")
    page.press(" ", 32, " ")
    page.wait_until(f"document.querySelector('{PLAY}').ariaPressed === 'true'")
    page.evaluate("document.querySelector('.audit > summary').focus()")
    page.press("Enter", 13, "\r")
    page.wait_until("document.querySelector('.audit').open")


def choose(page, name, value):
    page.evaluate(
        f"(() => {{ const box = document.querySelector('select[name={name}]');"
        f"box.value = {value!r};"
        "box.dispatchEvent(new Event('change')); })()"
    )


def test_another_budget_is_heard_otherwise(page):
    choose(page, "system", "ctc")
    choose(page, "budget", "0.001")
    weak = page.evaluate(READY)
    choose(page, "budget", "0.008")
    page.wait_until(f"{READY} !== {weak!r}")
    choose(page, "utt", "1")
    page.wait_until("document.querySelector('.error').hidden")


def test_recordings_chosen_in_a_hurry_are_not_mixed_up(page, written, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(written, copy)
    for number in (2, 3):
        script = copy / "audio" / f"hear_{number}.js"
        text = script.read_text()
        assert "a truth of five words" in text
        script.write_text(text.replace("a truth of five words", f"words {number}"))
    page.open(copy / "index.html")
    page.wait_until(READY)
    said = "document.querySelector('[data-is=said]').textContent"
    choose(page, "utt", "1")  # before its script is there, another one:
    choose(page, "utt", "2")
    page.wait_until(f"{said} === 'words 3'")
    choose(page, "utt", "1")
    page.wait_until(f"{said} === 'words 2'")


def test_pictures_are_drawn_and_told(page):
    colours = page.evaluate(
        "[...document.querySelectorAll('.players canvas')].map(canvas => new Set("
        "new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, "
        "canvas.height).data.buffer)).size)"
    )
    assert len(colours) == 8
    waves, spectra = colours[::2], colours[1::2]
    assert min(waves) >= 2 and min(spectra) > 20
    labels = page.evaluate(
        "[...document.querySelectorAll('.players canvas')].map(one => one.ariaLabel)"
    )
    assert all("largest sample" in one or "times as loud" in one for one in labels[::2])


CONTRAST = """
(() => {
  const light = ([r, g, b]) => [r, g, b].map(one => one / 255)
    .map(one => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const numbers = text => text.match(/[\\d.]+/g).map(Number);
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const found = numbers(getComputedStyle(one).backgroundColor);
      if (found.length < 4 || found[3] > 0) { return found; }
    }
    return [255, 255, 255];
  };
  for (const one of document.querySelectorAll('details')) { one.open = true; }
  const poor = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility()) { continue; }
    const both = [numbers(getComputedStyle(element).color), ground(element)].map(light);
    const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
    if (ratio < 4.5) { poor.add(`${element.className || element.tagName} ${ratio}`); }
  }
  return [...poor];
})()
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_have_contrast(page, written, dark):
    """4.5 : 1 at least, as WCAG 2 asks for (success criterion 1.4.3)."""
    page.open(written / "index.html", dark=dark)
    page.wait_until(READY)
    grounds = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (grounds != "rgb(255, 255, 255)") == dark
    assert page.evaluate(CONTRAST) == []


def make_untargeted(folder):
    trials = [
        CLEAN,
        replace(make_trial("pgd", "untargeted"), words="away"),
        replace(make_trial("pgd", "flip"), words="keep"),
    ]
    about = {"errors": lambda *_: 0, "accent": True, "audio": False, "trials": trials}
    return [make_exp(folder, "mine", **about)]


def make_searched(folder):
    """Systems of which the smallest budgets are known: the page has their curves."""
    exps = []
    for system, first in (("ctc", 0), ("ctc_accent", 1)):
        tried = {
            f"{name}-0": [
                (0.001 * 2**n, 0 if n == first + place % 2 else 9)
                for n in range(first + place % 2 + 1)
            ]
            for place, name in enumerate("abcdefgh")
        }
        about = {"speakers": "abcdefgh", "utts_per_speaker": 1}
        exps.append(make_curve_exp(folder, system, {"chain": tried}, **about))
    return exps


def make_alone(folder):
    return [make_exp(folder, "mine", errors=lambda *_: 3)]


@pytest.mark.parametrize(
    ("make", "shown"),
    [
        (make_untargeted, "Attacks that want another accent"),
        (make_searched, "Does the accent branch help?"),
        (make_alone, "mine under attack"),
    ],
)
def test_other_pages_can_be_read_as_well(browser, tmp_path, make, shown):
    exps = make(tmp_path / "exp")
    output = tmp_path / "report"
    report.main(["--exp", *map(str, exps), "--output", str(output)])
    browser.problems.clear()
    browser.open(output / "index.html", width=360)
    browser.wait_until("document.readyState === 'complete'")
    assert shown in browser.evaluate("document.body.textContent")
    assert browser.evaluate(CONTRAST) == []  # unfolds everything
    assert browser.evaluate("document.documentElement.scrollWidth") <= 360
    assert browser.problems == []


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(page, written, width):
    page.open(written / "index.html", width=width)
    page.wait_until(READY)
    page.evaluate(
        "document.querySelectorAll('details').forEach(one => one.open = true)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_lost_recording_is_said(page, written, tmp_path):
    alone = tmp_path / "index.html"
    alone.write_text((written / "index.html").read_text())
    page.open(alone)
    page.wait_until("!document.querySelector('.error').hidden")
    said = page.evaluate("document.querySelector('.error').textContent")
    assert "audio/hear_1.js is not there" in said
    lost = [one for one in page.problems if "ERR_FILE_NOT_FOUND" in one]
    assert lost  # of the recording, and of plots
    page.problems.clear()
