"""A key that another key leaves without effect is refused where it was given, and never where a preset or an
experiment set it."""

import re

import pytest

from benchmarks import quality_models, sources, transfer
from supernet.config import given_keys, text_checks, typed, validate, validate_derive
from supernet.runtime import InputError
from supernet.training.losses import LOSSES, READ_WITH, SAMPLINGS, lacking
from supernet.training.recipe import Recipe

from .test_config import compose


def check(*overrides):
    """As train.py does."""
    validate(typed(compose("train", *overrides)), given_keys(list(overrides)))


UNREAD = [
    ("loss=ccl loss.temperature=0.05", "loss.temperature=0.05 is read where loss.name=softmax|bsl is set"),
    ("loss=bpr loss.margin=.2 loss.uniformity=3", "loss.margin=0.2 is read where loss.name=ccl is set"),
    ("loss=bpr loss.uniformity=3", "loss.uniformity=3.0 is read where loss.name=directau is set"),
    ("loss=bpr loss.negative_weight=3", "loss.negative_weight=3.0 is read where loss.name=ccl is set"),
    ("loss=full_softmax loss.negatives=500", "loss.negatives=500 is read where another loss.sampling than"),
    ("loss.popularity=1", "loss.popularity=1.0 is read where loss.sampling=popularity is set"),
    ("loss.hard=1", "loss.hard=1.0 is read where loss.sampling=hard is set"),
    ("loss.candidates=9", "loss.candidates=9 is read where loss.sampling=hard is set"),
    ("loss.noise=.9", "loss.noise=0.9 is read where a loss.contrast above 0 is set"),
    ("loss.contrast_layer=2", "loss.contrast_layer=2 is read where a loss.contrast above 0 is set"),
    ("loss.contrast_temperature=1", "is read where a loss.contrast above 0 is set"),
    ("loss.positive_temperature=.01", "loss.positive_temperature=0.01 is read where loss.name=bsl is set"),
    ("loss=directau loss.similarity=score", "is read where another loss.name than directau is set"),
    ("search.advisor.batch=4", "search.advisor.batch=4 is read where search.strategy=advisor is set"),
    ("search.advisor.temperature=1", "search.advisor.temperature=1.0 is read where search.strategy=advisor"),
    ("search.advisor={model: m}", "search.advisor.model=m is read where search.strategy=advisor is set"),
    ("search.strategy=random search.settle=3", "search.settle=3 is read where search.strategy=bilevel is"),
    ("search.strategy=tpe search.alpha_lr=1", "search.alpha_lr=1.0 is read where search.strategy=bilevel"),
    ("search.strategy=evolution search.alpha_every=2", "is read where search.strategy=bilevel is set"),
    ("search=trained_reinforce search.warmup=0", "is read where search.strategy=bilevel is set"),
    ("graph.trust_path=t.tsv", "graph.trust_path=t.tsv is read where trust in space.relations is set"),
    ("graph.knowledge_path=t.tsv", "is read where knowledge in space.relations is set"),
    ("graph.entities_path=t.tsv", "is read where knowledge in space.relations is set"),
    ("graph.neighbours=5", "is read where cooccurrence or text_knn in space.relations is set"),
    ("graph.shrinkage=5", "is read where cooccurrence in space.relations is set"),
    ("text=tfidf space.features=['sum:tfidf'] graph.text_view=tfidf", "text_knn in space.relations is set"),
    ("split.cold_share=.2", "split.cold_share=0.2 is read where split.cold=items|users is set"),
    (
        "split.cold=items split.cold_history=.5",
        "split.cold_history=0.5 is read where split.cold=users is set",
    ),
    ("training.item_dropout=.2", "training.item_dropout=0.2 is read where a view in space.features"),
    ("text=tfidf training.item_dropout=.2", "training.item_dropout=0.2 is read where a view in"),
    ("data=table data.path=a.csv data.title=[t]", "data.title=['t'] is read where data.items_path is set"),
    ("data=table data.path=a.csv data.text=[t]", "data.text=['t'] is read where data.items_path is set"),
    ("data=table data.path=a.csv data.items_id=i", "data.items_id=i is read where data.items_path is set"),
]


@pytest.mark.parametrize(("words", "message"), UNREAD, ids=[words for words, _ in UNREAD])
def test_a_key_without_effect_is_refused(words, message, monkeypatch):
    monkeypatch.setattr(text_checks, "NEEDS", {})
    overrides = re.split(r" (?![^{]*})", words)
    config = typed(compose("train", *overrides))
    for given in (given_keys(overrides), None):
        with pytest.raises(InputError, match=re.escape(message)) as error:
            validate(config, given)
        assert "leave " in str(error.value)


