"""Rules as experts write them: read, bound to items, counted; every mistake is named by its place."""

import re

import pytest
import torch

from supernet.data.readers import read_table
from supernet.data.splits import split
from supernet.evaluation.rules import bind, effects, read_rules, top_by_rules
from supernet.evaluation.rules.book import Boost, Cap, Exclude
from supernet.runtime import InputError

from .test_rules_lists import user_items

ITEMS = """item,kind,tags,year
i1,film,Horror|War,1990
i2,film,War,1991
i3,book,Children's|War,007
i4,book,Comedy,1991
away,disc,Polka,1900
"""
TAGS = 'separators: {tags: "|"}\n'


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("items")
    clicks = [f"u{user},i{item}" for user in range(12) for item in (1, 2, 3, 4)[: 3 + user % 2]]
    (folder / "clicks.csv").write_text("\n".join(["user,item", *clicks]))
    (folder / "items.csv").write_text(ITEMS)
    return split(
        read_table(path=str(folder / "clicks.csv"), items_path=str(folder / "items.csv")), "ratio", 0
    )


@pytest.fixture
def book(tmp_path):
    def write(text):
        (tmp_path / "r.yaml").write_text(text)
        return read_rules(tmp_path / "r.yaml")

    return write


def ids(data, mask):
    return {str(name) for name in data.item_ids[mask.numpy()]}


def test_rules_are_read_in_their_order_and_values_as_they_are_written(book):
    found = book(
        TAGS + "rules:\n  - exclude: tags\n    equals: [Horror, yes, Horror]\n"
        "  - {cap: kind, at_most: 3}\n  - {cap: tags, at_most: 1, in_top: 5, equals: War}\n"
        "  - {add: -0.5, boost: year, equals: 007}\n"
    )
    assert found.rules == (
        Exclude((3, 1), "tags", ("Horror", "yes")),
        Cap((5, 2), "kind", 3),
        Cap((6, 3), "tags", 1, ("War",), 5),
        Boost((7, 4), "year", ("007",), -0.5),
    )
    assert list(map(str, found.rules)) == [
        "no tags = Horror or yes",
        "at most 3 of each value of kind",
        "at most 1 of tags = War in the first 5",
        "-0.5 sd for year = 007",
    ]
    assert found.separators == {"tags": "|"}


def test_rules_are_bound_to_the_items_that_have_the_values(book, data):
    text = "rules:\n- {exclude: tags, equals: [Horror, Comedy]}\n- {cap: tags, at_most: 1}\n"
    text += "- {boost: year, equals: 1991, add: 2}\n- {boost: kind, equals: [book, film], add: -0.5}\n"
    found = bind(book(TAGS + text), data, top=2)
    assert ids(data, found.rules.excluded) == {"i1", "i4"}
    assert [len(ids(data, mask)) for mask in found.members] == [2, 4, 2, 4]
    boosts = dict(zip(data.item_ids.tolist(), found.rules.boosts.tolist(), strict=True))
    assert boosts == {"i1": -0.5, "i2": 1.5, "i3": -0.5, "i4": 1.5}
    order = [data.item_ids.tolist().index(name) for name in ("i1", "i3", "i2", "i4")]
    scores = torch.zeros(1, 4)
    scores[0, order] = torch.tensor([4.0, 3.0, 2.0, 1.0])
    assert found.without[0].top(scores, 4).tolist() == [[order[0], order[3], order[1], order[2]]]
    assert found.notes == ()


