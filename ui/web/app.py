"""The script that Streamlit runs for every page: navigation, nothing else."""

from __future__ import annotations

import streamlit as st

from ui.web.stylesheet import stylesheet
from ui.web.views import ask

st.set_page_config(page_title="Plinth", page_icon="✅", layout="wide")
st.html(f"<style>{stylesheet()}</style>")
st.navigation(
    [st.Page(ask.draw, title="Ask", icon=":material/chat:", url_path="ask", default=True)],
    position="sidebar",
).run()
