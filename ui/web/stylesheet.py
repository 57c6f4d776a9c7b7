"""What Streamlit's theme cannot say: measures of the conversation, its chips and its source pane.

The names that start with `st-key-` are the keys of containers and widgets in this package; those
in `data-testid` are Streamlit's own.
"""

from __future__ import annotations

from ui.web.theme import colours

READING = "reading"
"""Key of the container that keeps a page's text to a readable width."""
SOURCE = "source"
"""Start of the key of the container that holds an open source."""
CHIP = "-cite-"
"""Part of the key of every chip."""
SUGGESTION = "suggestion-"
CONVERSATION = "conversation-"
OPENS = "open-"
"""Start of the key of a line that opens something."""
RUNS = "runs"
"""Key of the container that lists the runs."""
STACKED_PX = 640
"""Up to this width Streamlit puts columns below each other."""
UNSEEN = "unseen"
"""Key of what is on a page for its script only."""
SHEET_PX = 900
"""Up to this width an open source covers the page instead of standing beside the answer."""

_CSS = """
[data-testid="stMainBlockContainer"] { padding-top: 4rem; padding-bottom: 2rem; }
[data-testid="stBottomBlockContainer"] { padding-top: 0.5rem; padding-bottom: 1.5rem; }
.stApp:has(.st-key-READING):not(:has([class*="st-key-SOURCE"])) :is(
    [data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"]
) { max-width: 54rem; margin-inline: auto; }
.st-key-UNSEEN { display: none; }

:is(
    [class*="st-key-SUGGESTION"], [class*="st-key-CONVERSATION"], [class*="st-key-OPENS"]
) button :is(div, p) {
    justify-content: flex-start; text-align: start;
}
[class*="st-key-CONVERSATION"] button { padding-inline: 0.75rem; }
[class*="CHIP"] button {
    min-height: 2rem; padding: 0.125rem 0.625rem 0.125rem 0.25rem; border-radius: 1rem;
}
/* A citation's number in an answer. */
[data-testid="stChatMessage"] a[href*="CHIP"] {
    color: light-dark(LINK); text-decoration: none; border-radius: 0.25rem;
}
[data-testid="stChatMessage"] a[href*="CHIP"]:hover { text-decoration: underline; }
@media (pointer: coarse) {
    [data-testid="stChatMessage"] a[href*="CHIP"] span { padding-inline: 0.5rem; }
}
/* Streamlit's own are too faint to be read by everybody: what is chosen, captions, keys. */
:is(button[data-selected="true"], [role="tab"][aria-selected="true"]) p {
    color: light-dark(LINK);
}
:is([data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p, button kbd) {
    color: light-dark(FAINT); opacity: 1;
}

a.plinth-button {
    display: inline-block; padding: 0.5rem 1rem; border-radius: 0.5rem; font-weight: 600;
    color: #ffffff; background: light-dark(PRIMARY); text-decoration: none;
}
.plinth-page { position: relative; }
.plinth-page img {
    display: block; width: 100%; border: 1px solid light-dark(LINE); border-radius: 0.25rem;
}
.plinth-place { position: absolute; width: 1px; height: 1px; scroll-initial-target: nearest; }

[data-testid="stColumn"]:has([class*="st-key-SOURCE"]) {
    position: sticky; top: 4rem; align-self: flex-start;
}
[class*="st-key-SOURCE"] {
    max-height: calc(100dvh - 22rem); overflow: hidden auto; padding-inline-end: 0.5rem;
}

@media (max-width: SHEETpx) {
    [data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"] {
        padding-inline: 1rem;
    }
    [data-testid="stColumn"]:has([class*="st-key-SOURCE"]) {
        position: fixed; inset: 0; z-index: 999999; width: 100%; max-width: 100%;
        height: 100dvh; padding: 1rem; background: light-dark(GROUND);
    }
    [class*="st-key-SOURCE"] { max-height: calc(100dvh - 12rem); }
}

/* Above the results the runs take one row, which scrolls. */
@media (max-width: STACKEDpx) {
    .st-key-RUNS { flex-direction: row; align-items: center; overflow-x: auto; padding: 0.25rem; }
    .st-key-RUNS > * { flex: 0 0 auto; width: auto; max-width: 80%; }
}
"""


def stylesheet() -> str:
    """Return the rules as CSS; nothing in them loads anything."""
    names = {
        "READING": READING,
        "SOURCE": SOURCE,
        "CHIP": CHIP,
        "SUGGESTION": SUGGESTION,
        "CONVERSATION": CONVERSATION,
        "OPENS": OPENS,
        "RUNS": RUNS,
        "STACKED": str(STACKED_PX),
        "UNSEEN": UNSEEN,
        "SHEET": str(SHEET_PX),
        "PRIMARY": ", ".join(colours("primaryColor")),
        "LINK": ", ".join(colours("blueTextColor")),
        "FAINT": ", ".join(colours("grayTextColor")),
        "LINE": ", ".join(colours("borderColor")),
        "GROUND": ", ".join(colours("backgroundColor")),
    }
    css = _CSS
    for name, value in names.items():
        css = css.replace(name, value)
    return css
