"""Which address is for whom: what does not stand here, nobody gets.

A rule is an action, for those whose role allows it; `SIGNED_IN`, for everybody who is signed in; or
`PUBLIC`. A test holds this against every route that the program and Streamlit serve.
"""

from __future__ import annotations

from enum import StrEnum

from assistant.access import Action
from ui.addresses import LINK_PATH
from ui.web.navigation import PAGES

SIGN_IN_PATH = "/plinth/sign-in"
HEALTH_PATH = "/plinth/health"
LIVE_PATH = "/plinth/live"
METRICS_PATH = "/plinth/metrics"
"""For admins, and for who shows the token of `monitoring.token`."""
UPLOADS_PATH = "/plinth/uploads"
DOCUMENTS_PATH = "/plinth/documents"
AUDIT_PATH = "/plinth/audit.jsonl"
AUDIT_TABLE_PATH = "/plinth/audit.csv"
OPENID_START_PATH = "/plinth/openid/start"
OPENID_END_PATH = "/plinth/openid/end"
"""Where the provider sends the browser back to; admins give it the address."""


class Rule(StrEnum):
    """Who may ask for an address without a certain role."""

    PUBLIC = "public"
    SIGNED_IN = "signed in"


EXACT: dict[str, Rule | Action] = {
    HEALTH_PATH: Rule.PUBLIC,
    LIVE_PATH: Rule.PUBLIC,
    METRICS_PATH: Action.SEE_MONITORING,
    SIGN_IN_PATH: Rule.PUBLIC,
    LINK_PATH: Rule.PUBLIC,
    AUDIT_PATH: Action.SEE_AUDIT_LOG,
    AUDIT_TABLE_PATH: Action.SEE_AUDIT_LOG,
    UPLOADS_PATH: Action.CHANGE_DOCUMENTS,
    "/": Rule.SIGNED_IN,
    **{f"/{page}": Rule.SIGNED_IN for page in PAGES},
    "/favicon.png": Rule.SIGNED_IN,
    "/index.html": Rule.SIGNED_IN,
    "/manifest.json": Rule.SIGNED_IN,
    "/_stcore/health": Rule.SIGNED_IN,
    "/_stcore/host-config": Rule.SIGNED_IN,
    "/_stcore/stream": Rule.SIGNED_IN,
}
BELOW: dict[str, Rule | Action] = {
    f"{DOCUMENTS_PATH}/": Action.READ,
    f"{UPLOADS_PATH}/": Action.CHANGE_DOCUMENTS,
    "/static/": Rule.SIGNED_IN,
    # Pictures and downloads of Streamlit's own. Of documents only what an evaluation's report or an
    # exported suite quotes goes there, at an address made of its bytes.
    "/media/": Rule.SIGNED_IN,
    "/_stcore/bidi-components/": Rule.SIGNED_IN,
    "/_stcore/upload_file/": Action.EVALUATE,  # suites are all that is sent this way
}


OPENID: dict[str, Rule | Action] = {
    OPENID_START_PATH: Rule.PUBLIC,
    OPENID_END_PATH: Rule.PUBLIC,
}
"""Only where people sign in by a provider, too."""


def rule_of(path: str, *, with_openid: bool = False) -> Rule | Action | None:
    """Return who may ask for an address; None: nobody.

    Args:
        path: The address.
        with_openid: Whether people sign in by a provider, too.
    """
    if with_openid and path in OPENID:
        return OPENID[path]
    if path in EXACT:
        return EXACT[path]
    return next((rule for prefix, rule in BELOW.items() if path.startswith(prefix)), None)
