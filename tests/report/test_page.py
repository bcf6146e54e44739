"""The page about a run: what it says, that it needs nothing else, and what it warns of."""

import html
import json
import math
import re
import subprocess
import sys

import pytest

from supernet.report.choice import short_form
from supernet.report.page import write_report
from supernet.report.signs import signs_of_collapse
from supernet.runtime import InputError

SLOTS = {"layer1/user/convolve": ["light", "skip"], "readout": ["last", "mean", "sum"]}
CHOICES = {
    "features/user": "id", "features/item": "id", "layer1/user/interactions/aggregate": "sym",
    "layer1/item/interactions/aggregate": "sym", "layer1/user/convolve": "light",
    "layer1/item/convolve": "light", "layer1/user/activation": "identity",
    "layer1/item/activation": "identity", "readout": "mean", "score": "dot",
}  # fmt: skip


def epoch(number, **changes):
    usual = {
        "epoch": number, "train_loss": 4.0, "alpha_loss": 4.2, "score": 0.2, "derived_score": 0.199,
        "gap": 0.001, "temperature": 1.0, "alpha_scale": 0.2, "entropy": 0.4,
        "mixture": {slot: [1 / len(names)] * len(names) for slot, names in SLOTS.items()},
        "size": {slot: [1.0] * len(names) for slot, names in SLOTS.items()},
        "gradient": dict.fromkeys(SLOTS, 0.1), "gradient_cosine": {"user/convolve": 0.5},
        "eigenvalue": None, "energy": [0.9, 0.5], "cosine": [0.0, 0.4], "coverage": 0.3,
        "seconds": 1.0, "seconds_per_step": 0.1,
    }  # fmt: skip
    return usual | changes


def search(epochs=None, explanation=True):
    swapped = {
        "layer1/user/convolve": {"light": 0.21, "skip": 0.17},
        "readout": {"last": 0.213, "mean": 0.21, "sum": 0.1},
    }
    return {
        "version": 1,
        "data": "<clicks>: 3 users",
        "metric": "ndcg@20",
        "strategy": "bilevel",
        "candidates": SLOTS,
        "epochs": [epoch(1), epoch(2)] if epochs is None else epochs,
        "explanation": {"mixture": 0.2, "chosen": 0.21, "swapped": swapped} if explanation else None,
        "settled": {"mixture": 0.2, "scores": [0.15, 0.205, 0.19], "seconds": 4.2},
    }


GENOTYPE = {
    "hash": "0123456789ab", "choices": CHOICES, "layers": 1, "seed": 3, "metrics": {"seconds": 12.0},
    "mixture": {"readout": {"last": 0.2, "mean": 0.7, "sum": 0.1}},
    "runners_up": [CHOICES | {"readout": "sum"}],
}  # fmt: skip
METRICS = {
    "models": {
        "derived": {"metrics": {"ndcg@20": [0.3, 0.32]}, "seconds": 60.0, "note": "tuned"},
        "pop": {"metrics": {"ndcg@20": [0.1]}, "seconds": 0.1, "note": ""},
    },
    "holm_p": {"pop": 0.001},
    "protocol": {"sentence": "PROTOCOL strict"},
    "verdict": "The derived model wins.",
}


def trained(steps, score, cost=0.0, **changes):
    """A line of selection.jsonl: the chosen design with these slots changed."""
    choices = CHOICES | {slot.replace("__", "/"): name for slot, name in changes.items()}
    return {"choices": choices, "steps": steps, "score": score, "seconds": 1.0, "cost": cost}


def evaluated(score, best, seconds, **changes):
    """A line of evaluations.jsonl."""
    return {"choices": CHOICES | changes, "score": score, "best": best, "seconds": seconds}


def section(page, heading):
    """What stands below a heading, up to the next."""
    (found,) = [part for part in page.split("<h2>") if part.startswith(f"{heading}</h2>")]
    return found


