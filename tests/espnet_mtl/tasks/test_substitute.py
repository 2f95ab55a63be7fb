"""What ESPnet finds in its modules for a while, and what it finds afterwards."""

import math

import pytest

from espnet_mtl.tasks.substitute import substitute


def test_a_module_is_as_before_also_after_an_exception():
    before = dict(vars(math))
    with pytest.raises(ZeroDivisionError), substitute(math, sqrt=abs, pi=3):
        assert math.sqrt(-4) == 4 and math.pi == 3
        raise ZeroDivisionError
    assert vars(math) == before


def test_a_name_that_espnet_no_longer_has_is_an_error():
    with (
        pytest.raises(AttributeError, match="square_root"),
        substitute(math, square_root=abs),
    ):
        pass
