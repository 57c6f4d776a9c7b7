from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest.errors import SourceUnavailableError
from ingest.sources import (
    Listing,
    document_name,
    find_files,
    find_sources,
    hash_file,
    list_files,
    received_files,
)
from ingest.types import RejectReason

NOWHERE = Path("/nowhere")


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def listing_of(*paths: Path, leave_out: Path = NOWHERE) -> Listing:
    (source,) = find_sources(paths)
    return list_files(source, leave_out=leave_out)


def names_of(listing: Listing) -> list[str]:
    return [file.document for file in listing.files]


def reasons_of(listing: Listing) -> dict[str, RejectReason]:
    return {file.document: file.rejection.reason for file in listing.files if file.rejection}


def test_list_files_names_are_relative_and_sorted(tmp_path):
    for name in ("b.txt", "a/z.md", "a/b/c.pdf", "a.txt"):
        write(tmp_path / name)
    listing = listing_of(tmp_path)
    assert names_of(listing) == ["a.txt", "a/b/c.pdf", "a/z.md", "b.txt"]
    assert {file.size_bytes for file in listing.files} == {4}


def test_list_files_leaves_out_hidden_files_version_control_and_locks(tmp_path):
    for name in (".hidden.txt", ".git/config", "CVS/Root", "~$report.docx", "kept.txt"):
        write(tmp_path / name)
    assert names_of(listing_of(tmp_path)) == ["kept.txt"]


def test_list_files_leaves_out_the_data_dir(tmp_path):
    write(tmp_path / "data" / "catalog.sqlite")
    write(tmp_path / "kept.txt")
    assert names_of(listing_of(tmp_path, leave_out=tmp_path / "data")) == ["kept.txt"]


def test_find_sources_given_file_lies_in_its_folder(tmp_path):
    write(tmp_path / "other.txt")
    path = write(tmp_path / "one.txt")
    (source,) = find_sources([path])
    assert (source.root, source.names) == (tmp_path, ("one.txt",))
    assert names_of(list_files(source, leave_out=NOWHERE)) == ["one.txt"]


def test_find_sources_folder_and_a_file_of_it_are_one_source(tmp_path):
    path = write(tmp_path / "one.txt")
    for paths in ([tmp_path, path], [path, tmp_path, tmp_path / "."]):
        (source,) = find_sources(paths)
        assert source.names is None


def test_find_sources_folder_reached_by_a_link_is_the_same_source(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert find_sources([tmp_path / "link"]) == find_sources([tmp_path / "real"])


@pytest.mark.parametrize("name", ["missing", "dangling", "circle"])
def test_find_sources_path_that_is_not_there_is_an_error(tmp_path, name):
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(SourceUnavailableError, match=name):
        find_sources([tmp_path / name])


def test_list_files_link_to_a_folder_is_reported_not_followed(tmp_path):
    write(tmp_path / "folder" / "a.txt")
    (tmp_path / "folder" / "up").symlink_to(tmp_path)
    listing = listing_of(tmp_path)
    assert names_of(listing) == ["folder/a.txt", "folder/up"]
    assert reasons_of(listing) == {"folder/up": RejectReason.UNREADABLE}


def test_list_files_link_to_a_file_is_followed_below_the_root_only(tmp_path):
    write(tmp_path / "secret.txt")
    write(tmp_path / "root" / "a.txt")
    (tmp_path / "root" / "inside.txt").symlink_to("a.txt")
    (tmp_path / "root" / "outside.txt").symlink_to(tmp_path / "secret.txt")
    listing = listing_of(tmp_path / "root")
    assert names_of(listing) == ["a.txt", "inside.txt", "outside.txt"]
    assert reasons_of(listing) == {"outside.txt": RejectReason.UNREADABLE}


def test_list_files_unreadable_things_are_rejected_one_by_one(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "dangling.pdf").symlink_to("nothing")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "folder.pdf").mkdir()
    write(tmp_path / "good.txt")
    listing = listing_of(tmp_path)
    assert names_of(listing) == ["circle", "dangling.pdf", "good.txt", "pipe.txt"]
    assert set(reasons_of(listing)) == {"circle", "dangling.pdf", "pipe.txt"}


def test_list_files_folder_that_cannot_be_listed_may_still_hold_documents(tmp_path, monkeypatch):
    write(tmp_path / "shut" / "a.txt")
    write(tmp_path / "b.txt")
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)  # root may list everything
    listing = listing_of(tmp_path)
    assert reasons_of(listing) == {"shut": RejectReason.UNREADABLE}
    assert listing.may_hold("shut/a.txt")
    assert not listing.may_hold("shutter/a.txt")


def test_list_files_name_that_is_not_utf8_is_written_out(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).write_text("x", encoding="utf-8")
    (file,) = listing_of(tmp_path).files
    assert file.document == "caf\\xe9.txt"
    assert file.path.read_text(encoding="utf-8") == "x"


def test_list_files_names_that_differ_in_encoding_only_are_told_apart(tmp_path):
    write(tmp_path / "caf\u00e9.txt")
    write(tmp_path / "cafe\u0301.txt")
    listing = listing_of(tmp_path)
    assert len(listing.files) == len(set(names_of(listing))) == 2
    assert list(reasons_of(listing).values()) == [RejectReason.UNREADABLE]


def test_document_name_is_printable_and_composed():
    assert document_name("a/e\u0301\n\x1b[2J") == "a/é\\x0a\\x1b[2J"


def test_hash_file_is_the_sha256_of_the_bytes(tmp_path):
    # SHA-256 of "abc", FIPS 180-2, appendix B.1
    assert hash_file(write(tmp_path / "abc", "abc")).startswith("ba7816bf8f01cfea")


def test_find_files_gives_each_source_with_its_files_but_for_the_data_dir(tmp_path):
    write(tmp_path / "folder" / "a.txt")
    write(tmp_path / "folder" / "data" / "catalog.sqlite")
    one = write(tmp_path / "other" / "one.txt")
    write(tmp_path / "other" / "two.txt")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "data")
    found = find_files([tmp_path / "folder", one], leave_out=tmp_path / "link")
    assert [(source.source.root, names_of(source.listing)) for source in found] == [
        (tmp_path / "folder", ["a.txt"]),
        (tmp_path / "other", ["one.txt"]),
    ]
    with pytest.raises(SourceUnavailableError, match="missing"):
        find_files([tmp_path / "folder", tmp_path / "missing"], leave_out=NOWHERE)


def test_source_can_be_found_again_by_its_paths(tmp_path):
    write(tmp_path / "folder" / "a.txt")
    files = [write(tmp_path / "other" / name) for name in ("one.txt", "two.txt")]
    sources = find_sources([tmp_path / "folder", *files])
    assert [source.paths for source in sources] == [(tmp_path / "folder",), tuple(files)]
    assert [find_sources(source.paths) for source in sources] == [(one,) for one in sources]


def test_received_files_are_called_as_their_sender_calls_them(tmp_path):
    first = write(tmp_path / "7" / "0a1b", "first")
    second = write(tmp_path / "7" / "2c3d", "second!")
    found = received_files(
        tmp_path / "7",
        "uploads",
        [("hr/b.txt", first), ("a\n.txt", second), ("gone.txt", tmp_path / "7" / "gone")],
    )
    assert found.source.name == "uploads"
    files = found.listing.files
    assert [(file.document, file.size_bytes) for file in files] == [
        ("a\\x0a.txt", 7),
        ("gone.txt", 0),
        ("hr/b.txt", 5),
    ]
    assert reasons_of(found.listing) == {"gone.txt": RejectReason.UNREADABLE}
    assert files[2].path == first
