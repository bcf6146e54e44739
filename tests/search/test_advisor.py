"""The adviser against an endpoint on this machine: what it tells and asks, what it takes and refuses, and
that nothing is asked twice."""

import json

import pytest
import torch

from supernet.config import load_space
from supernet.pipeline.stages import space_of
from supernet.runtime import InputError
from supernet.search.explore import Budget, History, explore
from supernet.search.settings import AdvisorSettings
from supernet.search.strategies.advice import BEST, WORST, read_designs
from supernet.search.strategies.advisor import Advisor, advice_counts
from supernet.space import SearchSpace, identity_of

SPACE = space_of(load_space("small"))
SLOTS = SPACE.choices()
IDENTITY = identity_of(SPACE)
TARGET = SPACE.sample(torch.Generator().manual_seed(99))


def agreement(choices):
    return sum(choices[slot] == TARGET[slot] for slot in SLOTS) / len(SLOTS)


def made(batch=4, record=None, seed=0, sleep=lambda _: None, space=SPACE, **settings):
    generator = torch.Generator().manual_seed(seed)
    return Advisor(space, generator, AdvisorSettings("m", batch, **settings), record, sleep)


def draws(count, seed=5):
    """Different designs, open slots alone."""
    generator, found = torch.Generator().manual_seed(seed), {}
    while len(found) < count:
        choices = SPACE.sample(generator)
        found.setdefault(IDENTITY(choices), {slot: choices[slot] for slot in SLOTS})
    return list(found.values())


def answer(*designs):
    return json.dumps({"designs": list(designs)})


def holds(form, value):
    """Whether a JSON schema of the kinds used here holds a value."""
    if form["type"] == "object":
        assert form["additionalProperties"] is False
        assert form["required"] == list(form["properties"])
        return value.keys() == form["properties"].keys() and all(
            holds(form["properties"][key], value[key]) for key in value
        )
    if form["type"] == "array":
        return all(holds(form["items"], item) for item in value)
    assert form["type"] == "string"
    return value in form["enum"]


def told(asked):
    return json.loads(asked["messages"][1]["content"])


def asked_of(strategy, count):
    """So many designs, each with its agreement told."""
    found = []
    for _ in range(count):
        found.append(strategy.ask())
        strategy.tell(found[-1], agreement(found[-1]))
    return found


def test_it_asks_for_a_batch_and_tells_the_space_and_both_ends_of_the_results(chat):
    strategy = made(batch=7, temperature=0.5)
    designs = asked_of(strategy, 28)
    strategy.ask()
    assert len(chat.asked) == 5
    body = chat.asked[-1]
    assert (body["path"], body["key"], body["model"], body["temperature"]) == (
        "/v1/chat/completions", "Bearer secret", "m", 0.5,
    )  # fmt: skip
    said = told(body)
    assert said["slots"] == {slot: list(names) for slot, names in SLOTS.items()}
    assert said["fixed"] == {s: n[0] for s, n in SPACE.candidates().items() if s not in SLOTS}
    assert said["candidates"]["convolve"]["light"].startswith("The message alone")
    assert (said["designs_scored"], said["designs_wanted"]) == (28, 7)
    expected = sorted(map(agreement, designs), reverse=True)
    assert [row["score"] for row in said["best"]] == pytest.approx(expected[:BEST], abs=1e-4)
    assert [row["score"] for row in said["worst"]] == pytest.approx(expected[-WORST:], abs=1e-4)
    assert all(agreement(row["design"]) == pytest.approx(row["score"], abs=1e-4) for row in said["best"])


def test_the_schema_holds_the_designs_of_the_space_and_no_others(chat):
    made().ask()
    form = chat.asked[0]["response_format"]
    assert (form["type"], form["json_schema"]["strict"]) == ("json_schema", True)
    assert "temperature" not in chat.asked[0], "the server's own"
    said = form["json_schema"]["schema"]
    (one,) = draws(1)
    slot, names = next(iter(SLOTS.items()))
    assert holds(said, {"designs": [one, *draws(3)]})
    wrong = [one | {slot: "magic"}, one | {"layer9": names[0]}, {s: one[s] for s in SLOTS if s != slot}]
    for design in wrong:
        assert not holds(said, {"designs": [design]})
        assert read_designs(SPACE, answer(design), 1)[0] == [], "what is read is what the schema holds"


BAD = [
    ("certainly! {", {"unreadable": 3}),
    ("", {"unreadable": 3}),
    ({"choices": []}, {"unreadable": 3}),
    ({"error": "overloaded"}, {"unreadable": 3}),
    ({"choices": [{"message": {"content": None}}]}, {"unreadable": 3}),
    (json.dumps([1, 2]), {"unreadable": 3}),
    (json.dumps({"designs": "none"}), {"unreadable": 3}),
    (json.dumps({"designs": []}), {"missing": 3}),
    (answer(None, 7, ["sum"]), {"unknown": 3}),
    (answer(draws(1)[0] | {next(iter(SLOTS)): ["sum"]}, draws(1)[0]), {"unknown": 1, "missing": 1}),
    (answer(*draws(1), *draws(1), draws(1)[0] | {"layer9/convolve": "gcn"}), {"repeated": 1, "unknown": 1}),
    (answer(*draws(5)), {}),
]  # fmt: skip


