"""Zip containers and Office files that mean harm, made where they are used."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Iterator

_MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "application/vnd.openxmlformats-officedocument"
DOCUMENT = "word/document.xml"
_PARAGRAPH = "<w:p><w:r><w:t>Leave is paid.</w:t></w:r></w:p>"
_NUMBERED = (
    '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>'
    "<w:r><w:t>Leave</w:t></w:r></w:p>"
)

Parts = dict[str, str | bytes]


def office(media: str, main: str, parts: Parts, relations: str = "") -> Parts:
    """Return the parts of a package whose main part is `main`."""
    folder, _, name = main.rpartition("/")
    more = "".join(
        f'<Override PartName="/{part}" ContentType="{_OFFICE}.{kind}+xml"/>'
        for part, kind in {
            "word/numbering.xml": "wordprocessingml.numbering",
            "word/styles.xml": "wordprocessingml.styles",
            "xl/worksheets/sheet1.xml": "spreadsheetml.worksheet",
            "xl/sharedStrings.xml": "spreadsheetml.sharedStrings",
        }.items()
        if part in parts
    )
    return {
        "[Content_Types].xml": (
            f'<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="bin" ContentType="application/octet-stream"/>'
            f'<Override PartName="/{main}" ContentType="{_OFFICE}.{media}.main+xml"/>{more}</Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
            f'Type="{_RELATIONS}/officeDocument" Target="{main}"/></Relationships>'
        ),
        f"{folder}/_rels/{name}.rels": (
            f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}</Relationships>'
        ),
        **parts,
    }


def word(body: str = _PARAGRAPH, *, doctype: str = "", parts: Parts | None = None) -> Parts:
    document = f'{doctype}<w:document xmlns:w="{_MAIN}"><w:body>{body}</w:body></w:document>'
    all_parts: Parts = {
        "word/styles.xml": f'<w:styles xmlns:w="{_MAIN}"/>',
        DOCUMENT: document,
        **(parts or {}),
    }
    relations = "".join(
        f'<Relationship Id="s{kind}" Type="{_RELATIONS}/{kind}" Target="{kind}.xml"/>'
        for kind in ("styles", "numbering")
        if f"word/{kind}.xml" in all_parts
    )
    return office("wordprocessingml.document", DOCUMENT, all_parts, relations)


def workbook(sheet: str, strings: str = "", *, doctype: str = "") -> Parts:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return office(
        "spreadsheetml.sheet",
        "xl/workbook.xml",
        {
            "xl/workbook.xml": (
                f'<workbook xmlns="{space}" xmlns:r="{_RELATIONS}"><sheets>'
                '<sheet name="Pay" sheetId="1" r:id="r1"/></sheets></workbook>'
            ),
            "xl/worksheets/sheet1.xml": f'{doctype}<worksheet xmlns="{space}">{sheet}</worksheet>',
            "xl/sharedStrings.xml": f'{doctype}<sst xmlns="{space}">{strings}</sst>',
        },
        f'<Relationship Id="r1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{_RELATIONS}/sharedStrings" Target="sharedStrings.xml"/>',
    )


def packed(parts: Parts, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def patched(data: bytes, name: str, *, size: int | None = None, flag: int | None = None) -> bytes:
    """Return an archive that says something else of a part than is true, in both its places."""
    out = bytearray(data)
    for signature, header, sizes_at, flags_at in (
        (b"PK\x01\x02", 46, 24, 8),
        (b"PK\x03\x04", 30, 22, 6),
    ):
        at = out.find(signature)
        while out[at + header : at + header + len(name)] != name.encode():
            at = out.find(signature, at + 1)
        if size is not None:
            struct.pack_into("<L", out, at + sizes_at, size)
        if flag is not None:
            struct.pack_into("<H", out, at + flags_at, flag)
    return bytes(out)


def overlapping(parts: Parts, n: int) -> bytes:
    """Return an archive in whose list `n` more parts have the packed bytes of the main one."""
    data = packed(parts)
    end = data.rfind(b"PK\x05\x06")
    (n_parts,) = struct.unpack_from("<H", data, end + 10)
    size, start = struct.unpack_from("<LL", data, end + 12)
    at = data.find(DOCUMENT.encode(), start) - 46
    entry = data[at : at + 46 + len(DOCUMENT)]
    more = b"".join(entry[:46] + f"w/{i:013d}xx".encode() for i in range(n))
    head, tail = data[: start + size], bytearray(data[end:])
    struct.pack_into("<HHLL", tail, 8, n_parts + n, n_parts + n, size + len(more), start)
    return head + more + bytes(tail)


def long_list(n: int) -> bytes:
    """Return an archive with a list of `n` parts and none of them."""
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    listed = entry * n
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, n & 0xFFFF, n & 0xFFFF, len(listed), 4, 0)
    return b"PK\x03\x04" + listed + end


def long_list_64() -> bytes:
    """Return an archive that says, in the newer way, that its list has 2**40 bytes."""
    end_64 = b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 4)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, 100, 1)
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return b"PK\x03\x04" + bytes(200) + end_64 + locator + end


def with_entries(parts: Parts, *entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    file = io.BytesIO(packed(parts))
    with zipfile.ZipFile(file, "a") as archive:
        for info, content in entries:
            archive.writestr(info, content)
    return file.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target.encode()


def twice(parts: Parts) -> bytes:
    """Return an archive with a second main part of the same name."""
    named = zipfile.ZipInfo("word/document2xml")
    data = with_entries(parts, (named, str(parts[DOCUMENT]).encode()))
    return data.replace(b"word/document2xml", DOCUMENT.encode())


def laughs(depth: int = 12) -> str:
    """Return entities of which the last is ten to the power of `depth` laughs."""
    entities = '<!ENTITY e0 "lol">' + "".join(
        f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, depth)
    )
    return f"<!DOCTYPE w [{entities}]>"


def quadratic(n: int) -> tuple[str, str]:
    """Return one long entity and `n` uses of it."""
    return f'<!DOCTYPE w [<!ENTITY e "{"x" * 100_000}">]>', "&e;" * n


def text_of(what: str) -> str:
    return f"<w:p><w:r><w:t>Leave {what}</w:t></w:r></w:p>"


def numbered(start: str, number_format: str, pattern: str = "%1") -> bytes:
    numbering = (
        f'<w:numbering xmlns:w="{_MAIN}"><w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0">'
        f'<w:start w:val="{start}"/><w:numFmt w:val="{number_format}"/>'
        f'<w:lvlText w:val="{pattern}"/></w:lvl></w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="1"/></w:num></w:numbering>'
    )
    return packed(word(_NUMBERED * 3, parts={"word/numbering.xml": numbering}))


def cell(reference: str, value: str, kind: str = "n") -> str:
    return f'<c r="{reference}" t="{kind}"><v>{value}</v></c>'


def sheet(rows: str, dimension: str = "A1:B2") -> str:
    return f'<dimension ref="{dimension}"/><sheetData>{rows}</sheetData>'


def archives(secret_url: str) -> Iterator[tuple[str, bytes, str]]:
    """Yield name, content and how it may end: reasons, or "document"."""
    zeros = bytes(300_000_000)
    bomb = packed({"zeros": zeros[:100_000_000]})
    yield "flat_bomb.docx", packed(word(parts={"word/a.xml": zeros})), "too_much_memory"
    yield "long_text_node.docx", packed(word(" " * 90_000_000 + _PARAGRAPH)), "corrupt"
    yield (
        "nested_bomb.docx",
        packed(
            word(parts={"word/embeddings/a.bin": packed({f"{i}.zip": bomb for i in range(50)})})
        ),
        "document",
    )
    yield "bombs_in_a_zip.zip", packed({f"{i}.zip": bomb for i in range(50)}), "unsupported"
    yield "overlapping.docx", overlapping(word(), 5_000), "corrupt"
    main = packed(word())
    yield "huge_declared_size.docx", patched(main, DOCUMENT, size=0xFFFFFFFE), "too_much_memory"
    yield (
        "small_declared_size.docx",
        patched(packed(word(" " * 20_000_000)), DOCUMENT, size=100),
        "corrupt",
    )
    yield "encrypted_part.docx", patched(main, DOCUMENT, flag=1), "encrypted"
    yield (
        "many_parts.docx",
        packed(
            word(parts={f"word/{i}.xml": b"" for i in range(21_000)}), method=zipfile.ZIP_STORED
        ),
        "too_large",
    )
    yield "long_list.docx", long_list(1_000_000), "too_large"
    yield "long_list_64.docx", long_list_64(), "too_large"
    yield (
        "names_that_climb.docx",
        packed(word(parts={"../../../../tmp/x": b"x", "..\\..\\x": b"x", "word/../../x": b"x"})),
        "document",
    )
    yield (
        "absolute_names.docx",
        packed(word(parts={"/etc/passwd": b"x", "C:\\x": b"x", "//host/share/x": b"x"})),
        "document",
    )
    yield (
        "links.docx",
        with_entries(word(), link("word/a.xml", "/etc/passwd"), link("word/media", "/")),
        "document",
    )
    yield (
        "link_as_main_part.docx",
        with_entries(
            {name: part for name, part in word().items() if name != DOCUMENT},
            link(DOCUMENT, "/etc/passwd"),
        ),
        "corrupt",
    )
    yield "two_of_a_name.docx", twice(word()), "corrupt"
    yield "lzma.docx", packed(word(), method=zipfile.ZIP_LZMA), "unsupported"
    yield "cut_short.docx", main[: len(main) * 2 // 3], "corrupt"
    yield "damaged_stream.docx", main.replace(b"PK\x01\x02", b"PK\x01\x03", 1), "corrupt"
    yield "zip_with_a_pdf_s_name.pdf", packed({"a.txt": b"x"}), "unsupported"

    yield "billion_laughs.docx", packed(word(text_of("&e11;"), doctype=laughs())), "corrupt"
    doctype, uses = quadratic(10_000)
    yield (
        "quadratic_entities.docx",
        packed(word(text_of(uses), doctype=doctype)),
        "corrupt too_large document",
    )
    for name, url in (
        ("file", secret_url),
        ("http", "http://127.0.0.1:9/x"),
        ("ftp", "ftp://127.0.0.1:9/x"),
    ):
        yield (
            f"entity_from_{name}.docx",
            packed(word(text_of("&e;"), doctype=f'<!DOCTYPE w [<!ENTITY e SYSTEM "{url}">]>')),
            "corrupt document",
        )
    yield (
        "dtd_from_file.docx",
        packed(word(doctype=f'<!DOCTYPE w SYSTEM "{secret_url}">')),
        "corrupt document",
    )
    yield (
        "parameter_entity.docx",
        packed(word(doctype=f'<!DOCTYPE w [<!ENTITY % p SYSTEM "{secret_url}"> %p;]>')),
        "corrupt document",
    )
    yield (
        "laughs_in_types.docx",
        packed({**word(), "[Content_Types].xml": laughs() + str(word()["[Content_Types].xml"])}),
        "corrupt document",
    )
    yield (
        "deep_xml.docx",
        packed(word("<w:sdt><w:sdtContent>" * 100_000 + "</w:sdtContent></w:sdt>" * 100_000)),
        "corrupt",
    )
    yield (
        "deep_tables.docx",
        packed(word("<w:tbl><w:tr><w:tc>" * 80 + _PARAGRAPH + "</w:tc></w:tr></w:tbl>" * 80)),
        "document",
    )
    yield (
        "many_attributes.docx",
        packed(word(f"<w:p {' '.join(f'a{i}={chr(34)}{chr(34)}' for i in range(200_000))}/>")),
        "empty corrupt",
    )
    yield "roman_numeral_of_a_billion.docx", numbered("2000000000", "upperRoman"), "too_large"
    yield (
        "letters_of_a_billion.docx",
        numbered("2000000000", "lowerLetter"),
        ("too_large"),
    )
    yield "number_of_many_digits.docx", numbered("9" * 10_000, "decimal"), "corrupt"
    yield (
        "mark_of_many_numbers.docx",
        numbered("1", "decimal", "%1" * 5_000_000),
        "corrupt too_large",
    )
    yield (
        "relation_to_itself.docx",
        packed(
            {
                **word(),
                "word/_rels/document.xml.rels": (
                    f'<Relationships xmlns="{_PACKAGE}/relationships">'
                    f'<Relationship Id="a" Type="{_RELATIONS}/styles" Target="document.xml"/>'
                    f'<Relationship Id="b" Type="{_RELATIONS}/image" Target="{secret_url}" '
                    'TargetMode="External"/></Relationships>'
                ),
            }
        ),
        "corrupt document",
    )

    row = f'<row r="1">{cell("A1", "1")}{cell("B1", "2")}</row>'
    yield "million_row_dimension.xlsx", packed(workbook(sheet(row, "A1:XFD1048576"))), "document"
    last = f'<row r="1048576">{cell("XFD1048576", "3")}</row>'
    yield "last_cell.xlsx", packed(workbook(sheet(row + last))), "document"
    far = f'<row r="2000000000">{cell("ZZZ2000000000", "3")}</row>'
    yield (
        "cell_beyond_the_last.xlsx",
        packed(workbook(sheet(row + far))),
        "document corrupt",
    )
    wide = "".join(f'<row r="{r}">{cell(f"XFD{r}", "1")}</row>' for r in range(1, 20_001))
    yield "wide_rows.xlsx", packed(workbook(sheet(wide))), "document"
    strings = f"<si><t>{'x' * 100_000}</t></si>"
    uses = "".join(f'<row r="{r}">{cell(f"A{r}", "0", "s")}</row>' for r in range(1, 20_001))
    yield (
        "one_string_in_many_cells.xlsx",
        packed(workbook(sheet(uses), strings)),
        "too_large",
    )
    yield (
        "billion_laughs.xlsx",
        packed(workbook(sheet(row), "<si><t>&e11;</t></si>", doctype=laughs())),
        "corrupt",
    )
    yield (
        "string_that_is_not_there.xlsx",
        packed(workbook(sheet(f'<row r="1">{cell("A1", "999999999", "s")}</row>'))),
        "corrupt",
    )
    yield (
        "number_without_end.xlsx",
        packed(workbook(sheet(f'<row r="1">{cell("A1", "9" * 5_000_000)}</row>'))),
        "corrupt document too_large",
    )
