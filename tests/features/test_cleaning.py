"""What is made of catalogue texts, and what is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernet.features.text.cleaning import clean_texts, script_of


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Dungeons &amp; Dragons", "Dungeons & Dragons"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("<b>New!</b> 3 < 5 &lt; 7", "New! 3 < 5 < 7"),
        ("a\u0000b\tc\n  d\u200b", "a b c d"),
        ("Cafe\u0301", "Café"),
        ("re\u00adcom\u00admend\u2060er\ufeff", "recommender"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("\u200d \u200c", ""),
        ("a\ud800b", "a b"),
        ("  NaN ", ""),
        ("N/A", ""),
        (None, ""),
        (float("nan"), ""),
        ("", ""),
        ("進撃の巨人", "進撃の巨人"),
        ("none of us", "none of us"),
        ("Black &notebook", "Black &notebook"),
        ("Black &notebook; red", "Black &notebook; red"),
        ("?a=1&copy=2&lt=3", "?a=1&copy=2&lt=3"),
        ("AT&T; R&amp;D &#39;x&#x27; &eacute;", "AT&T; R&D 'x' é"),
        ("a <b and c> d", "a <b and c> d"),
        ("if x <y and y> z", "if x <y and y> z"),
        ("a <unknown> b <mail@example.org>", "a <unknown> b <mail@example.org>"),
        ("I <3 this, p<q", "I <3 this, p<q"),
        ("<P>one<br/>two<BR />three</p >", "one two three"),
        ("<a href='x' target=_blank>link</a> <td nowrap>x <input disabled checked/>y", "link x y"),
        ("<!-- a <b>comment</b>\n -->text<!DOCTYPE html><o:p></o:p>", "text"),
        ("&lt;p class=&quot;x&quot;&gt;one&lt;/p&gt;", "one"),
    ],
)
def test_a_text_is_what_a_person_would_read(raw, clean):
    assert clean_texts([raw]).texts == [clean]


def test_the_unusual_is_counted():
    found = clean_texts(["a &amp; b", "<i>c</i>", None, " ", "null", "Война и мир", "進撃の巨人", "plain"])
    assert found.empty == 3
    assert found.notes == (
        "text: 2 items have no text",
        "text: 1 items have a placeholder in place of text",
        "text: 1 texts had HTML entities, which were read",
        "text: 1 texts had HTML tags, which were left out",
        "text: 2 items are not in Latin script: Cyrillic 1, Cjk 1",
    )
    assert clean_texts(["plain", "words"]).notes == ()


def test_scripts_have_their_names():
    assert [script_of(text) for text in ("abc", "где", "漢字", "עברית", "12 !", "한국어")] == [
        "LATIN", "CYRILLIC", "CJK", "HEBREW", "", "HANGUL",
    ]  # fmt: skip


@given(st.lists(st.text()))
def test_cleaning_twice_is_cleaning_once_but_for_escapes(texts):
    once = clean_texts(texts)
    assert len(once.texts) == len(texts)
    assert all(text == " ".join(text.split()) for text in once.texts)
    plain = [text for text in once.texts if "&" not in text and "<" not in text]
    assert clean_texts(plain).texts == plain
