"""Whose hyper-parameters each model gets: tuned, LightGCN's, taken over from another run; and the checks."""

import json
import logging
import re
from dataclasses import asdict, replace
from types import SimpleNamespace

import hydra
import pytest
import torch

from supernet.config import conf_folder, load_space, register_schemas, typed, validate_derive
from supernet.pipeline import choices
from supernet.pipeline.choices import choose, random_designs
from supernet.pipeline.contenders import Contender, Fusion
from supernet.pipeline.protocol import check_run
from supernet.pipeline.recipes import VERSION, origin, read_recipes
from supernet.pipeline.stages import recipe_of, space_of
from supernet.pipeline.tuned import check_fields
from supernet.runtime import InputError
from supernet.space import SearchSpace
from supernet.training.recipe import Recipe
from supernet.training.study import TuningSettings
from supernet.training.tuning import Point, Tuned

DESIGNS = [space_of(load_space(name)) for name in ("mf", "lightgcn_pp", "ngcf", "gcn")]
GENOTYPE = SimpleNamespace(seed=0, hash="abc", designs=lambda: DESIGNS, metrics={"seconds": 50.0})


def compose(name, *overrides):
    register_schemas()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        return typed(hydra.compose(name, overrides=list(overrides)))


def run(*overrides):
    return compose("train", "data=planted", *overrides)


def derive(*overrides):
    config = compose("derive", "run=x", "baselines=[pop,mf,lightgcn,ngcf]", "random_genotypes=2", *overrides)
    validate_derive(config)
    return config


class Asked(list):
    """Names; how many designs each had, and the lr of the recipe it was told."""

    def __init__(self):
        super().__init__()
        self.designs, self.like, self.scores, self.seconds = {}, {}, {}, {}


@pytest.fixture
def fake_tuning(monkeypatch):
    """Tuning that finds another lr for each model, in the order asked for, and the last design. Those after
    LightGCN are told its recipe."""
    asked = Asked()

    def tuned(bench, name, designs, journal, seed, log, like, seconds=None):
        assert all(isinstance(space, SearchSpace) for space in designs)
        if seconds is not None:
            asked.seconds[name] = seconds
            assert asked.like[name] == (None if like is None else like.lr)
        asked.append(name)
        asked.designs[name] = len(designs)
        asked.like[name] = None if like is None else like.lr
        recipe = replace(recipe_of(bench.run), lr=len(asked) / 1000)
        score = asked.scores.get(name, 0.5)
        return Contender(name, designs[-1], recipe, "tuned", Tuned(Point(recipe), score, 3, 0, 1.0, 4))

    monkeypatch.setattr(choices, "tuned", tuned)
    return asked


def chosen(*overrides, taken=None, config=None, start=None):
    bench = SimpleNamespace(run=config or run(), derive=derive(*overrides), start=start)
    found = choose(bench, GENOTYPE, taken, None, logging.getLogger())
    assert [c.name for c in found] == ["derived", "mf", "lightgcn", "ngcf", "random 1", "random 2"]
    assert [c.once for c in found] == [False] * 4 + [True] * 2
    return {contender.name: contender for contender in found}


def test_by_default_derived_and_lightgcn_are_tuned_and_the_others_take_lightgcns(fake_tuning):
    found = chosen()
    assert fake_tuning == ["lightgcn", "derived"]
    assert fake_tuning.like == {"lightgcn": None, "derived": 0.001}
    assert fake_tuning.designs == {"lightgcn": 1, "derived": 3}
    assert found["derived"].recipe.lr == 0.002
    assert found["derived"].space == DESIGNS[2]
    for name in ("mf", "ngcf", "random 1", "random 2"):
        assert found[name].recipe == found["lightgcn"].recipe != found["derived"].recipe
        assert found[name].note.startswith("lightgcn's recipe")


def test_every_model_can_have_its_own_tuning(fake_tuning):
    found = chosen("tune=[all]")
    assert fake_tuning == ["lightgcn", "derived", "mf", "ngcf", "random 1", "random 2"]
    assert len({contender.recipe.lr for contender in found.values()}) == 6
    assert {contender.note for contender in found.values()} == {"tuned", "tuned, first seed alone"}


