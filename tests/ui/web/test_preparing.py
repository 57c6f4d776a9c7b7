from __future__ import annotations

from pathlib import Path

import pytest

from assistant.warming import WarmingProgress
from tests.ui.conftest import Plinth
from ui.web.components.preparing import described
from ui.web.resources import open_resources


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (
            WarmingProgress(n_kept=3, n_chunks=1200, is_full=False, error=None),
            "Preparing fast answers: 3 of 1,200 passages.",
        ),
        (
            WarmingProgress(n_kept=12, n_chunks=12, is_full=False, error=None),
            "All 12 passages are prepared",
        ),
        (
            WarmingProgress(n_kept=3, n_chunks=12, is_full=True, error=None),
            "3 of 12 passages are prepared for fast answers; more do not fit",
        ),
        (
            WarmingProgress(n_kept=3, n_chunks=12, is_full=False, error="the disk is [full]"),
            "the disk is \\[full\\]",
        ),
    ],
)
def test_line_says_how_far_it_is(progress: WarmingProgress, line: str) -> None:
    assert line in described(progress)


def test_nothing_is_prepared_where_it_is_switched_off(
    asking: Plinth, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asking("docs", "list").exit_code == 0
    monkeypatch.setenv("PLINTH_MODELS__KEPT_GB", "0")
    with open_resources(data_dir) as resources:
        resources.engine.result(60)
        assert not resources.warmer.done()
