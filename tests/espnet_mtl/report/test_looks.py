"""No two lines of a plot look alike."""

import pytest

from espnet_mtl.report.looks import (
    families_of,
    look_of,
    looks_of_families,
    share_panels,
)

KINDS = ("plain", "noise", "adversarial", "adversarial_accent", "adversarial_shuffled")
FIFTEEN = [f"{family}_{kind}" for family in ("ctc", "att", "hybrid") for kind in KINDS]


def test_twenty_eight_lines_in_one_plot():
    looks = {(one.colour, one.dash) for one in map(look_of, range(28))}
    assert len(looks) == 28


@pytest.mark.parametrize("systems", [FIFTEEN, [f"s{n}" for n in range(15)]])
def test_fifteen_systems(systems):
    looks = looks_of_families(systems)
    assert len(set(looks)) == 15
    panels = share_panels(systems)
    assert sorted(place for places in panels for place in places) == [*range(15)]
    for places in panels:
        shown = [(looks[place].colour, looks[place].dash) for place in places]
        assert len(set(shown)) == len(places)


def test_families():
    assert [len(places) for places in share_panels(FIFTEEN)] == [5, 5, 5]
    assert families_of(["ctc", "ctc_accent", "my_model"]) == ["ctc", "ctc", "my_model"]
    # Those without a family share panels.
    assert share_panels(["a_b", "c_d", "e", "f"]) == [[0, 1, 2], [3]]
    looks = looks_of_families(["ctc", "att", "ctc_accent", "att_accent"])
    assert looks[0].colour == looks[1].colour != looks[2].colour == looks[3].colour