def test_a_design_of_the_space_that_ranks_better_on_valid_is_the_derived_model(fake_tuning):
    fake_tuning.scores |= {"lightgcn": 0.6, "ngcf": 0.9}
    config = run("space.tie_sides=true", "space.convolve=[skip,light]")  # has LightGCN, and not NGCF
    found = chosen("tune=[derived,lightgcn,ngcf]", config=config)
    assert found["derived"].choices == found["lightgcn"].choices
    assert found["derived"].recipe == found["lightgcn"].recipe
    assert found["derived"].note == "lightgcn's design and recipe, best on valid; tuned"
    assert found["derived"].tuned.seconds == 2.0, "of both tunings"
    fake_tuning.scores["derived"] = 0.7
    assert chosen("tune=[derived,lightgcn,ngcf]", config=config)["derived"].note == "tuned"
    fake_tuning.scores.pop("derived")
    without = run("space.tie_sides=true", "space.convolve=[skip,gcn]")
    assert chosen("tune=[derived,lightgcn,ngcf]", config=without)["derived"].note == "tuned"


def test_the_best_baseline_can_be_tuned_for_the_seconds_of_the_derived_model(fake_tuning):
    """50 of the search, and those of the derived model; the others keep their tuning."""
    fake_tuning.scores |= {"ngcf": 0.6}
    found = chosen("tune=[derived,lightgcn,ngcf,random]", "equal_seconds=true")
    assert fake_tuning == ["lightgcn", "derived", "ngcf", "random 1", "random 2", "ngcf"]
    assert set(fake_tuning.seconds) == {"ngcf"}
    assert fake_tuning.seconds["ngcf"] == 50.0 + found["derived"].tuned.seconds
    assert found["ngcf"].recipe.lr == 0.006
    assert found["lightgcn"].recipe.lr == 0.001
    for wrong, word in ((["tuning.trials=0"], "tunes nothing"), (["tuning=grid"], "can go on")):
        with pytest.raises(InputError, match=word):
            derive("equal_seconds=true", *wrong)


def test_the_design_of_the_run_to_begin_with_is_chosen_among_where_it_is_another(fake_tuning):
    found = chosen(start=SimpleNamespace(design=DESIGNS[3]))
    assert fake_tuning.designs == {"lightgcn": 1, "derived": 4}
    assert found["derived"].space == DESIGNS[3]
    assert chosen("designs=1", start=SimpleNamespace(design=DESIGNS[0]))["derived"].space == DESIGNS[0]
    assert fake_tuning.designs["derived"] == 1, "it is the search's own"
    assert chosen(start=SimpleNamespace(design=None))["derived"].space == DESIGNS[2]


def test_without_lightgcns_tuning_the_derived_models_recipe_is_taken(fake_tuning):
    found = chosen("tune=[derived,ngcf]")
    assert fake_tuning == ["derived", "ngcf"]
    assert found["lightgcn"].recipe == found["derived"].recipe
    assert found["lightgcn"].note == "derived's recipe"
    assert found["ngcf"].note == "tuned"


def test_without_any_tuning_all_have_the_runs_recipe(fake_tuning):
    found = chosen("tune=[]")
    assert fake_tuning == []
    assert all(c.recipe == recipe_of(run()) and c.note.startswith("the run's") for c in found.values())


def test_paper_trains_every_model_for_the_same_fixed_epochs():
    found = chosen("protocol=paper", "epochs=7", "tuning.trials=0", "tune=[]")
    assert {(c.epochs, c.recipe.epochs) for c in found.values()} == {(7, 7)}
    assert found["mf"].note == "the run's recipe; 7 epochs"


def metrics(config, **changes):
    """What a strict run writes, as far as recipes go; each model with an lr and epochs of its own."""
    models = {"pop": {"recipe": {"weight": 2}, "epochs": [0], "choices": None}}
    for place, name in enumerate(("derived", "mf", "lightgcn", "ngcf"), 1):
        recipe = asdict(replace(recipe_of(config), lr=place / 1000))
        space = DESIGNS[0] if name == "derived" else space_of(load_space(name))
        design = {slot: names[0] for slot, names in space.candidates().items()}
        models[name] = {"recipe": recipe, "epochs": [place, place + 2], "choices": design}
    raw = {"version": VERSION, "protocol": {"name": "strict"}, "run": origin(config), "genotype": "abc"}
    return raw | {"models": models} | changes


def written(path, raw):
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


def test_recipes_are_taken_over_by_name(tmp_path):
    taken = read_recipes(written(tmp_path / "metrics.json", metrics(run())), run(), "abc")
    found = chosen("tuning.trials=0", "recipes=x", taken=taken)
    assert [c.recipe.lr for c in found.values()] == [0.001, 0.002, 0.003, 0.004, 0.003, 0.003]
    assert {c.epochs for c in found.values()} == {0}, "strict chooses the epochs by the valid part"
    assert found["mf"].note == f"recipe of {tmp_path.name}/metrics.json"
    assert found["random 1"].note.startswith("lightgcn's recipe of")


