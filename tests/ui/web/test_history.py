from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from assistant.store.conversations import Conversations
from assistant.store.types import ConversationSummary
from ui.web.components.history import EARLIER, TODAY, WEEK, YESTERDAY, group_of, told_apart
from ui.web.desk import Desk
from ui.web.local_time import zone_named
from ui.web.server import SCRIPT

END_S = 60
WEDNESDAY = date(2026, 3, 18)


def summary(name: str, updated_at: str, title: str = "How many days?") -> ConversationSummary:
    return ConversationSummary(
        conversation_id=name, title=title, updated_at=f"{updated_at}+00:00", n_turns=1
    )


@pytest.mark.parametrize(
    ("day", "group"),
    [
        ("2026-03-19", TODAY),  # a clock that was put back since
        ("2026-03-18", TODAY),
        ("2026-03-17", YESTERDAY),
        ("2026-03-16", WEEK),
        ("2026-03-12", WEEK),
        ("2026-03-11", EARLIER),
        ("2025-03-18", EARLIER),
    ],
)
def test_group_follows_from_the_day(day: str, group: str) -> None:
    assert group_of(datetime.fromisoformat(f"{day}T23:59"), WEDNESDAY) == group


def test_title_that_stands_alone_has_no_time() -> None:
    listed = [summary("a", "2026-03-18T09:00:00", "One?"), summary("b", "2026-03-18T08:00:00")]
    assert told_apart(listed, WEDNESDAY, UTC) == {"a": "One?", "b": "How many days?"}


def test_equal_titles_are_told_apart_by_their_times() -> None:
    moments = ["2026-03-18T09:05:00", "2026-03-17T10:06:00", "2026-03-16T11:07:00"]
    listed = [summary(str(n), moment) for n, moment in enumerate([*moments, "2025-12-24T12:08:00"])]
    labels = told_apart(listed, WEDNESDAY, UTC)
    assert [label.replace("\\", "") for label in labels.values()] == [
        "How many days?  \n:small[09:05]",
        "How many days?  \n:small[10:06]",
        "How many days?  \n:small[Monday, 11:07]",
        "How many days?  \n:small[24 Dec 2025, 12:08]",
    ]


def test_titles_are_compared_as_they_are_shown() -> None:
    long = "How many days of paid holiday are there "
    listed = [
        summary("a", "2026-03-18T09:05:00", long + "in Austria?"),
        summary("b", "2026-03-18T08:00:00", long + "in Norway?"),
    ]
    first, second = told_apart(listed, WEDNESDAY, UTC).values()
    assert first != second


def test_equal_titles_of_one_minute_are_told_apart_by_seconds() -> None:
    listed = [summary("a", "2026-03-18T09:05:30"), summary("b", "2026-03-18T09:05:07")]
    first, second = told_apart(listed, WEDNESDAY, UTC).values()
    assert "30" in first
    assert "07" in second


def test_times_are_those_of_the_readers_zone() -> None:
    listed = [summary("a", "2026-03-18T22:30:00"), summary("b", "2026-03-18T21:00:00")]
    labels = told_apart(listed, date(2026, 3, 19), ZoneInfo("Asia/Tokyo"))
    assert "07\\:30" in labels["a"]
    assert "06\\:00" in labels["b"]


def test_text_of_a_title_is_not_active() -> None:
    listed = [summary("a", "2026-03-18T09:00:00", "[a](b) :red[c]")]
    assert told_apart(listed, WEDNESDAY, UTC)["a"] == "\\[a\\]\\(b\\) \\:red\\[c\\]"


def test_unknown_zones_are_that_of_the_machine() -> None:
    assert zone_named("Europe/Vienna") == ZoneInfo("Europe/Vienna")
    assert zone_named(None) is None
    assert zone_named("Middle/Earth") is None
    assert zone_named("../../etc/passwd") is None


def test_conversations_stand_under_the_days_of_their_latest_turns(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    listed = tuple(
        ConversationSummary(
            conversation_id=f"c{n}",
            title=f"Question {n}?",
            updated_at=(now - timedelta(days=n)).isoformat(timespec="seconds"),
            n_turns=1,
        )
        for n in (0, 1, 2, 5, 30, 31)
    )
    monkeypatch.setattr(Conversations, "list", lambda *_: listed)
    app = AppTest.from_file(str(SCRIPT), default_timeout=END_S).run()
    assert not app.exception
    assert [one.value for one in app.sidebar.caption] == [TODAY, YESTERDAY, WEEK, EARLIER]
    labels = [one.label for one in app.sidebar.button]
    assert labels == ["New conversation", *(one.title for one in listed)]
