"""Fixtures that every package's tests share: the device and the precision a test runs on."""

import pytest
import torch
from hypothesis import settings

settings.register_profile("supernet", deadline=None)  # a busy machine is no failure
settings.load_profile("supernet")
torch.set_num_threads(1)  # small tensors: a second thread costs more than it earns, far more on busy cores


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device(request.param)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param