def test_numbers_tuned_with_the_recipe_are_taken_over(tmp_path):
    raw = metrics(run())
    slot = "layer1/interactions/aggregate"
    raw["models"]["lightgcn"]["choices"][slot] = "sym(0.45,0.6)"
    taken = read_recipes(written(tmp_path / "metrics.json", raw), run(), "abc")
    found = chosen("tuning.trials=0", "recipes=x", taken=taken)
    assert found["lightgcn"].choices[slot] == "sym(0.45,0.6)"
    assert found["ngcf"].choices[slot] == "sym"
    raw["models"]["lightgcn"]["choices"][slot] = "mean"
    taken = read_recipes(written(tmp_path / "metrics.json", raw), run(), "abc")
    with pytest.raises(InputError, match="lightgcn is another design there"):
        chosen("tuning.trials=0", "recipes=x", taken=taken)


def test_the_derived_model_is_the_design_that_the_other_run_chose(tmp_path):
    raw = metrics(run())
    raw["models"]["derived"]["choices"] = {s: names[0] for s, names in DESIGNS[2].candidates().items()}
    raw["models"]["derived"]["fusion"] = {"name": "ease", "share": 0.2, "settings": {"l2": 300.0}}
    path = tmp_path / "metrics.json"
    found = chosen("tuning.trials=0", "recipes=x", taken=read_recipes(written(path, raw), run(), "abc"))
    assert found["derived"].choices == raw["models"]["derived"]["choices"]
    assert found["derived"].fusion == Fusion("ease", 0.2, {"l2": 300.0})
    assert found["lightgcn"].fusion is None
    raw["models"]["derived"]["fusion"] = {"name": "ease"}
    with pytest.raises(InputError, match=r"derived: fusion is \{'name': 'ease'\}"):
        chosen("tuning.trials=0", "recipes=x", taken=read_recipes(written(path, raw), run(), "abc"))


def test_settings_of_closed_forms_are_taken_over(tmp_path):
    taken = read_recipes(written(tmp_path / "metrics.json", metrics(run())), run(), "abc")
    assert taken.settings("pop") == {"weight": 2}
    with pytest.raises(InputError, match="no settings of 'ease'"):
        taken.settings("ease")


def test_paper_takes_the_epochs_over_too_unless_they_are_given(tmp_path):
    taken = read_recipes(written(tmp_path / "metrics.json", metrics(run())), run(), "abc")
    paper = ("protocol=paper", "tuning.trials=0", "recipes=x")
    found = chosen(*paper, taken=taken)
    assert [c.epochs for c in found.values()] == [2, 3, 4, 5, 4, 4]  # the mean of [n, n + 2]
    assert {c.epochs for c in chosen(*paper, "epochs=9", taken=taken).values()} == {9}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw.update(version=1), "field 'version' is 1"),
        (lambda raw: raw["protocol"].update(name="paper"), "its protocol is 'paper'"),
        (lambda raw: raw["run"]["data"].update(seed=5), "the same data and split"),
        (lambda raw: raw.update(genotype="other"), "it derived genotype other"),
        (lambda raw: raw["models"].pop("mf"), "no recipe of 'mf', only of derived, lightgcn, ngcf"),
        (lambda raw: raw["models"]["mf"]["recipe"].pop("lr"), "mf: the recipe lacks lr"),
        (lambda raw: raw["models"]["mf"]["recipe"].update(foo=1), "mf: the recipe has the unknown foo"),
        (lambda raw: raw["models"]["mf"]["recipe"].update(lr="big"), "recipe's lr is 'big'; give a float"),
        (lambda raw: raw["models"]["mf"]["recipe"].update(batch_size=True), "batch_size is True"),
        (lambda raw: raw["models"]["mf"]["recipe"].update(loss="bpr"), "loss is bpr, this run's softmax"),
        (lambda raw: raw["models"]["mf"].update(epochs=[0, 3]), "epochs are [0, 3]; a training failed"),
        (lambda raw: raw["models"]["mf"].pop("epochs"), "epochs are None"),
    ],
)
def test_recipes_that_do_not_fit_are_refused(change, words, tmp_path):
    raw = json.loads(json.dumps(metrics(run())))
    change(raw)
    path = written(tmp_path / "metrics.json", raw)
    with pytest.raises(InputError, match=re.escape(words)):
        chosen("tuning.trials=0", "recipes=x", taken=read_recipes(path, run(), "abc"))


