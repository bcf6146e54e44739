"""Texts as an encoder should read them, and a count of what was unusual about them."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_TAG = re.compile(r"<[a-zA-Z/!][^<>]*>")
_SPACE = re.compile(r"\s+")
_JOINERS = "\u200c\u200d"
"""Format characters that are letters' business: Persian, Hindi and joined emoji are misspelt without them."""
_PLACEHOLDERS = frozenset({"nan", "none", "null", "n/a", "na", "unknown", "-"})
"""Texts that say that there is none, in lower case."""


@dataclass(frozen=True)
class Cleaned:
    """Texts without markup, in Unicode's composed form; '' where there is nothing to read. notes: counted
    decisions, for the log."""

    texts: list[str]
    notes: tuple[str, ...]

    @property
    def empty(self) -> int:
        """How many have nothing to read."""
        return sum(not text for text in self.texts)


def clean_texts(texts: Sequence[object]) -> Cleaned:
    """Unescape HTML entities (twice, as scraped catalogues have `&amp;amp;`), drop tags, control and format
    characters but for the joiners, compose Unicode (NFC), join runs of white space; placeholders such as
    `nan` become ''."""
    counts: Counter[str] = Counter()
    found = [_clean(text, counts) for text in texts]
    scripts = Counter(script_of(text) for text in found if text)
    others = {name: count for name, count in scripts.most_common() if name != "LATIN"}
    notes = [f"text: {counts[key]:,} {words}" for key, words in _WORDS.items() if counts[key]]
    if others:
        told = ", ".join(f"{name.capitalize()} {count:,}" for name, count in list(others.items())[:5])
        notes.append(f"text: {sum(others.values()):,} items are not in Latin script: {told}")
    return Cleaned(found, tuple(notes))


_WORDS = {
    "missing": "items have no text",
    "placeholder": "items have a placeholder in place of text",
    "entities": "texts had HTML entities, which were read",
    "tags": "texts had HTML tags, which were left out",
}


def script_of(text: str) -> str:
    """The script of most of the letters, as Unicode names it ("LATIN", "CYRILLIC", "CJK"); "" without
    letters."""
    counts: Counter[str] = Counter()
    for character in text[:200]:
        if character.isalpha():
            counts[unicodedata.name(character, "OTHER").split()[0].split("-")[0]] += 1
    return counts.most_common(1)[0][0] if counts else ""


def _clean(value: object, counts: Counter[str]) -> str:
    if value is None or value != value:
        counts["missing"] += 1
        return ""
    raw = str(value)
    text = html.unescape(html.unescape(raw))
    counts["entities"] += text != raw
    bare = _TAG.sub(" ", text)
    counts["tags"] += bare != text
    kept = "".join(map(_readable, bare))
    text = _SPACE.sub(" ", unicodedata.normalize("NFC", kept)).strip()
    if not text.strip(f"{_JOINERS} "):
        counts["missing"] += 1
        text = ""
    elif text.lower() in _PLACEHOLDERS:
        counts["placeholder"] += 1
        text = ""
    return text


def _readable(character: str) -> str:
    """The character, or what stands in its place: nothing for a format character, such as a soft hyphen; a
    space for what is no character."""
    kind = unicodedata.category(character)
    if kind == "Cf":
        return character if character in _JOINERS else ""
    return " " if kind[0] == "C" else character
