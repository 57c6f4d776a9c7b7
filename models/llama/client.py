"""The generator over llama.cpp: `models.protocols.Generator` with a process of its own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from models.errors import ModelError
from models.llama import wire
from models.llama.child import GeneratorChild, Replies
from models.llama.prompt_formats import PromptFormat, find_format
from models.processors import physical_cores
from models.types import Block, FinishReason, Generation, GenerationRequest, GeneratorInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSettings:
    """Where computed passages are kept and how many bytes of them."""

    folder: Path | None = None
    """None: in memory only."""
    disk_bytes: int = 0
    memory_bytes: int = 0


IN_MEMORY = BlockSettings()
_NOT_BEGUN = Generation(
    text="",
    finish_reason=FinishReason.CANCELLED,
    prompt_tokens=0,
    prompt_tokens_computed=0,
    completion_tokens=0,
    ttft_ms=0.0,
    total_ms=0.0,
    mean_logprob=None,
)


class LlamaStream:
    """A generation of `LlamaGenerator`; `begin` and `put` are the generator's side."""

    def __init__(self, message: wire.Generate, cancel_running: Callable[[int], None]) -> None:
        self.message = message
        self._cancel_running = cancel_running
        self._lock = threading.Lock()
        self._has_begun = False
        self._is_cancelled = False
        self._events: SimpleQueue[str | Generation | ModelError] = SimpleQueue()
        self._outcome: Generation | ModelError | None = None

    def __iter__(self) -> Iterator[str]:
        while self._outcome is None:
            event = self._events.get()
            if isinstance(event, str):
                yield event
            else:
                self._outcome = event
        if isinstance(self._outcome, ModelError):
            raise self._outcome

    def cancel(self) -> None:
        """End it within a token, at once if it still waits for its turn."""
        with self._lock:
            self._is_cancelled = True
            if not self._has_begun:
                self.put(_NOT_BEGUN)
                return
        self._cancel_running(self.message["id"])

    def result(self) -> Generation:
        """Drain what is left and return the outcome."""
        for _ in self:
            pass
        if not isinstance(self._outcome, Generation):
            raise TypeError("a stream that ended without error has an outcome")
        return self._outcome

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def begin(self) -> bool:
        """Take its turn; False if it was cancelled before."""
        with self._lock:
            self._has_begun = not self._is_cancelled
            return self._has_begun

    def put(self, event: str | Generation | ModelError) -> None:
        """Add a piece of text, or the outcome."""
        self._events.put(event)


