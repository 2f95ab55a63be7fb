"""How large perturbations are: drawn for each utterance, and growing at first."""

import pytest
import torch
from robust_factory import FIRST, make_named_batch

from espnet_mtl.asr_mtl.robust.pgd import PGDTraining

BATCH = make_named_batch(200)
LAST = FIRST._replace(batch=1000, update=1000)


def radii(moment, batch=BATCH, **settings):
    return PGDTraining(radius=0.5, **settings).ball(batch, moment).radius


def test_radii_are_uniform_from_zero_to_the_largest():
    drawn = radii(LAST)
    assert 0.0 < drawn.min() and drawn.max() < 0.5
    counts = torch.histc(drawn, bins=4, min=0.0, max=0.5)
    assert counts.min() > 30  # of 50; below that once in thousands of draws


def test_fixed_radii_are_the_largest():
    assert torch.all(radii(LAST, radius_draw="fixed") == 0.5)


@pytest.mark.parametrize(("update", "share"), [(0, 0.01), (49, 0.5), (99, 1.0)])
def test_the_largest_radius_grows(update, share):
    moment = FIRST._replace(update=update)
    grown = radii(moment, radius_draw="fixed", ramp_updates=100)
    torch.testing.assert_close(grown, torch.full_like(grown, 0.5 * share))


def test_no_ramp_begins_with_the_largest():
    assert torch.all(radii(FIRST, radius_draw="fixed", ramp_updates=0) == 0.5)


def test_a_share_of_utterances_stays_clean():
    drawn = radii(LAST, radius_draw="fixed", clean_share=0.25)
    assert set(drawn.tolist()) == {0.0, 0.5}
    assert 25 < (drawn == 0).sum() < 75
    assert torch.all(radii(LAST, clean_share=1.0) == 0)


def test_what_is_drawn_depends_on_utterance_batch_and_seed_alone():
    drawn = radii(LAST)
    picked = {name: value[5:7] for name, value in BATCH.items()}
    assert torch.equal(radii(LAST, picked), drawn[5:7])
    for other in (LAST._replace(batch=1001), LAST._replace(seed=1)):
        assert not torch.equal(radii(other), drawn)


def test_an_snr_is_of_each_utterance():
    batch = make_named_batch()
    batch["speech"][1] *= 0.5
    way = PGDTraining(radius=20, norm="snr", radius_draw="fixed", ramp_updates=0)
    energy = torch.linalg.vector_norm(batch["speech"], dim=1)
    torch.testing.assert_close(way.ball(batch, FIRST).radius, energy / 10)
