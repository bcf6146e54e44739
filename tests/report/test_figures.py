import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from supernet.report.figures import anytime_figure, genotype_figure, mixture_figure, save_figure
from supernet.space.judged import Evaluation

UNTIED = {
    "features/user": "id",
    "features/item": "concat",
    "layer1/user/interactions/aggregate": "sum",
    "layer1/item/interactions/aggregate": "none",
    "layer1/user/convolve": "light",
    "layer1/item/convolve": "sage",
    "layer1/user/activation": "identity",
    "layer1/item/activation": "tanh",
    "readout": "mean",
    "score": "cosine",
}
TIED = {
    "features/user": "id",
    "features/item": "id",
    "layer1/interactions/aggregate": "sym",
    "layer1/convolve": "light",
    "layer2/interactions/aggregate": "sym",
    "layer2/convolve": "light",
    "readout": "last",
    "score": "dot",
}


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def arrows(figure):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]


def position(figure, text):
    (found,) = [t for t in figure.axes[0].texts if t.get_text() == text]
    return found.get_position()


def test_every_choice_is_written_once_per_box():
    figure = genotype_figure(UNTIED, "searched")
    assert len(figure.axes) == 1
    written = texts(figure)
    for choice in (
        "id",
        "concat",
        "sum",
        "none",
        "light",
        "sage",
        "identity",
        "tanh",
        "cosine",
        "searched",
        "layer 1",
    ):
        assert written.count(choice) == 1, choice
    assert written.count("mean") == 2  # a read-out on either side


def test_tied_choices_are_drawn_on_both_sides():
    written = texts(genotype_figure(TIED))
    assert (written.count("sym"), written.count("light"), written.count("layer 2")) == (4, 4, 1)
    assert "activation" not in written


def test_users_are_left_and_the_flow_is_upwards():
    figure = genotype_figure(UNTIED)
    assert position(figure, "sum")[0] < 0 < position(figure, "none")[0]
    heights = [position(figure, text)[1] for text in ("id", "sum", "light", "identity", "cosine")]
    assert heights == sorted(set(heights))


def test_arrows_follow_the_architecture():
    """Per side and layer: self, message in, message out; to the read-out and the score; mean adds one."""
    assert len(arrows(genotype_figure(TIED))) == 2 * (2 * 3 + 2)
    assert len(arrows(genotype_figure(TIED | {"readout": "mean"}))) == 2 * (2 * 3 + 3)
    dashed = [arrow for arrow in arrows(genotype_figure(UNTIED)) if arrow.get_linestyle() == "--"]
    assert len(dashed) == 2  # into and out of the one aggregate that is "none"


def test_another_relation_has_a_box_of_its_own_outside_the_interactions():
    figure = genotype_figure({"layer1/user/trust/aggregate": "max"} | UNTIED)
    assert position(figure, "aggregate trust")[0] < position(figure, "sum")[0] < 0


def test_a_tied_relation_is_drawn_at_the_sides_it_arrives_at():
    figure = genotype_figure({"layer1/cooccurrence/aggregate": "max"} | TIED)
    assert position(figure, "aggregate cooccurrence")[0] > 0
    assert "layer1/cooccurrence/aggregate: max" not in texts(figure)


def test_a_slot_of_another_name_is_listed():
    assert "features/item/view: minilm" in texts(genotype_figure(TIED | {"features/item/view": "minilm"}))


def test_a_model_without_layers_is_drawn():
    assert (
        texts(genotype_figure({"features/user": "id", "features/item": "text", "score": "dot"})).count("text")
        == 1
    )


def test_no_text_leaves_its_box():
    figure = genotype_figure(TIED | {"layer1/convolve": "a_very_long_operator_name"})
    figure.draw_without_rendering()
    inches = [
        text.get_window_extent().width / figure.dpi
        for text in figure.axes[0].texts
        if text.get_text().startswith(("a_very", "aggregate"))
    ]
    assert len(inches) == 6
    assert max(inches) < 1.9 * 0.72


def test_mixtures_have_an_axis_each_and_a_colour_bar():
    history = {"readout": np.array([[0.5, 0.5], [0.1, 0.9], [0.0, 1.0]]), "score": np.ones((3, 1))}
    figure = mixture_figure(history, {"readout": ["last", "mean"], "score": ["dot"]})
    first, second, bar = figure.axes
    assert [first.get_title(loc="left"), second.get_title(loc="left"), bar.get_ylabel()] == [
        "readout",
        "score",
        "weight",
    ]
    assert [label.get_text() for label in first.get_yticklabels()] == ["last", "mean"]
    np.testing.assert_array_equal(first.images[0].get_array(), history["readout"].T)
    assert first.images[0].get_clim() == (0, 1)


def test_unused_cells_of_the_grid_are_removed():
    history = {f"slot{i}": np.ones((1, 1)) for i in range(4)}
    assert len(mixture_figure(history, {slot: ["x"] for slot in history}).axes) == 4 + 1


def test_a_history_that_does_not_fit_its_candidates_is_refused():
    with pytest.raises(ValueError, match=r"'score' has 2 candidates but a history of shape \(3, 1\)"):
        mixture_figure({"score": np.ones((3, 1))}, {"score": ["dot", "mlp"]})
    with pytest.raises(ValueError, match="no mixture"):
        mixture_figure({}, {})


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_figures_are_saved_by_suffix_and_leave_nothing_else(tmp_path, suffix, magic):
    path = tmp_path / f"figure.{suffix}"
    save_figure(genotype_figure(TIED), path)
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_keeps_the_old_file(tmp_path):
    path = tmp_path / "figure.nonsense"
    path.write_text("old")
    with pytest.raises(ValueError, match="nonsense"):
        save_figure(Figure(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_anytime_curve_is_over_evaluations_and_over_seconds():
    rows = [Evaluation({}, score, best, seconds) for score, best, seconds in
            ((0.1, 0.1, 1.0), (0.3, 0.3, 4.0), (0.2, 0.3, 9.0))]  # fmt: skip
    left, right = anytime_figure(rows, "ndcg@20").axes
    for ax, x in ((left, [1, 2, 3]), (right, [1.0, 4.0, 9.0])):
        scores, best = ax.lines
        assert (list(scores.get_xdata()), list(scores.get_ydata())) == (x, [0.1, 0.3, 0.2])
        assert (list(best.get_xdata()), list(best.get_ydata())) == (x, [0.1, 0.3, 0.3])
    with pytest.raises(ValueError, match="no evaluation"):
        anytime_figure([], "ndcg@20")
