"""Plots of a run: its figures with their intervals, and how long answers took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from evals.bootstrap import Figure
from evals.layers import Layer
from ui.web.metric_words import LAYERS, SHORT, figure_text

ROW_PX = 34
LABEL_PX = 130
EDGE_PX = 14
"""Room for the last label of the axis."""
COLOUR = "#1a9580"
"""Reads well on the light and on the dark page."""
STEPS = (("ttft", "First word"), ("total", "Whole answer"))

Spec = dict[str, Any]


def figures_spec(figures: Mapping[str, Figure]) -> Spec | None:
    """Return a plot of the figures that tell most, each with its 95 % interval; None of none."""
    rows = [
        {
            "metric": words,
            "value": figures[name].value,
            "low": figures[name].low,
            "high": figures[name].high,
            "text": figure_text(name, figures[name].value),
            "n": figures[name].n,
        }
        for name, words in SHORT.items()
        if name in figures
    ]
    if not rows:
        return None
    share = {"field": "value", "type": "quantitative", "title": None}
    scale = {
        "scale": {"domain": [0, 1]},
        "axis": {"format": "%", "values": [0, 0.25, 0.5, 0.75, 1], "labelFlush": False},
    }
    tooltip = [
        {"field": "metric", "title": "Metric"},
        {"field": "text", "title": "Value"},
        {"field": "low", "type": "quantitative", "format": ".0%", "title": "From"},
        {"field": "high", "type": "quantitative", "format": ".0%", "title": "To"},
        {"field": "n", "title": "n"},
    ]
    return _plot(
        rows,
        tooltip,
        {
            "mark": {"type": "rule", "size": 5, "opacity": 0.4, "color": COLOUR},
            "encoding": {"x": share | scale | {"field": "low"}, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "color": COLOUR},
            "encoding": {"x": share | scale},
        },
    )


def times_spec(replies: Iterable[Mapping[str, Any]]) -> Spec | None:
    """Return a plot with a stroke for each reply's time, and the middle one marked; None of none.

    Args:
        replies: As `plinth ask --json` prints them; abstentions without a word have no first one.
    """
    rows = [
        {"metric": words, "seconds": reply["timings_ms"][step] / 1000}
        for reply in replies
        for step, words in STEPS
        if reply["timings_ms"][step] is not None
    ]
    if not rows:
        return None
    seconds = {
        "field": "seconds",
        "type": "quantitative",
        "title": "seconds",
        "scale": {"zero": True, "nice": True},
        "axis": {"labelFlush": False},
    }
    return _plot(
        rows,
        [{"field": "seconds", "type": "quantitative", "format": ".2f", "title": "Seconds"}],
        {
            "mark": {"type": "tick", "thickness": 2, "size": 18, "opacity": 0.5, "color": COLOUR},
            "encoding": {"x": seconds},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1, "color": COLOUR},
            "encoding": {
                "x": seconds | {"aggregate": "median"},
                "tooltip": {
                    "field": "seconds",
                    "aggregate": "median",
                    "format": ".2f",
                    "title": "Middle, seconds",
                },
            },
        },
    )


def lost_spec(lost: Mapping[Layer, int]) -> Spec | None:
    """Return a plot with a bar for each layer that lost a case; None where none did."""
    rows = [{"metric": LAYERS[layer], "n": n} for layer, n in lost.items() if n]
    if not rows:
        return None
    count = {
        "field": "n",
        "type": "quantitative",
        "title": "questions",
        "axis": {"tickMinStep": 1, "labelFlush": False},
    }
    return _plot(
        rows,
        [{"field": "metric", "title": "Where"}, {"field": "n", "title": "Questions"}],
        {"mark": {"type": "bar", "color": COLOUR, "height": 14}, "encoding": {"x": count}},
    )


def _plot(rows: list[dict[str, Any]], tooltip: list[dict[str, Any]], *layers: Spec) -> Spec:
    by_row = {
        "field": "metric",
        "type": "nominal",
        "title": None,
        "sort": list(dict.fromkeys(row["metric"] for row in rows)),
        "scale": {"type": "band"},
        "axis": {
            "labelLimit": LABEL_PX,
            "minExtent": LABEL_PX,
            "labelFlush": False,
            "domain": False,
            "ticks": False,
        },
    }
    return {
        "data": {"values": rows},
        "height": {"step": ROW_PX},
        "padding": {"left": 0, "right": EDGE_PX, "top": 5, "bottom": 5},
        "encoding": {"y": by_row},
        "layer": [
            layer | {"encoding": {"tooltip": tooltip} | layer["encoding"]} for layer in layers
        ],
    }


def draw_figures(figures: Mapping[str, Figure]) -> None:
    """Draw the figures that tell most."""
    spec = figures_spec(figures)
    if spec is not None:
        alt = "; ".join(f"{row['metric']} {row['text']}" for row in spec["data"]["values"])
        st.markdown("**Figures** with their 95 % intervals")
        st.vega_lite_chart(spec, width="stretch", alt=f"Figures with intervals: {alt}")


def draw_times(replies: Iterable[Mapping[str, Any]]) -> None:
    """Draw how long answers took."""
    spec = times_spec(replies)
    if spec is not None:
        st.markdown("**Time**, a stroke for each question; the dot is the middle one")
        st.vega_lite_chart(spec, width="stretch", alt="Seconds to the first word and to the end")


def draw_lost(lost: Mapping[Layer, int]) -> None:
    """Draw where cases were lost."""
    spec = lost_spec(lost)
    if spec is not None:
        alt = "; ".join(f"{row['metric']} {row['n']}" for row in spec["data"]["values"])
        st.markdown("**Where questions were lost**, in the order in which they meet each step")
        st.vega_lite_chart(spec, width="stretch", alt=f"Questions lost: {alt}")
