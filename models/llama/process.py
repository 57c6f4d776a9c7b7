"""The generator's process: `python -m models.llama.process`, messages on stdin and stdout.

It ends when its stdin does, so it never outlives its parent, however that ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn, assert_never

from models.errors import ContextOverflowError, ModelFileError
from models.llama import wire
from models.llama.block_store import BlockStore
from models.llama.context import ComputationCancelled, LlamaContext
from models.llama.generation import LlamaGeneration
from models.llama.model import LlamaModel
from models.llama.prompt_formats import find_format
from models.llama.scheduler import Scheduler, run_alone
from models.types import Generation


class Work:
    """What waits: wishes to forget, then generations, then blocks, each in order of arrival."""

    def __init__(self) -> None:
        self._generations: deque[wire.Generate] = deque()
        self._blocks: deque[wire.Keep] = deque()
        self._forgets: deque[wire.Forget] = deque()
        self._changed = threading.Condition()
        self._open_ids: set[int] = set()
        self._cancelled_ids: set[int] = set()

    @property
    def has_generation(self) -> bool:
        """Whether somebody waits for an answer."""
        return bool(self._generations)

    def put(self, message: wire.Generate | wire.Keep | wire.Forget) -> None:
        """Add to the end."""
        with self._changed:
            match message["type"]:
                case "generate":
                    self._open_ids.add(message["id"])
                    self._generations.append(message)
                case "keep":
                    self._blocks.append(message)
                case "forget":
                    self._forgets.append(message)
            self._changed.notify()

    def put_back(self, message: wire.Keep) -> None:
        """Add what gave way, to be next of its kind."""
        with self._changed:
            self._blocks.appendleft(message)
            self._changed.notify()

    def take(self) -> wire.Generate | wire.Keep | wire.Forget:
        """Wait for work and return it."""
        with self._changed:
            self._changed.wait_for(lambda: self._forgets or self._generations or self._blocks)
            if self._forgets:
                return self._forgets.popleft()
            return self._generations.popleft() if self._generations else self._blocks.popleft()

    def take_forget(self) -> bool:
        """Take a wish to forget, if there is one, and tell whether there was."""
        with self._changed:
            return bool(self._forgets and self._forgets.popleft())

    def take_generations(self) -> Iterator[wire.Generate]:
        """Return the generations that are there, without waiting."""
        while self._generations:
            yield self._generations.popleft()

    def cancel(self, request_id: int) -> None:
        """Note that a generation is not wanted any more; late, it changes nothing."""
        with self._changed:
            if request_id in self._open_ids:
                self._cancelled_ids.add(request_id)

    def is_cancelled(self, request_id: int) -> bool:
        """Tell whether a generation is not wanted any more."""
        return request_id in self._cancelled_ids

    def finish(self, request_id: int) -> None:
        """Note that a generation was answered."""
        with self._changed:
            self._open_ids.discard(request_id)
            self._cancelled_ids.discard(request_id)


class GeneratorProcess:
    """Serves one parent: the main thread computes, another reads and answers what needs none.

    Errors that are not the request's end the process: a fresh one is right for sure.
    """

    def __init__(self, requests: BinaryIO, replies: BinaryIO) -> None:
        self._requests = requests
        self._replies = replies
        self._replies_lock = threading.Lock()
        self._work = Work()
        self._model: LlamaModel | None = None
        self._context: LlamaContext | None = None
        self._generation: LlamaGeneration | None = None
        self._scheduler: Scheduler | None = None
        self._gives_way = False

    def run(self) -> None:
        """Open the model that the first message names and serve; return if it cannot be opened."""
        opening = wire.decode_request(self._requests.readline())
        if opening["type"] != "open":
            raise ValueError(f"the first message is {opening['type']!r}, not 'open'")
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        try:
            scheduler = self._scheduler = self._open(opening)
        except ModelFileError as error:
            self._send(wire.failed_message(wire.OPEN_ID, error))
            return
        self._send({"type": "ready", "id": wire.OPEN_ID})
        while True:
            if scheduler.is_idle:
                message = self._work.take()
                match message["type"]:
                    case "keep":
                        self._keep(message)
                    case "forget":
                        self._forget()
                    case "generate":
                        self._add(scheduler, message)
            elif self._work.take_forget():
                self._forget()
            for message in self._work.take_generations():
                self._add(scheduler, message)
            scheduler.step()

    def _open(self, opening: wire.Open) -> Scheduler:
        prompt_format = find_format(opening["prompt_format"])
        model = LlamaModel(Path(opening["model_path"]))
        model.check_format(opening["prompt_format"], prompt_format)
        blocks = opening["blocks"]
        context = self._context = LlamaContext(
            model,
            context_tokens=opening["context_tokens"],
            threads=opening["threads"],
            is_cancelled=self._is_cancelled,
            parallel=opening["parallel"],
            block_bits=blocks["bits"],
        )
        self._model = model
        store = BlockStore(
            None if blocks["folder"] is None else Path(blocks["folder"]),
            disk_bytes=blocks["disk_bytes"],
            memory_bytes=blocks["memory_bytes"],
        )
        store.trim()
        self._generation = LlamaGeneration(
            model,
            context,
            prompt_format,
            context_tokens=opening["context_tokens"],
            blocks=store,
            blocks_key=blocks["key"],
            threads=opening["threads"],
        )
        return Scheduler(
            self._generation,
            context,
            context_tokens=opening["context_tokens"],
            parallel=opening["parallel"],
            is_cancelled=self._work.is_cancelled,
        )

    def _is_cancelled(self) -> bool:
        if self._gives_way:
            return self._work.has_generation
        return self._scheduler is not None and self._scheduler.aborts()

    def _add(self, scheduler: Scheduler, message: wire.Generate) -> None:
        request_id = message["id"]

        def emit(text: str) -> None:
            self._send({"type": "piece", "id": request_id, "text": text})

        def done(result: Generation) -> None:
            self._work.finish(request_id)
            self._send(wire.finished_message(request_id, result))

        try:
            scheduler.add(request_id, wire.read_generate(message), emit, done)
        except ContextOverflowError as error:
            self._work.finish(request_id)
            self._send(wire.failed_message(request_id, error))

    def _keep(self, message: wire.Keep) -> None:
        assert self._context is not None
        assert self._generation is not None
        self._gives_way = True
        try:
            is_held = run_alone(
                self._context,
                self._generation.keep(message["head"], wire.read_block(message["block"])),
            )
        except ComputationCancelled:
            self._work.put_back(message)
        else:
            self._send({"type": "kept", "id": message["id"], "is_held": is_held})
        finally:
            self._gives_way = False

    def _forget(self) -> None:
        assert self._generation is not None
        self._generation.forget()

    def _read(self) -> None:
        for line in self._requests:
            message = wire.decode_request(line)
            match message["type"]:
                case "generate" | "keep" | "forget":
                    self._work.put(message)
                case "cancel":
                    self._work.cancel(message["id"])
                case "count":
                    self._count(message)
                case "find":
                    self._find(message)
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

    def _find(self, message: wire.Find) -> None:
        if self._generation is None:
            raise ValueError("blocks cannot be found before the model is ready")
        blocks = map(wire.read_block, message["blocks"])
        held = [self._generation.holds(message["head"], block) for block in blocks]
        self._send({"type": "found", "id": message["id"], "held": held})

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
