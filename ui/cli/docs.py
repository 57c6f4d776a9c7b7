"""`plinth docs`: the documents of the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.access import OPERATOR
from ui.cli.corpus import open_people, resolve_reader
from ui.cli.hand_over import change
from ui.cli.options import AsUser, Collection, DataDir, Json
from ui.cli.terminal import confirm, note, one_line, place, print_json, say
from ui.cli.verify_deleted import verify_deleted
from ui.hidden_words import HIDDEN_BECAUSE

if TYPE_CHECKING:
    from assistant.access import ReadableSet
    from assistant.store.catalog import Catalog
    from assistant.store.types import DocumentDetail, DocumentSummary, HiddenPassages

app = typer.Typer(
    help="List, show and delete documents, and prove them gone.", no_args_is_help=True
)

DocumentName = Annotated[
    str, typer.Argument(metavar="DOCUMENT", help="An id, or a name that only one document has.")
]


GroupName = Annotated[str, typer.Argument(metavar="GROUP")]


@app.command("list")
def list_documents(
    data_dir: DataDir, collection: Collection = None, as_user: AsUser = None, as_json: Json = False
) -> None:
    """List documents in their current version.

    Example: plinth docs list --collection hr
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    with open_catalog(data_dir) as catalog:
        documents = catalog.list_documents(resolve_reader(catalog, as_user), collection)
        n_waiting = 0 if as_user else catalog.n_unembedded()
    if as_json:
        print_json({"documents": [summary_to_json(document) for document in documents]})
        return
    for document in documents:
        say(_line(document))
    if n_waiting:
        note(f"{n_waiting:,} passages are found by their words; the next ingest adds their meaning")
    if not documents:
        say("No documents.")


@app.command()
def show(
    data_dir: DataDir,
    document: DocumentName,
    text: Annotated[bool, typer.Option("--text", help="Print its text as well.")] = False,
    as_user: AsUser = None,
    as_json: Json = False,
) -> None:
    """Show a document with its versions.

    Example: plinth docs show handbook.pdf --text
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help

    with open_catalog(data_dir) as catalog:
        readable = resolve_reader(catalog, as_user)
        found = _find(catalog, document, readable)
        detail = catalog.document(found.document_id, readable)
        is_operator = as_user is None
        groups = catalog.people.document_groups(found.document_id) if is_operator else ()
        hidden = catalog.hidden_passages(found.document_id, readable) if is_operator else None
    if as_json:
        told = {"groups": list(groups)} | (hidden_to_json(hidden) if hidden else {})
        print_json(detail_to_json(detail, text=text) | told)
        return
    _print_detail(detail, text=text)
    if groups:
        say(f"granted by itself to {', '.join(groups)}")
    if hidden:
        _print_hidden(hidden, detail.summary.document)


@app.command()
def grant(data_dir: DataDir, document: DocumentName, group: GroupName) -> None:
    """Let a group read one document, whoever may read the rest of its collection.

    Example: plinth docs grant salary-bands.pdf board
    """
    with open_people(data_dir) as (people, catalog):
        people.grant_document(_find(catalog, document, OPERATOR).document_id, group)


@app.command()
def revoke(data_dir: DataDir, document: DocumentName, group: GroupName) -> None:
    """Take back what `grant` gave; what the collection grants stays.

    Example: plinth docs revoke salary-bands.pdf board
    """
    with open_people(data_dir) as (people, catalog):
        people.revoke_document(_find(catalog, document, OPERATOR).document_id, group)


@app.command()
def hidden(
    data_dir: DataDir,
    document: DocumentName,
    use: Annotated[
        bool,
        typer.Option("--use/--leave-out", help="Answer from it, too; or from what is seen only."),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Decide whether a document answers from text that readers do not see on its pages.

    It is left out unless this says otherwise; `docs show` prints it. The decision holds until
    the file changes.

    Example: plinth docs hidden scan.pdf --use --yes
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help
    from assistant.store.changes import Change

    with open_catalog(data_dir) as catalog:
        found = _find(catalog, document, OPERATOR)
    what = "Use the hidden text of" if use else "Leave out the hidden text of"
    confirm(f"{what} {found.document!r} of collection {found.collection!r}?", yes=yes)
    decided = Change.USE_HIDDEN_TEXT if use else Change.LEAVE_OUT_HIDDEN_TEXT
    change(data_dir, decided, document_id=found.document_id)
    note(f"the hidden text of {found.document!r} is {'used' if use else 'left out'}")


@app.command()
def delete(
    data_dir: DataDir,
    document: DocumentName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a document with all its versions, vectors and saved bytes.

    The file stays where it was ingested from and comes back with the next ingest of its folder.

    Example: plinth docs delete old/handbook.pdf --yes
    """
    from assistant.store.catalog import open_catalog  # heavy: not for --help
    from assistant.store.changes import Change

    with open_catalog(data_dir) as catalog:
        found = _find(catalog, document, OPERATOR)
    confirm(f"Delete {found.document!r} of collection {found.collection!r}?", yes=yes)
    change(data_dir, Change.DELETE_DOCUMENT, document_id=found.document_id)
    note(f"deleted {found.document!r}")


