"""The co-occurrence relation from the command line to the result table, and graphs that are built once."""

import json
import logging

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from supernet.config import DeriveConfig, GraphConfig, SpaceConfig, TrainConfig
from supernet.data.dataset import Dataset, Pairs
from supernet.pipeline import bench as benches
from supernet.pipeline.bench import Bench
from supernet.pipeline.texts import load_beside
from supernet.runtime import InputError
from supernet.space import Genotype, SearchSpace

from .conftest import command

LOG = logging.getLogger("supernet")
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


def test_more_types_of_edges_than_can_be_weighed_are_refused_where_they_are_weighed(tmp_path):
    ties = "".join(f"e{k % 4}\tr{k}\tx{k}\n" for k in range(70))
    (tmp_path / "kg.tsv").write_text(f"head\trelation\ttail\n{ties}")
    (tmp_path / "link.tsv").write_text("item\tentity\n" + "".join(f"i{k}\te{k}\n" for k in range(4)))
    graph = GraphConfig(knowledge_path=f"{tmp_path}/kg.tsv", entities_path=f"{tmp_path}/link.tsv")
    pairs = {"train": Pairs(torch.tensor([0]), torch.tensor([0]))}
    ids = np.array(["i0", "i1", "i2", "i3"], dtype=object)
    data = Dataset("four", ids, ids, ids, None, pairs)

    def load(**space):
        config = TrainConfig(graph=graph, space=SpaceConfig(aggregate=["sym"], **space))
        return load_beside(config, data, ["knowledge"], torch.device("cpu"), LOG)

    assert len(load(aggregate_of={"knowledge": ["mean"]}).edges["knowledge"].names) == 70
    with pytest.raises(InputError, match=r"kg\.tsv: ties items by 70 types of edges.*at most 64; join rare"):
        load(aggregate_of={"knowledge": ["none", "relational"]})
