"""An OpenAI-compatible server: its address, its key, and requests that are tried again where it may help."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from supernet.runtime import InputError

URL, KEY = "OPENAI_BASE_URL", "OPENAI_API_KEY"
"""Environment variables: the address up to /v1, and the key. The key stands in no config, cache or log, nor
do a name and a password in the address; the rest of the address does."""

AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)
"""Answers that another try may mend."""


def address() -> str:
    """The address up to /v1, without a name and a password. Errors: InputError that says how to set it."""
    found = re.sub(r"(^|//)[^/]*@", r"\1", _given())
    if not found:
        raise InputError(
            f"the endpoint's address is missing: set {URL}, for example http://localhost:8000/v1"
        )
    if not found.startswith(("http://", "https://")):
        raise InputError(f"{URL} must begin with http:// or https://, found {found!r}")
    return found


def check_endpoint() -> None:
    """Errors: InputError without an address, for a key that cannot be sent, or without the package that
    requests need; nothing is sent."""
    address()
    key = _key()
    if not (key.isascii() and key.isprintable()):
        place = next(k for k, c in enumerate(key, start=1) if not (c.isascii() and c.isprintable()))
        raise InputError(
            f"{KEY} cannot be sent: its character {place} of {len(key)} is no printable ASCII; copy it anew"
        )
    if importlib.util.find_spec("httpx") is None:
        raise InputError("an endpoint needs the package httpx: pip install 'supernet[text]'")


def post(
    path: str, body: Mapping[str, Any], pause: Callable[[float], None], tries: int, timeout: float
) -> Any:  # noqa: ANN401
    """The JSON that POST {address}/{path} is answered with. What may pass is tried again, the pause doubling
    from one second, or as long as Retry-After says.

    Errors: InputError, with the address and what it said, for an answer that no try will mend, or after
    `tries`; as `check_endpoint`.
    """
    check_endpoint()
    import httpx

    url, shown = f"{_given()}/{path}", f"{address()}/{path}"
    headers = {"Authorization": f"Bearer {_key()}"} if _key() else {}
    said = ""
    for number in range(tries):
        wait = 2.0**number
        try:
            answer = httpx.post(url, json=dict(body), headers=headers, timeout=timeout)
        except httpx.InvalidURL as error:
            raise InputError(f"{URL}: {shown!r} is no address: {error}") from None
        except httpx.HTTPError as error:
            said = f"{type(error).__name__}: {error}"
        except (ValueError, ImportError) as error:  # what the surroundings say of a proxy, for one
            raise InputError(f"{shown}: cannot be asked: {error}") from None
        else:
            found, said = _read(answer)
            if not said:
                return found
            if not answer.is_success and answer.status_code not in AGAIN:
                raise InputError(f"{shown}: {said}")
            wait = _retry_after(answer.headers.get("Retry-After")) or wait
        if number + 1 < tries:
            pause(wait)
    raise InputError(f"{shown}: no answer after {tries} tries; the last said: {said}")


def _given() -> str:
    return os.environ.get(URL, "").strip().rstrip("/")


def _key() -> str:
    return os.environ.get(KEY, "").strip()


def _read(answer: Any) -> tuple[Any, str]:  # noqa: ANN401
    """The JSON of an answer, or what it said in its place."""
    if not answer.is_success:
        return None, f"HTTP {answer.status_code}: {answer.text[:200]}"
    try:
        return answer.json(), ""
    except ValueError:
        return None, f"HTTP {answer.status_code}, but no JSON: {answer.text[:200]}"


def _retry_after(value: str | None) -> float:
    try:
        return min(60.0, max(0.0, float(value or 0)))
    except ValueError:  # a date
        return 0.0
