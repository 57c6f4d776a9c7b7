"""Why an answer is what it is: what was searched, shown and checked, and how long it took."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from ui.web.components.reply import place
from ui.web.shown_text import plain, shortened

STEPS = (
    ("retrieve", "search"),
    ("ttft", "first word"),
    ("verified", "first check"),
    ("total", "all"),
)
TEXT_CHARS = 200


AGAIN = "Answer again"


def draw_why(reply: Mapping[str, Any], *, key: str, on_again: Callable[[], None] | None) -> None:
    """Draw the record of a reply, folded.

    Args:
        reply: The stored reply.
        key: Distinct on the page.
        on_again: Called to answer the question anew; None while another is being answered.
    """
    answered = reply["status"] == "answered"
    with st.expander("Why this answer" if answered else "Why no answer"):
        st.markdown(f"**Searched for** {plain(reply['resolved_question'])}")
        st.markdown("**Passages**, best first")
        for passage in reply["passages"]:
            seen = "shown to the model" if passage["shown"] else "not shown"
            st.markdown(
                f"- {passage['score']:.2f} · {plain(place(passage))} · {seen}  \n"
                f"  :gray[{plain(shortened(passage['text'], TEXT_CHARS))}]"
            )
        if reply["withheld"]:
            st.markdown("**Withheld**, because nothing shown proves it")
            for text in reply["withheld"]:
                st.markdown(f"- {plain(text)}")
        if reply["usage"].get("from_cache"):  # replies of before have no such field
            st.markdown(
                "**Given again**: the same was answered before, from the same documents, and "
                "none of them has changed since."
            )
            st.button(
                AGAIN,
                key=f"{key}-again",
                icon=":material/refresh:",
                help="Searches and writes anew",
                on_click=on_again,
                disabled=on_again is None,
            )
        times = reply["timings_ms"]
        st.markdown(
            "**Time** "
            + " · ".join(
                f"{label} {times[name] / 1000:.1f} s" for name, label in STEPS if times[name]
            )
        )
        model = reply["model"]
        st.caption(
            # Not the index generation: it counts what others add, too.
            f"{plain(model['generator'])}, prompt {plain(model['prompt_version'])}, confidence "
            f"{reply['confidence']:.2f}"
        )
