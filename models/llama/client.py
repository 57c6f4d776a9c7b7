"""The generator over llama.cpp: `models.protocols.Generator` with a process of its own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from models.errors import GeneratorCrashedError, ModelError
from models.llama import wire
from models.llama.child import GeneratorChild, Replies
from models.llama.children import GeneratorChildren, OnDeath
from models.llama.prompt_formats import PromptFormat, find_format
from models.llama.stream import LlamaStream
from models.processors import physical_cores
from models.types import Block, BlockBits, Generation, GenerationRequest, GeneratorInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSettings:
    """Where computed passages are kept and how many bytes of them."""

    folder: Path | None = None
    """None: in memory only."""
    disk_bytes: int = 0
    memory_bytes: int = 0
    bits: BlockBits = 16
    """Of each number that is kept."""


IN_MEMORY = BlockSettings()


class LlamaGenerator:
    """Generates with a GGUF file in a child process, started by the first request that needs it.

    The child computes several generations at a time. What it was at when it dies, the next one
    does again, once: what that says first must be what was said already, else the request fails.
    Requests that wait go to the next child, too. It is started after a pause, which grows as long
    as they die young; a request that would wait for it for long is refused.

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
        on_death: OnDeath = lambda _: None,
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
            on_death: Told, in any thread, how a child died, once the next request finds it so.
        """
        prompt = find_format(prompt_format)
        opening: wire.Open = {
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
                "bits": blocks.bits,
                "key": _blocks_key(sha256, blocks.bits),
            },
        }
        self._info = GeneratorInfo(
            name=name,
            sha256=sha256,
            context_tokens=context_tokens,
            fingerprint=_fingerprint(sha256, prompt, context_tokens, blocks.bits),
        )
        self._ids = count(wire.OPEN_ID + 1)
        self._lock = threading.Lock()
        self._children = GeneratorChildren(opening, name, on_death)
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
        child = self._children.current
        return child.pid if child is not None and child.is_usable else None

    def count_tokens(self, texts: Sequence[str]) -> tuple[int, ...]:
        """Count tokens in the child, also while a generation runs."""
        if not texts:
            return ()
        reply = self._ask_at_once({"type": "count", "id": self._next_id(), "texts": list(texts)})
        assert reply["type"] == "counted"
        return tuple(reply["counts"])

    def holds(self, head: str, blocks: Sequence[Block]) -> tuple[bool, ...]:
        """Look for the blocks' files in the child, also while a generation runs."""
        if not blocks:
            return ()
        wanted = [wire.block_json(block) for block in blocks]
        reply = self._ask_at_once(
            {"type": "find", "id": self._next_id(), "head": head, "blocks": wanted}
        )
        assert reply["type"] == "found"
        return tuple(reply["held"])

    def keep(self, head: str, block: Block) -> bool:
        """Have the child compute the block whenever it has nothing else to do; wait for it."""
        reply = self._ask_at_once(
            {"type": "keep", "id": self._next_id(), "head": head, "block": wire.block_json(block)}
        )
        assert reply["type"] == "kept"
        return reply["is_held"]

    def forget(self) -> None:
        """Have the child forget between two batches; without a child there is nothing to forget."""
        child = self._children.current
        if child is not None:
            child.send({"type": "forget", "id": self._next_id()})

    def stream(self, request: GenerationRequest) -> LlamaStream:
        """Queue a generation and return at once."""
        with self._lock:
            self._children.refuse_if_closed()
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
            turns = self._turns
        self._children.close()
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
                    child, replies = self._ask(stream)
                except ModelError as error:
                    stream.put(error)
                    continue
            try:
                stream.put(self._generation(stream, child, replies))
            except ModelError as error:
                stream.put(error)

    def _ask(self, stream: LlamaStream) -> tuple[GeneratorChild, Replies]:
        child = self._children.require()
        replies = child.ask(stream.message)
        if stream.is_cancelled:  # before there was a child to tell
            child.send({"type": "cancel", "id": stream.message["id"]})
        return child, replies

    def _ask_at_once(self, message: wire.Count | wire.Keep | wire.Find) -> wire.Reply:
        """Return what answers a request that needs no turn; a second child is asked, no third."""
        child = self._children.require()
        reply = child.ask(message).get()
        if reply is None:
            child = self._children.require()
            reply = child.ask(message).get()
        if reply is None:
            raise self._children.end_error(child)
        return reply

    def _generation(
        self, stream: LlamaStream, child: GeneratorChild, replies: Replies
    ) -> Generation:
        try:
            return self._follow(stream, child, replies)
        except GeneratorCrashedError:
            if stream.is_cancelled:
                return stream.cancelled()
        # Once: what it died of may have been this very request.
        stream.begin_again()
        return self._follow(stream, *self._ask(stream))

    def _follow(self, stream: LlamaStream, child: GeneratorChild, replies: Replies) -> Generation:
        """Hand on the pieces of a reply and return its outcome."""
        while reply := replies.get():
            match reply["type"]:
                case "piece":
                    if not stream.say(reply["text"]):
                        child.send({"type": "cancel", "id": stream.message["id"]})
                        raise GeneratorCrashedError(
                            "the generator's process died in the middle of a reply, and the next "
                            "one began another reply; ask again"
                        )
                case "finished":
                    return wire.read_finished(reply)
                case "failed":
                    raise wire.read_failed(reply)
                case other:
                    raise ValueError(f"{other!r} does not answer a generation")
        raise self._children.end_error(child)

    def _cancel_running(self, request_id: int) -> None:
        child = self._children.current
        if child is not None:
            child.send({"type": "cancel", "id": request_id})

    def _next_id(self) -> int:
        with self._lock:
            return next(self._ids)


def _blocks_key(sha256: str, bits: BlockBits) -> str:
    """Name what a computed passage depends on beside its tokens and the head's."""
    return repr((sha256, version("llama-cpp-python"), bits, "flash-attention"))


def _fingerprint(
    sha256: str, prompt_format: PromptFormat, context_tokens: int, bits: BlockBits
) -> str:
    parts = (sha256, prompt_format, version("llama-cpp-python"), context_tokens, bits)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
