"""Text that no reader sees: left out of a document, unless an admin lets it answer, too.

A content is never changed. One with its hidden texts as part of its pages is another content,
made from the first without reading the file again, and the other way round; both have the same
bytes and name, and recipes that differ in `WITH_HIDDEN`. Only what a document refers to is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from assistant.errors import UnknownNameError
from assistant.store.rows import (
    ChunkRow,
    ContentRow,
    DocumentRow,
    HiddenTextRow,
    PageRow,
    ScannedPageRow,
    VersionRow,
)
from assistant.store.types import HiddenPassage, HiddenPassages

WITH_HIDDEN = "+hidden"
"""Ends the recipe of a content whose pages hold its hidden texts."""
_FLAG = "hidden-text"
_FLAG_USED = "hidden-text-used"
_GAP = "\n\n"


def hidden_passages(session: Session, content_id: int) -> HiddenPassages:
    """Return what is not seen of a content."""
    rows = session.execute(
        select(HiddenTextRow, PageRow.page_number)
        .join(
            PageRow,
            (PageRow.content_id == HiddenTextRow.content_id)
            & (PageRow.page_index == HiddenTextRow.page_index),
        )
        .where(HiddenTextRow.content_id == content_id)
        .order_by(HiddenTextRow.ordinal)
    ).all()
    return HiddenPassages(
        passages=tuple(
            HiddenPassage(
                page_index=row.page_index, page_number=number, kind=row.kind, text=row.text
            )
            for row, number in rows
        ),
        are_used=_is_used(session.get_one(ContentRow, content_id)),
    )


def switch_hidden(session: Session, document: DocumentRow, *, use: bool) -> None:
    """Point a document, in its current version, at its content with or without hidden texts.

    Raises:
        UnknownNameError: it has no hidden texts.
    """
    content = session.get_one(ContentRow, document.content_id)
    if not _hidden_rows(session, content.id):
        message = f"document {document.path!r} has no hidden text; nothing was changed"
        raise UnknownNameError(message)
    if _is_used(content) is use:
        return
    version = session.scalars(
        select(VersionRow)
        .where(VersionRow.document_id == document.id)
        .order_by(VersionRow.ordinal.desc())
        .limit(1)
    ).one()
    document.content_id = version.content_id = _twin(session, content)
    session.flush()


def as_decided(session: Session, document: DocumentRow, content_id: int) -> int:
    """Return the content to use for equal bytes that were read anew: as an admin decided on them.

    Args:
        session: A writing session.
        document: Still points at the earlier content.
        content_id: Of the new one, without hidden texts.
    """
    earlier = session.get_one(ContentRow, document.content_id)
    content = session.get_one(ContentRow, content_id)
    is_decided = _is_used(earlier) and earlier.sha256 == content.sha256
    if not is_decided or not _hidden_rows(session, content_id):
        return content_id
    return _twin(session, content)


def _is_used(content: ContentRow) -> bool:
    return content.recipe.endswith(WITH_HIDDEN)


def _hidden_rows(session: Session, content_id: int) -> Sequence[HiddenTextRow]:
    return session.scalars(
        select(HiddenTextRow).filter_by(content_id=content_id).order_by(HiddenTextRow.ordinal)
    ).all()


def _twin(session: Session, content: ContentRow) -> int:
    """Return the content with hidden texts of one without, or the other way round."""
    use = not _is_used(content)
    recipe = content.recipe + WITH_HIDDEN if use else content.recipe.removesuffix(WITH_HIDDEN)
    found = session.scalar(
        select(ContentRow.id).filter_by(sha256=content.sha256, recipe=recipe, name=content.name)
    )
    return found if found is not None else _made_twin(session, content, recipe, use=use)


def _made_twin(session: Session, content: ContentRow, recipe: str, *, use: bool) -> int:
    pages = {page.page_index: page for page in session.scalars(_of(PageRow, content.id))}
    hidden = _hidden_rows(session, content.id)
    texts, starts = _page_texts(pages, hidden, use=use)
    chunks = [
        _copied(row, ChunkRow)
        for row in session.scalars(_of(ChunkRow, content.id))
        if row.span_end <= len(texts[row.page_index])
    ]
    if use:
        chunks += [
            {
                "page_index": row.page_index,
                "span_start": start,
                "span_end": start + len(row.text),
                "heading": "",
                "vector": None,
            }
            for row, start in zip(hidden, starts, strict=True)
        ]
    chunks.sort(key=lambda chunk: (chunk["page_index"], chunk["span_start"]))
    flags = set(content.flags) - {_FLAG, _FLAG_USED} | {_FLAG_USED if use else _FLAG}
    twin = ContentRow(
        **_copied(content, ContentRow)
        | {"recipe": recipe, "flags": sorted(flags), "n_chunks": len(chunks)}
    )
    session.add(twin)
    session.flush()
    rows: tuple[tuple[Any, list[dict[str, Any]]], ...] = (
        (PageRow, [_copied(pages[i], PageRow) | {"text": text} for i, text in texts.items()]),
        (
            ScannedPageRow,
            [
                _copied(row, ScannedPageRow)
                for row in session.scalars(_of(ScannedPageRow, content.id))
            ],
        ),
        (
            HiddenTextRow,
            [
                _copied(row, HiddenTextRow) | {"span_start": start if use else None}
                for row, start in zip(hidden, starts, strict=True)
            ],
        ),
        # In one statement: the chunks of a content are numbered in a row.
        (ChunkRow, chunks),
    )
    for table, values in rows:
        if values:
            session.execute(insert(table), [{**one, "content_id": twin.id} for one in values])
    return twin.id


def _page_texts(
    pages: dict[int, PageRow], hidden: Sequence[HiddenTextRow], *, use: bool
) -> tuple[dict[int, str], list[int]]:
    """Return the text of each page of the twin, and where in it the hidden texts begin."""
    texts = {index: page.text for index, page in pages.items()}
    starts: list[int] = []
    if not use:
        firsts: dict[int, int] = defaultdict(lambda: 0)
        for row in reversed(hidden):
            assert row.span_start is not None
            firsts[row.page_index] = row.span_start
        for index, first in firsts.items():
            texts[index] = texts[index][:first].removesuffix(_GAP)
        return texts, [0] * len(hidden)
    for row in hidden:
        before = texts[row.page_index]
        before += _GAP if before else ""
        starts.append(len(before))
        texts[row.page_index] = before + row.text
    return texts, starts


def _of(row: Any, content_id: int) -> Any:
    return select(row).filter_by(content_id=content_id)


def _copied(row: Any, table: Any) -> dict[str, Any]:
    """Return the values of a row but for its own id and its content's."""
    names = table.__table__.columns.keys()
    return {name: getattr(row, name) for name in names if name not in {"id", "content_id"}}
