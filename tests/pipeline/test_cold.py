"""New nodes of a fold: nothing of them is in training, and they are ranked as a dense search ranks them."""

import logging
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from supernet.config.data_schemas import RatioSplit
from supernet.config.derive_schemas import DeriveConfig
from supernet.config.schemas import EvalConfig, GraphConfig, TextConfig, TrainConfig
from supernet.data.cold import tasks_of
from supernet.data.graph import INTERACTIONS, ITEM, TEXT_KNN, USER
from supernet.data.interactions import Interactions
from supernet.data.readers.files import ItemTable, table_file
from supernet.data.splits import split
from supernet.model import Recommender
from supernet.model.fold_in import fold_in
from supernet.pipeline.cold import cold_lists, cold_ranker, ranks_valid, with_new
from supernet.pipeline.cold_baselines import POP, RANDOM, TEXT_NEAREST, baseline_lists
from supernet.pipeline.cold_results import open_cold
from supernet.pipeline.contenders import Contender, Trained
from supernet.pipeline.ruled import bound_rules, new_rules
from supernet.pipeline.stages import KNOWN, LEARNT, graph_of, score_of
from supernet.pipeline.texts import load_beside
from supernet.space import SearchSpace
from supernet.training.recipe import Recipe

WORDS = ("red river boat", "old stone wall", "blue glass lamp", "green garden chair")
RELATIONS = (INTERACTIONS, TEXT_KNN)
LOG = logging.getLogger("test")
CPU = torch.device("cpu")
USERS, ITEMS, DIM, K = 24, 30, 5, 3


def interactions(texts=None):
    rows = np.array([(u, i) for u, i in product(range(USERS), range(ITEMS)) if (u + i) % 4 < 2])
    counts = {"u": USERS, "i": ITEMS}
    names = [np.array([f"{kind}{k}" for k in range(n)], dtype=object) for kind, n in counts.items()]
    texts = texts or [f"{WORDS[i % 4]} {WORDS[(i * 7) % 3]}" for i in range(ITEMS)]
    return Interactions(
        "shop", "shop.csv", rows[:, 0], rows[:, 1], *names, text=np.array(texts, dtype=object)
    )


def config_of(**eval_settings):
    views = {"words": {"encoder": "tfidf", "dim": 6}}
    return TrainConfig(
        eval=EvalConfig(metric=f"ndcg@{K}", ks=[K], cold=True, **eval_settings),
        text=TextConfig(views=views, probe=False),
        graph=GraphConfig(neighbours=3),
    )


def made(side, texts=None, relations=RELATIONS):
    data = split(interactions(texts), "ratio", 0, cold=side, cold_share=0.4).without("test")
    beside = load_beside(config_of(), data, relations, torch.device("cpu"), LOG, probe=False)
    graph = graph_of(data, LEARNT, "auto", CPU, relations, GraphConfig(neighbours=3), beside)
    return data, beside, graph


def model_of(graph, relations=RELATIONS, feature="sum:words"):
    space = SearchSpace(
        2, ("sym",), ("light",), ("identity",), ("mean",), features=(feature,), relations=relations
    )
    model = Recommender(space, graph.nodes, DIM, torch.Generator().manual_seed(0), graph.views)
    for weight in model.weights():
        weight.data += 0.3 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    return model


def score_by(model):
    return lambda vectors, weights: score_of(model, vectors, 0.5, weights)


def dense_top(scores, seen, k=K):
    """The k best columns of each row without those seen, by a stable sort."""
    scores = scores.clone()
    for row in range(len(scores)):
        scores[row, seen.items[seen.ptr[row] : seen.ptr[row + 1]]] = -torch.inf
    return scores.argsort(dim=1, descending=True, stable=True)[:, :k]


def recall_of(top, wanted):
    found = []
    for row, items in enumerate(top):
        own = set(wanted.items[wanted.ptr[row] : wanted.ptr[row + 1]].tolist())
        if own:
            found.append(len(own & set(items.tolist())) / len(own))
    return float(np.mean(found))


