"""The folders that the settings name, and how following them goes."""

from __future__ import annotations

import streamlit as st

from assistant.store.types import WatchedFolder
from ui.web.local_time import moment
from ui.web.services.intake import Intake
from ui.web.shown_text import plain


def draw_watched_folders(intake: Intake) -> None:
    """Draw a line for each; nothing where there is none."""
    for folder in intake.watched_folders():
        name = f"{plain(folder.folder)} → **{plain(folder.collection)}**"
        if folder.error is not None:
            said = f"Watched folder {name}: {plain(folder.error)}."
            st.warning(said, icon=":material/folder_off:")
        else:
            st.caption(f":material/folder_eye: Watched folder {name}: {_state(folder)}")


def _state(folder: WatchedFolder) -> str:
    files = f"{folder.n_files:,} {'file' if folder.n_files == 1 else 'files'}"
    if folder.n_unsettled:
        files += f", {folder.n_unsettled:,} still being written"
    return f"{files}, looked at {plain(moment(folder.looked_at, st.context.timezone))}"
