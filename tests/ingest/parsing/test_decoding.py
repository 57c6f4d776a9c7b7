import codecs

import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.decoding import decode, is_binary

GERMAN = "Die Überstunden werden größtenteils im nächsten Monat ausgeglichen. " * 5
RUSSIAN = "Сотрудникам полагается двенадцать дней отпуска в каждом году. " * 5


@pytest.mark.parametrize(
    ("data", "text", "is_guess"),
    [
        ("naïve".encode(), "naïve", False),
        (codecs.BOM_UTF8 + "naïve".encode(), "naïve", False),
        (codecs.BOM_UTF16_LE + "naïve".encode("utf-16-le"), "naïve", False),
        (codecs.BOM_UTF32_BE + "naïve".encode("utf-32-be"), "naïve", False),
        ("naive text".encode("utf-16-be"), "naive text", True),
        ("naive text".encode("utf-16-le"), "naive text", True),
        (GERMAN.encode("cp1252"), GERMAN, True),
        (RUSSIAN.encode("cp1251"), RUSSIAN, True),
        (b"", "", False),
    ],
)
def test_decode(data, text, is_guess):
    decoded = decode(data)
    assert (decoded.text, decoded.is_guess) == (text, is_guess)


def test_decode_of_utf8_with_few_bad_bytes_keeps_it_utf8():
    decoded = decode(RUSSIAN.encode() + b"\xff end")
    assert decoded.text == RUSSIAN + "\ufffd end"
    assert decoded.is_guess


def test_decode_believes_a_declared_encoding():
    markup = '<meta charset="iso-8859-2"><p>źródło</p>'
    decoded = decode(markup.encode("iso-8859-2"), declares_encoding=True)
    assert decoded.text == markup
    assert not decoded.is_guess


def test_decode_of_an_unknown_declared_encoding_guesses():
    data = b'<meta charset="no-such">' + GERMAN.encode("cp1252")
    assert decode(data, declares_encoding=True).is_guess


def test_decode_of_noise_rejects():
    with pytest.raises(RejectedFileError):
        decode(bytes(range(128, 256)) * 3 + bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D]) * 200)


def test_is_binary_tells_text_from_other_bytes():
    assert is_binary(bytes(range(256)))
    assert not is_binary(GERMAN.encode("cp1252"))
    assert not is_binary("plain".encode("utf-16"))
