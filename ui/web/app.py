"""The script that Streamlit runs for every page: navigation, nothing else."""

from __future__ import annotations

import streamlit as st

from ui.web.navigation import ASK, DOCUMENT, DOCUMENTS, EVALUATE
from ui.web.stylesheet import stylesheet
from ui.web.views import ask, document, documents, evaluate

st.set_page_config(page_title="Plinth", page_icon="✅", layout="wide")
st.html(f"<style>{stylesheet()}</style>")
st.navigation(
    [
        st.Page(ask.draw, title="Ask", icon=":material/chat:", url_path=ASK, default=True),
        st.Page(documents.draw, title="Documents", icon=":material/folder:", url_path=DOCUMENTS),
        st.Page(document.draw, title="Document", url_path=DOCUMENT, visibility="hidden"),
        st.Page(evaluate.draw, title="Evaluate", icon=":material/monitoring:", url_path=EVALUATE),
    ],
    position="sidebar",
).run()
