"""The genotype: strict as a file, and equal where the designs compute the same."""

import json
from dataclasses import replace

import pytest
import torch

from supernet.runtime import InputError
from supernet.space import Genotype, SearchSpace

TIED = SearchSpace(
    layers=2,
    aggregate=("sym", "mean", "none"),
    convolve=("light", "skip", "gcn"),
    activation=("identity", "relu"),
    readout=("last", "mean"),
    tie_sides=True,
)


def genotype(space=TIED, **choices):
    first = {slot: names[0] for slot, names in space.candidates().items()}
    return Genotype(
        choices=first | choices,
        layers=space.layers,
        tie_sides=space.tie_sides,
        relations=space.relations,
        space=space.fingerprint(),
        metrics={"ndcg@20": 0.25},
        mixture={"readout": {"last": 0.75, "mean": 0.25}},
        seed=7,
    )


def chosen(**kinds):
    """Both layers of a tied design alike."""
    names = {"aggregate": "interactions/aggregate"}
    return {f"layer{k}/{names.get(kind, kind)}": name for k in (1, 2) for kind, name in kinds.items()}


@pytest.mark.parametrize("seed", range(5))
def test_a_file_gives_back_the_genotype(tmp_path, seed):
    space = replace(TIED, tie_sides=seed % 2 == 0)
    generator = torch.Generator().manual_seed(seed)
    made = replace(genotype(space, **space.sample(generator)), parent="0123456789ab")
    made = replace(made, runners_up=tuple(space.sample(generator) for _ in range(seed)))
    made.save(tmp_path / "genotype.json")
    loaded = Genotype.load(tmp_path / "genotype.json")
    assert loaded == made
    assert loaded.hash == made.hash
    assert {slot: names[0] for slot, names in loaded.to_space().candidates().items()} == made.choices
    assert loaded.to_space().size() == 1
    designs = [{slot: names[0] for slot, names in design.candidates().items()} for design in loaded.designs()]
    assert designs == [made.choices, *made.runners_up]


FIELDS = [
    "choices",
    "layers",
    "tie_sides",
    "relations",
    "space",
    "metrics",
    "mixture",
    "seed",
    "runners_up",
    "parent",
    "hash",
]


def saved(tmp_path, edit):
    """A genotype file with one edit; and its path."""
    path = tmp_path / "genotype.json"
    genotype().save(path)
    raw = json.loads(path.read_text())
    edit(raw)
    path.write_text(json.dumps(raw))
    return path


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_named(tmp_path, name):
    path = saved(tmp_path, lambda raw: raw.pop(name))
    with pytest.raises(InputError, match=rf"genotype.json: missing field '{name}'"):
        Genotype.load(path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda raw: raw.update(extra=1), "unknown field 'extra'"),
        (lambda raw: raw.pop("version"), "field 'version' is None; this release reads version 2"),
        (lambda raw: raw.update(version=1), "field 'version' is 1; this release reads version 2"),
        (lambda raw: raw["choices"].update(readout="lst"), "field 'choices': .*unknown candidate 'lst'"),
        (lambda raw: raw["choices"].update(layer9="gcn"), "field 'choices'.*layer9"),
        (lambda raw: raw["choices"].update({"layer9/convolve": "gcn"}), "field 'choices': .*layer9/convolve"),
        (lambda raw: raw["choices"].pop("layer2/convolve"), "field 'choices' lacks slot 'layer2/convolve'"),
        (lambda raw: raw["choices"].pop("readout"), "field 'choices'.*readout"),
        (lambda raw: raw["choices"].update(readout="mean"), "field 'hash' is '.{12}', but the choices have"),
        (lambda raw: raw.update(hash="0" * 12), "field 'hash' is '000000000000', but the choices have"),
        (lambda raw: raw.update(layers="2"), "field 'layers'"),
        (lambda raw: raw.update(layers=1), "field 'choices'.*layer2"),
        (lambda raw: raw.update(relations="interactions"), "field 'relations'"),
        (lambda raw: raw.update(relations=None), "field 'relations'"),
        (lambda raw: raw.update(relations=["likes"]), "field 'choices': space.relations: unknown name"),
        (lambda raw: raw.update(relations=[["trust"]]), "field 'choices'"),
        (lambda raw: raw.update(tie_sides="no"), "field 'tie_sides'"),
        (lambda raw: raw.update(seed="seven"), "field 'seed'"),
        (lambda raw: raw.update(choices=["sym"]), "field 'choices'"),
        (lambda raw: raw["choices"].update(readout=["last"]), "field 'choices'"),
        (lambda raw: raw.update(runners_up={}), "field 'runners_up' is {}; it must be a list"),
        (lambda raw: raw.update(runners_up=["sym"]), "field 'runners_up'"),
        (lambda raw: raw.update(runners_up=[{"readout": "last"}]), "field 'runners_up'"),
        (lambda raw: raw.update(runners_up=[raw["choices"] | {"readout": "x"}]), "field 'runners_up': .*'x'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_and_field(tmp_path, edit, message):
    path = saved(tmp_path, edit)
    with pytest.raises(InputError, match=rf"genotype.json: {message}"):
        Genotype.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a genotype file"),
        ("[1]", "a genotype is a JSON object, found list"),
        ('{"version": 1', "not a genotype file"),
    ],
)
def test_a_file_that_is_no_genotype_is_named(tmp_path, text, message):
    (tmp_path / "genotype.json").write_text(text)
    with pytest.raises(InputError, match=f"genotype.json: {message}"):
        Genotype.load(tmp_path / "genotype.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.json: no such file; give the folder of a finished"):
        Genotype.load(tmp_path / "nowhere.json")


