"""What site generators add to a text: fields before it, between rules, and template tags in it."""

from __future__ import annotations

import re

_FRONT_MATTER = re.compile(
    r"\A\ufeff?\s*---[ \t]*\r?\n(.*?\r?\n)?(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S
)
_FIELD = re.compile(r"""^([A-Za-z][\w-]*):[ \t]*(["']?)(.*?)\2[ \t]*\r?$""", re.M)
_TEMPLATE_TAG = re.compile(
    r"\{%-?\s*comment\b.*?endcomment\s*-?%\}|\{%.{0,500}?%\}|\{\{.{0,500}?\}\}", re.S
)
_MAX_CHARS = 20_000


def split_front_matter(text: str) -> tuple[dict[str, str], str]:
    r"""Return the top-level fields of one line, names in lower case, and the text after them.

    Template tags (Liquid, Jinja), which no reader of the site sees, are taken out of it. A block
    that holds no field is text between rules and stays.

    >>> split_front_matter('---\ntitle: "Leave"\n---\nTwelve weeks.')
    ({'title': 'Leave'}, 'Twelve weeks.')
    """
    match = _FRONT_MATTER.match(text)
    if match is None or match.end() > _MAX_CHARS:
        return {}, text
    fields = {name.lower(): value.strip() for name, _, value in _FIELD.findall(match[1] or "")}
    if not fields and (match[1] or "").strip():
        return {}, text
    return fields, _TEMPLATE_TAG.sub("", text[match.end() :])
