"""Users by id, projectors by what their columns mean, and what a model then begins with."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from supernet.config import StartConfig, TextConfig, TrainConfig
from supernet.config.data_schemas import LightgcnData, PlantedData
from supernet.data.readers import READERS
from supernet.data.views import View
from supernet.model import Recommender
from supernet.pipeline.bench import Bench
from supernet.pipeline.shared import alike_views, check_elsewhere, fitting, scaled, start_of
from supernet.pipeline.source import Source
from supernet.pipeline.start import Start
from supernet.pipeline.user_ids import UserIds
from supernet.runtime import InputError
from supernet.space import Genotype, SearchSpace

DIM = 4
NODES = {"user": 6, "item": 5}
MINILM = {"encoder": "minilm", "layer": -1, "pooling": "mean", "projector": "linear"}


def ids(*names):
    return np.array(names, dtype=object)


def space_of(*features):
    return SearchSpace(1, ("sym",), ("light",), ("identity",), ("mean",), features=features or ("id",))


def model_of(space, seed=0, width=3):
    view = {side: {"minilm": View(torch.ones(n, width), torch.ones(n))} for side, n in NODES.items()}
    return Recommender(space, NODES, DIM, torch.Generator().manual_seed(seed), view)


def source_of(tmp_path, state, users, dim=DIM, text=None):
    config = TrainConfig(text=text or TextConfig())
    config.model.dim = dim
    empty = Genotype({}, 1, False, ("interactions",), "", {}, {}, 0)
    return Source(tmp_path, config, empty, users, {}, state, "digest")


def here(text=None):
    config = TrainConfig(text=text or TextConfig())
    config.model.dim = DIM
    return config


def test_shared_users_are_those_of_a_plain_loop():
    random = np.random.default_rng(0)
    one, other = (ids(*random.permutation([f"u{k}" for k in range(300)])[:200]) for _ in range(2))
    rows, there = UserIds(one).shared(UserIds(other))
    expected = [(k, list(other).index(name)) for k, name in enumerate(one) if name in set(other)]
    assert list(zip(rows.tolist(), there.tolist(), strict=True)) == expected
    assert 0 < len(expected) < 200


@pytest.mark.parametrize(
    ("there", "here", "same"),
    [
        (LightgcnData("lightgcn", path="toys"), LightgcnData("lightgcn", path="./toys", min_user=5), True),
        (LightgcnData("lightgcn", path="toys"), LightgcnData("lightgcn", path="beauty"), False),
        (PlantedData("planted", users=9), PlantedData("planted", users=9, min_item=2), True),
        (PlantedData("planted", users=9), PlantedData("planted", users=8), False),
    ],
    ids=["a path", "other paths", "a reader", "other settings"],
)
def test_a_run_on_the_same_data_is_no_source(tmp_path, there, here, same):
    source = source_of(tmp_path, {}, None)
    source.config.data = there
    config = TrainConfig(data=here)
    if not same:
        check_elsewhere(source, config)
        return
    with pytest.raises(InputError, match=r"same data .* learnt from pairs that this run is to be judged by"):
        check_elsewhere(source, config)


@pytest.mark.parametrize("there", [False, True])
def test_projectors_of_fine_tuned_texts_are_left_and_told(tmp_path, there):
    text, space = TextConfig(views={"minilm": MINILM}), space_of("sum:minilm")
    weights = {k: v for k, v in model_of(space).state_dict().items() if "projectors" in k}
    source = replace(source_of(tmp_path, weights, None, text=text), finetuned=there)
    same = source, here(text), StartConfig(users=False), UserIds(ids("a")), [space]
    start, told = start_of(*same, finetuned=not there)
    assert not start.projectors
    assert "views: texts that are fine-tuned have columns of another meaning" in told
    assert start_of(replace(source, finetuned=False), *same[1:])[0].projectors.keys() == weights.keys()


def test_row_numbers_mean_nothing_in_another_folder():
    a, b = UserIds(ids("0", "1"), "/a"), UserIds(ids("0", "1"), "/b")
    assert len(a.shared(b)[0]) == len(a.shared(UserIds(ids("0", "1")))[0]) == 0
    assert a.shared(a)[0].tolist() == [0, 1]


def test_ids_are_numbers_only_where_no_file_names_them(tmp_path):
    for part in ("train", "test"):
        (tmp_path / f"{part}.txt").write_text("0 1\n1 2\n")
    config = TrainConfig(data=type("Data", (), {"reader": "lightgcn", "path": str(tmp_path)}))
    assert UserIds.of(ids("0", "1"), config).numbers_of == str(tmp_path)
    (tmp_path / "users.txt").write_text("ann\nbob\n")
    read = READERS["lightgcn"](path=str(tmp_path))
    assert UserIds.of(read.user_ids, config).numbers_of == ""
    assert read.user_ids.tolist() == ["ann", "bob"]


def test_ids_come_back_as_they_were(tmp_path):
    saved = UserIds(ids("ann", "0", "ü"), "/folder")
    saved.save(tmp_path / "users.parquet")
    loaded = UserIds.load(tmp_path / "users.parquet")
    assert (loaded.ids.tolist(), loaded.numbers_of) == (["ann", "0", "ü"], "/folder")


def test_other_files_of_ids_are_refused(tmp_path):
    path = tmp_path / "users.parquet"
    with pytest.raises(InputError, match=r"users.parquet: no such file.*init.users=false"):
        UserIds.load(path)
    UserIds(ids("a")).save(path)
    pq.write_table(pq.read_table(path).replace_schema_metadata({"version": "7"}), path)
    with pytest.raises(InputError, match="its version is '7'; this release reads version '1'"):
        UserIds.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a table of the ids of users"):
        UserIds.load(path)


def test_users_in_common_have_their_rows_and_the_others_fresh_ones(tmp_path):
    state = model_of(space_of(), seed=1).state_dict()
    there, mine = UserIds(ids("a", "b", "c", "d", "e", "f")), UserIds(ids("x", "c", "y", "a", "z", "w"))
    start, lines = start_of(
        source_of(tmp_path, state, there), here(), StartConfig(norm="kept"), mine, [space_of()]
    )
    assert lines[0] == "users: 2 of 6 by id, for example c; the other 4 begin anew"
    model, fresh = model_of(space_of()), model_of(space_of())
    start.put(model)
    key = "features.user.ids.weight"
    for row, theirs in {1: 2, 3: 0}.items():
        assert torch.equal(model.state_dict()[key][row], state[key][theirs])
    others = [0, 2, 4, 5]
    assert torch.equal(model.state_dict()[key][others], fresh.state_dict()[key][others])
    changed = {
        name for name, value in fresh.state_dict().items() if not torch.equal(model.state_dict()[name], value)
    }
    assert changed == {key}


def test_initial_is_as_long_as_fresh_vectors_and_keeps_the_angles():
    vectors = 3 * torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    found = scaled(vectors, "initial")
    assert found.square().mean().sqrt().item() == pytest.approx(0.02)
    torch.testing.assert_close(found / found[0, 0], vectors / vectors[0, 0])
    assert torch.equal(scaled(vectors, "kept"), vectors)
    assert torch.equal(scaled(torch.zeros(2, 3), "initial"), torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dim": 8}, "users: embeddings of dim 4, here 8, there"),
        ({"users": UserIds(ids(*"abcdef"), "/beauty")}, "users: those of /beauty are row numbers, no ids"),
        ({"settings": StartConfig(users=False)}, "users: not asked for"),
        ({"state": {}}, "users: no embeddings there"),
    ],
    ids=["dim", "numbers", "not asked", "text alone"],
)
def test_why_no_user_is_taken_is_said(tmp_path, change, words):
    state = change.get("state", model_of(space_of()).state_dict())
    config = here()
    config.model.dim = change.get("dim", DIM)
    source = source_of(tmp_path, state, change.get("users", UserIds(ids(*"abcdef"))))
    start, lines = start_of(
        source, config, change.get("settings", StartConfig()), UserIds(ids(*"abcdef")), [space_of()]
    )
    assert len(start.rows) == 0
    assert words in lines[0]


def test_other_rows_than_ids_are_refused(tmp_path):
    source = source_of(tmp_path, model_of(space_of()).state_dict(), UserIds(ids("a", "b")))
    with pytest.raises(InputError, match=r"6 embeddings of users, and 2 ids.*protocol=strict"):
        start_of(source, here(), StartConfig(), UserIds(ids("a")), [space_of()])


def views(scaling="standardise", **named):
    return TextConfig(views=named, scaling=scaling)


OTHER = "view minilm: {"
OWN = "its columns are made of each data set's own texts"
TFIDF = {"encoder": "tfidf"}
VECTORS = {"encoder": "vectors", "path": "a"}


@pytest.mark.parametrize(
    ("one", "other", "found", "reason"),
    [
        (views(minilm=MINILM), views(minilm=MINILM | {"batch": 8}, tfidf=TFIDF), ["minilm"], None),
        (views(minilm=MINILM), views(minilm=MINILM | {"layer": 3}), [], OTHER),
        (views(minilm=MINILM), views(minilm=MINILM | {"projector": "mlp"}), [], OTHER),
        (views(minilm=MINILM), views("none", minilm=MINILM), [], OTHER),
        (views("whiten", minilm=MINILM), views("whiten", minilm=MINILM), [], OWN),
        (views(tfidf=TFIDF), views(tfidf=TFIDF), [], OWN),
        (views(own=VECTORS), views(own=VECTORS | {"path": "b"}), ["own"], None),
        (views(minilm=MINILM), views(), [], "view minilm: none by that name there"),
        (views(), views(minilm=MINILM), [], None),
    ],
    ids=["same", "layer", "projector", "scaling", "whitened", "fitted", "vectors", "new", "lost"],
)
def test_views_are_alike_where_their_columns_mean_the_same(one, other, found, reason):
    names, reasons = alike_views(one, other)
    assert names == found
    assert len(reasons) == (0 if reason is None else 1)
    assert reason is None or reason in reasons[0]


def test_projectors_of_alike_views_are_taken_whole(tmp_path):
    text, space = views(minilm=MINILM), space_of("id", "sum:minilm")
    state = model_of(space, seed=1).state_dict()
    source = source_of(tmp_path, state, None, text=text)
    start, lines = start_of(source, here(text), StartConfig(users=False), UserIds(ids("a")), [space])
    assert lines == ["users: not asked for", "text projectors: minilm"]
    model = model_of(space)
    start.put(model)
    keys = [f"features.{s}.projectors.minilm.{w}.0" for s in ("user", "item") for w in ("weights", "biases")]
    assert sorted(start.projectors) == sorted(keys)
    for key in keys:
        assert torch.equal(model.state_dict()[key], state[key])
    start.put(model_of(space_of()))  # a design without the view has nothing to fill
    unread = start_of(source, here(text), StartConfig(users=False), UserIds(ids("a")), [space_of()])[0]
    assert unread.projectors == {}


def test_projectors_of_another_dim_are_left_and_told(tmp_path):
    text, space = views(minilm=MINILM), space_of("id", "sum:minilm")
    source = source_of(tmp_path, model_of(space).state_dict(), None, dim=8, text=text)
    start, lines = start_of(source, here(text), StartConfig(users=False), UserIds(ids("a")), [space])
    assert start.projectors == {}
    assert lines[1] == "text projectors: none: of dim 8 there, here 4"


def test_projectors_of_another_width_are_left_and_told():
    weights = {
        f"features.item.projectors.{n}.{w}.0": torch.ones(3, DIM) for n in "ab" for w in ("weights", "biases")
    }
    start = Start(torch.empty(0, dtype=torch.long), torch.empty(0, DIM), weights, "")
    sizes = {"a": View(torch.ones(5, 3), torch.ones(5)), "b": View(torch.ones(5, 7), torch.ones(5))}
    kept, lines = fitting(start, sizes)
    assert {key.split(".")[3] for key in kept.projectors} == {"a"}
    assert lines == ["view b: its vectors have another width there"]


def test_only_the_derived_model_and_its_ablations_begin_with_it():
    start = Start(torch.empty(0, dtype=torch.long), torch.empty(0, DIM), {}, "")
    bench = Bench(None, None, None, torch.device("cpu"), start=start)
    names = ["derived", "derived without text", "derived with trust", "lightgcn", "random 1"]
    assert [bench.start_of(name) is start for name in names] == [True, True, True, False, False]
