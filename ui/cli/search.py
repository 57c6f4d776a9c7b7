"""`plinth search`: retrieval only, one query or a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from assistant.access import ReadableSet
from assistant.protocols import Retriever
from assistant.reply_json import hit_to_json
from assistant.types import Hit
from ui.cli.json_lines import read_questions, write_line
from ui.cli.options import AsUser, Collection, DataDir, Json
from ui.cli.terminal import hit_line, print_json, say
from ui.settings import load_settings

CHUNKS_PER_DOCUMENT = 10
"""Chunks fetched for each document wanted in a TREC run, before keeping the best of each."""


def search(
    data_dir: DataDir,
    query: Annotated[str | None, typer.Argument(help="What to look for.")] = None,
    top_k: Annotated[int, typer.Option("-k", min=1, max=1000, help="Passages wanted.")] = 5,
    batch: Annotated[
        Path | None, typer.Option("--batch", help='JSON Lines of {"id", "question"}.')
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="FILE.trec: documents; FILE.jsonl: passages."),
    ] = None,
    as_user: AsUser = None,
    collection: Collection = None,
    dense_weight: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Weight of the dense half: 1 dense alone, 0 lexical."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find passages without asking the model.

    Example: plinth search "parental leave" -k 3
    """
    from ui.cli.corpus import open_retriever, resolve_reader

    if (query is None) == (batch is None) or (batch is None) != (output is None):
        raise typer.BadParameter("give a QUERY, or --batch FILE with --output FILE")
    if output is not None and output.suffix not in (".trec", ".jsonl"):
        raise typer.BadParameter(f"--output {output} must end in .trec or .jsonl")
    settings = load_settings(data_dir)
    if dense_weight is not None:
        retrieval = settings.retrieval.model_copy(update={"dense_weight": dense_weight})
        settings = settings.model_copy(update={"retrieval": retrieval})
    with open_retriever(data_dir, settings) as (retriever, catalog):
        readable = resolve_reader(catalog, as_user, collection)
        if query is not None:
            _search_one(retriever, query, top_k, readable, as_json=as_json)
        elif batch is not None and output is not None:
            _search_batch(retriever, batch, output, top_k, readable)


def _search_one(
    retriever: Retriever, query: str, top_k: int, readable: ReadableSet, *, as_json: bool
) -> None:
    hits = retriever.retrieve(query, top_k, readable)
    if as_json:
        passages = [hit_to_json(hit) for hit in hits]
        print_json({"query": query, "passages": passages})
    elif hits:
        for hit in hits:
            say(hit_line(hit))
    else:
        say("Nothing found: there is no document you may read.")


def _search_batch(
    retriever: Retriever, batch: Path, output: Path, top_k: int, readable: ReadableSet
) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("w", encoding="utf-8") as file:
        for line in read_questions(batch):
            if output.suffix == ".jsonl":
                hits = retriever.retrieve(line.question, top_k, readable)
                write_line(file, {"id": line.id, "passages": [hit_to_json(hit) for hit in hits]})
                continue
            hits = retriever.retrieve(line.question, top_k * CHUNKS_PER_DOCUMENT, readable)
            for rank, hit in enumerate(_best_of_each_document(hits)[:top_k], 1):
                name = quote(hit.document.document, safe="/:!#$&'()*+,;=?@[]~")
                file.write(f"{line.id} Q0 {name} {rank} {hit.score:.6f} plinth\n")


def _best_of_each_document(hits: tuple[Hit, ...]) -> list[Hit]:
    best: dict[str, Hit] = {}
    for hit in hits:
        best.setdefault(hit.document.document_id, hit)
    return list(best.values())
