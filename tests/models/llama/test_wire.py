from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.errors import ContextOverflowError, ModelFileError
from models.llama import wire
from models.types import Block, FinishReason, Generation, GenerationRequest, Probe, Prompt

TEXT = st.text(st.characters(codec=None), max_size=20)  # lone surrogates, line feeds and all
PROBES = st.none() | st.builds(Probe, question=TEXT, yes=TEXT, no=TEXT)
BLOCKS = st.builds(
    Block,
    name=TEXT,
    text=TEXT,
)
REQUESTS = st.builds(
    GenerationRequest,
    prompt=st.builds(
        Prompt,
        head=TEXT,
        passages=st.lists(TEXT | BLOCKS, max_size=3).map(tuple),
        question=TEXT,
        grows=st.booleans(),
    ),
    max_tokens=st.integers(1, 1000),
    stop=st.lists(TEXT, max_size=2).map(tuple),
    probe=PROBES,
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
GENERATIONS = st.builds(
    Generation,
    text=TEXT,
    finish_reason=st.sampled_from(FinishReason),
    prompt_tokens=st.integers(0),
    prompt_tokens_computed=st.integers(0),
    completion_tokens=st.integers(0),
    ttft_ms=NUMBERS,
    total_ms=NUMBERS,
    mean_logprob=st.none() | NUMBERS,
    probe_log_odds=st.none() | NUMBERS,
)


@given(request=REQUESTS)
def test_request_survives_the_wire(request: GenerationRequest) -> None:
    line = wire.encode(wire.generate_message(7, request))
    assert line.count(b"\n") == 1
    message = wire.decode_request(line)
    assert message["type"] == "generate"
    assert message["id"] == 7
    assert wire.read_generate(message) == request


@given(generation=GENERATIONS)
def test_generation_survives_the_wire(generation: Generation) -> None:
    line = wire.encode(wire.finished_message(7, generation))
    assert line.count(b"\n") == 1
    message = wire.decode_reply(line)
    assert message["type"] == "finished"
    assert wire.read_finished(message) == generation


def test_overflow_survives_the_wire_with_its_numbers() -> None:
    error = ContextOverflowError(needed_tokens=12, context_tokens=10)
    read = wire.read_failed(wire.failed_message(1, error))
    assert isinstance(read, ContextOverflowError)
    assert (read.needed_tokens, read.context_tokens) == (12, 10)
    assert str(read) == str(error)


def test_file_error_survives_the_wire_with_its_message() -> None:
    read = wire.read_failed(wire.failed_message(1, ModelFileError("gone")))
    assert isinstance(read, ModelFileError)
    assert str(read) == "gone"
