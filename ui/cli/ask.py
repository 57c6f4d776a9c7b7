"""`plinth ask`: one answer on the terminal, or a batch into a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assistant.access import OPERATOR_NAME, ReadableSet
from assistant.types import Answer, Reply, Support
from ui.cli.json_lines import finished_ids, read_questions, write_line
from ui.cli.options import AsUser, Collection, DataDir, Json
from ui.cli.terminal import citation_line, hit_line, note, print_json, say
from ui.settings import load_settings

if TYPE_CHECKING:
    from assistant.engine import Engine
    from assistant.events import Event
    from assistant.store.audit import AuditLog

Record = Callable[[Mapping[str, Any]], None]
"""Records a reply's JSON."""
_BRACKETS = str.maketrans("[]［］", "()()")
NEAREST = 3
"""Passages shown with an abstention."""


def ask(
    data_dir: DataDir,
    question: Annotated[str | None, typer.Argument(help="What you want to know.")] = None,
    batch: Annotated[
        Path | None, typer.Option("--batch", help='JSON Lines of {"id", "question", "history"?}.')
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Where --batch writes one answer a line.")
    ] = None,
    as_user: AsUser = None,
    collection: Collection = None,
    as_json: Json = False,
) -> None:
    """Answer a question from the documents, every sentence with its proof.

    Example: plinth ask "How many vacation days do I have?"
    """
    from ui.cli.corpus import open_engine, resolve_reader

    if (question is None) == (batch is None) or (batch is None) != (output is None):
        raise typer.BadParameter("give a QUESTION, or --batch FILE with --output FILE")
    settings = load_settings(data_dir)
    with open_engine(data_dir, settings) as (engine, catalog):
        readable = resolve_reader(catalog, as_user, collection)
        record = partial(_record, catalog.audit, as_user or "")
        if question is not None:
            _ask_one(engine, question, readable, record, as_json=as_json)
        elif batch is not None and output is not None:
            _ask_batch(engine, batch, output, readable, record)


def _record(audit: AuditLog, reader: str, reply: Mapping[str, Any]) -> None:
    """Record what the operator asked, in whose place; before it is shown whole."""
    from assistant.reply_json import document_ids
    from assistant.store.types import AuditAction

    shown = sorted(document_ids(reply))
    audit.note(OPERATOR_NAME, AuditAction.ASKED, reader, status=reply["status"], shown=shown)


def _ask_one(
    engine: Engine, question: str, readable: ReadableSet, record: Record, *, as_json: bool
) -> None:
    from assistant.reply_json import reply_to_json

    if sys.stderr.isatty() and not as_json:
        reply = engine.ask(question, readable=readable, listener=_watch)
    else:
        reply = engine.ask(question, readable=readable)
    held = reply_to_json(reply)
    record(held)
    if as_json:
        print_json(held)
    else:
        print_reply(reply)


def _watch(event: Event) -> None:
    """Show on stderr what is known before the answer is whole: evidence, checked sentences."""
    from assistant.events import BestEvidence, SentenceChecked

    if isinstance(event, BestEvidence):
        note("closest: " + citation_line(1, event.citation).removeprefix("[1] ") + "\n")
    elif isinstance(event, SentenceChecked):
        proven = event.sentence.support is not Support.UNSUPPORTED
        note(f"{'checked' if proven else 'withheld'}: {foreign(event.sentence.text)}")


def print_reply(reply: Reply) -> None:
    """Print an answer with numbered citations, or an abstention with what came nearest."""
    if not isinstance(reply, Answer):
        say(reply.text)
        if reply.record.passages:
            say("\nNearest passages, none of which proves an answer:")
            for passage in reply.record.passages[:NEAREST]:
                say(hit_line(passage.hit))
        return
    for sentence in reply.sentences:
        marks = "".join(f"[{number + 1}]" for number in sentence.citations)
        doubt = " (partly supported)" if sentence.support is Support.PARTIAL else ""
        say(f"{foreign(sentence.text)} {marks}{doubt}")
    say()
    for number, citation in enumerate(reply.citations, 1):
        say(citation_line(number, citation))


def foreign(text: str) -> str:
    r"""Return what a model wrote so that nothing in it passes for a mark or a line of ours.

    >>> foreign("So it is. [1]\n[1] a.md: x")
    'So it is. (1)\n  (1) a.md: x'
    """
    return text.translate(_BRACKETS).replace("\n", "\n  ")


def _ask_batch(
    engine: Engine, batch: Path, output: Path, readable: ReadableSet, record: Record
) -> None:
    from assistant.reply_json import reply_to_json

    questions = read_questions(batch)
    done = finished_ids(output)
    if done:
        note(f"{len(done)} answers are in {output} already; continuing")
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("a", encoding="utf-8") as file:
        for number, line in enumerate(questions, 1):
            if line.id in done:
                continue
            reply = engine.ask(line.question, history=line.turns, readable=readable)
            held = reply_to_json(reply, reply_id=line.id)
            record(held)
            write_line(file, held)
            note(f"{number}/{len(questions)} {line.id}")