@pytest.mark.parametrize("parts", [("train",), LEARNT, KNOWN])
@pytest.mark.parametrize("side", ["items", "users"])
def test_no_pair_of_a_new_node_is_in_a_graph_that_is_trained_on(side, parts):
    data, beside, _ = made(side)
    graph = graph_of(data, parts, "auto", CPU, RELATIONS, GraphConfig(), beside)
    assert graph.nodes == {USER: data.n_users, ITEM: data.n_items}
    new = {name for fold in data.cold.folds.values() for name in fold.ids}
    assert not new & set(data.item_ids if side == "items" else data.user_ids)
    relation = graph.link(INTERACTIONS, USER).relation
    own = {(data.user_ids[u], data.item_ids[i]) for u, i in zip(relation.row, relation.index, strict=True)}
    known = {(data.user_ids[u], data.item_ids[i]) for u, i in zip(*data.pairs(parts), strict=True)}
    assert own == known
    assert relation.n_edges == data.pairs(parts).users.numel()


def test_nothing_that_is_known_of_old_items_depends_on_the_texts_of_new_ones():
    data, beside, graph = made("items")
    new = {int(name[1:]) for fold in data.cold.folds.values() for name in fold.ids}
    texts = [interactions().text[i] if i not in new else f"other words {i} other" for i in range(ITEMS)]
    again, other, changed = made("items", texts)
    assert again.item_ids.tolist() == data.item_ids.tolist()
    torch.testing.assert_close(other.views["words"].vectors, beside.views["words"].vectors, rtol=0, atol=0)
    assert torch.equal(other.edges[TEXT_KNN].source, beside.edges[TEXT_KNN].source)
    assert not torch.equal(
        other.new["test"].views["words"].vectors, beside.new["test"].views["words"].vectors
    )
    torch.testing.assert_close(model_of(changed)(changed).item, model_of(graph)(graph).item)


def test_new_items_receive_from_the_known_with_the_most_alike_texts():
    _, beside, _ = made("items")
    view, new = beside.views["words"].vectors, beside.new["valid"].views["words"].vectors
    cosine = torch.nn.functional.cosine_similarity(new[:, None], view[None], dim=2)
    edges = beside.new["valid"].edges[TEXT_KNN]
    for item in range(len(new)):
        mine = edges.source[edges.target == item]
        assert len(mine) == 3
        torch.testing.assert_close(cosine[item, mine].sort().values, cosine[item].topk(3).values.flip(0))


@pytest.mark.parametrize("side", ["items", "users"])
def test_validation_ranks_new_nodes_as_a_dense_search_does(side):
    data, _, graph = made(side)
    model = model_of(graph)
    vectors = model(graph)
    found = cold_ranker(config_of(), data, model, graph, score_by(model))(vectors, None)
    task = next(iter(tasks_of(data, "valid").values()))
    new = fold_in(model, graph, graph.folds["valid"])
    users, items = (new, vectors.item) if side == "users" else (vectors.user, new)
    scores = users @ (items / items.norm(dim=1, keepdim=True).sqrt()).T
    top = dense_top(scores, task.seen)
    hits = [recall_of(top[:, :k], task.wanted) for k in (1, K)]
    assert hits[1] > 0
    assert len(set(top.flatten().tolist())) / task.n_items == pytest.approx(found.coverage, abs=0.2)
    recall = replace(config_of(), eval=EvalConfig(metric=f"recall@{K}", ks=[K], cold=True))
    ranked = cold_ranker(recall, data, model, graph, score_by(model))(vectors, None)
    assert ranked.score == pytest.approx(hits[1])
    assert found.score > 0


def test_new_items_are_as_long_as_known_ones_and_keep_their_order():
    data, _, graph = made("items")
    model = model_of(graph)
    vectors = model(graph)
    whole, folded = with_new(model, graph, "test", vectors), fold_in(model, graph, graph.folds["test"])
    new = whole.item[data.n_items :]
    assert torch.equal(whole.item[: data.n_items], vectors.item)
    torch.testing.assert_close(new.norm(dim=1).mean(), vectors.item.norm(dim=1).mean())
    torch.testing.assert_close(new / new.norm(), folded / folded.norm())