@pytest.mark.parametrize(("content", "invalid"), BAD, ids=range(len(BAD)))
def test_what_is_invalid_is_counted_and_drawn(content, invalid, chat, tmp_path):
    chat.script = [content]
    strategy = made(batch=3, record=tmp_path / "advice.jsonl")
    designs = asked_of(strategy, 3)
    assert len(chat.asked) == 1
    assert all(SPACE.holds(choices) for choices in designs)
    assert len({IDENTITY(choices) for choices in designs}) == 3
    counts = advice_counts(tmp_path / "advice.jsonl")
    assert counts["invalid"] == invalid
    assert counts["random"] == sum(invalid.values())
    valid = [d for d in draws(5)[:3] if isinstance(content, str) and f"{json.dumps(d)[1:-1]}" in content]
    for design in valid:
        assert design in [{slot: c[slot] for slot in SLOTS} for c in designs], "what is valid is taken"


def test_no_design_is_asked_for_twice_however_it_is_written(chat):
    (known, other) = draws(2)
    chat.script = [answer(known, other), answer(known, other), answer(other, known)]
    designs = asked_of(made(batch=2), 6)
    assert len({IDENTITY(choices) for choices in designs}) == 6
    skip = SearchSpace(1, ("sum", "mean"), ("skip",), ("identity",), ("mean",), tie_sides=True)
    alike = [{"layer1/interactions/aggregate": name} for name in ("sum", "mean")]
    chat.script = [answer(*alike)]
    strategy = made(batch=2, space=skip)
    strategy.ask()
    assert strategy.record.rows[0].invalid == {"repeated": 1}, "with skip they compute the same"


def test_a_space_that_is_used_up_is_asked_on(chat):
    tiny = SearchSpace(1, ("sum", "mean"), ("light",), ("identity",), ("mean",), tie_sides=True)
    rows = explore(made(batch=3, space=tiny), lambda c: 0.5, identity_of(tiny), Budget(7))
    assert len(rows) == 7
    assert sum(not row.repeated for row in rows) == 2


def test_failures_that_pass_are_tried_again_with_growing_pauses(chat):
    chat.script = [429, (500, {}), (503, {"Retry-After": "9"})]
    pauses = []
    strategy = made(sleep=pauses.append)
    strategy.ask()
    assert pauses == [1.0, 2.0, 9.0]
    assert strategy.record.rows[0].retried == 3
    assert len({json.dumps(body) for body in chat.asked}) == 1, "the same is asked again"


def test_an_answer_that_takes_too_long_is_tried_again_and_then_an_error(chat):
    chat.script = [chat.HANG]
    strategy = made(timeout=0.3)
    strategy.ask()
    assert (strategy.retried, len(chat.asked)) == (1, 2)
    chat.script = [chat.HANG] * 2
    with pytest.raises(InputError, match=r"/v1/chat/completions: no answer after 2 tries; .*ReadTimeout"):
        made(timeout=0.3, tries=2).ask()


def test_what_no_try_mends_is_an_error_at_once(chat):
    chat.script = [401]
    with pytest.raises(InputError, match=r"/v1/chat/completions: HTTP 401: not now"):
        made().ask()
    assert len(chat.asked) == 1
    chat.script = [200] * 2
    with pytest.raises(
        InputError, match="no answer after 2 tries; the last said: HTTP 200, but no JSON: not"
    ):
        made(tries=2).ask()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (None, "set OPENAI_BASE_URL"),
        ("localhost:8000/v1", "must begin with http:// or https://, found 'local"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_says_what_to_set(address, words, monkeypatch):
    pytest.importorskip("httpx")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    if address is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(InputError, match=words):
        made().ask()


@pytest.mark.parametrize("after", [1, 3, 4, 9])
def test_a_killed_search_asks_nothing_twice(after, chat, tmp_path):
    """The endpoint answers no two requests alike, so that a second one for the same designs would be seen."""
    chat.script = ["no JSON"]
    whole = explore(made(), agreement, IDENTITY, Budget(14))
    requests = len(chat.asked)
    chat.restart()
    chat.script = ["no JSON"]
    paths = tmp_path / "evaluations.jsonl", tmp_path / "advice.jsonl"
    explore(made(record=paths[1]), agreement, IDENTITY, Budget(after), History(paths[0]))
    with paths[1].open("a") as file:
        file.write('{"asked": "12')  # killed while writing
    rows = explore(made(record=paths[1]), agreement, IDENTITY, Budget(14), History(paths[0]))
    assert [(r.choices, r.score, r.best) for r in rows] == [(r.choices, r.score, r.best) for r in whole]
    assert len(chat.asked) == 2 * requests
    assert advice_counts(paths[1])["requests"] == requests
    other = made(record=paths[1], batch=5)
    with pytest.raises(InputError, match=r"advice\.jsonl, line 1: it is of another search; remove it"):
        other.ask()


def test_a_damaged_record_names_its_line(tmp_path):
    path = tmp_path / "advice.jsonl"
    path.write_text('{"asked": 1}\n')
    with pytest.raises(InputError, match=r"advice\.jsonl, line 1: not an answer"):
        made(record=path)
    assert advice_counts(tmp_path / "none.jsonl") is None
