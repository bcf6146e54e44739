"""The evidence scripts of search: what they write, what it costs, and that a kill loses nothing."""

import json
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import measure, search_lab, search_quality, tabular
from benchmarks.command import part_of
from benchmarks.lines import read_lines
from benchmarks.search_lab import Lab, Searched, config_of
from benchmarks.search_methods import BY_DATA, GUESSES, METHODS, SELECTS, has_supernet, overrides_of, rows_of
from benchmarks.search_settings import settings_of
from benchmarks.shared_trainings import SharedTrainings
from benchmarks.table_search import on_the_table, pace_of, random_regrets, table_space
from supernet.runtime import InputError
from supernet.search.settling import Settled
from supernet.search.tabular import Table, Training, load_tables, save_tables

ROOT = Path(__file__).resolve().parents[1]


def run(script, *arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / script), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def trainings():
    """Two of every design of the space, with scores that follow from their names."""
    rows = []
    for number, (key, choices) in enumerate(tabular.designs_of(table_space()).items()):
        for seed in (0, 1):
            score = 0.1 + (37 * number % 240) / 1000 + 0.003 * seed * (number % 3)
            same = ("ml-100k", key, json.dumps(choices), 0.2, 0.01, seed)
            rows.append(Training(*same, score, score, score, 1, 4.0, 10))
    return rows


@pytest.fixture
def searches(monkeypatch):
    """In place of real ones: their rows, and which were run; the third is killed half-way."""
    asked = []

    def fake(method, seed, table, quick, pace, shared, wanted):
        asked.append((method, seed))
        for kind, name in sorted(wanted):
            yield {"kind": kind, "data": table.data, "method": name, "seed": seed}
            if len(asked) == 3:
                raise KeyboardInterrupt

    monkeypatch.setattr(search_quality, "run", fake)
    return asked


def test_a_killed_measurement_goes_on_with_the_rows_that_are_missing(tmp_path, searches, trainings):
    path, table, names = tmp_path / "rows.jsonl", Table(trainings), ["default", "trained tpe", "joint"]
    with pytest.raises(KeyboardInterrupt):
        search_quality.search_all(table, range(2), names, path, quick=True)
    done = {name for method in names[:2] for _, name in rows_of(method)}
    assert {row["method"] for row in read_lines(path)} == done
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]) + lines[3][:20])  # killed while it wrote the rows of the default
    search_quality.search_all(table, range(2), names, path, quick=True)
    assert searches[3:] == [(name, seed) for seed in (0, 1) for name in names]
    found = [(row["kind"], row["method"], row["seed"]) for row in read_lines(path)]
    assert len(found) == len(set(found))
    assert set(found) == {(*row, seed) for name in names for row in rows_of(name) for seed in (0, 1)}
    search_quality.search_all(table, range(2), names, path, quick=True)
    assert len(searches) == 9, "all is known"
    rows = read_lines(path)
    assert all(
        row["search"]["select"] == "screened"
        for row in rows
        if row["method"] == "default"
        if row["kind"] == "method"
    )
    assert {row["search"]["order"] for row in rows if row["method"] == "joint"} == {"joint"}


def test_rules_are_tried_that_are_asked_for_and_no_row_twice(tmp_path, searches, trainings):
    path, table = tmp_path / "rows.jsonl", Table(trainings)
    search_quality.search_all(table, range(1), ["default"], path, quick=True, rules=["argmax"])
    first = {(row["kind"], row["method"]) for row in read_lines(path)}
    assert first == {("method", "default"), ("method", "rule argmax"), ("ranking", "default")}
    search_quality.search_all(table, range(1), ["default"], path, quick=True)
    found = [(row["kind"], row["method"]) for row in read_lines(path)]
    assert sorted(found) == sorted(rows_of("default"))
    with pytest.raises(SystemExit, match="rules=best: give some of argmax"):
        search_quality.chosen_names("best", list(SELECTS), "rules")


