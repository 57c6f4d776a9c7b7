from __future__ import annotations

from collections.abc import Callable

from assistant.passages import page_spans, write_block, write_sentences
from assistant.types import Hit

TEXT = "Leave is agreed early.\n- ask your\nlead\n- then book it"


def test_block_is_the_whole_passage_as_it_is_written(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(TEXT, offset=40, heading="Leave", date="2026-01-01")
    block = write_block(hit)
    assert block.text == write_sentences(hit, page_spans(hit.chunk))
    assert block.text.startswith("[Handbook > Leave (2026-01-01)]\nLeave is agreed early.\n")
    assert block.name == f"{hit.chunk.content_id}/{hit.chunk.chunk_id}"


def test_sentences_are_written_below_the_label(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(TEXT, offset=40)
    spans = page_spans(hit.chunk)
    assert write_sentences(hit, [spans[1]]) == "[Handbook]\n- ask your\nlead"


def test_sentences_with_a_gap_between_them_are_marked(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit("One is first. Two is second. Three is third.")
    one, _, three = page_spans(hit.chunk)
    assert write_sentences(hit, [one, three]).endswith("One is first. … Three is third.")
