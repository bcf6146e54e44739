"""Rules on recorded trainings: they stop, cost and choose as real ones would."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.selection_records import RULES, Recorded, Records, Rule, stopped
from benchmarks.selection_tables import selection_tables
from benchmarks.table_search import table_space
from supernet.search.tabular import load_tables

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def records():
    """Designs get better with their number; with the second seed the best two change places in the end."""
    table = load_tables()["ml-100k"]
    designs = list(table.trainings)

    def training(seed, k, scores):
        row = {"kind": "training", "seed": seed, "hash": designs[k], "steps": 45, "valid": scores}
        return row | {"seconds": [1.0 + j for j in range(len(scores))]}

    rows = [training(0, k, [0.1 + k / 1000, 0.2 + k / 1000]) for k in range(len(designs))]
    rows += [training(1, 239, [0.339, 0.439]), training(1, 238, [0.1, 0.438, 0.437, 0.5])]
    slots = table_space().choices()
    supernet = {"kind": "supernet", "seed": 3, "method": "default", "seconds": 7.0, "known": designs[238:]}
    supernet["mixture"] = {slot: [1 / len(names)] * len(names) for slot, names in slots.items()}
    supernet["inherited"] = {key: k / 240 for k, key in enumerate(designs)}
    return Records(table, [*rows, supernet]), designs


def test_a_training_stops_after_rankings_without_gain():
    assert [stopped([1, 2, 2, 3], patience) for patience in (1, 2)] == [3, 4]
    assert stopped([1, 2, 1, 1, 9], 2) == 4
    assert stopped([5], 1) == 1


def test_a_recorded_training_has_the_score_and_seconds_of_its_steps(records):
    found, designs = records
    choices = dict(found.table.choices(designs[238]))
    one = Recorded(found, found.supernets[0], 1, 1)
    assert [one.train(choices, steps) for steps in (45, 90, 270, 810)] == [0.1, 0.438, 0.438, 0.5]
    assert one.seconds == 7.0 + 1 + 2 + 3 + 4
    one.train(choices, 810)
    assert one.seconds == 17.0, "a training is paid for once"
    other = dict(found.table.choices(designs[10]))
    assert one.train(other, 90) == pytest.approx(0.21), "not trained with this seed: the first seed's"


def test_a_rule_chooses_by_what_was_recorded_and_pays_for_it(records):
    found, designs = records
    (first, cost), (second, _) = found.chosen(Rule(draws=1), "default")
    assert (first, second) == (designs[239], designs[238]), "the longest round turns the order of the shorter"
    assert cost > 7.0 + 9 * 2
    (_, cheaper), (short, _) = found.chosen(Rule(draws=1, rounds=2), "default")
    assert short == designs[239]
    assert cheaper < cost
    (asked, _), _ = found.chosen(Rule(draws=2), "default")
    assert asked == designs[239]
    assert RULES["rescored"] == Rule()


def test_supernets_are_compared_with_the_table(records):
    found, _ = records
    keys = list(found.table.trainings)
    valid = [found.table.valid(key) for key in keys]
    best = sorted(range(len(keys)), key=lambda k: valid[k])[-60:]
    place = {key: k for k, key in enumerate(keys)}  # what the supernet's scores rise with
    pairs = [(place[keys[a]] - place[keys[b]]) * (valid[a] - valid[b]) for a in best for b in best if a < b]
    expected = (sum(p > 0 for p in pairs) - sum(p < 0 for p in pairs)) / len(pairs)
    assert found.agreement("default")[1] == pytest.approx(expected)


def test_the_table_has_the_latest_line_of_a_rule(tmp_path):
    path = tmp_path / "selection.jsonl"
    same = {"low": 0.1, "high": 0.3, "top": 0.85, "seconds": 60.4, "random_3": 0.02, "repeats": 40}
    same |= {"tau": 0.5, "tau_top": 0.25, "commit": "c", "name": "selection/d/two rounds/default"}
    path.write_text("".join(json.dumps(same | {"value": value}) + "\n" for value in (0.9, 0.2)))
    lines = selection_tables(path)
    assert (
        lines[-1]
        == "| two rounds | d | default | 40 | 0.2000 (0.1000 … 0.3000) | 85% | 60 | 0.0200 | 0.500 | 0.250 |"
    )
    assert sum(line.startswith("| two rounds") for line in lines) == 1
    assert selection_tables(tmp_path / "none.jsonl") == []


@pytest.mark.slow
def test_selection_records_and_asks_once(tmp_path):
    def run(*words):
        same = "data=ml-100k", f"out={tmp_path}", "--quick"
        command = [sys.executable, "benchmarks/selection.py", *words, *same]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return [json.loads(line) for line in done.stdout.splitlines()]

    trained = run("record", "seeds=0")
    assert [len(row["valid"]) for row in trained] == [2, 2]
    assert run("record", "seeds=0") == [], "what stands there is not done again"
    (asked,) = run("supernets", "seeds=0", "only=default")
    assert len(asked["inherited"]) == 240
