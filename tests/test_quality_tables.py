"""The quality tables of benchmarks/README.md, from the lines of quality.py and sources.py."""

import json

from benchmarks import measure
from benchmarks.published_tables import reproduction_tables
from benchmarks.quality_lines import quality_lines
from benchmarks.quality_tables import quality_tables
from benchmarks.report import missed
from benchmarks.source_lines import same_of


def lines_of(same, **values):
    """The line of each model, and the verdict that ends a run."""
    found = {"seeds": [0], "search_seconds": 1.5, "holm_p": {}, "verdict": "So."}
    found |= dict.fromkeys(("derived_ahead", "derived_wins", "beaten_by"))
    found["models"] = {
        name: {
            "metrics": {"ndcg@20": [value], "recall@20": [value], "coverage@20": [0.9]},
            "beyond": {"gini@10": [0.1], "gini@20": [0.4], "popularity@20": [123.456]},
            "cohorts": {"tail/recall@20": [0.01]},
            "seconds": 40.0,
            "epochs": [3],
            "note": "",
            "recipe": None,
        }
        for name, value in values.items()
    }
    return quality_lines(found, same)


def quality_same(data):
    """What quality.py has in every line."""
    same = {"data": data, "protocol": "strict", "command": "quality.py", "processor": "a processor"}
    return same | measure.versions()


def test_a_scenario_does_not_replace_the_data_set_of_its_name(tmp_path):
    path = tmp_path / "quality.jsonl"
    rows = [
        *lines_of(quality_same("ml-100k"), derived=0.1, lightgcn=0.2),  # an earlier run: it does not count
        *lines_of(quality_same("ml-100k"), derived=0.3, lightgcn=0.25, ease=0.28),
        *lines_of(same_of("ml-100k", "g"), derived=0.31, pop=0.15),
        *lines_of(quality_same("social"), derived=0.2),  # a line of before scenarios were told
        *lines_of(same_of("social", "g"), derived=0.21),
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tables = {}
    for line in quality_tables(path):
        if line.startswith("### "):
            tables[line] = models = []
        elif line.count("|") == 9 and "NDCG" not in line and "---" not in line:
            models.append(line.split("|")[1].strip())
    assert tables == {
        "### ml-100k, strict protocol": ["**derived**", "ease", "lightgcn"],
        "### scenario ml-100k, strict protocol": ["**derived**", "pop"],
        "### scenario social, strict protocol": ["**derived**"],
    }


def test_a_published_curve_stands_beside_ours_of_the_same_model(tmp_path):
    curve = [{"epoch": 5, "recall": 0.1, "ndcg": 0.08, "seconds": 60.0}]
    same = {"epochs": 5, "recipe": {}, "layers": 3, "recall": 0.1, "value": 0.08, "seconds": 60.0}
    rows = [
        same | {"name": f"reproduction/{data}/lightgcn_{loss}", "seed": seed, "commit": "c", "curve": curve}
        for data, loss in (("gowalla", "bpr"), ("gowalla", "softmax"), ("yelp2018", "bpr"))
        for seed in (0, 1)
    ]
    path = tmp_path / "reproduction.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    lines = reproduction_tables(path)
    assert "| gowalla | lightgcn_bpr | 3 | 2 | 5 | 0.1000 ± 0.0000 | 0.0800 ± 0.0000 | 60 | c |" in lines
    told = [line for line in lines if "epoch Recall/NDCG: 5 0.1000/0.0800 (60 s)." in line]
    assert ["Published: epoch 5 0.1071/0.0894" in line for line in told] == [True, False, False]


def test_a_verdict_is_told_where_there_is_one_and_what_it_rests_on(tmp_path):
    path = tmp_path / "quality.jsonl"

    def last(rows):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return quality_tables(path)[-1]

    def noted(rows, note):
        return [row | {"note": note} if row["name"].endswith("lightgcn_pp") else row for row in rows]

    alone = lines_of(quality_same("gowalla"), derived=0.1)
    assert last(alone).startswith("No verdict: no other trained model")
    both = lines_of(quality_same("gowalla"), derived=0.1, lightgcn_pp=0.2)
    assert last(noted(both, "tuned: 8 trials")) == "So."
    told = last(noted(both, "lightgcn's recipe, first seed alone"))
    assert told.startswith("So. lightgcn_pp: not tuned on their own, but run with LightGCN's recipe, so")
    names = ("gin", "random (mean of 3)", "lightgcn(1)", "mf", "derived with trust")
    more = [
        row | {"note": "derived's recipe"}
        for row in lines_of(quality_same("gowalla"), derived=0.1, **dict.fromkeys(names, 0.2))[1:-1]
    ]
    told = last([both[0], *more, both[-1]])
    assert told.startswith("So. gin, random (mean of 3), lightgcn(1), mf: not tuned")
    assert "the derived model's recipe" in told
    taken = noted(both, "lightgcn_pp's design and recipe, best on valid; tuned: 8 tpe trials")
    assert last(taken) == "So."


def test_the_network_alone_and_the_lists_under_rules_cost_the_search_too(tmp_path):
    names = {"derived": 0.4, "derived with rules": 0.3, "network alone": 0.2, "lightgcn": 0.1}
    rows = lines_of(quality_same("a"), **names)
    found = [(row["seconds"], row["search_seconds"]) for row in rows[:-1]]
    assert found == [(41.5, 1.5)] * 3 + [(40.0, 0.0)]
    path = tmp_path / "quality.jsonl"

    def seconds(rows):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        table = [line.split(" | ") for line in quality_tables(path) if line.startswith("| ")]
        return [cells[5] for cells in table if len(cells) == 8][2:]

    assert seconds(rows) == ["42", "42", "42", "40"]
    earlier = [{k: v for k, v in row.items() if k != "search_seconds"} for row in rows]
    assert seconds(earlier) == ["42", "42 + search", "42 + search", "40"]


def test_what_lies_beyond_accuracy_has_a_table_where_the_rows_tell_it(tmp_path):
    rows, path = lines_of(quality_same("a"), lightgcn=0.1, derived=0.4), tmp_path / "quality.jsonl"
    assert rows[0]["cohorts"] == {"tail/recall@20": 0.01}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = quality_tables(path)
    start = lines.index("| model | coverage@20 | gini@20 | popularity@20 |")
    expected = ["| **derived** | 0.9 | 0.4 | 123.5 |", "| lightgcn | 0.9 | 0.4 | 123.5 |", "", "So."]
    assert lines[start + 2 :] == expected
    of_old = [{k: v for k, v in row.items() if k not in ("beyond", "cohorts")} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in of_old))
    assert "gini" not in "".join(quality_tables(path))


def test_an_aim_that_is_missed_is_told():
    assert [missed(value, "≤ 3.5") for value in (3.4, 3.5, 3.6)] == [False, False, True]
    assert [missed(value, "≥ .60") for value in (0.59, 0.6)] == [True, False]
    assert [missed(value, "< 2") for value in (1.9, 2.0)] == [False, True]
    assert not missed(9.0, "")
