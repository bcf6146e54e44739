"""derive.py finetune.text=lora on a tiny language model: tuned once, kept, told; and what is refused."""

import json
import re

import hydra
import numpy as np
import pytest
import torch

from supernet.config import conf_folder, load_train_config, register_schemas, typed, validate_derive
from supernet.data.dataset import Pairs
from supernet.features.text.encoders import Transformer
from supernet.pipeline import derive, finetuning
from supernet.pipeline.finetuning import collaborative
from supernet.runtime import InputError

from ..language import tiny_bert
from .test_methods_run import Killed, run

DIGITS = [str(k) for k in range(10)]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "item", "no", "."]
WORDS += [*DIGITS, *(f"##{digit}" for digit in DIGITS)]
FEW = [
    "tuning.trials=1",
    "baselines=[pop]",
    "random_genotypes=0",
    "seeds=[0]",
    "fuse=[]",
    "runtime.threads=1",
]
LORA = ["finetune.text=lora", "finetune.layers=1", "finetune.rank=2", "finetune.epochs=2", "finetune.lr=0.02"]

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pytest.importorskip("peft", reason="needs peft (the lora extra)")
    return tiny_bert(tmp_path_factory.mktemp("model"), WORDS)


@pytest.fixture
def searched(clicks, small, tmp_path, model):
    """A finished search over texts by the tiny model."""
    view = ["text=transformer", f"text.views.model.model={model}", "text.views.model.pooling=mean"]
    space = ["space.features=['sum:model']", "search.select=argmax", "data.text=[title]"]
    return run(clicks, small, tmp_path / "run", [*view, *space])


def derived(folder, *overrides):
    register_schemas()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        config = typed(hydra.compose("derive", overrides=[f"run={folder}", *FEW, *overrides]))
    validate_derive(config)
    return derive.run_derive(config, load_train_config(folder), "")


def test_a_killed_derivation_tunes_its_texts_once_and_tells(searched, monkeypatch):
    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(derive, "retrain", kill)
        with pytest.raises(Killed):
            derived(searched, *LORA)
    (path,) = searched.glob("text-model-*.npy")
    kept = np.load(path)
    told = json.loads(path.with_suffix(".json").read_text())
    assert kept.shape == (40, 12)
    assert len(told["scores"]) == 3
    assert told["epoch"] == int(np.argmax(told["scores"]))
    monkeypatch.setattr(finetuning, "fine_tuned", None)  # nothing is tuned again
    derived(searched, *LORA)
    log = (searched / "derive.log").read_text()
    assert re.search(r"view model: valid ndcg@20 by text alone 0\.\d+, as it is", log)
    assert log.count("view model: epoch 2: loss") == 1
    metrics = json.loads((searched / "metrics.json").read_text())
    assert "texts fine-tuned by lora" in json.dumps(metrics)


def test_the_adapters_of_the_epoch_that_is_taken_are_kept(searched, model, monkeypatch):
    peft, scores = pytest.importorskip("peft"), iter([0.1, 0.5, 0.4])
    monkeypatch.setattr(finetuning.Task, "score", lambda *_: next(scores))
    monkeypatch.setattr(derive, "choose", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        derived(searched, *LORA)
    (vectors,) = searched.glob("text-model-*.npy")
    folder = vectors.with_suffix("")
    assert f"the adapters, as peft reads them, are in {folder}" in (searched / "derive.log").read_text()
    encoder = Transformer(model, pooling="mean")
    tokenizer, plain = encoder.loaded()
    encoder._loaded = tokenizer, peft.PeftModel.from_pretrained(plain, str(folder)).eval()
    texts = [f"The Item No. {k}" for k in range(40)]
    found, kept = encoder.encode(texts), np.load(vectors)
    assert {tuple(row) for row in found.round(4)} == {tuple(row) for row in kept.round(4)}


def test_neighbours_by_texts_stay_and_the_log_says_so(clicks, small, tmp_path, model, monkeypatch):
    view = ["text=transformer", f"text.views.model.model={model}", "data.text=[title]"]
    space = ["space.features=['sum:model']", "space.relations=[interactions,text_knn]"]
    folder = run(clicks, small, tmp_path / "run", [*view, *space, "search.select=argmax"])
    monkeypatch.setattr(derive, "choose", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        derived(folder, *LORA)
    said = "relation text_knn: its edges are those that the search had, by the texts before"
    assert said in (folder / "derive.log").read_text()


def test_what_no_epoch_makes_better_stays_as_it_is(searched, monkeypatch):
    scores = iter([0.5, 0.4, 0.5])
    views = []
    monkeypatch.setattr(finetuning.Task, "score", lambda *_: next(scores))
    monkeypatch.setattr(
        derive, "choose", lambda bench, *_: views.append(bench.beside.views["model"]) or 1 / 0
    )
    with pytest.raises(ZeroDivisionError):
        derived(searched, *LORA)
    with pytest.raises(ZeroDivisionError):
        derived(searched)
    assert not [path for path in searched.glob("text-model-*") if path.is_dir()]
    assert "it stays as it is" in (searched / "derive.log").read_text()
    assert torch.equal(views[0].vectors, views[1].vectors)


def test_what_cannot_be_tuned_is_refused(clicks, small, tmp_path):
    pytest.importorskip("peft", reason="needs peft (the lora extra)")
    folder = run(clicks, small, tmp_path / "run", ["search.select=argmax"])
    with pytest.raises(
        InputError, match="needs a view by one of minilm, transformer; the run's views are: none"
    ):
        derived(folder, *LORA)
    with pytest.raises(InputError, match="chooses an epoch by the valid part, which protocol=paper does not"):
        derived(folder, *LORA, "protocol=paper", "epochs=3", "tuning.trials=0")
    for key, value in (("rank", 0), ("epochs", 0), ("batch", 1), ("lr", 0)):
        with pytest.raises(
            InputError, match=rf"finetune\.{key} must be (more than|at least) \d, found {value}"
        ):
            derived(folder, *LORA, f"finetune.{key}={value}")
    with pytest.raises(InputError, match=r"finetune\.text"):
        derived(folder, "finetune.text=adapters")


def test_without_peft_it_is_refused_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs the package peft: pip install 'supernet\[lora\]'"):
        derived(tmp_path, *LORA)


def test_collaborative_vectors_are_those_of_a_dense_decomposition():
    generator = np.random.default_rng(0)
    dense = generator.random((12, 9)) < 0.4
    users, items = (torch.from_numpy(part) for part in dense.nonzero())
    found = collaborative(Pairs(users, items), 12, 9, rank=4)
    degrees = [np.maximum(dense.sum(axis=k), 1) ** -0.5 for k in (1, 0)]
    u, s, v = np.linalg.svd(degrees[0][:, None] * dense * degrees[1])
    np.testing.assert_allclose(found[0] @ found[1].T, u[:, :4] * s[:4] @ v[:4], atol=1e-5)
    np.testing.assert_allclose(found[1].T @ found[1], np.eye(4), atol=1e-5)
