from __future__ import annotations

from ui.web.components.reply import link, sentences_markdown

SENTENCE = {"text": "You have 25 days.", "support": "supported", "citations": [1, 0]}


def test_number_is_a_mere_mark_where_no_chip_is_on_the_page() -> None:
    assert sentences_markdown([SENTENCE]) == (
        "You have 25 days\\.\u00a0:blue-background[2]\u00a0:blue-background[1]"
    )


def test_number_links_to_its_chip_with_the_quote_as_title() -> None:
    links = [link(index, {"quote": f"quote {index}"}, key="turn-7") for index in range(2)]
    assert sentences_markdown([SENTENCE], links) == (
        "You have 25 days\\."
        '\u00a0[:blue-background[2]](#turn-7-cite-1 "“quote 1”")'
        '\u00a0[:blue-background[1]](#turn-7-cite-0 "“quote 0”")'
    )


def test_quote_does_not_end_the_title_it_stands_in() -> None:
    markdown = link(0, {"quote": 'a" ) ![b](http://c)\n\nd'}, key="turn-7")
    assert markdown == (
        '[:blue-background[1]](#turn-7-cite-0 "“a\\" \\) \\!\\[b\\]\\(h\u200cttp\\:\\/\\/c\\) d”")'
    )
