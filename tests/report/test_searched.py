"""What the page says of the candidates and settings of a search, of this release and of earlier ones."""

import html
import re
from dataclasses import asdict

import pytest

from supernet.pipeline.conclusion import changed
from supernet.report.searched import read_config, what_was_searched
from supernet.runtime import InputError
from supernet.search.settings import SearchSettings

CHOICES = {
    "features/user": "id", "layer1/user/interactions/aggregate": "sym",
    "layer1/item/interactions/aggregate": "sym", "layer1/user/convolve": "light",
    "layer1/item/convolve": "skip", "layer1/user/activation": "identity",
    "layer1/item/activation": "relu", "readout": "mean", "score": "dot",
}  # fmt: skip
OPEN = {
    "layer1/user/convolve": ["light", "skip"], "layer1/item/convolve": ["light", "skip"],
    "layer1/item/activation": ["identity", "relu"], "readout": ["last", "mean", "sum"],
}  # fmt: skip
GENOTYPE = {"choices": CHOICES, "layers": 1}
SETTINGS = asdict(SearchSettings())
CONFIG = {
    "search": SETTINGS,
    "loss": {"name": "softmax", "temperature": 0.2},
    "training": {"lr": 0.005, "batch_size": 2048},
    "model": {"dim": 64},
}


def search(strategy="bilevel", **more):
    return {"strategy": strategy, "candidates": OPEN} | more


def rows(config, found):
    """The two tables, as name → text."""
    page = what_was_searched(config, found, GENOTYPE)
    cells = [
        [html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", page)
    ]
    return dict(row for row in cells if row)


@pytest.mark.parametrize("strategy", ["bilevel", "tpe"])
def test_every_slot_has_its_candidates_also_where_no_mixture_was_learnt(strategy):
    told = rows({}, search(strategy))
    assert told["space"] == "24 designs in 4 open slots, 1 layer"
    assert {name: told[name] for name in list(told)[2:]} == {
        "features/user": "id (fixed)",
        "every aggregate (2 slots)": "sym (fixed)",
        "every convolve (2 slots)": "light, skip",
        "layer1/user/activation": "identity (fixed)",
        "layer1/item/activation": "identity, relu",
        "readout": "last, mean, sum",
        "score": "dot (fixed)",
    }


def test_the_settings_of_a_loop_are_told():
    told = rows(CONFIG, search())
    for name, words in {
        "strategy": "bilevel",
        "relaxation": "softmax, temperature 1 to 0.5, geometric",
        "hypergradient": "first_order",
        "objective": "held_out",
        "selection": "screened",
        "taken at the end (snapshot)": "mixture",
        "epochs": "8, 2 of warm-up",
        "loss and recipe": "softmax at temperature 0.2, lr 0.005, batches of 2048, dim 64",
    }.items():
        assert told[name] == words
    assert not {"budget", "recipe tuned first", "other keys that were changed"} & told.keys()
    constant = CONFIG | {"search": SETTINGS | {"temperature_schedule": "constant"}}
    assert rows(constant, search())["relaxation"] == "softmax, temperature 1"


def test_the_settings_of_a_strategy_are_told_and_none_of_the_alphas():
    own = SETTINGS | {"strategy": "tpe", "budget": 60, "select_pool": 5, "seconds": 90.0}
    told = rows(CONFIG | {"search": own, "loss": {"name": "bpr", "temperature": 0.2}}, search("tpe"))
    assert told["designs are scored (evaluate)"] == "inherited"
    assert told["budget"] == "60 evaluations, none after 90 s"
    assert told["epochs"] == "8 of the supernet"
    assert told["selection"] == "successive halving of the best 5"
    assert told["loss and recipe"].startswith("bpr, lr 0.005"), "this loss reads no temperature"
    assert not {"relaxation", "hypergradient", "objective"} & told.keys()
    trained = rows({"search": own | {"evaluate": "trained"}}, search("tpe"))
    assert "epochs" not in trained


def test_a_recipe_that_was_tuned_first_is_the_one_that_is_told():
    tuned = {"loss": {"temperature": 0.1}, "training": {"lr": 0.01}, "trials": [{}, {}]}
    told = rows(CONFIG, search(pretuned=tuned))
    assert told["loss and recipe"] == "softmax at temperature 0.1, lr 0.01, batches of 2048, dim 64"
    assert "of 2 trainings of LightGCN" in told["recipe tuned first"]


def test_keys_that_are_off_their_default_are_told_with_it():
    settings = SETTINGS | {"alpha_lr": 0.01, "order": "joint", "shrink_at": [3], "seconds": 5.0}
    settings |= {"advisor": SETTINGS["advisor"] | {"batch": 4}}
    found = changed(settings, SETTINGS)
    assert found == {
        "seconds": [5.0, None],
        "advisor.batch": [4, 8],
        "order": ["joint", "first_order"],
        "alpha_lr": [0.01, 0.005],
        "shrink_at": [[3], []],
    }
    assert rows(CONFIG, search(changed=found))["other keys that were changed"] == (
        "search.seconds=5 (default null), search.advisor.batch=4 (default 8), "
        "search.alpha_lr=0.01 (default 0.005), search.shrink_at=[3] (default [])"
    ), "the order of the hypergradient has a line of its own"


@pytest.mark.parametrize("strategy", ["bilevel", "tpe"])
def test_a_key_that_an_earlier_release_did_not_have_is_left_out(strategy):
    whole = rows(CONFIG, search(strategy))
    for group, node in CONFIG.items():
        for key in node:
            less = CONFIG | {group: {name: value for name, value in node.items() if name != key}}
            told = rows(less, search(strategy))
            assert set(told) <= set(whole)
            assert len(told) >= len(whole) - 1
        assert rows({name: CONFIG[name] for name in CONFIG if name != group}, search(strategy))


def test_a_config_that_is_missing_is_none_and_one_that_cannot_be_read_is_named(tmp_path):
    assert read_config(tmp_path) == {}
    path = tmp_path / "config.yaml"
    path.write_text("search: {epochs: 3}\n")
    assert read_config(tmp_path) == {"search": {"epochs": 3}}
    for words, message in (("a: [", "cannot be read"), ("- a", "a config is a mapping, found list")):
        path.write_text(words)
        with pytest.raises(InputError, match=rf"config\.yaml: {message}"):
            read_config(tmp_path)