def test_tied_and_untied_spellings_of_one_design_are_one():
    tied = genotype(**chosen(aggregate="mean", convolve="gcn"), readout="mean")
    untied = genotype(
        replace(TIED, tie_sides=False),
        readout="mean",
        **{f"layer{k}/{side}/interactions/aggregate": "mean" for k in (1, 2) for side in ("user", "item")},
        **{f"layer{k}/{side}/convolve": "gcn" for k in (1, 2) for side in ("user", "item")},
    )
    assert tied.canonical() == untied.canonical()
    assert tied.hash == untied.hash
    other = replace(untied, choices=untied.choices | {"layer2/item/convolve": "light"})
    assert other.hash != tied.hash


def test_skip_makes_its_aggregator_irrelevant():
    hashes = {genotype(**chosen(aggregate=a, convolve="skip")).hash for a in TIED.aggregate}
    assert len(hashes) == 1
    kept = {genotype(**chosen(aggregate=a, convolve="gcn")).hash for a in TIED.aggregate}
    assert len(kept) == 3


def test_idle_layers_at_the_end_do_not_count_where_the_last_is_read():
    two = genotype(**{"layer2/convolve": "skip"})
    one = genotype(replace(TIED, layers=1))
    assert two.hash == one.hash
    one_mean = genotype(replace(TIED, layers=1), readout="mean")
    assert genotype(**{"layer2/convolve": "skip"}, readout="mean").hash != one_mean.hash
    assert genotype(**{"layer2/convolve": "skip", "layer2/activation": "relu"}).hash != one.hash
    assert genotype(**{"layer1/convolve": "skip"}).hash != one.hash  # an idle layer that is not the last


TWO = replace(TIED, relations=("interactions", "cooccurrence"))


def with_neighbours(*names, **choices):
    """Cooccurrence with one aggregator a layer."""
    own = {f"layer{k}/cooccurrence/aggregate": name for k, name in enumerate(names, start=1)}
    return genotype(TWO, **chosen(**choices), **own)


def test_hashes_of_earlier_files_still_hold():
    assert genotype().hash == "b6708bad791b"
    assert genotype(**chosen(aggregate="none", convolve="gcn"), readout="mean").hash == "ebcfaf5dc5f5"


def test_a_relation_that_is_none_in_every_layer_is_as_if_it_was_not_there():
    assert with_neighbours("none", "none", aggregate="mean").hash == genotype(**chosen(aggregate="mean")).hash
    marks = {with_neighbours(*names).hash for names in (("none", "none"), ("none", "sym"), ("sym", "none"))}
    assert len(marks) == 3
    assert with_neighbours("sym", "mean", convolve="skip").hash == genotype(**chosen(convolve="skip")).hash


def test_tied_and_untied_spellings_of_a_relation_are_one():
    untied = replace(TWO, tie_sides=False)
    items = {"layer1/item/cooccurrence/aggregate": "mean", "layer2/item/cooccurrence/aggregate": "sym"}
    assert genotype(untied, **items).canonical() == with_neighbours("mean", "sym").canonical()


def test_a_file_gives_back_a_genotype_of_two_relations(tmp_path):
    made = with_neighbours("mean", "none")
    made.save(tmp_path / "genotype.json")
    loaded = Genotype.load(tmp_path / "genotype.json")
    assert loaded == made
    assert {slot: names[0] for slot, names in loaded.to_space().candidates().items()} == made.choices


def test_the_hash_is_of_the_design_alone():
    made = genotype()
    assert replace(made, seed=8, metrics={}, mixture={}, space="", parent="x").hash == made.hash
    marks = {genotype(**{slot: name}).hash for slot, names in TIED.candidates().items() for name in names[1:]}
    assert made.hash not in marks
