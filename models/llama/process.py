"""The generator's process: `python -m models.llama.process`, messages on stdin and stdout.

It ends when its stdin does, so it never outlives its parent, however that ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, NoReturn, assert_never

from models.errors import ContextOverflowError, ModelFileError
from models.llama import wire
from models.llama.context import LlamaContext
from models.llama.generation import LlamaGeneration
from models.llama.model import LlamaModel
from models.llama.prompt_formats import find_format


class GeneratorProcess:
    """Serves one parent: a thread reads and counts tokens, the main thread generates.

    Errors that are not the request's end the process: a fresh one is right for sure.
    """

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests = requests
        self._replies = replies
        self._replies_lock = threading.Lock()
        self._waiting: SimpleQueue[wire.Generate] = SimpleQueue()
        self._model: LlamaModel | None = None
        self._running_id = wire.OPEN_ID
        self._cancelled_id = wire.OPEN_ID - 1

    def run(self) -> None:
        """Open the model that the first message names and serve; return if it cannot be opened."""
        opening = wire.decode_request(self._requests.readline())
        if opening["type"] != "open":
            raise ValueError(f"the first message is {opening['type']!r}, not 'open'")
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        try:
            generation = self._open(opening)
        except ModelFileError as error:
            self._send(wire.failed_message(wire.OPEN_ID, error))
            return
        self._send({"type": "ready", "id": wire.OPEN_ID})
        while True:
            self._generate(generation, self._waiting.get())

    def _open(self, opening: wire.Open) -> LlamaGeneration:
        prompt_format = find_format(opening["prompt_format"])
        model = LlamaModel(Path(opening["model_path"]))
        model.check_format(opening["prompt_format"], prompt_format)
        context = LlamaContext(
            model,
            context_tokens=opening["context_tokens"],
            threads=opening["threads"],
            is_cancelled=lambda: self._cancelled_id == self._running_id,
        )
        self._model = model
        return LlamaGeneration(
            model, context, prompt_format, context_tokens=opening["context_tokens"]
        )

    def _generate(self, generation: LlamaGeneration, message: wire.Generate) -> None:
        request_id = self._running_id = message["id"]

        def emit(text: str) -> None:
            self._send({"type": "piece", "id": request_id, "text": text})

        try:
            result = generation.generate(wire.read_generate(message), emit)
        except ContextOverflowError as error:
            self._send(wire.failed_message(request_id, error))
        else:
            self._send(wire.finished_message(request_id, result))

    def _read(self) -> None:
        for line in self._requests:
            message = wire.decode_request(line)
            match message["type"]:
                case "generate":
                    self._waiting.put(message)
                case "cancel":
                    # Ids grow: a late cancellation of an ended request must not undo this one.
                    self._cancelled_id = max(self._cancelled_id, message["id"])
                case "count":
                    self._count(message)
                case "open":
                    raise ValueError("a second model cannot be opened")
                case _:
                    assert_never(message)
        os._exit(0)  # at once, whatever the main thread computes: nobody is left to read it

    def _count(self, message: wire.Count) -> None:
        if self._model is None:
            raise ValueError("tokens cannot be counted before the model is ready")
        counts = [len(self._model.tokenise(text)) for text in message["texts"]]
        self._send({"type": "counted", "id": message["id"], "counts": counts})

    def _send(self, message: wire.Reply) -> None:
        with self._replies_lock:
            self._replies.write(wire.encode(message))
            self._replies.flush()


def main() -> None:
    """Serve the parent; stdout is for messages only, what libraries print there goes to stderr."""
    sys.excepthook = lambda _kind, error, _trace: _fail(error)
    threading.excepthook = lambda thread: _fail(thread.exc_value)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent decides what ends
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    GeneratorProcess(sys.stdin.buffer, replies).run()
    os._exit(1)  # a normal exit would wait for the thread that reads


def _fail(error: BaseException | None) -> NoReturn:
    """End the process with the fault of any of its threads; the parent quotes what is printed."""
    traceback.print_exception(error)
    sys.stderr.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
