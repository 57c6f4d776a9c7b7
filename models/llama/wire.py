"""The messages between a generator and its process: one JSON object a line, both ways."""

from __future__ import annotations

import json
from typing import Literal, TypedDict

from models.errors import ContextOverflowError, ModelError, ModelFileError
from models.types import (
    Block,
    BlockBits,
    FinishReason,
    Generation,
    GenerationRequest,
    Probe,
    Prompt,
)

OPEN_ID = 0
"""Identifies the opening; requests count up from 1."""


class Open(TypedDict):
    """First message: load this model. Answered by `Ready` or `Failed`."""

    type: Literal["open"]
    id: int
    model_path: str
    prompt_format: str
    context_tokens: int
    parallel: int
    threads: int
    blocks: BlocksJson


class BlocksJson(TypedDict):
    """Where computed passages are kept, how much of them, and for what they are valid."""

    folder: str | None
    disk_bytes: int
    memory_bytes: int
    bits: BlockBits
    key: str


class BlockJson(TypedDict):
    """A `models.types.Block`."""

    name: str
    text: str


class ProbeJson(TypedDict):
    """A `models.types.Probe`."""

    question: str
    yes: str
    no: str


class Generate(TypedDict):
    """Answered by any number of `Piece`, then `Finished` or `Failed`."""

    type: Literal["generate"]
    id: int
    head: str
    passages: list[str | BlockJson]
    question: str
    grows: bool
    max_tokens: int
    stop: list[str]
    probe: ProbeJson | None


class Cancel(TypedDict):
    """End the generation of that id, now or as soon as it begins; no answer of its own."""

    type: Literal["cancel"]
    id: int


class Count(TypedDict):
    """Answered by `Counted`, also while a generation runs."""

    type: Literal["count"]
    id: int
    texts: list[str]


class Keep(TypedDict):
    """Compute and keep a block while no generation is wanted. Answered by `Kept`."""

    type: Literal["keep"]
    id: int
    head: str
    block: BlockJson


class Find(TypedDict):
    """Which blocks are kept? Answered by `Found`, also while a generation runs."""

    type: Literal["find"]
    id: int
    head: str
    blocks: list[BlockJson]


class Forget(TypedDict):
    """Drop what is remembered of prompts and of blocks that are gone; no answer."""

    type: Literal["forget"]
    id: int


class Ready(TypedDict):
    """The model is loaded."""

    type: Literal["ready"]
    id: int


class Piece(TypedDict):
    """Text to emit."""

    type: Literal["piece"]
    id: int
    text: str


class Finished(TypedDict):
    """The fields of a `models.types.Generation`."""

    type: Literal["finished"]
    id: int
    text: str
    finish_reason: str
    prompt_tokens: int
    prompt_tokens_computed: int
    completion_tokens: int
    ttft_ms: float
    total_ms: float
    mean_logprob: float | None
    probe_log_odds: float | None


class Counted(TypedDict):
    """Tokens of each text, in order."""

    type: Literal["counted"]
    id: int
    counts: list[int]


class Kept(TypedDict):
    """Whether the block is kept now; not if it is too long, the disk full or the budget small."""

    type: Literal["kept"]
    id: int
    is_held: bool


class Found(TypedDict):
    """Whether each block is kept, in order."""

    type: Literal["found"]
    id: int
    held: list[bool]


class Failed(TypedDict):
    """The request, or the opening, was refused; `overflow` holds needed and available tokens."""

    type: Literal["failed"]
    id: int
    message: str
    overflow: tuple[int, int] | None


Request = Open | Generate | Cancel | Count | Keep | Find | Forget
Reply = Ready | Piece | Finished | Counted | Kept | Found | Failed


def encode(message: Request | Reply) -> bytes:
    """Return the message as one line, line feed included."""
    return json.dumps(message).encode("ascii") + b"\n"


def decode_request(line: bytes) -> Request:
    """Read a line that the generator wrote."""
    message: Request = json.loads(line)
    return message


def decode_reply(line: bytes) -> Reply:
    """Read a line that the process wrote."""
    message: Reply = json.loads(line)
    return message


def generate_message(request_id: int, request: GenerationRequest) -> Generate:
    """Return the message that asks for `request`."""
    probe: ProbeJson | None = None
    if request.probe is not None:
        probe = {
            "question": request.probe.question,
            "yes": request.probe.yes,
            "no": request.probe.no,
        }
    return {
        "type": "generate",
        "id": request_id,
        "head": request.prompt.head,
        "passages": [
            passage if isinstance(passage, str) else block_json(passage)
            for passage in request.prompt.passages
        ],
        "question": request.prompt.question,
        "grows": request.prompt.grows,
        "max_tokens": request.max_tokens,
        "stop": list(request.stop),
        "probe": probe,
    }


def read_generate(message: Generate) -> GenerationRequest:
    """Return the request in `message`."""
    return GenerationRequest(
        prompt=Prompt(
            head=message["head"],
            passages=tuple(
                passage if isinstance(passage, str) else read_block(passage)
                for passage in message["passages"]
            ),
            question=message["question"],
            grows=message["grows"],
        ),
        max_tokens=message["max_tokens"],
        stop=tuple(message["stop"]),
        probe=Probe(**message["probe"]) if message["probe"] else None,
    )


def block_json(block: Block) -> BlockJson:
    """Return a block as JSON."""
    return {"name": block.name, "text": block.text}


def read_block(block: BlockJson) -> Block:
    """Return the block in JSON."""
    return Block(name=block["name"], text=block["text"])


def finished_message(request_id: int, generation: Generation) -> Finished:
    """Return the message that reports `generation`."""
    return {
        "type": "finished",
        "id": request_id,
        "text": generation.text,
        "finish_reason": generation.finish_reason.value,
        "prompt_tokens": generation.prompt_tokens,
        "prompt_tokens_computed": generation.prompt_tokens_computed,
        "completion_tokens": generation.completion_tokens,
        "ttft_ms": generation.ttft_ms,
        "total_ms": generation.total_ms,
        "mean_logprob": generation.mean_logprob,
        "probe_log_odds": generation.probe_log_odds,
    }


def read_finished(message: Finished) -> Generation:
    """Return the generation in `message`."""
    return Generation(
        text=message["text"],
        finish_reason=FinishReason(message["finish_reason"]),
        prompt_tokens=message["prompt_tokens"],
        prompt_tokens_computed=message["prompt_tokens_computed"],
        completion_tokens=message["completion_tokens"],
        ttft_ms=message["ttft_ms"],
        total_ms=message["total_ms"],
        mean_logprob=message["mean_logprob"],
        probe_log_odds=message["probe_log_odds"],
    )


def failed_message(request_id: int, error: ModelFileError | ContextOverflowError) -> Failed:
    """Return the message that reports `error`."""
    overflow = None
    if isinstance(error, ContextOverflowError):
        overflow = (error.needed_tokens, error.context_tokens)
    return {"type": "failed", "id": request_id, "message": str(error), "overflow": overflow}


def read_failed(message: Failed) -> ModelError:
    """Return the error in `message`, to be raised."""
    if message["overflow"] is not None:
        needed_tokens, context_tokens = message["overflow"]
        return ContextOverflowError(needed_tokens=needed_tokens, context_tokens=context_tokens)
    return ModelFileError(message["message"])