def test_recipes_from_before_item_dropout_had_none(tmp_path):
    raw = json.loads(json.dumps(metrics(run())))
    for model in raw["models"].values():
        if model.get("recipe"):
            model["recipe"].pop("item_dropout", None)
    found = read_recipes(written(tmp_path / "metrics.json", raw), run(), "abc")
    assert chosen("tuning.trials=0", "recipes=x", taken=found)["mf"].recipe.item_dropout == 0.0


def test_recipes_of_another_cut_are_refused_where_the_cut_decides_the_test_part(tmp_path):
    path = written(tmp_path / "metrics.json", metrics(run("split=ratio", "seed=1")))
    read_recipes(path, run("split=ratio", "seed=1"), "abc")
    for other in (run("split=ratio"), run("split=ratio", "seed=1", "split.test=0.3"), run("split=given")):
        with pytest.raises(InputError, match="may have seen this test part"):
            read_recipes(path, other, "abc")
    path = written(tmp_path / "metrics.json", metrics(run("split=given", "seed=1")))
    read_recipes(path, run("split=given", "seed=2", "split.valid=0.2"), "abc")  # files give the test part


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_recipe_file_that_is_none_is_an_input_error(text, tmp_path):
    path = tmp_path / "metrics.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=re.escape(str(path))):
        read_recipes(path, run(), "abc")


def test_paper_needs_the_published_split_as_it_is():
    check_run(run("split=given"), "paper")
    check_run(run("split=ratio"), "strict")
    with pytest.raises(InputError, match=r"this run cut its own \(split=ratio\)"):
        check_run(run("split=ratio"), "paper")
    with pytest.raises(InputError, match=r"data\.min_user=5 drops pairs"):
        check_run(run("split=given", "data.min_user=5"), "paper")


def with_published(*overrides, taken=None):
    config = compose(
        "derive", "run=x", "baselines=[pop,lightgcn,lightgcn_bpr]", "random_genotypes=0", *overrides
    )
    validate_derive(config)
    bench = SimpleNamespace(run=run(), derive=config, start=None)
    return {c.name: c for c in choose(bench, GENOTYPE, taken, None, logging.getLogger())}


def test_random_designs_are_not_those_that_a_search_by_the_same_seed_drew():
    bench = SimpleNamespace(run=run(), derive=SimpleNamespace(random_genotypes=4))
    ours = [{s: n[0] for s, n in d.candidates().items()} for d in random_designs(bench, GENOTYPE).values()]
    space, generator = space_of(run().space), torch.Generator().manual_seed(GENOTYPE.seed)
    theirs = [space.fixed(space.sample(generator)).candidates() for _ in range(4)]
    assert not any(own == {s: n[0] for s, n in other.items()} for own in ours for other in theirs)


def test_a_baseline_may_have_another_depth_beside_its_own(fake_tuning):
    config = compose(
        "derive", "run=x", "baselines=[lightgcn,'lightgcn(1)']", "tune=['lightgcn(1)']", "random_genotypes=0"
    )
    validate_derive(config)
    bench = SimpleNamespace(run=run(), derive=config, start=None)
    found = {c.name: c for c in choose(bench, GENOTYPE, None, None, logging.getLogger())}
    assert (found["lightgcn"].space.layers, found["lightgcn(1)"].space.layers) == (2, 1)
    assert list(fake_tuning) == ["lightgcn(1)"]
    assert "layer2/convolve" not in found["lightgcn(1)"].choices


@pytest.mark.parametrize(("tune", "asked"), [("[all]", False), ("[lightgcn_bpr]", True)])
def test_a_published_model_keeps_its_recipe_unless_it_is_named(tune, asked, fake_tuning):
    found = with_published(f"tune={tune}")["lightgcn_bpr"]
    assert ("lightgcn_bpr" in fake_tuning) == asked
    assert found.space.layers == 3
    if not asked:
        assert (found.recipe.loss, found.recipe.lr, found.note) == ("bpr", 0.001, "its published recipe")


def test_a_published_recipe_may_have_another_loss_when_it_is_taken_over(tmp_path):
    raw = metrics(run())
    raw["models"]["lightgcn_bpr"] = raw["models"]["lightgcn"] | {
        "recipe": raw["models"]["lightgcn"]["recipe"] | {"loss": "bpr"}
    }
    raw["models"]["lightgcn_bpr"]["choices"] = {
        slot: names[0] for slot, names in choices.fixed_space("lightgcn_bpr").candidates().items()
    }
    taken = read_recipes(written(tmp_path / "metrics.json", raw), run(), "abc")
    found = with_published("tuning.trials=0", "recipes=x", taken=taken)
    assert found["lightgcn_bpr"].recipe.loss == "bpr"
    assert found["lightgcn"].recipe.loss == "softmax"


