"""The space of a tuning is checked before anything is trained."""

import re

import pytest

from supernet.runtime import InputError
from supernet.training.tuning import check_space


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"item_norm": {"low": 0.5, "high": 1.5}}, "item_norm: values must lie in [0, 1], found [0.5, 1.5]"),
        ({"item_norm": {"choices": [0.5, 2.0]}}, "item_norm: values must lie in [0, 1], found [0.5, 2.0]"),
        ({"edge_dropout": {"choices": [1.0]}}, "edge_dropout: values must lie in [0, 1), found [1.0]"),
    ],
)
def test_shares_lie_between_0_and_1(space, message):
    with pytest.raises(InputError, match=re.escape(message)):
        check_space(space, "tpe")


def test_shares_may_be_tuned():
    check_space({"item_norm": {"low": 0.0, "high": 1.0}}, "tpe")
    check_space({"item_norm": {"choices": [0.5, 1.0]}, "edge_dropout": {"choices": [0.0, 0.9]}}, "grid")
