"""inputs.json tells what the encoders of a run are, and holds the run to them."""

import json

import pytest

from supernet.config import TrainConfig
from supernet.config.data_schemas import TableData
from supernet.pipeline.inputs import INPUTS, check_inputs, keep_inputs
from supernet.runtime import InputError

from ..language import tiny_bert

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "toy", "story", "the", "god", "##father", "a"]


def config_of(tmp_path, **views):
    (tmp_path / "clicks.csv").write_text("user,item\n")
    config = TrainConfig(data=TableData(path=str(tmp_path / "clicks.csv")))
    config.text.views = views
    return config


def test_a_language_model_that_has_changed_is_refused(tmp_path):
    (tmp_path / "model").mkdir()
    model = tiny_bert(tmp_path / "model", WORDS)
    config = config_of(tmp_path, own={"encoder": "transformer", "model": model, "projector": "mlp"})
    keep_inputs(tmp_path, config)
    check_inputs(tmp_path, config)
    tiny_bert(tmp_path / "model", WORDS[::-1])
    with pytest.raises(InputError, match=r"text\.views\.own: its encoder has changed .*: model was 'folder:"):
        check_inputs(tmp_path, config)


def test_an_endpoint_is_its_model_wherever_it_is_served(tmp_path, monkeypatch):
    config = config_of(tmp_path, own={"encoder": "endpoint", "model": "m"})
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:s3cret@host/v1")
    keep_inputs(tmp_path, config)
    assert "s3cret" not in (tmp_path / INPUTS).read_text()
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:other@host/v1")
    check_inputs(tmp_path, config)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    check_inputs(tmp_path, config)
    config.text.views["own"]["model"] = "n"
    with pytest.raises(InputError, match=r"text\.views\.own: .*: model was 'm' and is 'n'; .* search anew"):
        check_inputs(tmp_path, config)


def test_runs_that_wrote_no_encoders_down_are_held_to_their_files(tmp_path):
    config = config_of(
        tmp_path, words={"encoder": "tfidf"}, own={"encoder": "vectors", "path": "/nowhere.npy"}
    )
    keep_inputs(tmp_path, config)
    written = json.loads((tmp_path / INPUTS).read_text())
    assert written.keys() == {"data.path", "text.views.words"}
    del written["text.views.words"]
    (tmp_path / INPUTS).write_text(json.dumps(written))
    check_inputs(tmp_path, config)
    (tmp_path / "clicks.csv").write_text("changed\n")
    with pytest.raises(InputError, match=r"data\.path"):
        check_inputs(tmp_path, config)
