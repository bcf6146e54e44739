"""The page about a run: what it says, that it needs nothing else, and what it warns of."""

import json
import re
import subprocess
import sys

import pytest

from supernet.report.page import signs_of_collapse, write_report
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


@pytest.fixture
def folder(tmp_path):
    def made(found=None, metrics=METRICS):
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
    row = re.search(r"<tr><td>layer1/user/convolve</td>.*?</tr>", page).group(0)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells == ["layer1/user/convolve", "light", "", "skip", "0.1700", "+0.0400"]
    row = re.search(r"<tr><td>readout</td>.*?</tr>", page).group(0)
    assert "0.70" in row
    assert "-0.0030" in row, "the supernet preferred another"
    assert "The derived model wins." in page
    assert "0.3100" in page
    assert "readout=sum" in page
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []
    assert page.count("data:image/svg+xml;base64,") == 4


def test_a_run_of_another_strategy_has_no_epochs_and_no_costs(folder):
    page = write_report(folder(search(epochs=[], explanation=False), metrics=None)).read_text()
    assert "runner-up" not in page
    assert "Not derived yet" in page
    assert page.count("data:image/svg+xml;base64,") == 1


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
