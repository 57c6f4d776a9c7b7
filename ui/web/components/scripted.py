"""Components with a script of their own, for what Streamlit has no element for.

The files of the component `upload` are `assets/upload.js`, `.html` and `.css`; only the script must
be there.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

ASSETS = Path(__file__).parents[1] / "assets"
_PACKAGE = "plinth"


def scripted_component(name: str) -> ComponentRenderer:
    """Return what draws the component of this name; its styles stay in it."""
    full_name = f"{_PACKAGE}.{name}"
    _register(full_name)
    return st.components.v2.component(
        full_name,
        html=_html(name),
        css=f"{name}.css" if (ASSETS / f"{name}.css").exists() else None,
        js=f"{name}.js",
        isolate_styles=True,
    )


def _register(full_name: str) -> None:
    """Name the folder of the scripts: as a text one would run from a blob, which is forbidden."""
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(full_name) is not None:
        return
    names = sorted(path.stem for path in ASSETS.glob("*.js"))
    components = [ComponentConfig(name=name, asset_dir=ASSETS.name) for name in names]
    manifest = ComponentManifest(name=_PACKAGE, version="1", components=components)
    manager.register_from_manifest(manifest, ASSETS.parent)


@cache
def _html(name: str) -> str | None:
    path = ASSETS / f"{name}.html"
    return path.read_text(encoding="utf-8") if path.exists() else None
