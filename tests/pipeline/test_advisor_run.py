"""A search with a language model as adviser, from the command line: killed, resumed, refused, reported."""

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from supernet.config import load_train_config
from supernet.pipeline import chosen, search
from supernet.report.page import write_report
from supernet.runtime import InputError

from .conftest import command, data_of
from .test_methods_run import Killed, killed, result, run

ADVISOR = ["search.strategy=advisor", "search.advisor.model=m", "search.advisor.batch=3", "search.budget=8"]
SCRIPT = [429, "I would suggest LightGCN.", json.dumps({"designs": [{"layer1": "gcn"}] * 2})]
"""Three requests: one that fails at first, and is then answered with no JSON; two of three designs unknown,
one missing; one that is answered by rule."""


@pytest.fixture
def scripted(chat, monkeypatch):
    """The endpoint before a run; it answers no two requests alike."""
    monkeypatch.setattr("time.sleep", lambda _: None)

    def restart():
        chat.restart()
        chat.script, chat.asked = list(SCRIPT), []
        return chat

    return restart


@pytest.mark.parametrize(
    ("name", "after"), [("show_evaluation", 1), ("show_evaluation", 4), ("show_evaluation", 6)]
)
@pytest.mark.parametrize("evaluate", ["inherited", "trained"])
def test_killed_and_resumed_it_asks_nothing_twice(
    clicks, small, tmp_path, monkeypatch, scripted, name, after, evaluate
):
    overrides = [*ADVISOR, f"search.evaluate={evaluate}"]
    scripted()
    whole = run(clicks, small, tmp_path / "whole", overrides)
    chat = scripted()
    with monkeypatch.context() as patch:
        killed(patch, chosen, name, after)
        with pytest.raises(Killed):
            run(clicks, small, tmp_path / "killed", overrides)
    folder = search.run_search(load_train_config(tmp_path / "killed"), "", tmp_path / "killed")
    assert result(folder) == result(whole)
    assert len(chat.asked) == 4
    for one in (whole, folder):
        counts = json.loads((one / "search.json").read_text())["advisor"]
        assert counts.pop("seconds") >= 0
        assert counts == {
            "model": "m",
            "requests": 3,
            "random": 6,
            "retried": 1,
            "invalid": {"unreadable": 3, "unknown": 2, "missing": 1},
        }
        said = (one / "train.log").read_text()
        assert "1 tried again; 6 of 9 designs drawn at random in place of 3 in answers that are not" in said
        assert "WARNING advisor m: 3 requests" in said, "most of the designs were drawn"
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    last = {tag: events.Scalars(f"advisor/{tag}")[-1].value for tag in ("requests", "random", "retried")}
    assert last == {"requests": 3, "random": 6, "retried": 1}
    assert events.Scalars("advisor/invalid/unknown")[-1].value == 2
    page = write_report(folder).read_text()
    assert "advisor m: 3 requests, 6 designs drawn in place of invalid ones" in page


def test_an_endpoint_that_gives_up_ends_the_run_which_can_then_go_on(clicks, small, tmp_path, scripted):
    scripted()
    whole = run(clicks, small, tmp_path / "whole", ADVISOR)
    chat = scripted()
    chat.script.append(401)
    with pytest.raises(InputError, match="HTTP 401"):
        run(clicks, small, tmp_path / "stopped", ADVISOR)
    assert not (tmp_path / "stopped" / "genotype.json").exists()
    folder = search.run_search(load_train_config(tmp_path / "stopped"), "", tmp_path / "stopped")
    assert result(folder) == result(whole)


def test_without_an_endpoint_it_is_one_message_before_anything_is_trained(
    clicks, small_strategy, tmp_path, monkeypatch
):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    done = command("train.py", *data_of(clicks), *small_strategy, *ADVISOR, f"run={tmp_path / 'run'}")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "train.py: search.strategy=advisor: the endpoint's address is missing: set OPENAI_BASE_URL, for "
        "example http://localhost:8000/v1"
    )
    assert not (tmp_path / "run").exists()


def test_the_command_line_searches_by_advice(clicks, small_strategy, tmp_path, chat, monkeypatch):
    """The model that it asks is the one the environment had then, in the config too, and with another there
    it goes on."""
    monkeypatch.setenv("OPENAI_MODEL", "m")
    advisor = ["search=advisor", *ADVISOR[2:]]
    done = command("train.py", *data_of(clicks), *small_strategy, *advisor, f"run={tmp_path / 'run'}")
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("OPENAI_MODEL", "another")
    assert load_train_config(tmp_path / "run").search.advisor.model == "m"
    counts = json.loads((tmp_path / "run" / "search.json").read_text())["advisor"]
    said = f"advisor m: 3 requests, {counts['seconds']:.1f} s, 0 tried again; {counts['random']} of 9 designs"
    assert said in done.stderr
    assert len(chat.asked) == 3
    assert "secret" not in "".join(
        path.read_text(errors="ignore") for path in (tmp_path / "run").iterdir() if path.is_file()
    )
