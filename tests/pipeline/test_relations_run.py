"""The co-occurrence relation from the command line to the result table, and graphs that are built once."""

import json

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from supernet.config import DeriveConfig, GraphConfig, TrainConfig
from supernet.data.dataset import Dataset, Pairs
from supernet.pipeline import bench as benches
from supernet.pipeline.bench import Bench
from supernet.space import Genotype, SearchSpace

from .conftest import command

BOTH = ("interactions", "cooccurrence")
SPACE = SearchSpace(1, ("sym",), ("light",), ("identity",), ("last",))


def test_one_key_adds_the_relation_to_search_and_derivation(small, tmp_path):
    folder = tmp_path / "run"
    keys = [
        *small,
        "search.epochs=2",
        "search.select=argmax",
        f"space.relations=[{','.join(BOTH)}]",
        "seed=1",
    ]
    result = command("train.py", "data=planted", *keys, "graph.neighbours=5", f"run={folder}")
    assert result.returncode == 0, result.stderr
    genotype = Genotype.load(folder / "genotype.json")
    slots = {f"layer{k}/item/cooccurrence/aggregate" for k in (1, 2)}
    assert {slot for slot in genotype.choices if "cooccurrence" in slot} == slots
    assert all("none" in genotype.mixture[slot] for slot in slots)
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert {f"mixture/{slot}/sym" for slot in slots} <= set(events.Tags()["scalars"])
    few = [
        "tuning.trials=0",
        "seeds=[0]",
        "fuse=[]",
        "random_genotypes=0",
        "baselines=[lightgcn]",
        "runtime.threads=1",
    ]
    result = command("derive.py", f"run={folder}", *few)
    assert result.returncode == 0, result.stderr
    models = json.loads((folder / "metrics.json").read_text())["models"]
    assert list(models)[:2] == ["derived", "lightgcn"]
    (name,) = list(models)[2:]
    taken = any(v != "none" for k, v in models["derived"]["choices"].items() if "cooccurrence" in k)
    assert name == ("derived without cooccurrence" if taken else "derived with cooccurrence")
    flipped = any(v != "none" for k, v in models[name]["choices"].items() if "cooccurrence" in k)
    assert flipped != taken


@pytest.fixture
def bench():
    """Five users and four items; the parts are unlike each other."""
    parts = {
        name: Pairs(torch.tensor(users), torch.tensor(items))
        for name, users, items in (
            ("train", [0, 0, 1, 2], [0, 1, 1, 2]),
            ("alpha", [3], [3]),
            ("valid", [4], [3]),
        )
    }
    data = Dataset("five", torch.arange(5).numpy(), torch.arange(4).numpy(), None, None, parts)
    return Bench(data, TrainConfig(graph=GraphConfig(neighbours=1)), DeriveConfig(), torch.device("cpu"))


def test_a_graph_is_built_once_for_its_parts_and_relations(bench, monkeypatch):
    built, real = [], benches.graph_of
    monkeypatch.setattr(benches, "graph_of", lambda *args: built.append(args[1]) or real(*args))
    spaces = [SPACE, SearchSpace(**{**vars(SPACE), "relations": BOTH})]
    graphs = [bench.graph(space, parts) for space in spaces * 2 for parts in (("train",), benches.KNOWN)]
    assert built == [("train",), benches.KNOWN] * 2
    assert graphs[:4] == graphs[4:]
    assert [graph.link("interactions", "user").relation.n_edges for graph in graphs[:4]] == [4, 6, 4, 6]
    assert [len(graph.links) for graph in graphs[:4]] == [2, 2, 3, 3]
    assert graphs[3].link("cooccurrence", "item").relation.ptr.diff().max() == 1
