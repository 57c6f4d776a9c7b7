"""How the app looks and what Streamlit may do: its options, in one place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

_LIGHT = {
    "primaryColor": "#0b6e5f",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f2f5f4",
    "textColor": "#16211f",
    "linkColor": "#0b6e5f",
    "borderColor": "#d5dddb",
    "blueColor": "#0b6e5f",
    "blueBackgroundColor": "#e3f2ef",
    "blueTextColor": "#0a5a4e",
    "orangeBackgroundColor": "#ffe9a8",
    "grayTextColor": "#55625f",
}
_DARK = {
    # White text stands on it, and it stands on the background.
    "primaryColor": "#12836f",
    "backgroundColor": "#101615",
    "secondaryBackgroundColor": "#1a2322",
    "textColor": "#e9efed",
    "linkColor": "#6fd6c3",
    "borderColor": "#33403d",
    "blueColor": "#4cc3ae",
    "blueBackgroundColor": "#16352f",
    "blueTextColor": "#8fe0d0",
    "orangeBackgroundColor": "#5c4a12",
    "grayTextColor": "#a3b1ad",
}
_SHARED = {
    "baseRadius": "0.5rem",
    "font": "sans-serif",
    "headingFontSizes": ["1.75rem", "1.375rem", "1.125rem"],
    "showWidgetBorder": True,
}


MOST_UPLOAD_MB = 8
"""What Streamlit itself takes in, and holds in memory: suites. Documents have a route of ours."""


def colours(name: str) -> tuple[str, str]:
    """Return a theme colour by its Streamlit name: on light, on dark."""
    return _LIGHT[name], _DARK[name]


def streamlit_options(host: str, port: int, hosts: Collection[str]) -> dict[str, Any]:
    """Return every option that differs from Streamlit's own choice.

    Args:
        host: Address to listen on.
        port: Port to listen on.
        hosts: Names under which the app is reached.
    """
    options: dict[str, Any] = {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.allowedHosts": sorted(hosts),
        "server.fileWatcherType": "none",
        "server.enableStaticServing": False,
        "server.maxUploadSize": MOST_UPLOAD_MB,
        "server.enableXsrfProtection": True,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "runner.magicEnabled": False,
        # After each run of a page it would go through all objects there are, of the models'
        # libraries, too: 0.3 s in which nothing else of the server runs.
        "runner.postScriptGC": False,
        "logger.enableRich": False,
    }
    for section, colours in (("light", _LIGHT), ("dark", _DARK)):
        options |= {f"theme.{section}.{name}": value for name, value in colours.items()}
    return options | {f"theme.{name}": value for name, value in _SHARED.items()}