def test_what_can_change_nothing_is_noted(book, data):
    text = "rules:\n- {exclude: kind, equals: disc}\n- {cap: kind, at_most: 2}\n"
    text += "- {exclude: tags, equals: War}\n"
    found = bind(book(text), data, top=2)
    path = found.book.path
    assert found.notes == (
        f"{path}, line 2, rule 1: no item of the data has kind = disc",
        f"{path}, line 3, rule 2: lists of 2 items never break at_most 2",
        f'{path}, line 4, rule 3: War is not found in "Children\'s|War"; if such cells hold several values, '
        "say what parts them: separators: {tags: …}",
    )
    assert ids(data, found.rules.excluded) == {"i2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "rules:\n- exclude: kinds\n  equals: film",
            ", line 2, rule 1: exclude: items have no attribute 'kinds'; "
            "they have: item, kind, tags, year; did you mean 'kind'?",
        ),
        (
            "rules:\n- {cap: kind, at_most: 1}\n- {boost: kind, equals: [film, Boök], add: 1}",
            ", line 3, rule 2: "
            "equals: no item has kind = 'Boök'; there are 3 values: 'book', 'disc', 'film'; "
            "did you mean 'book'?",
        ),
        (
            "rules:\n- {exclude: tags, equals: Horror}",
            "Or do cells such as 'Horror|War' hold several values? "
            "Then say what parts them: separators: {tags: …}",
        ),
        ("rules:\n- {exclude: item, equals: i5}", "no item has item = 'i5'; there are 5 values"),
        (
            "rules:\n- {exclude: kind, equals: [film, book]}",
            "r.yaml: the exclusions leave none of the 4 items",
        ),
        (
            "separators: {tag: '|'}\nrules:\n- {cap: kind, at_most: 1}",
            "separators: items have no attribute 'tag'",
        ),
    ],
    ids=["attribute", "value", "several values", "item", "nothing left", "separators"],
)
def test_what_does_not_fit_the_items_is_named(text, words, book, data):
    with pytest.raises(InputError, match=re.escape(words)):
        bind(book(text), data, top=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ": the file is empty"),
        ("# nothing", ": holds no rule; write 'rules:'"),
        ("rules: []", ": holds no rule"),
        ("rules:\n- {exclude: kind", ", line 2: is not YAML: expected ',' or '}'"),
        ("rule:\n- 1", ", line 1: no key 'rule' (did you mean rules?); the keys here are: rules, separators"),
        ("- 1", ", line 1: a sequence is no mapping of keys to values"),
        ("rules:\n  exclude: kind", ", line 2: rules: a mapping is no list; start every rule by '- '"),
        ("rules:\n- film", ", line 2, rule 1: 'film' is no mapping"),
        (
            "rules:\n- {equals: a}",
            ", line 2, rule 1: a rule is exactly one of exclude, cap, boost, found equals",
        ),
        ("rules:\n- {cap: a, boost: b}", "exactly one of exclude, cap, boost, found cap and boost"),
        (
            "rules:\n- {cap: a, at_most: 1}\n- exclude: a\n  equal: b",
            ", line 4, rule 2: no key 'equal' (did you mean equals?)",
        ),
        ("rules:\n- {exclude: a}", "equals is missing; the keys of exclude are: equals"),
        ("rules:\n- {cap: a, add: 1}", "add: is no key of cap; its keys are: at_most, equals, in_top"),
        ("rules:\n- {cap: a, at_most: 1, at_most: 2}", "at_most: is there twice; join the two"),
        ("rules:\n- {cap: a, at_most: 0}", "at_most: must be a whole number of at least 1, found '0'"),
        (
            "rules:\n- {cap: a, at_most: 2, in_top: 1.5}",
            "in_top: must be a whole number of at least 1, found '1.5'",
        ),
        ("rules:\n- {cap: a, at_most: 3, in_top: 3}", "at_most 3 can never be broken in_top 3"),
        (
            "rules:\n- {boost: a, equals: b, add: lots}",
            "add: must be a number other than 0, in standard deviations",
        ),
        ("rules:\n- {boost: a, equals: b, add: .inf}", "add: must be a number other than 0"),
        ("rules:\n- {exclude: a, equals: }", "equals: must be a text, found ''"),
        ("rules:\n- {exclude: a, equals: [[b]]}", "equals: must be a text, found a sequence"),
        ("rules:\n- {exclude: a, equals: []}", "equals: must be a value or a list of values"),
    ],
)
def test_what_is_no_rule_is_named(text, words, book):
    with pytest.raises(InputError, match=r"r\.yaml.*" + re.escape(words).replace("r\\.yaml", "")):
        book(text)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml: no such file"):
        read_rules(tmp_path / "none.yaml")
    (tmp_path / "r.yaml").write_bytes(b"rules:\n- {exclude: a, equals: caf\xe9}")
    with pytest.raises(InputError, match=r"r\.yaml: is not UTF-8 \(.* at byte 33\)"):
        read_rules(tmp_path / "r.yaml")


def test_effects_are_counted_by_hand(book, data):
    """Items by score: i1 i2 i3 i4 for every one of two users; the second knows i1."""
    text = (
        "rules:\n- {exclude: item, equals: i1}\n- {exclude: year, equals: 1990}\n- {cap: kind, at_most: 1}\n"
    )
    bound = bind(book(TAGS + text), data, top=2)
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0]] * 2)[:, [int(i[1]) - 1 for i in data.item_ids]]
    known = user_items([[], [data.item_ids.tolist().index("i1")]])

    def lists(rules):
        return top_by_rules(lambda u: scores[u], torch.arange(2), known, 2, rules)

    empty = bind(book("rules:\n- {exclude: kind, equals: disc}"), data, top=2).rules
    plain, ruled = lists(empty), lists(bound.rules)  # i1 i2 | i2 i3 become i2 i3 | i2 i3
    found = effects(plain, ruled, bound, lists)
    rules = found.pop("rules")
    assert found == {
        "lists": 2,
        "lists_changed": 1,
        "slots": 4,
        "slots_changed": 2,
        "items_excluded": 1,
        "slots_excluded": 1,
        "lists_shorter": 0,
        "slots_empty": 0,
    }
    assert [(rule["line"], rule["number"], rule["kind"]) for rule in rules] == [
        (3, 1, "exclude"),
        (4, 2, "exclude"),
        (5, 3, "cap"),
    ]
    counted = [
        [rule[key] for key in ("items", "slots_before", "slots_after", "lists_changed", "items_changed")]
        for rule in rules
    ]
    assert counted == [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [4, 4, 4, 0, 0]]


def test_lists_that_rules_leave_short_are_counted(book, data):
    bound = bind(book("rules:\n- {cap: kind, at_most: 1}"), data, top=3)
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0]])

    def lists(rules):
        return top_by_rules(lambda u: scores[u], torch.arange(1), user_items([[]]), 3, rules)

    plain = torch.arange(3).unsqueeze(0)
    found = effects(plain, lists(bound.rules), bound, lambda rules: plain)
    assert (found["lists_shorter"], found["slots_empty"]) == (1, 1)
    assert found["rules"][0]["lists_changed"] == 1
