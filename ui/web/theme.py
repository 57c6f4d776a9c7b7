"""How the app looks and what Streamlit may do: its options, in one place."""

from __future__ import annotations

from typing import Any

from ui.web.security import LOOPBACK_HOSTS

_LIGHT = {
    "primaryColor": "#0b6e5f",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f2f5f4",
    "textColor": "#16211f",
    "linkColor": "#0b6e5f",
    "borderColor": "#d5dddb",
}
_DARK = {
    "primaryColor": "#4cc3ae",
    "backgroundColor": "#101615",
    "secondaryBackgroundColor": "#1a2322",
    "textColor": "#e9efed",
    "linkColor": "#6fd6c3",
    "borderColor": "#33403d",
}
_SHARED = {"baseRadius": "0.5rem", "font": "sans-serif", "showWidgetBorder": True}


def streamlit_options(host: str, port: int) -> dict[str, Any]:
    """Return every option that differs from Streamlit's own choice.

    Args:
        host: Address to listen on.
        port: Port to listen on.
    """
    options: dict[str, Any] = {
        "server.address": host,
        "server.port": port,
        "server.headless": True,
        "server.allowedHosts": sorted({*LOOPBACK_HOSTS, host}),
        "server.fileWatcherType": "none",
        "server.enableStaticServing": False,
        "server.enableXsrfProtection": True,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.toolbarMode": "minimal",
        "runner.magicEnabled": False,
    }
    for section, colours in (("light", _LIGHT), ("dark", _DARK)):
        options |= {f"theme.{section}.{name}": value for name, value in colours.items()}
    return options | {f"theme.{name}": value for name, value in _SHARED.items()}
