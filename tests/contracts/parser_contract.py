"""What every parser promises, whatever its format."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.normalise import normalise
from ingest.parsing.protocol import Parser
from ingest.parsing.sniff import sniff
from ingest.settings import IngestSettings
from ingest.types import ParsedDocument, RejectReason


class ParserContract:
    """Subclasses give a parser's class, a good sample and a sentence that it holds."""

    sentence = "Employees accrue twelve days of leave each year."

    @pytest.fixture
    def parser_class(self) -> type:
        raise NotImplementedError

    @pytest.fixture
    def sample(self, tmp_path: Path) -> Path:
        raise NotImplementedError

    @pytest.fixture
    def parser(self, parser_class: type) -> Parser:
        parser: Parser = parser_class(IngestSettings())
        return parser

    @pytest.fixture
    def document(self, parser: Parser, sample: Path) -> ParsedDocument:
        return parser.parse(sample)

    def test_parse_keeps_a_sentence_in_one_piece(self, document):
        assert any(self.sentence in page.text for page in document.pages)

    def test_parse_names_the_sniffed_media_type(self, document, sample):
        assert document.media_type == sniff(sample)

    def test_parse_gives_normalised_text(self, document):
        for page in document.pages:
            assert page.text == normalise(page.text)

    def test_parse_gives_spans_of_whole_lines_in_order(self, document):
        for page in document.pages:
            for spans in (
                [heading.span for heading in page.headings],
                [row.span for row in page.table_rows],
            ):
                assert spans == sorted(spans)
                for span in spans:
                    assert span.slice(page.text).strip() == span.slice(page.text) != ""
                    assert page.text[: span.start].endswith("\n") or span.start == 0
                    assert page.text[span.end :].startswith("\n") or span.end == len(page.text)

    def test_parse_numbers_pages_from_one_or_not_at_all(self, document):
        numbers = [page.page_number for page in document.pages]
        assert numbers in ([None] * len(numbers), list(range(1, len(numbers) + 1)))

    def test_parse_is_repeatable(self, parser, sample, document):
        assert parser.parse(sample) == document

    def test_parse_of_a_file_cut_short_gives_text_or_a_reason(self, parser, sample):
        data = sample.read_bytes()
        for fraction in (0.25, 0.6, 0.95):
            sample.write_bytes(data[: int(fraction * len(data))])
            outcome = parsed_or_rejected(parser, sample)
            if isinstance(outcome, RejectedFileError):
                assert outcome.reason in set(RejectReason)
                assert self.sentence not in outcome.detail
            else:
                assert any(page.text for page in outcome.pages)

    def test_parse_of_more_text_than_allowed_rejects(self, parser_class, sample):
        parser = parser_class(IngestSettings(max_chars=10))
        with pytest.raises(RejectedFileError) as caught:
            parser.parse(sample)
        assert caught.value.reason == RejectReason.TOO_LARGE

    def test_parse_of_a_missing_file_raises_an_error_of_the_system(self, parser, tmp_path):
        with pytest.raises((OSError, RejectedFileError)):
            parser.parse(tmp_path / "missing")


def parsed_or_rejected(parser: Parser, path: Path) -> ParsedDocument | RejectedFileError:
    try:
        return parser.parse(path)
    except RejectedFileError as error:
        return error
