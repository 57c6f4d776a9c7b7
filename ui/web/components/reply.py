"""A stored reply: sentences with numbered citations, or an abstention with what came nearest."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from ui.web.shown_text import plain, shortened

NEAREST = 3
QUOTE_CHARS = 400
_ITEM = re.compile(r"^(?:[-•*]|\d{1,2}[.)])\s+")

Reply = Mapping[str, Any]
"""As `assistant.reply_json` writes it."""


def draw_reply(reply: Reply, *, key: str, on_cite: Callable[[int], None]) -> None:
    """Draw a reply.

    Args:
        reply: The stored reply.
        key: Distinct on the page.
        on_cite: Called with the index of the citation whose source is wanted.
    """
    if reply["status"] != "answered":
        _draw_abstention(reply)
        return
    st.markdown(sentences_markdown(reply["sentences"]))
    draw_citations(reply["citations"], key=key, on_cite=on_cite)


def sentences_markdown(sentences: Sequence[Mapping[str, Any]]) -> str:
    """Return sentences as Markdown, list items on lines of their own, each with its numbers."""
    text = ""
    for sentence in sentences:
        written = sentence["text"].split("\n")
        marks = "".join(f" :blue-background[{number + 1}]" for number in sentence["citations"])
        doubt = " :gray[(partly supported)]" if sentence["support"] == "partial" else ""
        for index, line in enumerate(written):
            item = _ITEM.match(line)
            body = f"- {plain(line[item.end() :])}" if item else plain(line)
            end = marks + doubt if index == len(written) - 1 else ""
            text += ("\n" if item else "\n\n" if index else " ") + body + end
    return text.strip()


def draw_citations(
    citations: Sequence[Mapping[str, Any]], *, key: str, on_cite: Callable[[int], None]
) -> None:
    """Draw a chip for each citation; the quote shows on hover, a click opens the source."""
    with st.container(horizontal=True, gap="small"):
        for index, citation in enumerate(citations):
            st.button(
                f"{index + 1} · {plain(shortened(place(citation), 40))}",
                key=f"{key}-cite-{index}",
                help=f"“{plain(shortened(citation['quote'], QUOTE_CHARS))}”",
                on_click=on_cite,
                args=(index,),
                type="tertiary",
                icon=":material/format_quote:",
            )


def place(item: Mapping[str, Any]) -> str:
    """Name where a citation or passage stands: file name and page."""
    name = str(item["document"]).rsplit("/", 1)[-1]
    return name if item.get("page_number") is None else f"{name}, page {item['page_number']}"


def _draw_abstention(reply: Reply) -> None:
    st.markdown(":material/help: **The documents do not say.**")
    st.caption(f"I looked for: {plain(reply['resolved_question'])}")
    nearest = reply["passages"][:NEAREST]
    if not nearest:
        st.caption("There is no document yet that could hold an answer.")
        return
    with st.expander("What came nearest, and does not answer it"):
        for passage in nearest:
            st.markdown(f"**{plain(place(passage))}**")
            st.markdown(plain(shortened(passage["text"], QUOTE_CHARS)))