def cells(part):
    """The rows of the tables of a section, as texts."""
    return [[html.unescape(cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
            for row in re.findall(r"<tr[^>]*>(.*?)</tr>", part)][1:]  # fmt: skip


SELECTED = [
    trained(5, 0.10), trained(5, 0.12, readout="sum"), trained(5, 0.05, layer1__user__convolve="skip"),
    trained(15, 0.25), trained(15, 0.20, readout="sum"), trained(15, 0.24, readout="last"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    def made(found=None, metrics=METRICS, selection=(), evaluations=()):
        for name, rows in (("selection", selection), ("evaluations", evaluations)):
            if rows:
                (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (tmp_path / "search.json").write_text(json.dumps(search() if found is None else found))
        (tmp_path / "genotype.json").write_text(json.dumps(GENOTYPE))
        if metrics is not None:
            (tmp_path / "metrics.json").write_text(json.dumps(metrics))
        return tmp_path

    return made


def test_the_page_tells_design_costs_and_result_and_loads_nothing(folder):
    page = write_report(folder()).read_text()
    assert "0123456789ab" in page
    assert "&lt;clicks&gt;: 3 users" in page, "text is escaped"
    assert cells(section(page, "What the runner-up would have cost")) == [
        ["layer1/user/convolve", "light", "skip", "0.1700", "+0.0400"],
        ["readout", "mean", "last", "0.2130", "-0.0030"],  # the supernet preferred another
    ]
    assert "The derived model wins." in page
    assert "0.3100" in page
    assert "readout=sum" in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert page.count("data:image/svg+xml;base64,") == 4


def test_a_run_of_another_strategy_has_no_epochs_and_no_costs(folder):
    found = search(epochs=[], explanation=False) | {"strategy": "tpe"}
    page = write_report(folder(found, metrics=None)).read_text()
    for words in ("runner-up", "How sure", "How the choice", "evaluation by evaluation"):
        assert words not in page
    assert "Not derived yet" in page
    assert ["readout", "last, mean, sum"] in cells(section(page, "What was searched"))
    assert page.count("data:image/svg+xml;base64,") == 1


@pytest.mark.parametrize("lacking", [{"settled": None}, {}], ids=["off", "of an earlier release"])
def test_how_the_design_settled_is_told_with_its_gaps(folder, lacking):
    part = section(write_report(folder()).read_text(), "From the mixture to the design")
    assert cells(part) == [
        ["the mixture", "0.2000", ""],
        ["the design, inherited weights", "0.1500", "-25.0%"],
        ["after 1 epoch of its own", "0.2050", "+2.5%"],
        ["after 2 epochs of its own", "0.1900", "-5.0%"],
    ]
    looked = search()
    looked["settled"] |= {"looks": 4}
    part = section(write_report(folder(looked)).read_text(), "From the mixture to the design")
    assert [row[0] for row in cells(part)][2:] == [
        "after 0.25 epochs of its own",
        "after 0.5 epochs of its own",
    ]
    assert part.count("chosen") == 1
    assert "chosen" in part[part.index("0.1500") : part.index("0.2050")]
    assert "4.2 s" in part
    without = {key: value for key, value in search().items() if key != "settled"} | lacking
    assert "From the mixture" not in write_report(folder(without)).read_text()


def test_which_epoch_was_taken_is_told_and_in_bold(folder):
    epochs = [epoch(1, alpha_loss=None), epoch(2), epoch(3)]
    found = search(epochs) | {"taken": 2, "frozen": 3, "stopped": True}
    page = write_report(folder(found)).read_text()
    history = section(page, "The search, epoch by epoch")
    assert "Epoch 2 of 3 was taken" in history
    assert "At the end of epoch 3 the mixture ranked so much worse" in history
    assert "The search stopped early, as the dominant eigenvalue rose" in history
    numbers = section(page, "All epochs")
    assert [row[2] for row in cells(numbers)] == ["–", "4.2000", "4.2000"]
    assert re.findall(r'class="chosen"><td[^>]*>(.*?)</td>', numbers) == ["2"]
    calm = section(write_report(folder()).read_text(), "The search, epoch by epoch")
    assert not any(words in calm for words in ("was taken", "ranked so much worse", "stopped early"))


def test_a_recipe_that_was_tuned_first_is_told(folder):
    recipe = {"loss": {"temperature": 0.12}, "training": {"lr": 0.004}, "trials": [{}, {}, {}]}
    page = write_report(folder(search() | {"pretuned": recipe})).read_text()
    assert "temperature 0.12 and lr 0.004, the best on valid of 3 trainings of LightGCN" in page
    assert "trainings of LightGCN" not in write_report(folder(search() | {"pretuned": None})).read_text()


def test_the_short_trainings_are_told_longest_and_best_first_with_their_margins(folder):
    page = write_report(folder(selection=SELECTED)).read_text()
    part = section(page, "How the choice came about")
    assert cells(part) == [
        ["the chosen design", "15", "0.2500", ""],
        ["readout=last", "15", "0.2400", "-0.0100"],
        ["readout=sum", "15", "0.2000", "-0.0500"],
        ["readout=sum", "5", "0.1200", "+0.0200"],
        ["the chosen design", "5", "0.1000", ""],
        ["layer1/user/convolve=skip", "5", "0.0500", "-0.0500"],
    ]
    assert re.findall(r'class="chosen"><td[^>]*>(.*?)</td>', part) == ["the chosen design"] * 2
    assert "6 short trainings" in part
    sure = section(page, "How sure it is")
    assert "After 15 steps the chosen design has 0.2500 valid ndcg@20, the best of 2 others 0.2400" in sure
    assert "a margin of +0.0100 (+4.0%)" in sure
    assert "That other has readout=last." in sure


def test_costs_that_were_weighed_are_told_and_rank(folder):
    rows = [trained(5, 0.25, 0.01), trained(5, 0.30, 0.1, readout="sum")]
    page = write_report(folder(selection=rows)).read_text()
    assert cells(section(page, "How the choice came about")) == [
        ["the chosen design", "5", "0.2500", "0.0100", "0.2400", ""],
        ["readout=sum", "5", "0.3000", "0.1000", "0.2000", "-0.0400"],
    ]
    assert "0.2400 valid ndcg@20 less its cost" in section(page, "How sure it is")


def test_a_design_without_a_training_as_long_has_no_margin_and_few_are_shown(folder):
    others = [trained(5, 0.2 - k / 1000, layer1__item__activation=f"<{k}>") for k in range(20)]
    candidates = SLOTS | {"layer1/item/activation": ["identity", "relu"]}
    found = search() | {"candidates": candidates, "epochs": []}
    page = write_report(folder(found, selection=[trained(15, 0.2), *others])).read_text()
    part = section(page, "How the choice came about")
    rows = cells(part)
    assert len(rows) == 1 + 12
    assert rows[1] == ["layer1/item/activation=<0>", "5", "0.2000", ""]
    assert "<0>" not in part, "text is escaped"
    assert "8 more ranked lower" in part
    assert "alone was trained for 15 steps" in section(page, "How sure it is")


def test_how_sure_a_slot_is(folder):
    sure = section(write_report(folder()).read_text(), "How sure it is")
    spread = -(0.2 * math.log(0.2) + 0.7 * math.log(0.7) + 0.1 * math.log(0.1)) / math.log(3)
    assert cells(sure) == [["readout", "mean", "0.70", "last", "0.20", f"{spread:.2f}"]]
    assert "in 0 of 1 slots" in sure


@pytest.mark.parametrize("epochs", [[], [epoch(1, entropy=1.0, gap=0.1)]], ids=["trained", "inherited"])
def test_another_strategy_has_its_anytime_curve_and_no_word_on_the_mixture(folder, epochs):
    found = search(epochs, explanation=False) | {"strategy": "tpe"}
    rows = [evaluated(0.1, 0.1, 1.0), evaluated(0.3, 0.3, 2.5, readout="sum"), evaluated(0.2, 0.3, 4.0)]
    page = write_report(folder(found, selection=SELECTED, evaluations=rows)).read_text()
    assert "3 evaluations in 4.0 s; the best, number 2, has 0.3000 NDCG@20" in page
    for words in ("undecided", "The gap", "Mixtures", "entropy"):
        assert words not in page
    assert "No sign of collapse was seen." in page
    assert "a margin of +0.0100" in section(page, "How sure it is")
    assert page.count("data:image/svg+xml;base64,") == 2 + len(epochs)


def test_a_design_is_told_by_kinds_where_all_slots_of_one_change():
    slots = ["layer1/user/convolve", "layer1/item/convolve", "readout"]
    both = CHOICES | {"layer1/user/convolve": "skip", "layer1/item/convolve": "skip", "readout": "sum"}
    assert short_form(both, CHOICES, slots) == "every convolve=skip, readout=sum"
    assert short_form(both, CHOICES, slots[1:]) == "layer1/item/convolve=skip, readout=sum"
    assert short_form(CHOICES, CHOICES, slots) == "the chosen design"
    slots = [f"layer{k}/{side}/convolve" for k in (1, 2) for side in ("user", "item")]
    light = dict.fromkeys(slots, "light")
    assert short_form(light | dict.fromkeys(slots[2:], "skip"), light, slots) == "every layer2 convolve=skip"
    assert short_form(light | {slots[3]: "skip"}, light, slots) == "layer2/item/convolve=skip"
    slots = [f"layer{k}/user/convolve" for k in range(1, 9)]
    many = short_form(dict(zip(slots, "abcdefgh", strict=True)), dict.fromkeys(slots, "light"), slots)
    assert many.endswith("layer6/user/convolve=f, 2 more")


def test_the_result_is_told_by_the_metric_of_the_run(folder):
    rest = {"seconds": 1.0, "note": ""}
    models = {
        "derived": {"metrics": {"recall@10": [0.25, 0.35], "ndcg@10": [0.1]}} | rest,
        "pop": {"metrics": {"ndcg@10": [0.1]}} | rest,
    }
    page = write_report(folder(search() | {"metric": "recall@10"}, METRICS | {"models": models})).read_text()
    part = section(page, "On the test part")
    assert "<th>Recall@10</th>" in part
    assert [row[:3] for row in cells(part)] == [["derived", "0.3000", "2"], ["pop", "–", "0"]]
    assert "NDCG@20" not in page


def test_a_line_that_is_no_training_is_named(folder):
    with pytest.raises(InputError, match=r"selection\.jsonl, line 2: not a training of a selection"):
        write_report(folder(selection=[SELECTED[0], {"steps": 3}]))


@pytest.mark.parametrize(
    ("epochs", "words"),
    [
        ([epoch(1), epoch(2, entropy=0.8)], "undecided: its entropy is 0.80"),
        ([epoch(1, gap=0.05)], "The gap is +0.0500 ndcg@20 (+25%)"),
        ([epoch(1, eigenvalue=1.0), epoch(2), epoch(3, eigenvalue=-4.0)], "rose from 1 to -4"),
        ([epoch(1, cosine=[0.1, 0.95])], "over-smoothed: its mean cosine is 0.95"),
    ],
)
def test_signs_of_collapse_are_named(epochs, words):
    (sentence,) = signs_of_collapse(search(epochs), GENOTYPE)
    assert words in sentence


def test_a_calm_search_has_no_sign_and_a_skip_is_named():
    assert signs_of_collapse(search(), GENOTYPE) == []
    idle = GENOTYPE | {"choices": CHOICES | {"layer1/user/convolve": "skip"}}
    (sentence,) = signs_of_collapse(search(), idle)
    assert "layer1/user/convolve" in sentence


def test_the_page_says_what_was_not_looked_at_for_signs_of_collapse(folder):
    measured = write_report(folder(search([epoch(1, eigenvalue=1.0)]))).read_text()
    assert "was not measured" not in section(measured, "What to distrust")
    page = write_report(folder(search([epoch(1)]))).read_text()
    assert "The dominant eigenvalue was not measured" in section(page, "What to distrust")
    page = write_report(folder(search([], explanation=False) | {"strategy": "tpe"}, selection=SELECTED,
                               evaluations=[evaluated(0.1, 0.1, 1.0)])).read_text()  # fmt: skip
    assert "There was no supernet" in section(page, "What to distrust")


def test_signs_are_of_the_epoch_that_was_taken():
    back = search([epoch(1, eigenvalue=1.0), epoch(2, eigenvalue=9.0)])
    assert len(signs_of_collapse(back, GENOTYPE)) == 1
    assert signs_of_collapse(back | {"taken": 1}, GENOTYPE) == []


def test_a_folder_without_a_search_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"search\.json: no such file; give run="):
        write_report(tmp_path)
    (tmp_path / "search.json").write_text("{")
    with pytest.raises(InputError, match=r"search\.json: cannot be read"):
        write_report(tmp_path)


def test_the_command_writes_the_page_or_says_what_is_wrong(folder, tmp_path):
    line = [sys.executable, "-m", "supernet.report"]
    done = subprocess.run([*line, f"run={folder()}"], capture_output=True, text=True, check=True)
    assert done.stdout == f"report: {tmp_path / 'report.html'}\n"
    for words, message in ([], "usage:"), (["run=/nowhere"], "/nowhere/search.json: no such file"):
        done = subprocess.run([*line, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert message in done.stderr
