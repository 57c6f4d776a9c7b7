"""The box that files are dropped on: the browser streams them to the server's own route."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest

from ui.web.upload_routes import UPLOADS_PATH

ASSETS = Path(__file__).parents[1] / "assets"
_NAME = "plinth.upload"


def draw_upload_box(collection: str, *, on_sent: Callable[[], None]) -> None:
    """Draw the box.

    Args:
        collection: What the files become part of.
        on_sent: Called when the first file of a batch is safe, and when all are.
    """
    _register()
    box = st.components.v2.component(
        _NAME, html=_html(), css="upload.css", js="upload.js", isolate_styles=True
    )
    data = {"collection": collection, "path": UPLOADS_PATH}
    box(key="upload", data=data, on_sent_change=on_sent)


def _register() -> None:
    """Name the folder of the script: as a text it would run from a blob, which is forbidden."""
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(_NAME) is not None:
        return
    package, _, name = _NAME.partition(".")
    manifest = ComponentManifest(
        name=package, version="1", components=[ComponentConfig(name=name, asset_dir=ASSETS.name)]
    )
    manager.register_from_manifest(manifest, ASSETS.parent)


@cache
def _html() -> str:
    return (ASSETS / "upload.html").read_text(encoding="utf-8")
