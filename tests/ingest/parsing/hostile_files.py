"""Files that mean harm, of every format, made where they are used; and ordinary ones beside them.

Each says how it may end. Where several ends are named, which of them comes depends on the versions
of libraries; all are fine. On any machine a budget of time or memory may end it first.
"""

from __future__ import annotations

import base64
import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.ingest.parsing.hostile_archives import archives, packed, word
from tests.ingest.parsing.hostile_pdfs import pdf, pdfs

SECRET = "the board's secret"
DOCUMENT = "document"
BUDGETS = frozenset({"too_slow", "too_much_memory"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HostileFile:
    """A file and how it may end."""

    path: Path
    ends: frozenset[str]
    """Reasons of a rejection, and "document" where something may be read from it."""


def write_hostile_files(folder: Path) -> tuple[HostileFile, ...]:
    """Write all of them, and a secret beside them that none may tell."""
    secret = folder / "secret.dtd"
    secret.write_text(SECRET, encoding="utf-8")
    found = []
    for name, content, ends in (
        *archives(secret.as_uri()),
        *pdfs(),
        *_texts(),
        *_pages(secret.as_uri()),
        *_mails(),
    ):
        path = folder / name
        path.write_bytes(content)
        found.append(HostileFile(path=path, ends=BUDGETS.union(ends.split())))
    return tuple(found)


def write_ordinary_files(folder: Path) -> tuple[Path, ...]:
    """Write one file of each of the common formats."""
    contents = {
        "ordinary.docx": packed(word()),
        "ordinary.pdf": pdf(),
        "ordinary.txt": b"Leave is paid.",
        "ordinary.html": b"<html><p>Leave is paid.</p></html>",
        "ordinary.csv": b"leave,weeks\npaid,12\n",
        "ordinary.eml": b"From: a@b.example\nSubject: Leave\nMIME-Version: 1.0\n\nLeave is paid.",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return tuple(folder / name for name in contents)


def _texts() -> Iterator[tuple[str, bytes, str]]:
    yield "program.txt", b"MZ" + bytes(range(256)) * 100, "unsupported"
    yield "program.md", b"\x7fELF" + bytes(range(256)) * 100, "unsupported"
    yield "zeros.txt", bytes(20_000_000), "empty unsupported"
    yield "words_and_zeros.txt", b"word\0" * 1_000_000, "unsupported"
    yield (
        "zeros_behind_a_start.txt",
        b"Leave " * 2_000 + bytes(20_000_000),
        ("document too_large unsupported"),
    )
    yield (
        "invalid_utf8.txt",
        b"Leave \xff\xfe\xc0\xaf\xed\xa0\x80\xf8 paid\n" * 50_000,
        ("document unsupported"),
    )
    yield "utf16_without_a_mark.txt", "Leave is paid.".encode("utf-16-le"), DOCUMENT
    yield (
        "utf16_cut_short.txt",
        codecs.BOM_UTF16_LE + b"\0\xd8" * 1_000_001 + b"x",
        ("document too_large empty"),
    )
    yield "one_line.txt", b"word " * 10_000_000, "too_large"
    yield "one_word.txt", b"x" * 50_000_000, "too_large"
    yield "blank_lines.txt", b"Leave\n" + b"\n \t" * 5_000_000 + b"paid", "document"
    yield "spaces.txt", b"Leave" + b" " * 10_000_000 + b"paid", "document too_large"
    yield "numbers_with_dots.txt", b"1." * 1_000_000, "document"
    yield (
        "marks_alone.txt",
        "e\u0301\u0323".encode() + "\u0301\u0323".encode() * 500_000,
        ("document too_large"),
    )
    yield "nested.json", b"[" * 1_000_000 + b"]" * 1_000_000, "document too_large"
    yield "nested_quotes.md", b">" * 100_000 + b" Leave", "document corrupt empty"
    yield (
        "nested_lists.md",
        b"\n".join(b" " * (2 * i) + b"- a" for i in range(2_000)),
        ("document corrupt too_large"),
    )
    yield "brackets.md", b"Leave " + b"[" * 100_000 + b"](", "document corrupt"
    yield "emphasis.md", b"*a **b _c " * 100_000, "document too_large"
    yield (
        "backticks.md",
        b" ".join(b"`" * n for n in range(1, 2_000)),
        "document too_large",
    )
    yield "million_columns.csv", (b"a," * 1_000_000 + b"\n") * 2, "document empty too_large"
    yield (
        "million_numbered_columns.csv",
        b",".join(b"%d" % i for i in range(1_000_000)),
        ("document too_large"),
    )
    yield "open_quote.csv", b'a,b\n"' + b"word\n" * 1_000_000, "corrupt"
    yield "quotes.csv", b'"' * 5_000_001, "corrupt document empty"
    yield "formulas.csv", b"=cmd|'/c calc'!A1,=HYPERLINK(\"http://127.0.0.1:9\")\n", DOCUMENT


def _pages(secret_url: str) -> Iterator[tuple[str, bytes, str]]:
    yield (
        "deep.html",
        b"<div>" * 200_000 + b"Leave" + b"</div>" * 200_000,
        ("document corrupt empty"),
    )
    yield "unclosed.html", b"<b><i><font>" * 100_000 + b"Leave", "document corrupt empty"
    yield (
        "nested_tables.html",
        b"<table><tr><td>" * 5_000 + b"Leave",
        ("document corrupt empty"),
    )
    yield "list_of_many.html", b"<ol>" + b"<li>a" * 50_000, "document"
    yield (
        "attributes.html",
        b"<p " + b" ".join(b"a%d=b" % i for i in range(300_000)) + b">Leave",
        ("document empty"),
    )
    yield (
        "laughs.html",
        (
            b'<!DOCTYPE html [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
            b"<html><p>Leave &b;</p></html>"
        ),
        DOCUMENT,
    )
    yield (
        "included.html",
        (
            f'<!DOCTYPE html SYSTEM "{secret_url}"><html><p>Leave</p><iframe src="{secret_url}">'
            f'</iframe><object data="{secret_url}"></object><link href="{secret_url}"></html>'
        ).encode(),
        DOCUMENT,
    )
    yield "comments.html", b"<html><p>Leave" + b"<!--" * 1_000_000, "document"
    for encoding in (b"punycode", b"idna", b"zip", b"unicode_escape", b"rot13", b"nonsense"):
        yield (
            f"encoding_{encoding.decode()}.html",
            (b'<html><meta charset="' + encoding + b'"><p>Leave ' + b"\xe9a-" * 200_000),
            "document unsupported corrupt too_large",
        )
    yield (
        "front_matter.md",
        b"---\n" + b"a: b\n" * 1_000_000 + b"Leave",
        "document too_large",
    )
    yield (
        "templates.html",
        b"---\ntitle: a\n---\n" + b"{% comment " * 50_000,
        ("document empty"),
    )


def _mails() -> Iterator[tuple[str, bytes, str]]:
    head = b"From: a@b.example\nSubject: Leave\nMIME-Version: 1.0\n"
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (i, i) for i in range(5_000)
    )
    yield "nested_parts.eml", head + nested + b"\nLeave", "document corrupt empty"
    forwarded = b"Content-Type: message/rfc822\n\nSubject: x\nMIME-Version: 1.0\n" * 5_000
    yield "forwarded.eml", head + forwarded + b"\nLeave", "document corrupt empty"
    yield (
        "many_parts.eml",
        (head + b'Content-Type: multipart/mixed; boundary="b"\n\n' + b"--b\n\nLeave\n" * 100_000),
        "document corrupt empty",
    )
    yield (
        "long_subject.eml",
        (b"From: a@b.example\nMIME-Version: 1.0\nSubject: " + b"x " * 2_000_000 + b"\n\nLeave"),
        "document corrupt too_large",
    )
    yield (
        "many_headers.eml",
        head + b"X-A: b\n" * 1_000_000 + b"\nLeave",
        ("document corrupt"),
    )
    yield (
        "comments_in_an_address.eml",
        (b"Subject: Leave\nMIME-Version: 1.0\nFrom: " + b"(" * 100_000 + b"\n\nLeave"),
        "document corrupt",
    )
    yield (
        "many_receivers.eml",
        head + b"To: " + b"<a@b.example>, " * 100_000 + b"\n\nLeave",
        ("document corrupt too_large"),
    )
    yield (
        "encoded_words.eml",
        (
            b"From: a@b.example\nMIME-Version: 1.0\nSubject: "
            + b"=?utf-8?q?=41?= " * 100_000
            + b"\n\nx"
        ),
        "document corrupt too_large",
    )
    yield (
        "encoding_by_another_name.eml",
        (
            head
            + b"Content-Type: text/plain; charset=zip\nContent-Transfer-Encoding: base64\n\n"
            + base64.encodebytes(b"Leave " * 100_000)
        ),
        "document corrupt",
    )
    yield (
        "attachment_that_climbs.eml",
        (
            head + b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\nLeave\n--b\n'
            b'Content-Disposition: attachment; filename="../../../../tmp/x"\n\nx\n--b--\n'
        ),
        DOCUMENT,
    )
