"""Small changes of documents by name, so that they can wait in the queue of the one writer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from assistant.store.writer import CatalogWriter
from assistant.types import DocumentId


class Change(StrEnum):
    """A method of `CatalogWriter`, by its name."""

    DELETE_DOCUMENT = "delete_document"
    REMOVE_COLLECTION = "remove_collection"
    USE_HIDDEN_TEXT = "use_hidden_text"
    LEAVE_OUT_HIDDEN_TEXT = "leave_out_hidden_text"


def apply_change(writer: CatalogWriter, change: Change, arguments: Mapping[str, str]) -> None:
    """Carry out a change.

    Args:
        writer: Of the data dir.
        change: What to do.
        arguments: By the names that the method gives them.

    Raises:
        AssistantError: what the method raises.
    """
    match change:
        case Change.DELETE_DOCUMENT:
            writer.delete_document(DocumentId(arguments["document_id"]))
        case Change.REMOVE_COLLECTION:
            writer.remove_collection(arguments["name"])
        case Change.USE_HIDDEN_TEXT:
            writer.use_hidden_text(DocumentId(arguments["document_id"]))
        case Change.LEAVE_OUT_HIDDEN_TEXT:
            writer.leave_out_hidden_text(DocumentId(arguments["document_id"]))
