"""derive.py rules=FILE as a process: lists that keep the rules, both rows, counts, what is packed; errors."""

import json
import shutil
from collections import Counter

import pyarrow.parquet as pq
import pytest
import torch

from supernet.config import load_train_config
from supernet.data.attributes import attribute
from supernet.evaluation.rules import bind, load_rules, read_rules
from supernet.pipeline.stages import load_data

from .conftest import command

SMALL = ["tuning.trials=1", "runtime.threads=1", "random_genotypes=0", "seeds=[0,1]", "top=6", "fuse=[ease]",
         "baselines=[pop,ease]", "designs=1"]  # fmt: skip
RULES = """# of the shop
rules:
- {exclude: shelf, equals: [s1, s2]}
- {cap: shelf, at_most: 1, in_top: 4}
- {cap: colours, at_most: 2, equals: red}
- {boost: shelf, equals: s5, add: 1.5}
- {exclude: colours, equals: gone}
separators: {colours: "|"}
"""


@pytest.fixture(scope="module")
def shelved(finished, tmp_path_factory):
    """The finished run beside a table of items that has shelves and colours."""
    folder = tmp_path_factory.mktemp("shelved")
    shutil.copytree(finished, folder / "run")
    config = load_train_config(finished)
    lines = ["item,title,shelf,colours"]
    lines += [f"i-{i},The Item No. {i},s{i % 7},{'red|blue' if i % 2 else 'blue'}" for i in range(40)]
    (folder / "items.csv").write_text("\n".join([*lines, "i-away,Away,s9,gone"]) + "\n")
    path = folder / "run" / "config.yaml"
    path.write_text(path.read_text().replace(str(config.data.items_path), str(folder / "items.csv")))
    return folder


@pytest.fixture(scope="module")
def ruled(shelved):
    (shelved / "shop.yaml").write_text(RULES)
    plain = shelved / "plain"
    shutil.copytree(shelved / "run", plain)
    outcomes = []
    for folder, more in ((plain, []), (shelved / "run", [f"rules={shelved / 'shop.yaml'}"])):
        outcomes.append(command("derive.py", f"run={folder}", *SMALL, *more))
        assert outcomes[-1].returncode == 0, outcomes[-1].stderr
    return plain, shelved / "run", outcomes[1]


def rows_by_user(folder):
    rows = {}
    for row in pq.read_table(folder / "recommendations.parquet").to_pylist():
        rows.setdefault(row["user"], []).append(int(row["item"].removeprefix("i-")))
    return rows


def test_every_list_keeps_every_rule(ruled):
    plain, folder, _ = ruled
    rows = rows_by_user(folder)
    assert len(rows) == 60
    for items in rows.values():
        assert not {item % 7 for item in items} & {1, 2}
        assert max(Counter(item % 7 for item in items[:4]).values()) == 1
        assert sum(item % 2 for item in items) <= 2
    broken = [items for items in rows_by_user(plain).values() if {item % 7 for item in items} & {1, 2}]
    assert broken, "the data must put the rules to the test"


def test_nothing_but_the_lists_under_rules_depends_on_them(ruled):
    without, with_rules = (json.loads((folder / "metrics.json").read_text()) for folder in ruled[:2])
    names = list(without["models"])
    assert list(with_rules["models"]) == ["derived", "derived with rules", *names[1:]]
    for name in names:
        assert without["models"][name]["metrics"] == with_rules["models"][name]["metrics"]
        assert without["models"][name]["recipe"] == with_rules["models"][name]["recipe"]
    assert without["verdict"] == with_rules["verdict"]
    assert without["rules"] is None
    assert "derived with rules" not in with_rules["comparisons"]
    assert "derived with rules" in with_rules["ablations"]
    derived, other = (
        with_rules["models"][n]["metrics"]["ndcg@20"] for n in ("derived", "derived with rules")
    )
    assert len(derived) == len(other) == 2
    assert derived != other


def test_counts_agree_with_the_lists(ruled):
    plain, folder, result = ruled
    told = json.loads((folder / "metrics.json").read_text())["rules"]["effects"]
    before, after = rows_by_user(plain), rows_by_user(folder)
    assert told["lists"] == 60
    assert told["lists_changed"] == sum(before[user] != after.get(user) for user in before)
    assert told["slots_excluded"] == sum(item % 7 in (1, 2) for items in before.values() for item in items)
    assert told["items_excluded"] == sum(item % 7 in (1, 2) for item in range(40))
    first, *_, boost, gone = told["rules"]
    assert (first["slots_before"], first["slots_after"]) == (told["slots_excluded"], 0)
    assert boost["slots_after"] == sum(item % 7 == 5 for items in after.values() for item in items)
    assert boost["slots_after"] > boost["slots_before"]
    assert (gone["number"], gone["items"], gone["lists_changed"]) == (5, 0, 0)
    page = (folder / "results.md").read_text()
    assert "| 1 | no shelf = s1 or s2 | 12 |" in page
    assert f"{told['lists_changed']} of 60 lists" in page
    assert f"{told['lists_changed']} of 60 lists" in " ".join(result.stdout.split())
    assert "shop.yaml, line 7, rule 5: no item of the data has colours = gone" in result.stderr
    assert "rule 1: no shelf = s1 or s2: 12 items" in result.stderr


def test_the_rules_are_packed_with_the_model(ruled):
    folder = ruled[1]
    assert (folder / "rules.yaml").read_text() == RULES
    assert pq.read_schema(folder / "recommendations.parquet").metadata[b"rules"].decode() == RULES
    data = load_data(load_train_config(folder))
    packed = load_rules(folder / "rules.pt", data.n_items)
    bound = bind(read_rules(folder / "rules.yaml"), data, 6).rules
    scores = torch.randn(5, data.n_items, generator=torch.Generator().manual_seed(0))
    lists = [rules.top(rules.adjusted(scores.clone()), 6) for rules in (packed, bound)]
    assert torch.equal(*lists)
    shelves = attribute(data, "shelf")
    assert not {shelves.values[shelves.codes[i]] for i in lists[0].unique().tolist() if i >= 0} & {"s1", "s2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules:\n- {exclude: shelve, equals: s1}", "bad.yaml, line 2, rule 1: exclude: items have no "
         "attribute 'shelve'; they have: item, title, shelf, colours; did you mean 'shelf'?"),
        (None, "bad.yaml: no such file"),
    ],
    ids=["attribute", "no file"],
)  # fmt: skip
def test_wrong_rules_are_one_message_before_anything_is_trained(text, words, shelved, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    shutil.copy(shelved / "run" / "config.yaml", tmp_path / "run" / "config.yaml")
    if text is not None:
        (tmp_path / "bad.yaml").write_text(text)
    result = command("derive.py", f"run={tmp_path / 'run'}", *SMALL, f"rules={tmp_path / 'bad.yaml'}")
    assert result.returncode == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) <= 8
    assert not (tmp_path / "run" / "tuning.journal").exists()
