import io
import zipfile

import pytest

from ingest.errors import RejectedFileError
from ingest.parsing.archive import check_unpacked_size, opened_archive
from ingest.settings import IngestSettings
from ingest.types import RejectReason
from tests.ingest.parsing.hostile_archives import (
    DOCUMENT,
    link,
    long_list,
    long_list_64,
    overlapping,
    packed,
    patched,
    twice,
    with_entries,
    word,
)


def names(data):
    with opened_archive(io.BytesIO(data)) as archive:
        return archive.namelist()


def reason_of(data, settings=None):
    with pytest.raises(RejectedFileError) as caught, opened_archive(io.BytesIO(data)) as archive:
        check_unpacked_size(archive, settings or IngestSettings())
    return caught.value.reason


def test_archive_of_an_office_file_opens():
    assert DOCUMENT in names(packed(word()))


def test_odd_names_are_names():
    data = with_entries({"../../x": b"a", "/etc/passwd": b"b"}, link("a", "/"))
    assert names(data) == ["../../x", "/etc/passwd", "a"]


def test_archive_with_a_comment_opens():
    file = io.BytesIO(packed({"a": b"b"}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = b"made by hand"
    assert names(file.getvalue()) == ["a"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (long_list(200_000), RejectReason.TOO_LARGE),
        (long_list_64(), RejectReason.TOO_LARGE),
        (packed({str(i): b"" for i in range(20_001)}), RejectReason.TOO_LARGE),
        (patched(packed(word()), DOCUMENT, flag=1), RejectReason.ENCRYPTED),
        (packed(word(), method=zipfile.ZIP_BZIP2), RejectReason.UNSUPPORTED),
        (patched(packed(word()), DOCUMENT, size=1 << 31), RejectReason.TOO_MUCH_MEMORY),
    ],
)
def test_archive_over_a_limit_is_rejected(data, reason):
    assert reason_of(data) == reason


def test_archive_that_unpacks_to_many_times_its_size_is_rejected():
    assert reason_of(packed({"a": bytes(120_000_000)})) == RejectReason.TOO_MUCH_MEMORY


def test_archive_may_unpack_to_what_a_file_may_cost():
    small = IngestSettings(max_memory_bytes=100_000_000)
    data = packed({"a": bytes(33_000_000), "b": bytes(range(256)) * 20_000})
    with opened_archive(io.BytesIO(data)) as archive:
        check_unpacked_size(archive, small)
    stored = packed({"a": bytes(101_000_000)}, method=zipfile.ZIP_STORED)
    assert reason_of(stored, small) == RejectReason.TOO_MUCH_MEMORY


@pytest.mark.parametrize("data", [overlapping(word(), 2), twice(word()), b"PK\x03\x04", b""])
def test_archive_that_contradicts_itself_is_damaged(data):
    with pytest.raises(zipfile.BadZipFile), opened_archive(io.BytesIO(data)):
        pass
