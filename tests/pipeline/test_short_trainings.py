"""Short trainings of a selection are written down: read back after a kill, never trained twice."""

import json

import pytest

from supernet.config import load_train_config
from supernet.pipeline import judging, search
from supernet.pipeline.short_trainings import ShortTrainings
from supernet.pipeline.stages import space_of
from supernet.report.page import write_report
from supernet.runtime import InputError
from supernet.space import Genotype, identity_of
from supernet.space.judged import averaged

from .test_methods_run import Killed, killed, result, run

ONE, OTHER = {"a": "sym", "b": "light"}, {"a": "mean", "b": "light"}


def test_a_training_is_done_once_for_each_design_and_length(tmp_path):
    asked = []

    def scored(value):
        return lambda: asked.append(value) or value

    kept = ShortTrainings(tmp_path / "selection.jsonl")
    assert kept.score(ONE, 5, scored(0.25)) == 0.25
    assert kept.score(dict(reversed(ONE.items())), 5, scored(0.5)) == 0.25
    assert kept.score(ONE, 15, scored(0.75)) == 0.75
    again = ShortTrainings(tmp_path / "selection.jsonl")
    assert again.score(ONE, 5, scored(1.0)) == 0.25
    assert again.score(OTHER, 5, scored(0.125)) == 0.125
    assert asked == [0.25, 0.75, 0.125]
    assert again.seconds == sum(row.seconds for row in again.rows) >= kept.seconds


def test_trainings_that_differ_in_their_seeds_are_averaged():
    kept = ShortTrainings()
    for repeat, score in enumerate([0.25, 0.5]):
        assert kept.score(ONE, 45, lambda score=score: score, repeat=repeat) == score
    kept.score(OTHER, 45, lambda: 0.125)
    kept.score(ONE, 5, lambda: 1.0)
    whole = [(row.choices, row.steps, row.score, row.repeat) for row in averaged(kept.rows)]
    assert whole == [(ONE, 45, 0.375, 1), (OTHER, 45, 0.125, 0), (ONE, 5, 1.0, 0)]
    assert sum(row.seconds for row in averaged(kept.rows)) == pytest.approx(kept.seconds)


def test_a_line_that_was_cut_off_is_trained_again_and_a_wrong_one_is_named(tmp_path):
    path = tmp_path / "selection.jsonl"
    kept = ShortTrainings(path)
    for steps in (5, 15):
        kept.score(ONE, steps, lambda: 0.5)
    path.write_text(path.read_text()[:-3])
    assert [row.steps for row in ShortTrainings(path).rows] == [5]
    path.write_text(path.read_text() + '{"steps": 3}\n')
    with pytest.raises(InputError, match=r"selection\.jsonl, line 2: not a training of a selection"):
        ShortTrainings(path)


def test_a_search_killed_in_its_selection_goes_on_with_the_next_training(
    clicks, small, tmp_path, monkeypatch
):
    whole = run(clicks, small, tmp_path / "whole", [])
    total = len((whole / "selection.jsonl").read_text().splitlines())
    assert total > 4
    with monkeypatch.context() as patch:
        killed(patch, judging, "train_model", 3)
        with pytest.raises(Killed):
            run(clicks, small, tmp_path / "killed", [])
    path = tmp_path / "killed" / "selection.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 2
    path.write_text("".join(json.dumps(row | {"seconds": 1000.0}) + "\n" for row in rows))
    trained, real = [], judging.train_model
    monkeypatch.setattr(
        judging, "train_model", lambda *args, **options: trained.append(1) or real(*args, **options)
    )
    folder = search.run_search(load_train_config(tmp_path / "killed"), "", tmp_path / "killed")
    assert len(trained) == total - 2
    assert result(folder) == result(whole)
    assert Genotype.load(folder / "genotype.json").metrics["seconds"] > 2000.0


def test_a_short_training_ranks_twice_in_its_steps_and_stops_without_gain(
    clicks, small, tmp_path, monkeypatch
):
    seen, real = [], judging.train_model

    def spy(config, data, space, recipe, *rest, steps):
        found = real(config, data, space, recipe, *rest, steps=steps)
        seen.append((steps, recipe.epochs, recipe.patience, found[1]))
        return found

    monkeypatch.setattr(judging, "train_model", spy)
    folder = run(clicks, small, tmp_path / "run", ["search.select_steps=5", "training.patience=9"])
    rows = [json.loads(line) for line in (folder / "selection.jsonl").read_text().splitlines()]
    assert {(row["steps"], steps, epochs) for row, (steps, epochs, *_) in zip(rows, seen, strict=True)} == {
        (5, 2, 2),
        (15, 2, 7),
        (45, 2, 22),
    }
    for row, (_, epochs, patience, fitted) in zip(rows, seen, strict=True):
        scores = [epoch.score for epoch in fitted.history]
        assert patience == (2 if row["steps"] == 45 else 1), "the last round waits for one more"
        assert row["score"] == max(scores)
        idle = [len(scores[:k]) - 1 - scores[:k].index(max(scores[:k])) for k in range(1, len(scores) + 1)]
        assert max(idle[:-1], default=0) < patience, "it would have stopped before"
        assert len(scores) == epochs or idle[-1] == patience
    assert any(fitted.epochs < epochs for _, epochs, _, fitted in seen), "some stop early"


def test_the_last_round_is_decided_by_the_mean_of_its_seeds_also_after_a_kill(
    clicks, small, tmp_path, monkeypatch
):
    more = ["search.select_seeds=3"]
    whole = run(clicks, small, tmp_path / "whole", more)
    rows = ShortTrainings(whole / "selection.jsonl").rows
    steps = max(row.steps for row in rows)
    last = [row for row in rows if row.steps == steps]
    assert [row.repeat for row in last] == [0, 1, 2] * (len(last) // 3)
    assert all(row.repeat == 0 for row in rows if row.steps < steps)
    assert len({row.score for row in last if row.choices == last[0].choices}) > 1, "seeds of their own"
    means = {str(row.choices): row.score for row in averaged(last)}
    config = load_train_config(whole)
    identity = identity_of(space_of(config.space))
    chosen = max(averaged(last), key=lambda row: row.score).choices
    assert Genotype.load(whole / "genotype.json").hash == identity(chosen)
    assert len(means) == len(last) // 3 > 1
    before = next(k for k, row in enumerate(rows) if row.repeat == 1)
    with monkeypatch.context() as patch:
        killed(patch, judging, "train_model", before + 1)
        with pytest.raises(Killed):
            run(clicks, small, tmp_path / "killed", more)
    assert len(ShortTrainings(tmp_path / "killed" / "selection.jsonl").rows) == before
    folder = search.run_search(load_train_config(tmp_path / "killed"), "", tmp_path / "killed")
    assert result(folder) == result(whole)
    page = write_report(folder).read_text()
    assert "the mean of 3 trainings where they decide" in page
    assert "of 3 trainings each, on average" in page