class LlamaGenerator:
    """Generates with a GGUF file in a child process, started by the first request that needs it.

    The child computes several generations at a time. One that dies fails the requests it was at;
    requests that wait go to the next child.

    Raises:
        ModelFileError: there is no such prompt format. All other faults of the file are raised
            by the first request.
    """

    def __init__(
        self,
        *,
        model_path: Path,
        name: str,
        sha256: str,
        prompt_format: str,
        context_tokens: int,
        threads: int,
        parallel: int = 1,
        blocks: BlockSettings = IN_MEMORY,
    ) -> None:
        """Start nothing yet.

        Args:
            model_path: The GGUF file.
            name: Shown to people and recorded with answers.
            sha256: Of the file; believed.
            prompt_format: A key of `models.llama.prompt_formats.PROMPT_FORMATS`.
            context_tokens: Prompt and reply together; at most what the model was trained for.
            threads: 0: one for each physical core.
            parallel: Most generations at a time; they share the context.
            blocks: Where computed passages are kept.
        """
        prompt = find_format(prompt_format)
        self._opening: wire.Open = {
            "type": "open",
            "id": wire.OPEN_ID,
            "model_path": str(model_path),
            "prompt_format": prompt_format,
            "context_tokens": context_tokens,
            "parallel": parallel,
            "threads": threads or physical_cores(),
            "blocks": {
                "folder": None if blocks.folder is None else str(blocks.folder),
                "disk_bytes": blocks.disk_bytes,
                "memory_bytes": blocks.memory_bytes,
                "key": _blocks_key(sha256),
            },
        }
        self._info = GeneratorInfo(
            name=name,
            sha256=sha256,
            context_tokens=context_tokens,
            fingerprint=_fingerprint(sha256, prompt, context_tokens),
        )
        self._ids = count(wire.OPEN_ID + 1)
        self._lock = threading.Lock()
        self._child: GeneratorChild | None = None
        self._is_closed = False
        self._waiting: SimpleQueue[LlamaStream | None] = SimpleQueue()
        self._next_turn = threading.Lock()
        self._n_turns = parallel
        self._turns: list[threading.Thread] = []

    @property
    def info(self) -> GeneratorInfo:
        """What this generator is; known without its process."""
        return self._info

    @property
    def process_id(self) -> int | None:
        """Of the child; None while there is none."""
        return self._child.pid if self._child is not None and self._child.is_usable else None

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Count tokens in the child, also while a generation runs."""
        if not texts:
            return ()
        child = self._open_child()
        reply = child.ask({"type": "count", "id": self._next_id(), "texts": list(texts)}).get()
        if reply is None or reply["type"] != "counted":
            raise self._end_error(child)
        return tuple(reply["counts"])

    def holds(self, head: str, blocks: Sequence[Block]) -> tuple[bool, ...]:
        """Look for the blocks' files in the child, also while a generation runs."""
        if not blocks:
            return ()
        child = self._open_child()
        wanted = [wire.block_json(block) for block in blocks]
        reply = child.ask(
            {"type": "find", "id": self._next_id(), "head": head, "blocks": wanted}
        ).get()
        if reply is None or reply["type"] != "found":
            raise self._end_error(child)
        return tuple(reply["held"])

    def keep(self, head: str, block: Block) -> bool:
        """Have the child compute the block whenever it has nothing else to do; wait for it."""
        child = self._open_child()
        reply = child.ask(
            {"type": "keep", "id": self._next_id(), "head": head, "block": wire.block_json(block)}
        ).get()
        if reply is None or reply["type"] != "kept":
            raise self._end_error(child)
        return reply["is_held"]

    def forget(self) -> None:
        """Have the child forget between two batches; without a child there is nothing to forget."""
        child = self._child
        if child is not None:
            child.send({"type": "forget", "id": self._next_id()})

    def stream(self, request: GenerationRequest) -> LlamaStream:
        """Queue a generation and return at once."""
        with self._lock:
            self._refuse_if_closed()
            if len(self._turns) < self._n_turns:
                turns = threading.Thread(
                    target=self._take_turns, name="generator-turns", daemon=True
                )
                self._turns.append(turns)
                turns.start()
            message = wire.generate_message(next(self._ids), request)
            stream = LlamaStream(message, self._cancel_running)
            self._waiting.put(stream)
        return stream

    def close(self) -> None:
        """End the child; what runs or waits fails with `ModelError`."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._waiting.put(None)
            child, turns = self._child, self._turns
        if child is not None:
            child.close()
        for one in turns:
            one.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take_turns(self) -> None:
        while True:
            # Taken and sent as one: requests reach the child in the order of their arrival.
            with self._next_turn:
                stream = self._waiting.get()
                if stream is None:
                    self._waiting.put(None)  # for the other threads
                    return
                if not stream.begin():
                    continue
                try:
                    child = self._open_child()
                except ModelError as error:
                    stream.put(error)
                    continue
                replies = child.ask(stream.message)
            if stream.is_cancelled:  # before there was a child to tell
                self._cancel_running(stream.message["id"])
            try:
                stream.put(self._follow(stream, child, replies))
            except ModelError as error:
                stream.put(error)

    def _follow(self, stream: LlamaStream, child: GeneratorChild, replies: Replies) -> Generation:
        """Hand on the pieces of a reply and return its outcome."""
        while reply := replies.get():
            match reply["type"]:
                case "piece":
                    stream.put(reply["text"])
                case "finished":
                    return wire.read_finished(reply)
                case "failed":
                    raise wire.read_failed(reply)
                case other:
                    raise ValueError(f"{other!r} does not answer a generation")
        raise self._end_error(child)

    def _open_child(self) -> GeneratorChild:
        with self._lock:
            self._refuse_if_closed()
            if self._child is None or not self._child.is_usable:
                if self._child is not None:
                    self._child.close()
                self._child = GeneratorChild(self._opening)
            child = self._child
        child.wait_until_open()
        return child

    def _cancel_running(self, request_id: int) -> None:
        child = self._child
        if child is not None:
            child.send({"type": "cancel", "id": request_id})

    def _next_id(self) -> int:
        with self._lock:
            return next(self._ids)

    def _refuse_if_closed(self) -> None:
        if self._is_closed:
            raise ModelError(f"the generator {self._info.name!r} is closed; build another one")

    def _end_error(self, child: GeneratorChild) -> ModelError:
        """Return the error for a request whose child ended, to be raised."""
        try:
            self._refuse_if_closed()
        except ModelError as closed:
            return closed
        return child.crash_error()


def _blocks_key(sha256: str) -> str:
    """Name what a computed passage depends on beside its tokens and the head's."""
    return repr((sha256, version("llama-cpp-python"), "f16", "flash-attention"))


def _fingerprint(sha256: str, prompt_format: PromptFormat, context_tokens: int) -> str:
    parts = (sha256, prompt_format, version("llama-cpp-python"), context_tokens)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