def test_rows_of_other_settings_are_refused_by_name(tmp_path, searches, trainings):
    path, table = tmp_path / "rows.jsonl", Table(trainings)
    search_quality.search_all(table, range(1), ["joint"], path, quick=True)
    rows = read_lines(path)
    assert all(row["commit"] == measure.commit() for row in rows)
    older = [{k: v for k, v in row.items() if k not in ("search", "commit")} for row in rows]
    new = [row | {"search": {k: v for k, v in row["search"].items() if k != "beta"}} for row in rows]
    for known in (older, new):
        path.write_text("".join(json.dumps(row) + "\n" for row in known))
        search_quality.search_all(table, range(1), ["joint"], path, quick=True)
    assert len(searches) == 1, "a key that was not there says nothing"
    other = [row | {"search": row["search"] | {"beta": 0.25}} for row in rows]
    path.write_text("".join(json.dumps(row) + "\n" for row in other))
    with pytest.raises(
        SystemExit, match=r"rows.jsonl: the rows of 'joint' are of search.beta=0.25 \(now 0.0\)"
    ):
        search_quality.search_all(table, range(1), ["joint"], path, quick=True)


def test_another_selection_changes_its_settings_alone(monkeypatch):
    plain = settings_of("default", "method", "default", "ml-100k")
    assert settings_of("default", "method", "rule two seeds", "ml-100k") == plain | {"select_seeds": 2}
    assert settings_of("default", "method", "rule greedy", "ml-100k") == plain | {"select": "greedy"}
    assert settings_of("default", "ranking", "default", "ml-100k") == plain | {"select": None}
    lab, asked = Lab("ml-100k", "default", 0, quick=True), []
    monkeypatch.setattr(search_lab, "trials_of", lambda search, config, *_, **__: asked.append(config.search))
    monkeypatch.setattr(search_lab, "SELECTIONS", {"screened": lambda *_: [{}], "greedy": lambda *_: [{}]})
    lab.supernet = False  # nothing is asked of it here
    for rule in ("", "two seeds", "greedy"):
        lab.choose(Searched(SimpleNamespace(), {}, 0.0), rule)
    assert [(search.select, search.select_seeds) for search in asked] == [
        ("screened", 1),
        ("screened", 2),
        ("greedy", 1),
    ]


def test_the_pace_is_of_the_same_trainings_now(trainings):
    asked = []

    def slower(row):
        asked.append(row)
        return replace(row, seconds=2.5 * row.seconds)

    assert pace_of(Table(trainings), slower, 3) == pytest.approx(2.5)
    assert len({row.hash for row in asked}) == len(asked) == 6
    assert {row.seed for row in asked} == {0}, "random search draws from these"


