"""PDF files that mean harm, made where they are used."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R "
    b"/Resources << /Font << /F 5 0 R >> >> >>"
)
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
_TEXT = b"BT /F 12 Tf 72 700 Td (Leave is paid.) Tj ET"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< /Length %d %s >> stream\n%s\nendstream" % (len(data), entries, data)


def flate(data: bytes, entries: bytes = b"", *, times: int = 1) -> bytes:
    for _ in range(times):
        data = zlib.compress(data, 9 if times > 1 else 1)
    return stream(data, b"/Filter [%s] %s" % (b"/FlateDecode " * times, entries))


def objects(changed: Mapping[int, bytes] | None = None) -> dict[int, bytes]:
    """Return the objects of a file with one page, some of them changed or added."""
    return {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: _PAGE,
        4: stream(_TEXT),
        5: _FONT,
        **(changed or {}),
    }


def pdf(changed: Mapping[int, bytes] | None = None, *, trailer: bytes = b"") -> bytes:
    """Return a file with a true table of cross-references."""
    out = bytearray(b"%PDF-1.7\n")
    places = {}
    for number, body in objects(changed).items():
        places[number] = len(out)
        out += b"%d 0 obj %s endobj\n" % (number, body)
    start = len(out)
    size = max(places) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    for number in range(1, size):
        out += b"%010d 00000 n \n" % places.get(number, 0)
    out += b"trailer << /Size %d /Root 1 0 R %s >>\n" % (size, trailer)
    return bytes(out) + b"startxref\n%d\n%%%%EOF\n" % start


def prev_loop() -> bytes:
    data = pdf(trailer=b"/Prev 0000000000")
    return data.replace(b"/Prev 0000000000", b"/Prev %010d" % data.rfind(b"xref\n0"))


def text_page(content: bytes) -> bytes:
    return pdf({4: flate(content)})


def page_with(entries: bytes, more: Mapping[int, bytes]) -> bytes:
    return pdf({3: _PAGE[:-2] + entries + b">>", **more})


def form(body: bytes, resources: bytes) -> bytes:
    head = b"/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << %s >>" % resources
    return stream(body, head)


def forms(depth: int) -> bytes:
    """Return a file whose page draws a form twice, which draws another twice, and so on."""
    changed = {
        n: form(b"/X Do " * 10, b"/XObject << /X %d 0 R >>" % (n + 1)) for n in range(6, 6 + depth)
    }
    changed[6 + depth] = form(_TEXT, b"/Font << /F 5 0 R >>")
    changed[3] = _PAGE.replace(b"/Resources <<", b"/Resources << /XObject << /X 6 0 R >>")
    changed[4] = stream(b"/X Do " * 10)
    return pdf(changed)


def many_pages(n: int) -> bytes:
    kids = b" ".join([b"3 0 R"] * n)
    return pdf({2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, n)})


def pdfs() -> Iterator[tuple[str, bytes, str]]:
    """Yield name, content and how it may end: reasons, or "document"."""
    kids = b"<< /Type /Pages /Kids [%s] /Count %d >>"
    yield "page_tree_cycle.pdf", pdf({2: kids % (b"2 0 R", 5)}), "corrupt no_text too_large"
    yield (
        "page_tree_cycle_of_two.pdf",
        pdf(
            {
                2: kids % (b"6 0 R", 50),
                6: b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 50 >>",
            }
        ),
        "corrupt no_text too_large",
    )
    yield (
        "page_tree_of_itself_many_times.pdf",
        pdf({2: kids % (b"2 0 R " * 1000 + b"3 0 R", 900)}),
        "corrupt no_text too_large document",
    )
    yield (
        "page_count_of_two_billion.pdf",
        pdf({2: kids % (b"3 0 R", 2_147_483_647)}),
        "corrupt too_large no_text document",
    )
    yield "page_count_negative.pdf", pdf({2: kids % (b"3 0 R", -5)}), "corrupt document"
    yield "more_pages_than_allowed.pdf", many_pages(6_000), "too_large"
    yield (
        "deep_page_tree.pdf",
        pdf(
            {
                2: kids % (b"10 0 R", 1),
                **{n: kids % (b"%d 0 R" % (n + 1), 1) for n in range(10, 5_000)},
                5_000: kids % (b"3 0 R", 1),
            }
        ),
        "corrupt no_text document",
    )
    yield (
        "object_stream_in_itself.pdf",
        pdf(
            {
                6: stream(b"6 0 << >>", b"/Type /ObjStm /N 1 /First 4 /Extends 6 0 R"),
                2: b"6 0 R",
            }
        ),
        "corrupt no_text",
    )
    yield (
        "object_streams_of_each_other.pdf",
        pdf(
            {
                6: stream(b"2 0 7 0 R", b"/Type /ObjStm /N 1 /First 4 /Extends 7 0 R"),
                7: stream(b"2 0 6 0 R", b"/Type /ObjStm /N 999999999 /First 4 /Extends 6 0 R"),
                4: b"6 0 R",
            }
        ),
        "corrupt no_text",
    )
    yield "reference_to_itself.pdf", pdf({3: b"3 0 R", 4: b"4 0 R"}), "corrupt no_text"
    yield (
        "length_of_itself.pdf",
        pdf({4: b"<< /Length 4 0 R >> stream\n" + _TEXT + b"\nendstream"}),
        "corrupt no_text document",
    )
    yield (
        "flate_bomb.pdf",
        pdf({4: flate(bytes(200_000_000))}),
        ("no_text corrupt"),
    )
    yield (
        "flate_bomb_of_three_layers.pdf",
        pdf({4: flate(bytes(200_000_000), times=3)}),
        ("no_text corrupt"),
    )
    yield (
        "flate_bomb_of_text.pdf",
        text_page(b"BT /F 12 Tf 72 700 Td " + b"(Leave is paid. ) Tj " * 1_000_000 + b" ET"),
        "too_large",
    )
    yield (
        "many_filters.pdf",
        pdf({4: stream(_TEXT, b"/Filter [%s]" % (b"/ASCIIHexDecode " * 100_000))}),
        "document no_text corrupt",
    )
    yield (
        "predictor_of_many_columns.pdf",
        pdf(
            {
                4: flate(
                    bytes(1000),
                    b"/DecodeParms << /Predictor 12 /Columns 2147483647 /Colors 32 "
                    b"/BitsPerComponent 32 >>",
                )
            }
        ),
        "no_text corrupt",
    )
    yield (
        "enormous_page.pdf",
        page_with(b"/UserUnit 1e30", {}).replace(b"600 800", b"1e38 -1e38"),
        "document no_text corrupt",
    )
    yield (
        "enormous_numbers.pdf",
        text_page(
            b"BT /F 99999999999999999999 Tf 1e400 -1e400 Td 1e38 0 0 1e38 0 0 Tm "
            b"(Leave) Tj [(a) 1e300 (b) -99999999999999999999999] TJ ET"
        ),
        "document no_text corrupt",
    )
    yield (
        "number_of_many_digits.pdf",
        pdf({2: b"<< /Type /Pages /Kids [3 0 R] /Count %s >>" % (b"9" * 1_000_000)}),
        "document no_text corrupt",
    )
    yield "xref_loop.pdf", prev_loop(), "document corrupt"
    yield (
        "xref_of_two_billion.pdf",
        pdf().replace(b"xref\n0 6\n", b"xref\n0 2147483647\n"),
        "document corrupt",
    )
    yield "nested_arrays.pdf", pdf({6: b"[" * 500_000 + b"]" * 500_000}), "document corrupt"
    yield (
        "nested_arrays_for_a_catalog.pdf",
        pdf({1: b"[" * 500_000 + b"]" * 500_000}),
        "corrupt no_text",
    )
    yield (
        "nested_dictionaries.pdf",
        pdf({3: _PAGE[:-2] + b"/A " + b"<< /A " * 200_000 + b"1" + b" >>" * 200_000 + b">>"}),
        "document corrupt no_text",
    )
    yield (
        "nested_arrays_in_a_page.pdf",
        text_page(b"[" * 1_000_000 + _TEXT),
        ("document corrupt no_text"),
    )
    yield (
        "pushes_without_end.pdf",
        text_page(b"q " * 2_000_000 + _TEXT),
        ("document no_text"),
    )
    outline = b"<< /Title (a) /Parent 6 0 R /Next 7 0 R /First 7 0 R /Dest [3 0 R /Fit] >>"
    yield (
        "outline_cycle.pdf",
        pdf(
            {
                1: b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>",
                6: b"<< /Type /Outlines /First 7 0 R /Last 7 0 R /Count 99 >>",
                7: outline,
            }
        ),
        "document corrupt",
    )
    yield (
        "form_that_draws_itself.pdf",
        pdf(
            {
                3: _PAGE.replace(b"/Resources <<", b"/Resources << /XObject << /X 6 0 R >>"),
                4: stream(b"/X Do " + _TEXT),
                6: form(b"/X Do /X Do", b"/XObject << /X 6 0 R >>"),
            }
        ),
        "document no_text",
    )
    yield "forms_that_draw_ten_each.pdf", forms(9), "document no_text too_large"
    yield (
        "font_that_draws_itself.pdf",
        pdf(
            {
                5: b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] "
                b"/CharProcs << /a 6 0 R >> /Encoding << /Differences [97 /a] >> /FirstChar 97 "
                b"/LastChar 97 /Widths [9] /Resources << /Font << /F 5 0 R >> >> >>",
                4: stream(b"BT /F 12 Tf (aaaa) Tj ET"),
                6: stream(b"9 0 d0 BT /F 1 Tf (aaaa) Tj ET"),
            }
        ),
        "document no_text",
    )
    yield (
        "actions.pdf",
        pdf(
            {
                1: b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript "
                b"/JS (while (1) app.launchURL('http://127.0.0.1:9/')) >> >>",
                3: _PAGE[:-2] + b"/AA << /O << /S /Launch /F (/bin/sh) >> >> >>",
            }
        ),
        "document",
    )
    yield (
        "stream_in_another_file.pdf",
        pdf({4: b"<< /Length 0 /F (/etc/passwd) >> stream\n\nendstream"}),
        "no_text corrupt",
    )
    yield (
        "form_of_many_fields.pdf",
        pdf(
            {
                1: b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] >> >>",
                6: b"<< /T (a) /FT /Tx /Parent 6 0 R /Kids [6 0 R 6 0 R] >>",
            }
        ),
        "document no_text corrupt",
    )
    yield (
        "picture_of_two_billion.pdf",
        pdf(
            {
                3: _PAGE.replace(b"/Resources <<", b"/Resources << /XObject << /X 6 0 R >>"),
                4: stream(b"600 0 0 800 0 0 cm /X Do " + _TEXT),
                6: flate(
                    bytes(1000),
                    b"/Type /XObject /Subtype /Image /Width 2147483647 /Height 2147483647 "
                    b"/ColorSpace /DeviceRGB /BitsPerComponent 16",
                ),
            }
        ),
        "document no_text too_large",
    )
    broken = pdf({2: kids % (b"2 0 R 3 0 R", 2)})
    yield "broken_with_a_cycle.pdf", broken[: broken.rfind(b"xref\n0")], "corrupt document"
    yield "only_a_header.pdf", b"%PDF-1.7\n" * 100_000, "corrupt"
    yield "objects_without_end.pdf", b"%PDF-1.7\n" + b"1 0 obj " * 1_000_000, "corrupt"
    yield "pdf_with_a_docx_s_name.docx", pdf(), "document"
