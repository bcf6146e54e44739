"""Low-rank adapters on a tiny language model made here: what they change, what they leave and what they
learn."""

import sys

import numpy as np
import pytest
import torch

from supernet.features.text import lora
from supernet.features.text.encoders import Transformer
from supernet.features.text.lora import Lora, adapters_of, fine_tuned, ridge, save_adapters
from supernet.runtime import InputError

from ..language import tiny_bert

FIRST, SECOND, THIRD = ("toy", "god", "war"), ("story", "father", "love"), ("the", "a", "of")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FIRST, *SECOND, *THIRD]
TEXTS = [f"{a} {b} {c}" for a in FIRST for b in SECOND for c in THIRD]
TARGET = torch.randn(27, 8, generator=torch.Generator().manual_seed(0))
"""What is to be told: nothing that the words have in common, so that the untrained model cannot."""

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("peft", reason="needs peft (the lora extra)")
    return tiny_bert(tmp_path_factory.mktemp("model"), WORDS, layers=3)


def tuned(folder, epochs=1, layer=-1, **settings):
    encoder = Transformer(folder, layer)
    generator = torch.Generator().manual_seed(0)
    settings = Lora(**{"layers": 1, "rank": 2, "epochs": epochs, "lr": 0.02, "batch": 9} | settings)
    return encoder, list(fine_tuned(encoder, TEXTS, TARGET, settings, generator))


def test_only_the_adapters_of_the_top_layers_learn(folder):
    before = {name: value.clone() for name, value in Transformer(folder).loaded()[1].state_dict().items()}
    encoder, _ = tuned(folder, layers=2)
    after = dict(encoder.loaded()[1].named_parameters())
    adapters = {name for name in after if "lora_" in name}
    assert {name.split("layer.")[1][0] for name in adapters} == {"1", "2"}
    for name, value in after.items():
        assert value.requires_grad == (name in adapters)
        if name not in adapters:
            assert torch.equal(value, before[name.replace(".base_layer", "")]), name
    grown = [value for name, value in after.items() if "lora_B" in name and "pooler" not in name]
    assert grown
    assert all(value.abs().sum() > 0 for value in grown), "adapters are zero at first"


def test_a_view_of_a_lower_layer_has_adapters_below_it_alone(folder):
    encoder, _ = tuned(folder, layer=1)
    names = [name for name, _ in encoder.loaded()[1].named_parameters() if "lora_" in name]
    assert {name.split("layer.")[1][0] for name in names} == {"0"}
    with pytest.raises(InputError, match="the hidden layer 0 of the text model has no layers below it"):
        tuned(folder, layer=0)


def test_untrained_adapters_change_nothing(folder):
    found = tuned(folder, epochs=0)[0].encode(TEXTS)
    np.testing.assert_allclose(found, Transformer(folder).encode(TEXTS), atol=1e-6)


def test_saved_adapters_encode_new_texts_alike(folder, tmp_path):
    peft = pytest.importorskip("peft")
    encoder, _ = tuned(folder, epochs=2, layers=2)
    before = adapters_of(encoder)
    for parameter in encoder.loaded()[1].parameters():
        if parameter.requires_grad:
            parameter.data.add_(1.0)  # an epoch that is not taken
    for weights in (adapters_of(encoder), before):
        save_adapters(encoder, weights, tmp_path / "kept")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"], "nothing half-written"
    fresh, plain = Transformer(folder), Transformer(folder).encode(["war of the story"])
    tokenizer, model = fresh.loaded()
    fresh._loaded = tokenizer, peft.PeftModel.from_pretrained(model, str(tmp_path / "kept")).eval()
    found, expected = fresh.encode([*TEXTS, "war of the story"]), tuned(folder, epochs=2, layers=2)[0]
    np.testing.assert_allclose(found, expected.encode([*TEXTS, "war of the story"]), atol=1e-6)
    assert np.abs(found[-1] - plain[0]).max() > 1e-3


def test_adapters_learn_what_a_projection_alone_cannot(folder, monkeypatch):
    _, losses = tuned(folder, epochs=30, layers=3, rank=4)
    real = lora._adapted

    def frozen(*arguments):
        for parameter in real(*arguments):
            parameter.requires_grad_(False)
        return [torch.nn.Parameter(torch.zeros(1))]

    monkeypatch.setattr(lora, "_adapted", frozen)
    _, alone = tuned(folder, epochs=30, layers=3, rank=4)
    assert losses[-1] < 0.6 * losses[0]
    assert losses[-1] < 0.95 * alone[-1]


def test_the_same_seed_gives_the_same_vectors(folder):
    torch.manual_seed(1)
    one = tuned(folder, epochs=2)[0].encode(TEXTS)
    torch.manual_seed(2)
    assert np.array_equal(tuned(folder, epochs=2)[0].encode(TEXTS), one)


class Elsewhere(Transformer):
    """Its model is on another device than the CPU when it trains."""

    def pooled(self, texts):
        found = super().pooled(texts)
        return found.to("meta") if torch.is_grad_enabled() else found


def test_all_that_learns_is_where_the_model_is(tmp_path, monkeypatch):
    adapter = torch.nn.Parameter(torch.zeros(1, device="meta"))
    monkeypatch.setattr(lora, "_adapted", lambda *_: [adapter])
    encoder = Elsewhere(tiny_bert(tmp_path, WORDS))
    with pytest.raises(
        RuntimeError, match="Cannot copy out of meta"
    ):  # after the steps, where the loss of the epoch is read
        next(fine_tuned(encoder, TEXTS, TARGET, Lora(batch=9), torch.Generator()))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_adapters_learn_on_cuda(folder):
    encoder = Transformer(folder, device="cuda")
    generator = torch.Generator().manual_seed(0)
    losses = list(fine_tuned(encoder, TEXTS, TARGET, Lora(epochs=5, lr=0.02, batch=9), generator))
    assert losses[-1] < losses[0]


def test_ridge_minimises_its_sum():
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((40, 5)) + 2, generator.standard_normal((40, 3)) - 1
    weight, bias = ridge(x.astype(np.float32), y.astype(np.float32))
    centred = x - x.mean(axis=0)
    penalty = np.sqrt(centred.var() * 5) * np.eye(5)
    rows = np.concatenate([centred, penalty]), np.concatenate([y - y.mean(axis=0), np.zeros((5, 3))])
    np.testing.assert_allclose(weight, np.linalg.lstsq(*rows)[0], atol=1e-4)
    np.testing.assert_allclose((x @ weight + bias).mean(axis=0), y.mean(axis=0), atol=1e-4)


def test_without_peft_it_says_what_to_install(tmp_path, monkeypatch):
    encoder = Transformer(tiny_bert(tmp_path, WORDS))
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match=r"needs the package peft: pip install 'supernet\[lora\]'"):
        next(fine_tuned(encoder, TEXTS, TARGET, Lora(), torch.Generator()))