def test_ids_alone_rank_no_new_item_and_have_no_list():
    data, _, graph = made("items", relations=(INTERACTIONS,))
    model = model_of(graph, (INTERACTIONS,), "id")
    assert cold_ranker(config_of(), data, model, graph, score_by(model))(model(graph), None) == (0.0, 0.0)
    assert cold_lists(model, graph, data, model(graph), score_by(model), K, 1 << 20) is None


def test_lists_of_new_users_leave_out_what_they_touched():
    data, _, graph = made("users", relations=(INTERACTIONS,))
    model = model_of(graph, (INTERACTIONS,), "id")
    lists = cold_lists(model, graph, data, model(graph), score_by(model), ITEMS, 1 << 20)["all"]
    given = data.cold.folds["test"].given
    assert len(lists) == len(data.cold.folds["test"].ids)
    for user, items in enumerate(lists):
        own = set(given.items[given.users == user].tolist())
        assert own
        assert set(items[items >= 0].tolist()) == set(range(data.n_items)) - own


RULES = """rules:
- {exclude: shelf, equals: s1}
- {cap: shelf, at_most: 1, equals: [s0, s2], in_top: 4}
- {boost: item, equals: [i3, i4], add: 40}
"""


def under_rules(data, folder):
    """The data with shelves s0 … s4 by the number in an item's id, and the rules of the derived model."""
    ids = np.concatenate(
        [data.item_ids, *(f.ids for f in data.cold.folds.values() if data.cold.side == ITEM)]
    )
    rows = [f"{name},s{int(name[1:]) % 5}" for name in ids]
    (folder / "items.csv").write_text("\n".join(["item,shelf", *rows]) + "\n", encoding="utf-8")
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    columns = {"item": "item", "shelf": "shelf"}
    data = replace(data, item_table=ItemTable(table_file(folder / "items.csv"), "item", columns))
    return data, bound_rules(DeriveConfig(rules=str(folder / "rules.yaml"), top=6), data, LOG)


@pytest.mark.parametrize("side", ["items", "users"])
def test_lists_of_new_nodes_keep_the_rules(side, tmp_path):
    relations = RELATIONS if side == "items" else (INTERACTIONS,)
    data, _, graph = made(side, relations=relations)
    model = model_of(graph, relations, *(["id"] if side == "users" else []))
    data, bound = under_rules(data, tmp_path)
    rules = new_rules(bound, data, 6)
    tasks = tasks_of(data, "test")
    assert rules.keys() == tasks.keys()
    same = model, graph, data, model(graph), score_by(model), 6, 1 << 20
    plain, ruled = cold_lists(*same), cold_lists(*same, rules)
    new = data.cold.folds["test"].ids if side == "items" else []
    broken = 0
    for name, task in tasks.items():
        candidates = np.concatenate([data.item_ids, new])[task.first :]
        assert len(rules[name].excluded) == len(candidates) == task.n_items
        shelf, number = (np.array([f(int(c[1:])) for c in candidates]) for f in (lambda i: i % 5, int))
        broken += int((shelf[plain[name][plain[name] >= 0]] == 1).sum())
        for user, items in enumerate(ruled[name].tolist()):
            items = [item for item in items if item >= 0]
            assert 1 not in shelf[items]
            assert all(list(shelf[items[:4]]).count(kind) <= 1 for kind in (0, 2))
            own = set(task.seen.items[task.seen.ptr[user] : task.seen.ptr[user + 1]].tolist())
            boosted = [k for k in range(len(candidates)) if number[k] in (3, 4) and k not in own]
            assert {*items[: len(boosted)]} == {*boosted}, "40 standard deviations outweigh all"
    assert broken, "the data must put the rules to the test"


def test_without_rules_or_new_nodes_there_are_none_for_them(tmp_path):
    data, *_ = made("users")
    _, bound = under_rules(data, tmp_path)
    assert new_rules(None, data, 6) == {}
    assert new_rules(bound, replace(data, cold=None), 6) == {}


def unit(x):
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)