def test_strategies_are_written_down_and_not_run_again(tmp_path, trainings, capsys):
    path, tables = tmp_path / "strategies.jsonl", {"ml-100k": Table(trainings)}
    search_quality.compare_strategies(tables, 2, ["random"], None, path)
    first = read_lines(path)
    assert [(row["method"], row["seed"]) for row in first] == [("random", 0), ("random", 1)]
    assert first == [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    path.write_text(json.dumps(first[1]) + "\n")
    search_quality.compare_strategies(tables, 2, ["random", "tpe"], None, path)
    assert [(r["method"], r["seed"]) for r in read_lines(path)] == [
        ("random", 1), ("random", 0), ("tpe", 0), ("tpe", 1)
    ]  # fmt: skip
    assert read_lines(path)[1] == first[0]


def test_strategies_that_learn_beat_random_search_on_the_shipped_table():
    """Searches of real trainings, none of which is done again."""
    table = load_tables()["ml-100k"]
    regret = {
        name: statistics.fmean(on_the_table(table, seed, name)["regret"][-1] for seed in range(12))
        for name in ("random", "evolution", "tpe", "reinforce")
    }
    assert regret.pop("random") > 1.2 * max(regret.values()), regret
    assert max(regret.values()) < 0.02, regret


def test_every_method_of_a_supernet_is_ranked_and_a_name_that_is_none_is_told():
    assert {name for name in METHODS if not has_supernet(name)} == {
        "trained random", "trained evolution", "trained tpe", "trained reinforce"
    }  # fmt: skip
    for name in METHODS:
        assert (("ranking", name) in rows_of(name)) == has_supernet(name)
    for data, epochs in BY_DATA["SHRINK_AT"].items():
        assert overrides_of("shrinking", data) == ("search.alpha_noise=none", f"search.shrink_at={epochs}")
    own = config_of("ml-100k", "default", 0).loss.temperature
    for name in GUESSES:
        assert config_of("ml-100k", name, 0).loss.temperature == pytest.approx(3 * own)
        assert overrides_of(name, "lastfm")[0] == "loss.temperature=0.9"
    with pytest.raises(SystemExit, match="only=defualt: give some of default, no noise, alpha noise"):
        search_quality.chosen_names("defualt", list(METHODS))
    with pytest.raises(SystemExit, match="seeds=0: give how many"):
        search_quality.count("0", 10)
    with pytest.raises(SystemExit, match="part=2/2: give K/N with K from 0 to N - 1"):
        part_of("tabular.py", "2/2")


def test_quick_rows_and_full_rows_never_stand_in_one_file(tmp_path, trainings, monkeypatch):
    monkeypatch.setattr(tabular, "FILE", tmp_path / "t.parquet")
    monkeypatch.setattr(tabular, "load_tables", lambda: load_tables(tmp_path / "t.parquet"))
    save_tables(trainings, tmp_path / "t.parquet")
    for quick in (True, False):
        (tmp_path / search_quality.file_name("ml-100k", quick)).write_text("{}\n")
        (tmp_path / tabular.file_name("lastfm", "0", quick)).write_text("")
    for quick in (True, False):
        found = search_quality.written(tmp_path, quick)
        assert search_quality.file_name("ml-100k", quick) in {path.name for path in found}
        assert all(path.name.startswith("quick-") == quick for path in found)
    row = Training("lastfm", "a", "{}", 0.1, 0.01, 0, 0.1, 0.1, 0.1, 1, 1.0, 1)
    (tmp_path / tabular.file_name("lastfm", "0", True)).write_text(json.dumps(vars(row)))
    assert list(tabular.known_of(tmp_path, ["lastfm"], True).values()) == [row]
    assert list(tabular.known_of(tmp_path, ["lastfm"], False).values()) == trainings
    (tmp_path / tabular.file_name("lastfm", "1", True)).write_text('{"a": 1}\n')
    with pytest.raises(InputError, match=r"quick-lastfm-1\.jsonl: a line is no training"):
        tabular.known_of(tmp_path, ["lastfm"], True)


class Clock:
    """Seconds that pass only where something is done."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def takes(self, seconds, value=None):
        def work(*_, **__):
            self.now += seconds
            return value

        return work


def test_the_seconds_are_of_all_that_a_search_needs(monkeypatch):
    clock, lab = Clock(), Lab("ml-100k", "cost aware", 0, quick=True)
    stub = SimpleNamespace(
        run=clock.takes(1.0, {}), recipe=SimpleNamespace(item_norm=1.0), model=None,
        state_dict=dict, load_state_dict=lambda state: None,
    )  # fmt: skip
    lab.config.search.settle = 0
    monkeypatch.setattr(search_lab, "time", clock)
    monkeypatch.setattr(search_lab, "start_from_embeddings", clock.takes(100.0))
    monkeypatch.setattr(search_lab, "measure_costs", clock.takes(10.0))
    monkeypatch.setattr(search_lab, "Search", lambda *_: stub)
    searched = lab.run()
    assert searched.seconds == 111.0
    trials = SimpleNamespace(mixed=clock.takes(1000.0, 0.2), inherited=clock.takes(1000.0, 0.1))
    monkeypatch.setattr(search_lab, "trials_of", clock.takes(0.0, trials))
    monkeypatch.setattr(search_lab, "SELECTIONS", {"argmax": clock.takes(5.0, [{}])})
    chosen = lab.choose(searched, "argmax")
    assert chosen.seconds == 116.0, "scores that only tell of the gap cost nothing"
    assert (chosen.mixture_score, chosen.inherited_score, chosen.settled_score) == (0.2, 0.1, None)
    lab.config.search.settle = 3
    monkeypatch.setattr(search_lab, "settle", lambda *_: Settled(0.2, [0.1, 0.19, 0.18], 7.0))
    chosen = lab.choose(searched, "argmax")
    assert chosen.seconds == 123.0, "train.py takes them"
    assert (chosen.mixture_score, chosen.inherited_score, chosen.settled_score) == (0.2, 0.1, 0.19)


def test_a_shared_training_is_made_once_and_paid_by_each_method_that_asks_for_it(tmp_path, monkeypatch):
    path, clock = tmp_path / "trainings" / "a.jsonl", Clock()
    monkeypatch.setattr("supernet.pipeline.short_trainings.perf_counter", clock.perf_counter)
    first = SharedTrainings(path)
    scores = [first.score({"a": name}, 9, clock.takes(3.0, k / 10)) for k, name in enumerate("xyx")]
    assert (scores, first.lent, clock.now) == ([0.0, 0.1, 0.0], 0.0, 6.0), "it paid by training"
    second = SharedTrainings(path)
    asked = [("x", 9), ("x", 9), ("z", 9), ("z", 9), ("x", 27)]
    scores = [second.score({"a": name}, steps, clock.takes(5.0, 0.7)) for name, steps in asked]
    assert scores == [0.0, 0.0, 0.7, 0.7, 0.7]
    assert (second.lent, clock.now) == (3.0, 16.0), "x lent once; z and the longer x trained once each"


@pytest.mark.slow
def test_methods_share_trainings_that_are_the_same_and_no_others(tmp_path):
    labs = {name: Lab("ml-100k", name, 0, quick=True, shared=tmp_path) for name in METHODS}
    others = ("three temperatures", *GUESSES)
    assert len({labs[name].trainings for name in METHODS if name not in others}) == 1
    assert len({labs[name].trainings for name in GUESSES}) == 2, "pretuned, it is by the recipe then"
    files = {lab.trainings for lab in labs.values()}
    files |= {Lab("ml-100k", "default", *other, tmp_path).trainings for other in [(1, True), (0, False)]}
    assert len(files) == 6
    design = next(iter(tabular.designs_of(table_space()).values()))
    found = {}
    for name in (
        "default",
        "output norm",
        "learned temperature",
        "contrastive",
        "frozen embeddings",
        "cost aware",
    ):
        lab = labs[name]
        found[name] = lab.trials(Searched(lab._search(), {}, 0.0)).train(design, 2)
    assert len(set(found.values())) == 1, found
    lab = labs["default"]
    searched = lab.run()
    alone = replace_shared(lab, None).choose(searched, "rescored")
    once, again = (replace_shared(lab, tmp_path / "own").choose(searched, "rescored") for _ in range(2))
    assert alone.design == once.design == again.design


def replace_shared(lab, folder):
    lab.shared = folder
    return lab


@pytest.mark.slow
def test_no_rule_has_the_trainings_of_another_and_strategies_train_where_asked(monkeypatch):
    lab, trained = Lab("ml-100k", "trained random", 0, quick=True), []

    def fake(config, data, space, recipe, *_, steps, **__):
        trained.append(steps * recipe.epochs)
        return None, SimpleNamespace(best_score=0.1)

    monkeypatch.setattr("supernet.pipeline.judging.train_model", fake)
    searched = lab.run()
    assert (searched.mixture, searched.search.history) == ({}, []), "no supernet"
    chosen = lab.choose(searched)
    assert (chosen.mixture_score, chosen.inherited_score) == (None, None)
    settings = lab.config.search
    assert trained[: settings.budget].count(settings.select_steps) == settings.budget
    assert 3 * settings.select_steps in trained, "successive halving goes on longer"
    once = len(trained)
    assert lab.choose(searched).design == chosen.design
    assert len(trained) == 2 * once


def test_a_diverged_training_has_its_seconds_and_parameters(monkeypatch):
    runner = tabular.Runner("ml-100k", quick=True)
    key, choices = next(iter(tabular.designs_of(runner.space).items()))
    good = runner.train(key, choices, 0.2, 0.01, 0)
    clock = Clock()

    def diverges(*_, **__):
        clock.now += 7.0
        raise FloatingPointError

    monkeypatch.setattr(tabular, "time", clock)
    monkeypatch.setattr(tabular, "train_model", diverges)
    bad = runner.train(key, choices, 0.2, 0.01, 0)
    assert (bad.valid, bad.test, bad.recall, bad.epochs, bad.seconds) == (0, 0, 0, 0, 7.0)
    assert bad.parameters == good.parameters > 0
    assert good.valid > 0


@pytest.mark.slow
def test_the_table_is_trained_resumed_and_compiled(tmp_path):
    same = ("tabular.py", "data=ml-100k", "--quick", f"out={tmp_path}")
    rows = [json.loads(line) for line in run(*same).splitlines()]
    assert len(rows) == 2 * (6 + 2)
    assert len({row["hash"] for row in rows}) == 2
    for design in (rows[:8], rows[8:]):
        best = max(design[:6], key=lambda row: row["valid"])
        assert [row["seed"] for row in design] == [0] * 6 + [1, 2]
        recipes = [(row["temperature"], row["lr"]) for row in design[6:]]
        assert recipes == [(best["temperature"], best["lr"])] * 2
    path = tmp_path / "quick-ml-100k-0.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    (again,) = (json.loads(line) for line in run(*same).splitlines())
    assert {k: v for k, v in again.items() if k != "seconds"} == {
        k: v for k, v in rows[-1].items() if k != "seconds"
    }
    assert run(*same) == ""
    run("tabular.py", "compile", "--quick", f"out={tmp_path}", f"to={tmp_path / 't.parquet'}")
    table = load_tables(tmp_path / "t.parquet")["ml-100k"]
    assert sorted(len(found) for found in table.trainings.values()) == [8, 8]


@pytest.mark.slow
def test_a_search_is_judged_with_its_own_gap_and_ranking(tmp_path, trainings):
    save_tables(trainings, tmp_path / "t.parquet")
    table = Table(trainings)
    same = ("--quick", f"out={tmp_path / 'out'}", f"table={tmp_path / 't.parquet'}")
    lines = run("search_quality.py", "data=ml-100k", "only=default,trained tpe", *same).splitlines()
    rows = {(row["kind"], row["method"]): row for row in map(json.loads, lines)}
    assert set(rows) == rows_of("default") | rows_of("trained tpe")
    scores = rows["ranking", "default"]["inherited"]
    last = rows["method", "default"]["epochs"][-1]
    for (kind, method), row in rows.items():
        if kind == "method" and method != "trained tpe":
            assert row["mixture_score"] == pytest.approx(last["score"])
            assert row["inherited_score"] == pytest.approx(scores[row["hash"]])
            assert row["retrained_score"] == table.valid(row["hash"])
            assert row["settled_score"] >= row["inherited_score"]
    argmax = rows["method", "rule argmax"]
    assert argmax["mixture_score"] - argmax["inherited_score"] == pytest.approx(last["gap"])
    alone = rows["method", "trained tpe"]
    assert (alone["mixture_score"], alone["epochs"], alone["entropy"]) == (None, [], None)
    assert run("search_quality.py", "data=ml-100k", "only=default,trained tpe", *same) == ""
    run("search_quality.py", "strategies", "only=random", *same)
    shown = run("search_quality.py", "tables", *same)
    for head in ("method | seeds", "NDCG@20 on valid", "Kendall's tau-b", "strategy, on the table"):
        assert f"| {head}" in shown
    assert len(read_lines(tmp_path / "out" / "results" / "search_quality.jsonl")) == len(rows) + 2


@pytest.mark.slow
def test_a_mixture_that_was_kept_is_the_one_whose_gap_is_told(trainings):
    lab = Lab("ml-100k", "snapshot of the design", 0, quick=True)
    ended = lab.run()
    kept = {slot: torch.eye(len(p))[0] for slot, p in ended.mixture.items()}
    searched = Searched(ended.search, kept, 0.0)
    chosen, table = replace(lab.choose(searched, "argmax"), seconds=40.0), Table(trainings)
    row = search_quality.judged("m", 0, table, lab, searched, chosen, 2.0)
    draws = random_regrets(table, 20.0, 0)
    assert row["random_1"] == pytest.approx(sum(draws) / len(draws)), "trainings take twice as long now"
    assert row["entropy"] == pytest.approx(0.0, abs=1e-6)
    assert row["mixture_score"] == pytest.approx(row["inherited_score"]), "it is decided already"
    assert row["mixture"] == {slot: p.tolist() for slot, p in kept.items()}
