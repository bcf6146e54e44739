import re

import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from supernet.report.board import Board, mixture_tag

CANDIDATES = {"layer1/user/convolve": ["light", "gcn+"], "score": ["dot", "mlp"]}


def read(folder):
    return EventAccumulator(str(folder), size_guidance={"images": 0, "tensors": 0, "scalars": 0}).Reload()


def curve(events, tag):
    return [(point.step, pytest.approx(point.value)) for point in events.Scalars(tag)]


def test_scalars_keep_their_tags_steps_and_values(tmp_path):
    with Board(tmp_path) as board:
        board.scalars(1, {"loss/train": 0.5, "valid/ndcg@20": 0.25})
        board.scalars(2, {"loss/train": 0.125})
    events = read(tmp_path)
    assert curve(events, "loss/train") == [(1, 0.5), (2, 0.125)]
    assert curve(events, "valid/ndcg@20") == [(1, 0.25)]


def test_mixtures_are_one_tag_per_candidate(tmp_path):
    with Board(tmp_path) as board:
        board.mixtures(3, {"layer1/user/convolve": [0.75, 0.25]}, CANDIDATES)
    events = read(tmp_path)
    assert curve(events, "mixture/layer1/user/convolve/light") == [(3, 0.75)]
    assert curve(events, "mixture/layer1/user/convolve/gcn+") == [(3, 0.25)]


def test_sizes_are_one_tag_per_candidate_that_was_measured(tmp_path):
    with Board(tmp_path) as board:
        board.sizes(3, {"layer1/user/convolve": [None, 0.25]}, CANDIDATES)
    events = read(tmp_path)
    assert events.Tags()["scalars"] == ["size/layer1/user/convolve/gcn+"]
    assert curve(events, "size/layer1/user/convolve/gcn+") == [(3, 0.25)]


def test_weights_that_do_not_fit_the_candidates_are_refused(tmp_path):
    with Board(tmp_path) as board, pytest.raises(ValueError, match="zip"):
        board.mixtures(0, {"score": [1.0]}, CANDIDATES)


def test_layout_has_a_chart_per_slot_that_matches_its_tags_alone(tmp_path):
    with Board(tmp_path) as board:
        board.layout(CANDIDATES)
    (event,) = read(tmp_path).Tensors("custom_scalars__config__")
    layout = layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])
    charts = {chart.title: list(chart.multiline.tag) for chart in layout.category[0].chart}
    assert list(charts) == list(CANDIDATES)
    every = [mixture_tag(slot, name) for slot, names in CANDIDATES.items() for name in names] + [
        "mixture/score/dots"
    ]
    for slot, patterns in charts.items():
        matched = [tag for tag in every for pattern in patterns if re.match(pattern, tag)]
        assert matched == [mixture_tag(slot, name) for name in CANDIDATES[slot]]


def test_hparams_stay_in_the_run_folder(tmp_path):
    with Board(tmp_path) as board:
        board.scalars(0, {"loss": 1.0})
        board.hparams(
            {"lr": 0.1, "loss": "softmax", "seed": 3, "refit": True, "text": None}, {"test/ndcg@20": 0.5}
        )
    assert [path.is_file() for path in tmp_path.iterdir()] == [True]
    events = read(tmp_path)
    assert curve(events, "test/ndcg@20") == [(0, 0.5)]
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert found["lr"].number_value == 0.1
    assert found["seed"].number_value == 3
    assert (found["loss"].string_value, found["text"].string_value) == ("softmax", "none")
    assert found["refit"].string_value == "true"


def test_figures_and_texts(tmp_path):
    figure = Figure(figsize=(2, 1), dpi=50)
    figure.subplots()
    with Board(tmp_path) as board:
        board.figure("genotype", figure, step=4)
        board.text("table", "| a |", step=5)
    events = read(tmp_path)
    (image,) = events.Images("genotype")
    assert (image.step, image.width, image.height) == (4, 100, 50)
    (text,) = events.Tensors("table/text_summary")
    assert (text.step, text.tensor_proto.string_val[0]) == (5, b"| a |")


def test_resuming_hides_what_will_be_written_again(tmp_path):
    with Board(tmp_path) as board:
        for step in range(5):
            board.scalars(step, {"loss": float(step)})
    with Board(tmp_path, purge_step=3) as board:
        board.scalars(3, {"loss": 30.0})
    assert curve(read(tmp_path), "loss") == [(0, 0), (1, 1), (2, 2), (3, 30)]


def test_flush_makes_points_readable_before_the_end(tmp_path):
    with Board(tmp_path) as board:
        board.scalars(0, {"loss": 1.0})
        board.flush()
        assert curve(read(tmp_path), "loss") == [(0, 1.0)]
