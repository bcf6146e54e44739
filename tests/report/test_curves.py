"""The charts of the diagnostics: what lines they have, and of what numbers."""

import math

import pytest

from supernet.report.curves import curves_figure

SLOTS = {
    "layer1/user/interactions/aggregate": ("none", "sum", "mean"),
    "layer2/user/interactions/aggregate": ("mean", "max"),
    "layer1/user/convolve": ("light", "skip"),
    "layer1/user/activation": ("relu", "tanh"),
    "readout": ("last", "mean"),
}


def epoch(number, warm=False):
    return {
        "epoch": number, "train_loss": 5.0 - number, "alpha_loss": None if warm else 3.0, "score": 0.2,
        "derived_score": 0.1, "gap": 0.1, "entropy": 0.5, "eigenvalue": None, "coverage": 0.3,
        "energy": [0.9, 0.5], "cosine": [0.0, 0.4], "gradient_cosine": {"user/convolve": 0.5},
        "size": {
            "layer1/user/interactions/aggregate": [None, 4.0 * number, 2.0],
            "layer2/user/interactions/aggregate": [6.0, 1.0],
            "layer1/user/convolve": [0.5, 0.25],
            "layer1/user/activation": [0.75, 0.5],
            "readout": [1.5, 2.5],
        },
        "gradient": {slot: 0.0 if warm else float(k) for k, slot in enumerate(SLOTS)},
    }  # fmt: skip


def lines(figure, title):
    (ax,) = [ax for ax in figure.axes if ax.get_title(loc="left") == title]
    return {line.get_label(): [float(y) for y in line.get_ydata()] for line in ax.lines}


def test_the_charts_have_the_numbers_of_the_epochs():
    figure = curves_figure([epoch(1, warm=True), epoch(2), epoch(3)], "ndcg@20", SLOTS)
    assert len(figure.axes) == 14, "no chart of features, which are not open"
    assert lines(figure, "loss") == {"train": [4.0, 3.0, 2.0], "alpha": [3.0, 3.0]}
    assert lines(figure, "valid ndcg@20") == {"mixture": [0.2] * 3, "argmax": [0.1] * 3}
    norms = {"sum": [4.0, 8.0, 12.0], "mean": [4.0] * 3, "max": [1.0] * 3}
    assert lines(figure, "output norm, aggregate") == norms
    assert lines(figure, "output norm, activation") == {"relu": [0.75] * 3, "tanh": [0.5] * 3}
    assert lines(figure, "output norm, readout") == {"last": [1.5] * 3, "mean": [2.5] * 3}
    gradients = {
        "aggregate": [0.5, 0.5],
        "convolve": [2.0, 2.0],
        "activation": [3.0, 3.0],
        "readout": [4.0, 4.0],
    }
    assert lines(figure, "norm of alpha gradients") == gradients
    assert lines(figure, "Dirichlet energy") == {"layer 0": [0.9] * 3, "layer 1": [0.5] * 3}


def test_what_was_not_measured_is_told():
    figure = curves_figure([epoch(1)], "ndcg@20", SLOTS)
    (ax,) = [ax for ax in figure.axes if ax.get_title(loc="left") == "dominant eigenvalue"]
    assert [text.get_text() for text in ax.texts] == ["not measured"]
    with pytest.raises(ValueError, match="no epoch"):
        curves_figure([], "ndcg@20", SLOTS)


def test_the_x_axis_is_the_epoch():
    figure = curves_figure([epoch(4), epoch(5)], "ndcg@20", SLOTS)
    for ax in figure.axes:
        for line in ax.lines:
            assert all(math.isclose(a, b) for a, b in zip(line.get_xdata(), (4, 5), strict=True))


def test_norms_have_a_logarithmic_axis_and_what_was_not_measured_no_line():
    bare = epoch(1) | {"size": {"layer1/user/interactions/aggregate": [None, None, 100.0]}}
    figure = curves_figure([bare], "ndcg@20", SLOTS)
    assert lines(figure, "output norm, aggregate") == {"mean": [100.0]}
    assert lines(figure, "output norm, convolve") == {}
    scales = {ax.get_title(loc="left"): ax.get_yscale() for ax in figure.axes}
    assert scales["output norm, aggregate"] == "log"
    assert [scales[title] for title in ("loss", "output norm, convolve")] == ["linear"] * 2


def test_no_legend_covers_a_line():
    kinds = {
        f"{side}/{name}": k / 9
        for k, name in enumerate(("interactions/aggregate", "convolve"))
        for side in "ui"
    }
    figure = curves_figure([epoch(k) | {"gradient_cosine": kinds} for k in range(4)], "ndcg@20", SLOTS)
    figure.draw_without_rendering()
    legends = [(ax, ax.get_legend()) for ax in figure.axes if ax.get_legend() is not None]
    assert len(legends) >= 8
    for _, legend in legends:
        box = legend.get_window_extent()
        assert not any(box.overlaps(ax.get_window_extent()) for ax in figure.axes)
        assert box.x1 <= figure.bbox.x1


def test_where_no_alphas_are_trained_nothing_is_told_of_them():
    figure = curves_figure([epoch(1), epoch(2)], "ndcg@20", SLOTS, learns=False)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert not any("alpha" in title or "gap" in title or "entropy" in title for title in titles)
    assert len(titles) == 9
    assert lines(figure, "valid ndcg@20") == {"mixture": [0.2, 0.2]}
