"""A stored reply: sentences with numbered citations, or an abstention with what came nearest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from assistant.reply_json import REMOVED
from ui.web.navigation import DOCUMENT, page_at
from ui.web.shown_text import plain, shortened
from ui.web.stylesheet import CHIP

NEAREST = 3
QUOTE_CHARS = 400
PLACE_CHARS = 40
NEAREST_CHARS = 240
_ITEM = re.compile(r"^(?:[-•*]|\d{1,2}[.)])\s+")

Reply = Mapping[str, Any]
"""As `assistant.reply_json` writes it."""
GONE = "This sentence went with the document that proved it."
PROVISIONAL = "provisional"
"""Support of a sentence that is not checked yet."""
_STYLES = {
    "supported": ("", "", ""),
    "partial": ("", "", " :gray[(partly supported)]"),
    "unsupported": (":gray[~~", "~~]", " :gray[*withheld: not proven*]"),
    PROVISIONAL: (":gray[", "]", ""),
}
"""Markdown before and after a sentence's lines, and a note at its end."""


def draw_reply(
    reply: Reply, *, key: str, on_cite: Callable[[int], None], open_index: int | None = None
) -> None:
    """Draw a reply.

    Args:
        reply: The stored reply.
        key: Distinct on the page.
        on_cite: Called with the index of the citation whose source is wanted.
        open_index: The citation whose source is open.
    """
    if reply["status"] != "answered":
        _draw_abstention(reply)
        return
    links = [link(index, one, key=key) for index, one in enumerate(reply["citations"])]
    st.markdown(sentences_markdown(reply["sentences"], links))
    draw_citations(reply["citations"], key=key, on_cite=on_cite, open_index=open_index)


def sentences_markdown(
    sentences: Sequence[Mapping[str, Any]], links: Sequence[str] | None = None
) -> str:
    """Return sentences as Markdown, list items on lines of their own, each with its numbers.

    Args:
        sentences: The support of each is one of `Support`, or `PROVISIONAL` while it is not
            checked.
        links: What stands for each citation's number where its chip is on the page; else the
            numbers are mere marks.
    """
    text = ""
    for sentence in sentences:
        written = sentence["text"].split("\n")
        marks = "".join(
            f"\u00a0{mark(number) if links is None else links[number]}"
            for number in sentence["citations"]
        )
        before, after, note = _STYLES[sentence["support"]]
        for index, line in enumerate(written):
            item = _ITEM.match(line)
            body = before + plain(line[item.end() :] if item else line) + after
            if line == REMOVED:
                body = f":gray[*{GONE}*]"
            end = marks + note if index == len(written) - 1 else ""
            text += ("\n- " if item else "\n\n" if index else " ") + body + end
    return text.strip()


def mark(number: int) -> str:
    """Return the Markdown of a citation's number; numbers are shown from 1."""
    return f":blue-background[{number + 1}]"


def link(index: int, citation: Mapping[str, Any], *, key: str) -> str:
    """Return a citation's number as a link to its chip, whose key begins with `key`.

    The quote shows on hover; the script `assets/conversation.js` makes a click open the source.
    """
    return f'[{mark(index)}](#{key}{CHIP}{index} "{_quote(citation)}")'


def draw_citations(
    citations: Sequence[Mapping[str, Any]],
    *,
    key: str,
    on_cite: Callable[[int], None],
    open_index: int | None,
) -> None:
    """Draw a chip for each citation; the quote shows on hover, a click opens the source."""
    with st.container(horizontal=True, gap="xsmall"):
        for index, citation in enumerate(citations):
            name = plain(shortened(place(citation), PLACE_CHARS))
            if index and place(citation) == place(citations[index - 1]):
                name = "same page" if citation.get("page_number") is not None else "same document"
            st.button(
                name_with_mark(index, name, is_open=index == open_index),
                key=f"{key}{CHIP}{index}",
                help=_quote(citation),
                on_click=on_cite,
                args=(index,),
                type="primary" if index == open_index else "secondary",
            )


def _quote(citation: Mapping[str, Any]) -> str:
    return f"“{plain(shortened(citation['quote'], QUOTE_CHARS))}”"


def name_with_mark(index: int, name: str, *, is_open: bool) -> str:
    """Return a chip's label; on the open one's own colour the number needs no ground."""
    return f"**{index + 1}** {name}" if is_open else f"{mark(index)} {name}"


def place(item: Mapping[str, Any]) -> str:
    """Name where a citation or passage stands: file name and page."""
    if item["document"] == REMOVED:
        return "removed document"
    name = str(item["document"]).rsplit("/", 1)[-1]
    return name if item.get("page_number") is None else f"{name}, page {item['page_number']}"


def _draw_abstention(reply: Reply) -> None:
    st.markdown(":material/help: **The documents do not say.**")
    st.caption(f"I looked for: {plain(reply['resolved_question'])}")
    nearest = reply["passages"][:NEAREST]
    if not nearest:
        st.caption("There is no document yet that could hold an answer.")
        return
    with st.expander("What came nearest, and does not answer it", expanded=True):
        for passage in nearest:
            text = plain(shortened(passage["text"], NEAREST_CHARS))
            if passage["document"] == REMOVED:
                st.markdown(f":gray[*{plain(place(passage))}*]")
                continue
            page = passage["page_number"]
            with st.container(gap=None):
                st.page_link(
                    page_at(DOCUMENT),
                    label=f"**{plain(place(passage))}**",
                    icon=":material/description:",
                    query_params={"id": passage["document_id"], "page": str(page or 1)},
                )
                st.markdown(f":gray[{text}]")
