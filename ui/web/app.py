"""The script that Streamlit runs for every page: who is there, navigation, nothing else."""

from __future__ import annotations

import streamlit as st

from assistant.access import Action, Person
from ui.web.components.signed_out import draw_signed_out
from ui.web.desk import SignedOutError
from ui.web.navigation import ACCOUNT, ASK, DOCUMENT, DOCUMENTS, EVALUATE, MONITORING, PEOPLE
from ui.web.sessions import current_desk
from ui.web.stylesheet import stylesheet
from ui.web.views import account, ask, document, documents, evaluate, monitoring, people


def _navigate(person: Person) -> None:
    """Show the page that the address names, of those that are for this person."""
    pages = [
        st.Page(ask.draw, title="Ask", icon=":material/chat:", url_path=ASK, default=True),
        st.Page(documents.draw, title="Documents", icon=":material/folder:", url_path=DOCUMENTS),
        st.Page(document.draw, title="Document", url_path=DOCUMENT, visibility="hidden"),
    ]
    if person.may(Action.EVALUATE):
        pages.append(
            st.Page(
                evaluate.draw, title="Evaluate", icon=":material/monitoring:", url_path=EVALUATE
            )
        )
    if person.may(Action.MANAGE_PEOPLE):
        pages.append(st.Page(people.draw, title="People", icon=":material/group:", url_path=PEOPLE))
    if person.may(Action.SEE_MONITORING):
        pages.append(
            st.Page(
                monitoring.draw, title="Monitoring", icon=":material/speed:", url_path=MONITORING
            )
        )
    pages.append(
        st.Page(account.draw, title="Account", icon=":material/account_circle:", url_path=ACCOUNT)
    )
    st.navigation(pages, position="sidebar").run()


st.set_page_config(page_title="Plinth", page_icon="✅", layout="wide")
st.html(f"<style>{stylesheet()}</style>")
try:
    somebody = current_desk().person
except SignedOutError:
    draw_signed_out()
else:
    _navigate(somebody)
