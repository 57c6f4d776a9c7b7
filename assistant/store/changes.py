"""Small changes by name, so that they can wait in the queue of the one writer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from assistant.store.writer import CatalogWriter
from assistant.types import DocumentId


class Change(StrEnum):
    """A method of `CatalogWriter`, by its name."""

    ADD_COLLECTION = "add_collection"
    GRANT = "grant"
    REVOKE = "revoke"
    ADD_GROUP = "add_group"
    REMOVE_GROUP = "remove_group"
    DELETE_DOCUMENT = "delete_document"


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
        case Change.ADD_COLLECTION:
            writer.add_collection(arguments["name"])
        case Change.GRANT:
            writer.grant(arguments["collection"], arguments["group"])
        case Change.REVOKE:
            writer.revoke(arguments["collection"], arguments["group"])
        case Change.ADD_GROUP:
            writer.add_group(arguments["name"])
        case Change.REMOVE_GROUP:
            writer.remove_group(arguments["name"])
        case Change.DELETE_DOCUMENT:
            writer.delete_document(DocumentId(arguments["document_id"]))
