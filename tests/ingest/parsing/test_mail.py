from email.message import EmailMessage

import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.mail import MailParser
from ingest.types import RejectReason
from tests.contracts.parser_contract import ParserContract
from tests.ingest.parsing.conftest import SENTENCE


@pytest.fixture
def message():
    message = EmailMessage()
    message["Subject"] = "Leave in März"
    message["From"] = "Anna <anna@example.org>"
    message["To"] = "all@example.org"
    message["Date"] = "Tue, 05 Mar 2024 10:00:00 +0100"
    message["Message-ID"] = "<1@example.org>"
    return message


@pytest.fixture
def save(tmp_path):
    def write(data):
        path = tmp_path / "a.eml"
        path.write_bytes(data if isinstance(data, bytes) else bytes(data))
        return path

    return write


class TestMailContract(ParserContract):
    sentence = SENTENCE

    @pytest.fixture
    def parser_class(self):
        return MailParser

    @pytest.fixture
    def sample(self, message, save):
        message.set_content(SENTENCE)
        return save(message)


def test_parse_prefers_plain_text_and_flags_attachments(message, save, limits):
    message.set_content(f"{SENTENCE}\n")
    message.add_alternative("<p>markup</p>", subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="a.pdf")
    document = MailParser(limits).parse(save(message))
    assert document.pages[0].text == (
        "Leave in März\n\nFrom: Anna <anna@example.org>\nTo: all@example.org\n"
        f"Date: Tue, 05 Mar 2024 10:00:00 +0100\n\n{SENTENCE}"
    )
    assert document.flags == ("attachments-not-parsed",)
    assert (document.title, document.date) == ("Leave in März", "2024-03-05")


def test_parse_reads_markup_where_there_is_no_plain_text(message, save, limits):
    message.set_content(f"<ul><li>{SENTENCE}</li></ul>", subtype="html")
    assert MailParser(limits).parse(save(message)).pages[0].text.endswith(f"- {SENTENCE}")


def test_parse_of_an_unknown_character_set_guesses(save, limits):
    raw = b"Subject: x\nContent-Type: text/plain; charset=no-such\n\nna\xc3\xafve"
    assert MailParser(limits).parse(save(raw)).pages[0].text == "x\n\nnaïve"


def test_parse_of_a_malformed_field_rejects_as_corrupt(message, save, limits, monkeypatch):
    def fail(*args):
        raise IndexError

    path = save(message)
    monkeypatch.setattr("email.message.Message.get", fail)
    monkeypatch.setattr("ingest.parsing.mail.BytesParser.parse", lambda *_: message)
    with pytest.raises(RejectedFileError, match="Subject field") as caught:
        MailParser(limits).parse(path)
    assert caught.value.reason == RejectReason.CORRUPT


def test_parse_of_nothing_but_fields_unknown_rejects(save, limits):
    with pytest.raises(RejectedFileError) as caught:
        MailParser(limits).parse(save(b"X-Other: y\n\n"))
    assert caught.value.reason == RejectReason.EMPTY
