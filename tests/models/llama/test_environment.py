from __future__ import annotations

import pytest

from models.llama.environment import computing_environment
from models.waiting import library_defaults, waiting_policy


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)


def test_threads_that_wait_spin_briefly_and_then_sleep() -> None:
    found = computing_environment()
    assert found["OMP_WAIT_POLICY"] == "PASSIVE"
    # Long enough for the wait between two matrices, short against a time slice.
    assert 100 <= int(found["GOMP_SPINCOUNT"]) <= 10_000


def test_what_the_user_says_about_waiting_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert computing_environment()["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    found = computing_environment()
    assert found["OMP_WAIT_POLICY"] == "ACTIVE"
    assert "GOMP_SPINCOUNT" not in found


def test_the_rest_is_inherited_but_not_where_modules_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLINTH_X", "kept")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    found = computing_environment()
    assert found["PLINTH_X"] == "kept"
    assert found["PYTHONPATH"] != "/elsewhere"


def test_what_this_process_waits_by_is_inherited_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    before = computing_environment()
    for name, value in waiting_policy().items():  # as the embedder does when it is loaded
        monkeypatch.setenv(name, value)
    assert computing_environment() == before


def test_programs_of_others_are_run_with_their_own_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in waiting_policy().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PLINTH_X", "kept")
    found = library_defaults()
    assert "PLINTH_X" in found
    assert not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(found)
