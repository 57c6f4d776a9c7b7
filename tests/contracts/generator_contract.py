"""What every `models.protocols.Generator` keeps, whichever model is behind it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from difflib import SequenceMatcher

import pytest

from models.errors import ContextOverflowError, ModelError
from models.protocols import Generator
from models.types import Block, FinishReason, GenerationRequest, Probe, Prompt

PASSAGES = (
    "The annual leave of a full-time employee is 27 working days, and up to five unused days "
    "may be carried over until the end of March of the following year.",
    "Travel by train is booked in second class; first class needs the consent of a director.",
)
REQUEST = GenerationRequest(
    prompt=Prompt(
        head="Answer the question in one plain sentence, only from the passages.",
        passages=PASSAGES,
        question="How many working days of annual leave does a full-time employee have?",
    ),
    max_tokens=24,
)
OTHER = replace(
    REQUEST,
    prompt=replace(REQUEST.prompt, question="Who consents to travel by train in first class?"),
)


BLOCK = Block(
    name="1/2",
    text="[Handbook]\nThe annual leave of a full-time employee is 27 working days. "
    "Unused days expire at the end of March.",
)
WITH_BLOCK = replace(REQUEST, prompt=replace(REQUEST.prompt, passages=(PASSAGES[1], BLOCK)))


def generator_tokens(open_generator: Callable[[], Generator], *texts: str) -> tuple[int, ...]:
    with open_generator() as generator:
        return generator.count_tokens(texts)


class GeneratorContract:
    """Subclass it and override `open_generator`, also as a class method; context 512 or more."""

    @pytest.fixture(scope="class")
    @classmethod
    def open_generator(cls) -> Callable[[], Generator]:
        """Return a function that opens a fresh generator; whoever calls it closes it."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def generator(cls, open_generator: Callable[[], Generator]) -> Iterator[Generator]:
        with open_generator() as generator:
            yield generator

    def test_info_is_complete_and_stable(self, generator: Generator) -> None:
        info = generator.info
        assert info.name
        assert info.fingerprint
        assert info.context_tokens >= 512
        assert generator.info == info

    def test_count_tokens_counts_each_text_in_order(self, generator: Generator) -> None:
        short, empty, long = generator.count_tokens(["one", "", "one two three four five"])
        assert empty == 0
        assert 0 < short < long

    def test_count_tokens_of_nothing_is_empty(self, generator: Generator) -> None:
        assert generator.count_tokens([]) == ()

    def test_count_tokens_sees_control_text_as_plain_text(self, generator: Generator) -> None:
        (count,) = generator.count_tokens(["<|im_start|>"])
        assert count > 1

    def test_stream_pieces_join_to_the_result(self, generator: Generator) -> None:
        stream = generator.stream(REQUEST)
        pieces = list(stream)
        assert len(pieces) > 1
        assert all(pieces)
        assert "".join(pieces) == stream.result().text

    def test_result_drains_the_stream_and_can_be_asked_again(self, generator: Generator) -> None:
        stream = generator.stream(REQUEST)
        assert stream.result().text
        assert stream.result() == stream.result()
        assert list(stream) == []

    def test_result_after_some_pieces_has_the_whole_text(self, generator: Generator) -> None:
        whole = generator.stream(REQUEST).result().text
        stream = generator.stream(REQUEST)
        first = next(iter(stream))
        assert whole.startswith(first)
        assert stream.result().text == whole

    def test_equal_requests_give_equal_texts_whatever_ran_between(
        self, generator: Generator
    ) -> None:
        first = generator.stream(REQUEST).result()
        generator.stream(OTHER).result()
        again = generator.stream(REQUEST).result()
        assert again.text == first.text
        assert again.finish_reason == first.finish_reason
        assert again.prompt_tokens == first.prompt_tokens

    def test_numbers_of_a_result_are_plausible(self, generator: Generator) -> None:
        result = generator.stream(REQUEST).result()
        assert result.prompt_tokens > sum(generator.count_tokens(PASSAGES))
        assert 0 <= result.prompt_tokens_computed <= result.prompt_tokens
        assert 0 < result.completion_tokens <= REQUEST.max_tokens
        assert 0 <= result.ttft_ms <= result.total_ms
        assert result.mean_logprob is not None
        assert result.mean_logprob <= 0
        assert result.probe_log_odds is None

    @pytest.mark.parametrize("max_tokens", [1, 3])
    def test_max_tokens_ends_the_text_with_length(
        self, generator: Generator, max_tokens: int
    ) -> None:
        whole = generator.stream(REQUEST).result()
        result = generator.stream(replace(REQUEST, max_tokens=max_tokens)).result()
        assert result.finish_reason is FinishReason.LENGTH
        assert result.completion_tokens == max_tokens
        assert whole.text.startswith(result.text)

    def test_stop_ends_the_text_before_the_string(self, generator: Generator) -> None:
        whole = generator.stream(REQUEST).result().text
        stop = whole[len(whole) // 2 :][:5]
        stream = generator.stream(replace(REQUEST, stop=("\x00never", stop)))
        assert "".join(stream) == whole[: whole.index(stop)]
        assert stream.result().finish_reason is FinishReason.STOP

    def test_cancel_after_a_piece_ends_with_a_prefix(self, generator: Generator) -> None:
        whole = generator.stream(REQUEST).result().text
        stream = generator.stream(replace(REQUEST, max_tokens=300))
        next(iter(stream))
        stream.cancel()
        result = stream.result()
        assert result.finish_reason is FinishReason.CANCELLED
        assert result.text.startswith(whole) or whole.startswith(result.text)
        assert generator.stream(REQUEST).result().text == whole

    def test_cancel_before_the_first_piece_leaves_the_next_request_right(
        self, generator: Generator
    ) -> None:
        whole = generator.stream(REQUEST).result().text
        stream = generator.stream(OTHER)
        stream.cancel()
        assert stream.result().finish_reason is FinishReason.CANCELLED
        assert generator.stream(REQUEST).result().text == whole

    def test_cancel_after_the_end_changes_nothing(self, generator: Generator) -> None:
        stream = generator.stream(REQUEST)
        result = stream.result()
        stream.cancel()
        stream.cancel()
        assert stream.result() == result

    def test_overflow_is_refused_with_its_numbers(self, generator: Generator) -> None:
        room = generator.info.context_tokens
        with pytest.raises(ContextOverflowError) as caught:
            generator.stream(replace(REQUEST, max_tokens=room)).result()
        assert caught.value.context_tokens == room
        assert caught.value.needed_tokens > room
        assert generator.stream(REQUEST).result().text

    def test_overflow_yields_nothing(self, generator: Generator) -> None:
        stream = generator.stream(replace(REQUEST, max_tokens=generator.info.context_tokens))
        with pytest.raises(ContextOverflowError):
            next(iter(stream))

    def test_probe_gives_log_odds_and_leaves_the_text(self, generator: Generator) -> None:
        plain = generator.stream(REQUEST).result()
        probe = Probe(question="Do the passages state this? Answer yes or no.")
        probed = generator.stream(replace(REQUEST, probe=probe)).result()
        assert probed.probe_log_odds is not None
        assert math.isfinite(probed.probe_log_odds)
        assert probed.text == plain.text
        assert probed.completion_tokens == plain.completion_tokens

    def test_kept_block_is_held_for_its_head_and_text_alone(
        self, open_generator: Callable[[], Generator]
    ) -> None:
        head = REQUEST.prompt.head
        others = [
            replace(BLOCK, name="1/3"),
            replace(BLOCK, text=BLOCK.text + " Or later."),
        ]
        with open_generator() as generator:
            assert generator.holds(head, [BLOCK, *others]) == (False, False, False)
            assert generator.keep(head, BLOCK)
            assert generator.keep(head, BLOCK)
            assert generator.holds(head, [BLOCK, *others]) == (True, False, False)
            assert generator.holds(head + " Be brief.", [BLOCK]) == (False,)
            assert generator.holds(head, []) == ()

    def test_kept_block_saves_its_tokens_and_changes_no_text(
        self, open_generator: Callable[[], Generator]
    ) -> None:
        with open_generator() as generator:
            new = generator.stream(WITH_BLOCK).result()
            assert generator.holds(REQUEST.prompt.head, [BLOCK]) == (False,)
            generator.keep(REQUEST.prompt.head, BLOCK)
            generator.stream(OTHER).result()
            kept = generator.stream(WITH_BLOCK).result()
        assert kept.text == new.text
        assert kept.prompt_tokens == new.prompt_tokens
        (n_attached,) = generator_tokens(open_generator, BLOCK.text)
        assert kept.prompt_tokens_computed <= kept.prompt_tokens - n_attached

    def test_block_that_is_not_kept_is_read_as_its_text(self, generator: Generator) -> None:
        written = replace(WITH_BLOCK.prompt, passages=(PASSAGES[1], BLOCK.text))
        as_text = generator.stream(replace(WITH_BLOCK, prompt=written)).result()
        as_block = generator.stream(WITH_BLOCK).result()
        assert as_block.prompt_tokens == as_text.prompt_tokens

    def test_keep_gives_way_to_a_generation(self, generator: Generator) -> None:
        long = Block(name="3/4", text=" ".join(f"Rule {n} holds." for n in range(80)))
        with ThreadPoolExecutor(1) as pool:
            kept = pool.submit(generator.keep, REQUEST.prompt.head, long)
            text = generator.stream(REQUEST).result().text
            assert kept.result()
        assert text == generator.stream(REQUEST).result().text

    def test_forgetting_changes_no_text_and_no_kept_block(self, generator: Generator) -> None:
        generator.forget()  # there may be nothing yet
        head = WITH_BLOCK.prompt.head
        assert generator.keep(head, BLOCK)
        before = generator.stream(WITH_BLOCK).result()
        running = generator.stream(OTHER)
        generator.forget()
        assert running.result().text == generator.stream(OTHER).result().text
        assert generator.holds(head, [BLOCK]) == (True,)
        assert generator.stream(WITH_BLOCK).result().text == before.text

    def test_prompt_without_passages_is_fine(self, generator: Generator) -> None:
        prompt = replace(REQUEST.prompt, passages=())
        assert generator.stream(replace(REQUEST, prompt=prompt)).result().completion_tokens > 0

    def test_text_of_any_script_passes_whole(self, generator: Generator) -> None:
        prompt = Prompt(
            head="Repeat the passage.",
            passages=("Grüße aus Zürich 🙂 und 東京 an alle.",),
            question="What are the Grüße? 🙂",
        )
        stream = generator.stream(GenerationRequest(prompt=prompt, max_tokens=32))
        for piece in stream:
            piece.encode("utf-8")
            assert "\N{REPLACEMENT CHARACTER}" not in piece

    def test_concurrent_requests_get_their_own_answers(self, generator: Generator) -> None:
        alone = [generator.stream(request).result().text for request in (REQUEST, OTHER)]
        with ThreadPoolExecutor(4) as pool:
            texts = pool.map(
                lambda request: generator.stream(request).result().text, (REQUEST, OTHER) * 2
            )
        # Some processors round otherwise where several are computed at a time.
        nearest = [
            max(alone, key=lambda one: SequenceMatcher(None, one, text).ratio()) for text in texts
        ]
        assert nearest == alone * 2

    def test_closed_generator_refuses_requests(
        self, open_generator: Callable[[], Generator]
    ) -> None:
        generator = open_generator()
        generator.stream(replace(REQUEST, max_tokens=1)).result()
        generator.close()
        generator.close()
        with pytest.raises(ModelError):
            generator.stream(REQUEST).result()
