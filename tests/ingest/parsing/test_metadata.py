from datetime import UTC, datetime

import pytest

from ingest.parsing.metadata import iso_date, meaningful_title


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Leave policy", "Leave policy"),
        ("Microsoft Word - Leave policy", "Leave policy"),
        ("Microsoft Word - leave_policy_v2.docx", ""),
        ("scan.PDF", ""),
        ("Untitled", ""),
        ("PowerPoint Presentation", ""),
        ("Document1", ""),
        ("0000320193-22-000070", ""),
        ("  ", ""),
        ("x" * 400, ""),
        ("What is new in version 2.0", "What is new in version 2.0"),
    ],
)
def test_meaningful_title(raw, expected):
    assert meaningful_title(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2024-02-29T10:00:00Z", "2024-02-29"),
        ("2024/3/1", "2024-03-01"),
        ("D:20230307125242-08'00'", "2023-03-07"),
        ("D:2023", "2023-01-01"),
        ("Tue, 15 Nov 2022 12:45:26 +0000", "2022-11-15"),
        ("August 5, 2019", "2019-08-05"),
        ("5th Sep 2019", "2019-09-05"),
        (datetime(2020, 5, 6, tzinfo=UTC), "2020-05-06"),
        ("2023-02-30", None),
        ("1601-01-01", None),
        ("03/04/2020", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_iso_date(raw, expected):
    assert iso_date(raw) == expected
