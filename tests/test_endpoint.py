"""The endpoint's address and key: what cannot be used is one message, and no secret is told."""

import pytest

from supernet.endpoint import address, post
from supernet.features.text.encoders import Endpoint
from supernet.runtime import InputError


def ask(tries=1):
    return post("chat/completions", {}, lambda _: None, tries, 5.0)


@pytest.mark.parametrize("key", ["sk-geheimß", "sk-\nx", "sk-\u200bx"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_told(key, chat, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(InputError, match=r"OPENAI_API_KEY cannot be sent: its character \d+ of \d+") as error:
        ask()
    assert key[:3] not in str(error.value)
    assert not chat.asked


def test_white_space_around_a_key_is_not_sent(chat, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", " sk-x\n")
    chat.script = ["{}"]
    ask()
    assert chat.asked[0]["key"] == "Bearer sk-x"


def test_a_password_in_the_address_is_sent_and_stands_nowhere(chat, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", chat.url.replace("http://", "http://me:s3cret@"))
    monkeypatch.delenv("OPENAI_API_KEY")
    chat.script = ["{}", 401, 500, 200]
    ask()
    assert chat.asked[0]["key"].startswith("Basic ")
    assert address() == chat.url
    assert Endpoint(model="m").identity["url"] == chat.url
    for words in ("HTTP 401", "HTTP 500", "no JSON"):
        with pytest.raises(InputError, match=words) as error:
            ask()
        assert str(error.value).startswith(f"{chat.url}/chat/completions")
    for wrong in ("http://me:s3cret@host:x", "me:s3cret@host"):
        monkeypatch.setenv("OPENAI_BASE_URL", wrong)
        with pytest.raises(InputError, match=r"is no address|must begin") as error:
            ask()
        assert "s3cret" not in str(error.value)


def test_an_at_sign_in_the_path_is_no_password(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://host/v1@beta")
    assert address() == "http://host/v1@beta"


def test_what_the_surroundings_refuse_is_one_message(chat, monkeypatch):
    monkeypatch.setattr("httpx.post", lambda *_, **__: (_ for _ in ()).throw(ValueError("Unknown scheme")))
    with pytest.raises(InputError, match="cannot be asked: Unknown scheme"):
        ask()
