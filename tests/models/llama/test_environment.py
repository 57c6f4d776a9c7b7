from __future__ import annotations

import pytest

from models.llama.environment import computing_environment


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