@pytest.mark.parametrize(
    "words",
    [
        "experiment=ml-100k loss=bpr",  # the experiment's temperature
        "experiment=ml-1m data.path=x search=trained_tpe",  # its alpha_every and more
        "experiment=social data.path=x space.relations=[interactions]",
        "experiment=cold-items data.path=x text=none space.features=[id] space.relations=[interactions] "
        "eval.cold=false",
        "loss=bpr loss.temperature=0.2",  # the default
        "loss=softmax loss.sampling=all",  # the default's negatives
        "loss=full_softmax loss.negatives=0",
        "loss=bsl loss.name=softmax",
        "loss.sampling=hard loss.hard=1 loss.candidates=2",
        "loss=bpr loss.contrast=0.1 loss.noise=0.3",
        "text.scaling=whiten text.cache=somewhere",  # set once for many runs
        "search.strategy=random search.select_pool=3 search.epochs=2",
        "text=tfidf split.cold=items space.features=['sum:tfidf'] graph.neighbours=5",  # of the new items
        "text=tfidf split.cold=users space.features=['sum:tfidf'] graph.text_view=tfidf",
        "split.cold=users split.cold_history=.5",
        "text=tfidf space.relations=[interactions,text_knn] training.item_dropout=.2",
    ],
)
def test_what_is_read_or_was_not_given_is_not_refused(words, monkeypatch):
    monkeypatch.setattr(text_checks, "NEEDS", {})
    check(*words.split())


def test_a_run_that_was_begun_with_such_a_key_goes_on():
    validate(typed(compose("train", "loss=ccl", "loss.temperature=0.05")), given=())


def test_the_keys_of_a_command_line():
    words = ["loss=bpr", "+text.views.a={encoder: tfidf, dim: 3}", "seed=1", "loss.hard=.2"]
    inside = {"text.views.a.encoder", "text.views.a.dim"}
    assert given_keys(words) == {"loss", "text.views.a", "seed", "loss.hard"} | inside


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_table_of_what_losses_read_tells_a_way_out(loss, sampling):
    """Every field of it is a recipe's, and what it lacks is a key that there is."""
    for field in READ_WITH:
        assert field in Recipe.__dataclass_fields__
        wanted = lacking(field, Recipe(loss=loss, sampling=sampling))
        assert not wanted or re.search(r"loss\.(name|sampling|contrast)", wanted)
        assert lacking("lr", Recipe(loss=loss)) == ""


def test_an_endpoint_without_an_address_is_refused_before_anything_is_read(monkeypatch):
    monkeypatch.setattr(text_checks, "NEEDS", {})
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    words = ["text=endpoint", "space.features=['sum:endpoint']"]
    with pytest.raises(
        InputError, match=r"text\.views\.endpoint: the endpoint's address is missing: set OPE"
    ):
        check(*words)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:1/v1")
    check(*words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("finetune.rank=4", "finetune.rank=4 is read where finetune.text=lora is set"),
        ("finetune.batch=4", "finetune.batch=4 is read where finetune.text=lora is set"),
        ("recipes=x tune=[all]", "tune=['all'], but recipes are taken over, and no model is tuned: leave"),
        ("recipes=x designs=1", "designs=1, but recipes are taken over, and no tuning reads designs: leave"),
        ("recipes=x once_below=.9", "once_below=0.9, but recipes are taken over, and no tuning reads"),
        ("recipes=x fuse=[ease]", "fuse=['ease'], but recipes are taken over, and no fusion is chosen: leave "
         "fuse out, or set fuse=[] to drop that of the recipes"),
        ("protocol=paper epochs=3 fuse=[ease]", "but protocol=paper has no valid part to tune on, and no "
         "fusion is chosen: leave it out"),
        ("protocol=paper epochs=3 epochs_once=true", "epochs_once=True, but protocol=paper has no valid part "
         "to tune on, and the epochs are fixed: leave epochs_once out"),
    ],
)  # fmt: skip
def test_what_a_derivation_does_not_read_is_refused(words, message):
    none = [] if words.startswith("finetune") else ["tuning.trials=0"]
    with pytest.raises(InputError, match=re.escape(message)):
        validate_derive(typed(compose("derive", "run=somewhere", *words.split(), *none)))


@pytest.mark.parametrize("word", ["tune=[]", "fuse=[]", "epochs_once=true", "seeds=[0]"])
def test_what_recipes_leave_open_may_be_set(word):
    validate_derive(typed(compose("derive", "run=somewhere", "recipes=x", "tuning.trials=0", word)))


@pytest.mark.parametrize("scenario", sources.SCENARIOS)
def test_every_scenario_of_the_benchmark_of_sources_is_a_command(scenario, monkeypatch):
    monkeypatch.setattr(text_checks, "NEEDS", {})
    _, files, overrides = sources.SCENARIOS[scenario]
    check(*overrides, *(f"{key}=somewhere" for key in files), *quality_models.QUICK["train"])
    validate_derive(typed(compose("derive", "run=x", *sources.DERIVE)))


def test_the_commands_of_other_benchmarks_are_read():
    for more in (
        (*quality_models.TUNING, quality_models.CORRECTION),
        quality_models.QUICK["derive"],
        quality_models.QUICK["strict"],
    ):
        validate_derive(typed(compose("derive", "run=x", *more)))
    paper = ("protocol=paper", "recipes=x", "tune=[]", "tuning.trials=0")
    validate_derive(typed(compose("derive", "run=x", *paper, *quality_models.QUICK["derive"])))
    validate_derive(typed(compose("derive", "run=x", *transfer.DERIVE)))