def test_baselines_of_new_items_are_those_of_dense_formulas():
    data, beside, _ = made("items")
    lists = baseline_lists(config_of(), data, beside, LEARNT, K)
    pairs, tasks = data.pairs(LEARNT), tasks_of(data, "test")
    seen = torch.zeros(data.n_users, data.n_items)
    seen[pairs.users, pairs.items] = 1.0
    known, new = (unit(b.views["words"].vectors) for b in (beside, beside.new["test"]))
    profile = seen @ known / seen.sum(dim=1, keepdim=True)
    texts = profile @ torch.cat([known, new]).T
    nearest = (new @ known.T).topk(3, dim=1).indices
    counts = seen.sum(dim=0)
    popularity = torch.cat([counts, counts[nearest].mean(dim=1)]).repeat(data.n_users, 1)
    for name, scores in ((TEXT_NEAREST, texts), (POP, popularity)):
        for ranking, task in tasks.items():
            expected = dense_top(scores[:, task.first :], task.seen)
            own = scores[:, task.first :]
            found = own.gather(1, lists[name][ranking])  # equal scores may come in another order
            torch.testing.assert_close(found, own.gather(1, expected))
    assert lists[RANDOM]["cold"].tolist() == [[0, 1, 2]] * data.n_users
    assert "all" not in lists[RANDOM]


def test_baselines_of_new_users_know_what_is_given_alone():
    data, beside, _ = made("users")
    lists = baseline_lists(config_of(), data, beside, LEARNT, K)
    fold, task = data.cold.folds["test"], tasks_of(data, "test")["all"]
    given = torch.zeros(len(fold.ids), data.n_items)
    given[fold.given.users, fold.given.items] = 1.0
    items = unit(beside.views["words"].vectors)
    texts = given @ items / given.sum(dim=1, keepdim=True) @ items.T
    found = texts.gather(1, lists[TEXT_NEAREST]["all"])
    torch.testing.assert_close(found, texts.gather(1, dense_top(texts, task.seen)))
    counts = torch.bincount(data.pairs(LEARNT).items, minlength=data.n_items).float().repeat(len(given), 1)
    assert torch.equal(lists[POP]["all"], dense_top(counts, task.seen))


def test_the_test_fold_is_opened_once_all_lists_are_there():
    data, beside, _ = made("items")
    whole = split(interactions(), "ratio", 0, cold="items", cold_share=0.4)
    wanted = tasks_of(whole, "test")["cold"].wanted
    right = torch.full((whole.n_users, K), -1)
    for user in range(whole.n_users):
        own = wanted.items[wanted.ptr[user] : wanted.ptr[user + 1]][:K]
        right[user, : len(own)] = own
    space = SearchSpace(1, ("sym",), ("light",), ("identity",), ("mean",))
    able, unable = (Contender(name, space, Recipe(), "") for name in ("derived", "lightgcn"))
    outcomes = {
        "derived": [Trained(right, 1, 0.1, 1.0, cold={"cold": right})] * 2,
        "lightgcn": [Trained(right, 1, 0.1, 1.0)],
    }
    others = baseline_lists(config_of(), data, beside, LEARNT, K)
    found = open_cold(whole, [able, unable], outcomes, others, config_of().eval)
    by_name = {result.name: result for result in found.results}
    assert by_name["derived"].metrics["cold/ndcg@3"] == pytest.approx([1.0, 1.0])
    assert by_name["lightgcn"].metrics == {}
    assert "cannot tell new items apart" in found.markdown()
    assert set(found.comparisons) == {POP, TEXT_NEAREST, RANDOM}
    assert found.comparisons[RANDOM].difference > 0
    assert open_cold(replace(whole, cold=None), [], {}, {}, config_of().eval) is None


def test_scores_of_models_that_rank_known_nodes_are_not_compared_with_those_of_new_ones():
    config = config_of()
    config.split = RatioSplit(method="ratio", cold="items")
    alone, reads = (
        SearchSpace(1, ("sym",), ("light",), ("identity",), ("mean",), features=(feature,))
        for feature in ("id", "sum:words")
    )
    assert (ranks_valid(config, alone), ranks_valid(config, reads)) == (False, True)
    config.split.cold = "users"
    assert ranks_valid(config, alone)
    config.split.cold, config.eval.cold = "items", False
    assert ranks_valid(config, alone)
