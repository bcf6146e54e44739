"""Texts as an encoder should read them, and a count of what was unusual about them."""

from __future__ import annotations

import html
import html.entities
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_NAMES = (
    "a abbr acronym address applet area article aside audio b base bdi bdo big blink blockquote body br "
    "button canvas caption center cite code col colgroup dd del details dfn dialog dir div dl dt em embed "
    "fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr "
    "html i iframe img input ins kbd label legend li link main map mark marquee menu meta nav nobr noframes "
    "noscript object ol optgroup option p param path picture pre q rp rt ruby s samp script section select "
    "small source span strike strong style sub summary sup svg table tbody td template textarea tfoot th "
    "thead time title tr track tt u ul var video wbr "
    r"o:\w+ st1:\w+ v:\w+ w:\w+"  # of word processors
)
_FLAGS = (
    "async autoplay checked compact controls defer disabled hidden loop multiple muted noshade nowrap open"
)
"""Attributes without a value."""

_NAME, _FLAG = (f"(?:{words.replace(' ', '|')})" for words in (_NAMES, _FLAGS))
_TAG = re.compile(
    rf"</?{_NAME}(?:\s*/?|\s[^<>=]*=[^<>]*|(?:\s+{_FLAG})+\s*/?)>"
    r"|<!doctype\b[^<>]*>|<!--(?:(?!<!--).)*?-->",
    re.IGNORECASE | re.DOTALL,
)
"""A tag of HTML: a known name, then nothing, or attributes; words between brackets are text."""

_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);")
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
    """Unescape HTML entities that end in a semicolon (twice, as scraped catalogues have `&amp;amp;`), drop
    tags of HTML, control and format characters but for the joiners, compose Unicode (NFC), join runs of white
    space; placeholders such as `nan` become ''."""
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
    text = _ENTITY.sub(_unescaped, _ENTITY.sub(_unescaped, raw))
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


def _unescaped(entity: re.Match[str]) -> str:
    """What an entity stands for; one that there is not stays."""
    name = entity[0][1:]
    return html.unescape(entity[0]) if name[0] == "#" else html.entities.html5.get(name, entity[0])


def _readable(character: str) -> str:
    """The character, or what stands in its place: nothing for a format character, such as a soft hyphen; a
    space for what is no character."""
    kind = unicodedata.category(character)
    if kind == "Cf":
        return character if character in _JOINERS else ""
    return " " if kind[0] == "C" else character
