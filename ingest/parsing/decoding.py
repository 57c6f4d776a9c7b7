"""Bytes of a text file into characters."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from ingest.errors import RejectedFileError
from ingest.types import RejectReason

# The longest first: the mark of UTF-32-LE starts with that of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.I)
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a]")
# Encodings that office files are really found in; a free guess takes short texts for rare ones.
_LIKELY = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r",
    "shift_jis", "euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr",
)  # fmt: skip
_GUESS_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Characters of a file."""

    text: str
    is_guess: bool
    """The encoding was neither marked, nor declared, nor UTF-8."""


def is_binary(head: bytes) -> bool:
    """Tell whether the first bytes of a file are no text in any encoding."""
    if any(head.startswith(mark) for mark, _ in _MARKS) or _unmarked_utf16(head):
        return False
    return len(_CONTROL.findall(head)) > len(head) // 200


def decode(data: bytes, *, declares_encoding: bool = False) -> Decoded:
    """Return the characters of a text file.

    Args:
        data: The file's bytes.
        declares_encoding: The format may name its encoding near the start, as HTML does.

    Raises:
        RejectedFileError: the bytes are no text in any likely encoding.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(encoding, errors="replace")
            return Decoded(text=text, is_guess=False)
    if encoding := _unmarked_utf16(data):
        return Decoded(text=data.decode(encoding, errors="replace"), is_guess=True)
    try:
        return Decoded(text=data.decode("utf-8"), is_guess=False)
    except UnicodeDecodeError:
        pass
    if declares_encoding and (declared := _DECLARED.search(data[:4096])):
        try:
            encoding = codecs.lookup(declared[1].decode("ascii")).name
            return Decoded(text=data.decode(encoding, errors="replace"), is_guess=False)
        except (LookupError, UnicodeError):
            pass
    return Decoded(text=_decode_guessing(data), is_guess=True)


def _decode_guessing(data: bytes) -> str:
    damaged = data.decode("utf-8", errors="replace")
    n_bad = damaged.count("\ufffd")
    n_good = sum(character > "\x7f" for character in damaged) - n_bad
    if n_good > 10 * n_bad:
        return damaged
    # Imported here: most files are UTF-8 and never need it.
    import charset_normalizer

    best = charset_normalizer.from_bytes(data[:_GUESS_BYTES], cp_isolation=list(_LIKELY)).best()
    if best is None:
        raise RejectedFileError(
            RejectReason.UNSUPPORTED,
            "the bytes are no text in a known encoding; save the file as UTF-8",
        )
    return data.decode(best.encoding, errors="replace")


def _unmarked_utf16(data: bytes) -> str:
    """Return the UTF-16 whose every second byte is mostly zero here, as in Latin text; or ""."""
    sample = data[: min(len(data), 4096) // 2 * 2]
    if len(sample) < 4:
        return ""
    n_pairs = len(sample) // 2
    zeros_first, zeros_second = sample[0::2].count(0), sample[1::2].count(0)
    if zeros_second > 0.6 * n_pairs and zeros_first < 0.1 * n_pairs:
        return "utf-16-le"
    if zeros_first > 0.6 * n_pairs and zeros_second < 0.1 * n_pairs:
        return "utf-16-be"
    return ""
