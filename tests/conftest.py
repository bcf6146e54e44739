"""Fixtures that every package's tests share: the device and the precision a test runs on."""

import pytest
import torch
from hypothesis import settings

from .chat import Chat

settings.register_profile("supernet", deadline=None)  # a busy machine is no failure
settings.load_profile("supernet")
torch.set_num_threads(1)  # small tensors: a second thread costs more than it earns, far more on busy cores


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    """Vectors of texts, of the command lines too, lie in a folder of this session."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SUPERNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def chat(monkeypatch):
    """A chat completions endpoint, set as the environment's."""
    pytest.importorskip("httpx")
    server = Chat()
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    yield server
    server.close()


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return torch.device(request.param)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param
