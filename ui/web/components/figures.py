"""All figures of a suite as a table."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import streamlit as st

from evals.bootstrap import Figure
from ui.web.metric_words import WORDS, figure_text

_STYLE = """<style>
.plinth-figures { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
.plinth-figures th, .plinth-figures td {
  border-bottom: 1px solid color-mix(in srgb, currentColor 18%, transparent);
  padding: 0.4rem 0.5rem; text-align: right; vertical-align: top; white-space: nowrap; }
.plinth-figures th:first-child { text-align: left; font-weight: 400; white-space: normal; }
.plinth-figures thead th { font-weight: 600; }
.plinth-figures code { display: block; font-size: 0.75rem; opacity: 0.75; overflow-wrap: anywhere; }
</style>"""


def figures_html(figures: Mapping[str, Figure]) -> str:
    """Return a table: metric in words with its name, value, interval, n."""
    rows = "".join(
        f'<tr><th scope="row">{escape(WORDS[name])}<code>{escape(name)}</code></th>'
        f"<td><b>{figure_text(name, figure.value)}</b></td>"
        f"<td>{figure_text(name, figure.low)} – {figure_text(name, figure.high)}</td>"
        f"<td>{figure.n}</td></tr>"
        for name, figure in figures.items()
    )
    head = "".join(f'<th scope="col">{title}</th>' for title in ("Metric", "Value", "95 %", "n"))
    return (
        f'{_STYLE}<table class="plinth-figures"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def draw_table(figures: Mapping[str, Figure]) -> None:
    """Draw the table, folded: the plot above it shows what matters most."""
    with st.expander(f"All {len(figures)} figures", icon=":material/table:"):
        # Made of our own metric names and of numbers only.
        st.html(figures_html(figures))
        st.caption(
            "n is what a figure is over: questions, answers or quotes. The interval holds the "
            "true value 95 times out of 100 (bootstrap over questions). A question without a "
            "reply adds to no figure; such questions are counted apart."
        )
