"""What stands where a page was, once its session has ended."""

from __future__ import annotations

import streamlit as st

from ui.web.access_rules import SIGN_IN_PATH


def draw_signed_out() -> None:
    """Say so, and lead to signing in again."""
    st.title("You are signed out")
    st.markdown(
        "Your session has ended: you signed out, it was not used for long, or an admin changed "
        "your account."
    )
    # A link of HTML, since it leads out of the pages that Streamlit knows, in the same tab.
    st.html(f'<a class="plinth-button" href="{SIGN_IN_PATH}" target="_self">Sign in again</a>')