app.command("verify-deleted")(verify_deleted)


def summary_to_json(document: DocumentSummary) -> dict[str, Any]:
    """Return a document as the contract has it."""
    return {
        "document": document.document,
        "document_id": document.document_id,
        "collection": document.collection,
        "version": document.version,
        "pages": document.n_pages,
        "chunks": document.n_chunks,
        "flags": list(document.flags),
    }


def detail_to_json(detail: DocumentDetail, *, text: bool) -> dict[str, Any]:
    """Return a document with its versions, and its pages if `text`."""
    summary = detail.summary
    value = summary_to_json(summary) | {
        "title": summary.title,
        "date": summary.date,
        "source": summary.source,
        "media_type": summary.media_type,
        "bytes": summary.size_bytes,
        "versions": [
            {"version": version.version, "added_at": version.added_at}
            for version in detail.versions
        ],
    }
    if text:
        value["text"] = [
            {"page_number": page.page_number, "text": page.text} for page in detail.pages
        ]
    return value


def hidden_to_json(hidden: HiddenPassages) -> dict[str, Any]:
    """Return what is hidden in a document, and whether it is used."""
    return {
        "hidden_text_used": hidden.are_used,
        "hidden_text": [
            {"page_number": one.page_number, "kind": one.kind, "text": one.text}
            for one in hidden.passages
        ],
    }


def _find(catalog: Catalog, name: str, readable: ReadableSet) -> DocumentSummary:
    """Return the one document of this id or name."""
    from assistant.errors import UnknownNameError

    documents = catalog.list_documents(readable)
    found = [one for one in documents if name in (one.document_id, one.document)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{one.document_id} in {one.collection!r}" for one in found)
        message = f"{name!r} is the name of {len(found)} documents; give an id: {ids}"
        raise UnknownNameError(message)
    message = f"no document {name!r}; `plinth docs list` shows names and ids"
    raise UnknownNameError(message)


def _line(document: DocumentSummary) -> str:
    flags = f"  [{', '.join(document.flags)}]" if document.flags else ""
    sizes = f"{document.n_pages:>5} pages {document.n_chunks:>6} chunks"
    name = f"{document.collection}: {document.document}"
    return one_line(f"{document.document_id}  {sizes}  {name}{flags}")


def _print_hidden(hidden: HiddenPassages, document: str) -> None:
    use = "used" if hidden.are_used else "left out; `plinth docs hidden DOCUMENT --use` uses it"
    if hidden.passages:
        say(f"\nhidden text: {use}")
    for one in hidden.passages:
        where = place(document, one.page_number)
        because = HIDDEN_BECAUSE.get(one.kind, one.kind)
        say(f"\n--- hidden, {because}: {where} ---\n{one.text}")


def _print_detail(detail: DocumentDetail, *, text: bool) -> None:
    summary = detail.summary
    say(_line(summary))
    facts = {
        "title": summary.title,
        "date": summary.date or "",
        "type": summary.media_type,
        "bytes": f"{summary.size_bytes:,}",
        "source": summary.source,
    }
    for name, fact in facts.items():
        if fact:
            say(one_line(f"{name:<8}{fact}"))
    for version in detail.versions:
        say(f"version {version.version}  {version.added_at}")
    for page in detail.pages if text else ():
        say(f"\n--- {place(summary.document, page.page_number)} ---\n{page.text}")
