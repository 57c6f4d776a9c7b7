"""Several generations in one context: what each gets, and who is computed when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import llama_cpp
import numpy as np
import pytest

from models.errors import ContextOverflowError
from models.llama.model import LlamaModel
from models.llama.scheduler import Pace, Scheduler, first_part
from models.llama.units import Part
from models.types import Block, FinishReason, Generation, GenerationRequest
from tests.models.llama.conftest import CONTEXT_TOKENS, LEAVE, OTHER, REQUEST, TRAIN, Bench

PARALLEL = 3
LONG = replace(REQUEST, max_tokens=40)
BLOCK = Block(
    name="1/1",
    text="[Leave]\nAnnual leave is 27 working days. It expires in March.",
)
OTHER_HEAD = replace(OTHER, prompt=replace(OTHER.prompt, head="You are terse."), max_tokens=8)


@dataclass
class Desk:
    """Takes requests to a scheduler, and notes what comes of them and what was computed."""

    bench: Bench
    cancelled: set[int] = field(default_factory=set)
    texts: dict[int, str] = field(default_factory=dict)
    done: dict[int, Generation] = field(default_factory=dict)
    batches: list[list[Part]] = field(default_factory=list)

    def __post_init__(self) -> None:
        compute = self.bench.context.compute

        def noted(parts: Sequence[Part]) -> None:
            self.batches.append(list(parts))
            compute(parts)

        self.bench.context.compute = noted  # type: ignore[method-assign]
        self.scheduler = Scheduler(
            self.bench.generation,
            self.bench.context,
            context_tokens=CONTEXT_TOKENS,
            parallel=PARALLEL,
            is_cancelled=self.cancelled.__contains__,
        )

    def ask(self, request_id: int, request: GenerationRequest) -> None:
        self.texts[request_id] = ""

        def emit(text: str) -> None:
            self.texts[request_id] += text

        def done(result: Generation) -> None:
            assert request_id not in self.done
            assert result.text == self.texts[request_id]
            self.done[request_id] = replace(result, ttft_ms=0, total_ms=0)

        self.scheduler.add(request_id, request, emit, done)

    def step_until(self, request_id: int) -> None:
        """Stop when something was emitted for the request."""
        while not self.texts[request_id]:
            self.scheduler.step()

    def finish(self) -> None:
        while not self.scheduler.is_idle:
            self.scheduler.step()

    def run(self, request: GenerationRequest) -> Generation:
        self.ask(-1, request)
        self.finish()
        return self.done.pop(-1)

    def sizes(self) -> list[list[int]]:
        return [[len(part.tokens) for part in batch] for batch in self.batches]


@pytest.fixture
def desk(model: LlamaModel) -> Iterator[Desk]:
    bench = Bench(model, parallel=PARALLEL)
    desk = Desk(bench)
    yield desk
    desk.cancelled.update(desk.texts)
    desk.finish()
    bench.context.close()


@pytest.fixture(scope="module")
def alone(model: LlamaModel) -> dict[GenerationRequest, Generation]:
    """What each request comes to in a context of its own."""
    outcomes = {}
    for request in (REQUEST, LONG, OTHER, OTHER_HEAD):
        bench = Bench(model)
        outcomes[request] = bench.run(request)
        bench.context.close()
    return outcomes


def without_count(generation: Generation) -> Generation:
    return replace(generation, prompt_tokens_computed=0)


@pytest.mark.model
class TestRealModel:
    def test_one_alone_is_computed_in_the_same_batches_with_the_same_numbers(
        self, desk: Desk, alone: dict[GenerationRequest, Generation]
    ) -> None:
        assert desk.run(LONG) == alone[LONG]
        units = desk.bench.generation.render(LONG.prompt)
        assert desk.sizes()[: len(units)] == [[len(unit)] for unit in units]

    def test_several_at_once_get_their_own_texts(
        self, desk: Desk, alone: dict[GenerationRequest, Generation]
    ) -> None:
        requests = (REQUEST, LONG, OTHER, OTHER_HEAD, REQUEST)
        for request_id, request in enumerate(requests):
            desk.ask(request_id, request)
        desk.finish()
        assert max(map(len, desk.batches)) > 1
        for request_id, request in enumerate(requests):
            result, expected = desk.done[request_id], alone[request]
            assert result.text == expected.text
            assert result.finish_reason == expected.finish_reason
            # Of a small model with 4-bit weights, rounding moves what is unlikely a good deal.
            assert result.mean_logprob == pytest.approx(expected.mean_logprob, abs=0.2)
            if expected.probe_log_odds is not None:
                assert result.probe_log_odds == pytest.approx(expected.probe_log_odds, abs=0.3)

    def test_one_alone_after_company_is_exact_again(
        self, desk: Desk, alone: dict[GenerationRequest, Generation]
    ) -> None:
        for request_id, request in enumerate((OTHER, LONG, REQUEST)):
            desk.ask(request_id, request)
        desk.finish()
        assert without_count(desk.run(LONG)) == without_count(alone[LONG])
        assert without_count(desk.run(LONG)) == without_count(alone[LONG])

    def test_units_computed_before_company_came_serve_one_that_is_alone(
        self, desk: Desk, alone: dict[GenerationRequest, Generation]
    ) -> None:
        desk.ask(1, LONG)
        desk.step_until(1)
        desk.ask(2, OTHER_HEAD)
        desk.finish()
        again = desk.run(LONG)
        assert again.prompt_tokens_computed < again.prompt_tokens
        assert without_count(again) == without_count(alone[LONG])

    def test_common_beginning_is_computed_once(self, desk: Desk) -> None:
        for request_id in range(PARALLEL):
            desk.ask(request_id, LONG)
            desk.step_until(request_id)
        head, leave, train, question = desk.bench.generation.render(LONG.prompt)
        first, *others = (part for batch in desk.batches for part in batch)
        assert first.tokens == head
        assert sum(part.tokens == head for part in others) == 0
        assert sum(part.tokens == leave for part in others) == 1
        desk.finish()
        assert [desk.done[n].prompt_tokens_computed for n in range(PARALLEL)] == [
            len(head) + len(leave) + len(train) + len(question),
            len(question),
            len(question),
        ]

    def test_prompt_is_computed_in_slices_beside_a_reply_which_never_pauses(
        self, desk: Desk
    ) -> None:
        desk.ask(1, LONG)
        desk.step_until(1)
        desk.batches.clear()
        passage = "Trains are booked in second class. " * 20
        desk.ask(2, replace(OTHER_HEAD, prompt=replace(OTHER.prompt, passages=(passage,))))
        desk.step_until(2)
        with_prompt = [sizes for sizes in desk.sizes() if len(sizes) == 2]
        assert len(with_prompt) > 2
        assert all(next_token == 1 for next_token, _ in with_prompt)
        assert max(slice_tokens for _, slice_tokens in with_prompt) <= 128

    def test_short_prompt_goes_before_a_long_one(self, desk: Desk) -> None:
        long = replace(OTHER, prompt=replace(OTHER.prompt, passages=(LEAVE * 40,)))
        desk.ask(1, long)
        desk.scheduler.step()  # its head
        desk.ask(2, replace(OTHER, prompt=replace(OTHER.prompt, passages=())))
        desk.finish()
        assert list(desk.done) == [2, 1]

    def test_cancelled_one_ends_and_the_others_go_on(
        self, desk: Desk, alone: dict[GenerationRequest, Generation]
    ) -> None:
        desk.ask(1, replace(LONG, max_tokens=400))
        desk.ask(2, LONG)
        for request_id in (1, 2):
            desk.step_until(request_id)
        desk.cancelled.add(1)
        desk.scheduler.step()
        assert desk.done[1].finish_reason is FinishReason.CANCELLED
        assert 0 < desk.done[1].completion_tokens < 400
        desk.finish()
        assert desk.done[2].text == alone[LONG].text

    def test_cancelled_one_that_waits_ends_without_a_text(self, desk: Desk) -> None:
        for request_id in range(PARALLEL + 1):
            desk.ask(request_id, LONG)
        desk.scheduler.step()
        desk.cancelled.add(PARALLEL)
        desk.scheduler.step()
        assert desk.done[PARALLEL].finish_reason is FinishReason.CANCELLED
        assert desk.done[PARALLEL].text == ""
        assert list(desk.done) == [PARALLEL]

    def test_batch_of_one_is_abandoned_for_it_and_a_shared_one_for_nobody(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        aborts: list[tuple[int, bool]] = []
        decode = llama_cpp.llama_decode

        def noted(*args: object) -> int:
            desk.cancelled.add(1)
            aborts.append((len(desk.batches[-1]), desk.scheduler.aborts()))
            desk.cancelled.clear()
            return int(decode(*args))

        desk.ask(1, LONG)
        desk.step_until(1)
        monkeypatch.setattr(llama_cpp, "llama_decode", noted)
        desk.scheduler.step()
        desk.ask(2, OTHER)
        desk.scheduler.step()
        assert aborts == [(1, True), (2, False)]
        assert not desk.scheduler.aborts()

    def test_one_cancelled_inside_its_batch_has_what_there_was(self, desk: Desk) -> None:
        desk.ask(1, LONG)
        desk.step_until(1)
        desk.bench.switch.calls_left = 0
        desk.scheduler.step()
        assert desk.done[1].finish_reason is FinishReason.CANCELLED
        assert desk.scheduler.is_idle

    def test_what_does_not_fit_beside_the_others_waits_and_is_not_overtaken(
        self, desk: Desk
    ) -> None:
        most = CONTEXT_TOKENS // 2 + 50
        for request_id in (1, 2):
            desk.ask(request_id, replace(OTHER, max_tokens=most, stop=("",)))
        desk.ask(3, replace(OTHER, stop=("",)))
        desk.finish()
        assert list(desk.done) == [1, 2, 3]
        assert max(map(len, desk.batches)) == 1

    def test_context_is_filled_to_its_last_cell(
        self, desk: Desk, alone: dict[GenerationRequest, Generation]
    ) -> None:
        needed = desk.bench.generation.plan(LONG).needed_tokens
        rest = CONTEXT_TOKENS - needed
        others = desk.bench.generation.plan(OTHER).needed_tokens - OTHER.max_tokens
        desk.ask(1, LONG)
        desk.ask(2, replace(OTHER, max_tokens=rest - others))
        desk.scheduler.step()
        desk.scheduler.step()
        assert len(desk.done) == 0
        desk.finish()
        assert desk.done[1].text == alone[LONG].text

    def test_missing_blocks_are_computed_in_the_cells_that_others_leave(self, desk: Desk) -> None:
        # Sentences: beside mere noise, the rounding of company decides what so small a model says.
        filling = " Trains are booked in second class." * 17
        blocks = tuple(replace(BLOCK, name=f"1/{n}", text=BLOCK.text + filling) for n in range(3))
        with_blocks = replace(LONG, prompt=replace(LONG.prompt, passages=blocks))
        rest = CONTEXT_TOKENS - desk.bench.generation.plan(with_blocks).needed_tokens
        passages = (filling, LEAVE, TRAIN)
        beside = replace(LONG, prompt=replace(LONG.prompt, passages=passages))
        needed = desk.bench.generation.plan(beside).needed_tokens - beside.max_tokens
        desk.ask(1, replace(beside, max_tokens=rest - needed))
        desk.ask(2, with_blocks)
        desk.finish()  # both begin at once: together they need the context to its last cell
        assert "27" in desk.done[2].text

    def test_too_long_a_request_is_refused_at_once(self, desk: Desk) -> None:
        with pytest.raises(ContextOverflowError):
            desk.ask(1, replace(OTHER, max_tokens=CONTEXT_TOKENS))
        assert desk.scheduler.is_idle

    @pytest.mark.parametrize("is_kept", [True, False])
    def test_block_in_company_is_read_as_it_is_alone(
        self, desk: Desk, model: LlamaModel, is_kept: bool
    ) -> None:
        with_block = replace(LONG, prompt=replace(LONG.prompt, passages=(TRAIN, BLOCK)))
        bench = Bench(model)
        expected = bench.run(with_block)
        bench.context.close()
        if is_kept:
            desk.bench.keep(with_block.prompt.head, BLOCK)
        desk.ask(1, replace(LONG, max_tokens=200))
        desk.ask(2, OTHER)
        desk.step_until(1)
        desk.ask(3, with_block)  # its cells are what the others leave, in pieces
        desk.finish()
        # In company the last word of so small a model may differ by rounding; what it read may not.
        assert "27" in desk.done[3].text
        assert "27" in expected.text
        saved = expected.prompt_tokens_computed - desk.done[3].prompt_tokens_computed
        assert saved >= (len(BLOCK.text.split()) if is_kept else 0)

    def test_block_is_computed_to_its_end_while_another_one_is_attached(self, desk: Desk) -> None:
        text = BLOCK.text + " Trains are booked in second class." * 20
        missing = replace(BLOCK, name="1/2", text=text)
        slow, quick = (
            replace(LONG, prompt=replace(LONG.prompt, passages=(block,)))
            for block in (missing, BLOCK)
        )
        desk.bench.keep(quick.prompt.head, BLOCK)
        desk.ask(1, replace(LONG, max_tokens=100))
        desk.step_until(1)
        desk.ask(2, slow)
        desk.scheduler.step()  # a slice of its block, beside the reply
        desk.ask(3, quick)
        desk.finish()
        assert "27" in desk.done[2].text
        assert "27" in desk.done[3].text

    def test_two_missing_blocks_are_computed_by_turns(self, desk: Desk) -> None:
        desk.ask(1, replace(LONG, max_tokens=100))
        desk.step_until(1)
        for request_id, filling in ((2, " Trains are booked."), (3, " Flights are rare.")):
            block = replace(BLOCK, name="1/2", text=BLOCK.text + filling * 30)
            desk.ask(request_id, replace(LONG, prompt=replace(LONG.prompt, passages=(block,))))
            desk.scheduler.step()
        desk.finish()
        assert "27" in desk.done[2].text
        assert "27" in desk.done[3].text

    def test_computation_that_fails_is_nobody_s_result(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.ask(1, OTHER)
        monkeypatch.setattr(llama_cpp, "llama_decode", lambda *_: -3)
        with pytest.raises(RuntimeError, match="returned -3"):
            desk.scheduler.step()
        assert desk.done == {}

    def test_logits_of_a_shared_batch_belong_to_their_parts(self, desk: Desk) -> None:
        context = desk.bench.context
        tokens = [tuple(desk.bench.model.tokenise(text)) for text in (LEAVE, TRAIN)]
        expected = []
        for one in tokens:
            sequence = context.begin([(1,), one])
            context.compute([Part(sequence, one)])
            expected.append(context.logits(0).argmax())
            context.end(sequence)
        sequences = [context.begin([(1,), one]) for one in tokens]
        assert len(set(sequences)) == 2
        context.compute([Part(s, one) for s, one in zip(sequences, tokens, strict=True)])
        assert [context.logits(index).argmax() for index in (0, 1)] == expected
        assert np.isfinite(context.logits(1)).all()


def test_pace_fills_the_pause_that_replies_may_make() -> None:
    pace = Pace()
    for _ in range(40):
        pace.learn(64, 64 * 0.01)  # 10 ms a token: 50 in half a second
    assert pace.slice_tokens(4) == 48
    assert pace.slice_tokens(1) == 47  # 48 with the reply's token: kernels take rows by fours
    for _ in range(40):
        pace.learn(128, 128 * 0.0001)
    assert pace.slice_tokens(4) == 128
    for _ in range(40):
        pace.learn(8, 8.0)
    assert pace.slice_tokens(4) == 8
    assert pace.slice_tokens(3) == 5


def test_pace_learns_nothing_from_next_tokens_alone() -> None:
    pace = Pace()
    before = pace.slice_tokens(1)
    pace.learn(1, 1.0)
    assert pace.slice_tokens(1) == before


def test_first_part_wants_logits_only_where_it_is_the_last() -> None:
    pending = Part(2, (1, 2, 3))
    assert first_part(pending, 3) == pending
    assert first_part(pending, 2) == Part(2, (1, 2), wants_logits=False)
