from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from assistant.waiting_line import InLine
from ui.web.components.progress import line_text


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (InLine(n_before=0, about_s=None), "You are next"),
        (InLine(n_before=0, about_s=0.2), "You are next, in about 1 s"),
        (InLine(n_before=1, about_s=None), "1 question comes before yours"),
        (InLine(n_before=3, about_s=17.6), "3 questions come before yours, in about 18 s"),
    ],
)
def test_line_text_says_who_comes_first(place: InLine, text: str) -> None:
    assert line_text(place) == text


def _left_behind() -> None:
    import streamlit as st

    from ui.web.components.live import _draw_live
    from ui.web.sessions import AskState

    if "drawn" in st.session_state:
        st.write("drawn again")
    else:
        st.session_state.drawn = True
        _draw_live(None, AskState())


def test_a_run_that_has_gone_has_the_whole_page_drawn_again() -> None:
    page = AppTest.from_function(_left_behind).run()
    assert [one.value for one in page.markdown] == ["drawn again"]
