"""Where the web app is reached, and the addresses that are given to people."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from assistant.settings import SignInSettings
from assistant.store.layout import Layout
from assistant.store.lock import ProcessLock

LINK_PATH = "/plinth/link"
SECRET = "secret"  # noqa: S105 - the name of a field


def server_address(data_dir: Path, settings: SignInSettings) -> str:
    """Return the address of the web app: as set, else of the server that runs, else the default."""
    if settings.address:
        return settings.address.rstrip("/")
    layout = Layout(data_dir)
    if ProcessLock.is_held(layout.server_lock) and layout.server_address.exists():
        return layout.server_address.read_text(encoding="utf-8").strip()
    return "http://127.0.0.1:8501"


def link_address(server: str, secret: str) -> str:
    """Return the address of a sign-in link."""
    return f"{server}{LINK_PATH}?{urlencode({SECRET: secret})}"
