"""What must hold of the weights of every registered part."""

import pytest
import torch

from ops.aggregate import AGGREGATORS
from ops.convolve import CONVOLUTIONS
from ops.readout import READOUTS
from ops.score import SCORES

DIM = 4
ARGUMENTS = [(AGGREGATORS, (DIM,)), (CONVOLUTIONS, (DIM,)), (READOUTS, (DIM, 2)), (SCORES, (DIM,))]
MODULES = [pytest.param(r[n], a, id=f"{r.kind}-{n}") for r, a in ARGUMENTS for n in r]


@pytest.mark.parametrize(("part", "arguments"), MODULES)
def test_reset_fills_every_weight_from_the_generator_alone(part, arguments):
    drawn = []
    for _ in range(2):
        module = part(*arguments)
        for weight in module.parameters():
            weight.data.fill_(torch.nan)
        if list(module.parameters()):
            module.reset_parameters(torch.Generator().manual_seed(5))
        drawn.append(module.state_dict())
    for name, weight in drawn[0].items():
        assert bool(weight.isfinite().all())
        assert torch.equal(weight, drawn[1][name])


@pytest.mark.parametrize(("part", "arguments"), MODULES)
def test_matrices_start_at_the_glorot_scale(part, arguments):
    module = part(200, *arguments[1:])
    if list(module.parameters()):
        module.reset_parameters(torch.Generator().manual_seed(5))
    for weight in module.parameters():
        if weight.dim() == 2:
            assert weight.std().item() == pytest.approx((2 / sum(weight.shape)) ** 0.5, rel=0.1)