def test_tuning_asks_a_loss_for_what_it_reads():
    space = {key: {} for key in ("temperature", "lr", "correction", "margin", "hard", "noise")}
    settings = TuningSettings("tpe", 3, None, False, 2, space)
    asked = {
        name: settings.of((), Recipe(loss=name)).space.keys() - {"lr"} for name in ("bpr", "bsl", "directau")
    }
    assert asked == {"bpr": set(), "bsl": {"temperature", "correction"}, "directau": set()}
    assert settings.of((), Recipe(loss="ccl", sampling="hard", contrast=0.1)).space.keys() == {
        "lr",
        "margin",
        "hard",
        "noise",
    }


def test_tuning_asks_for_what_some_of_its_trials_read():
    space = {"hard": {}, "noise": {}, "popularity": {}, "sampling": {"choices": ["uniform", "hard"]}}
    opened = space | {"contrast": {"low": 0.0, "high": 0.2}}
    for given, left in ((space, {"hard", "sampling"}), (opened, opened.keys() - {"popularity"})):
        settings = TuningSettings("tpe", 3, None, False, 2, given)
        assert settings.of((), Recipe()).space.keys() == left


@pytest.mark.parametrize(
    ("loss", "word", "wanted"),
    [
        ("softmax", "+tuning.space.margin={low: 0.1, high: 0.5}", "loss.name=ccl"),
        ("softmax", "+tuning.space.positive_temperature={choices: [0.1]}", "loss.name=bsl"),
        ("ccl", "tuning.space.temperature.low=0.05", "loss.name=softmax|bsl"),
        ("softmax", "+tuning.space.popularity={choices: [1.0]}", "loss.sampling=popularity"),
    ],
)
def test_what_somebody_tunes_and_no_trial_would_read_is_refused(loss, word, wanted):
    config = compose("train", "data=planted", f"loss={loss}")
    key = word.lstrip("+").partition("=")[0].removesuffix(".low")
    with pytest.raises(InputError, match=re.escape(key)) as error:
        check_fields(derive(word), config)
    assert f"is read where {wanted} is set, and the run has loss.name={loss}" in str(error.value)
    assert f"leave {key} out" in str(error.value)
    check_fields(derive(word, "tuning.trials=0"), config)


def test_the_entries_that_all_losses_share_are_left_out_in_silence():
    for loss in ("ccl", "bpr", "directau"):
        for tuning in ("tpe", "random", "grid"):
            check_fields(derive(f"tuning={tuning}"), run(f"loss={loss}"))
    # a published model has a loss of its own
    word = "+tuning.space.negatives={choices: [1, 4]}"
    with pytest.raises(InputError, match=r"tuning\.space\.negatives"):
        check_fields(derive(word), run("loss=directau"))
    check_fields(derive(word, "tune=[lightgcn_bpr]"), run("loss=directau"))


def test_recipes_are_taken_over_without_their_fusion_where_none_is_asked_for(tmp_path):
    raw = metrics(run())
    raw["models"]["derived"]["fusion"] = {"name": "ease", "share": 0.2, "settings": {"l2": 300.0}}
    taken = read_recipes(written(tmp_path / "metrics.json", raw), run(), "abc")
    same = ("tuning.trials=0", "recipes=x")
    assert chosen(*same, taken=taken)["derived"].fusion is not None
    assert chosen(*same, "fuse=[]", taken=taken)["derived"].fusion is None


def test_random_designs_are_never_fused_as_the_derived_model_is(tmp_path):
    raw = metrics(run())
    raw["models"]["derived"]["fusion"] = {"name": "ease", "share": 0.2, "settings": {"l2": 300.0}}
    taken = read_recipes(written(tmp_path / "metrics.json", raw), run(), "abc")
    words = ("random_genotypes=2", "baselines=[mf]", "tuning.trials=0", "recipes=x")
    bench = SimpleNamespace(run=run(), derive=compose("derive", "run=x", *words))
    derived, _, *drawn = choose(bench, GENOTYPE, taken, None, logging.getLogger())
    assert derived.fusion == Fusion("ease", 0.2, {"l2": 300.0})
    assert [(one.fusion, one.recipe) for one in drawn] == [(None, derived.recipe)] * 2
