"""The `plinth` command with parts that break at a word, telling in their error what they work on.

Libraries do so: a parser's error quotes the text, a client's error the request.
"""

from __future__ import annotations

from typing import Any

WORD = "explode"


def main() -> None:
    """Run the command."""
    from models import fakes
    from ui.cli.main import main as run
    from ui.web.services.documents import ReadableDocuments
    from ui.web.views import document

    write, draw = fakes.FakeGenerator.stream, document.draw_document

    def stream(self: fakes.FakeGenerator, request: Any) -> Any:
        if WORD in request.prompt.question:
            raise RuntimeError(f"cannot write {request}")
        return write(self, request)

    def draw_document(desk: Any, state: Any, detail: Any, *args: Any, **options: Any) -> None:
        if WORD in detail.summary.document:
            raise RuntimeError(f"cannot draw {[page.text for page in detail.pages]}")
        draw(desk, state, detail, *args, **options)

    def open_file(self: ReadableDocuments, document_id: Any, version: Any) -> Any:
        raise RuntimeError(f"cannot open {self.document(document_id)}")

    fakes.FakeGenerator.stream = stream  # type: ignore[method-assign]
    document.draw_document = draw_document
    ReadableDocuments.open_file = open_file  # type: ignore[method-assign]
    run()


if __name__ == "__main__":
    main()
