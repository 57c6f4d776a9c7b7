"""The pages' addresses, for links between them."""

from __future__ import annotations

import streamlit as st
from streamlit.navigation.page import Page

ASK = "ask"
DOCUMENTS = "documents"
DOCUMENT = "document"
"""Of one document; its address names it: `document?id=…&page=…`."""
EVALUATE = "evaluate"
PEOPLE = "people"
MONITORING = "monitoring"
ACCOUNT = "account"
PAGES = (ASK, DOCUMENTS, DOCUMENT, EVALUATE, PEOPLE, MONITORING, ACCOUNT)


def page_at(url_path: str) -> Page:
    """Return a page to link to; Streamlit knows pages by their address alone."""
    return st.Page(_elsewhere, title=url_path, url_path=url_path)


def _elsewhere() -> None:
    """Stand in for the page's own code, which `app.py` knows."""
