"""Systems under a suite, which pass the audit."""

import pytest
from audited import copy_of
from exp_factory import make_suite_exp


@pytest.fixture(scope="session")
def suites(tmp_path_factory):
    """A system with an accent branch and one without, under a suite."""
    folder = tmp_path_factory.mktemp("suites")
    return {
        "hybrid_accent": make_suite_exp(
            folder, "hybrid_accent", accent=True, utts_per_speaker=9
        ),
        "att": make_suite_exp(
            folder, "att", branches=("att",), wer=4.5, utts_per_speaker=9
        ),
    }


@pytest.fixture
def suite(suites, tmp_path):
    """One of them, to be changed; the attack's paths still name the original."""
    return copy_of(suites["hybrid_accent"], tmp_path)
