"""Which calibration a data dir's answers get, for the command line and the web app alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from assistant.store.layout import Layout

if TYPE_CHECKING:
    from assistant.confidence import Calibration
    from ui.settings import Settings


def site_calibration(data_dir: Path, settings: Settings) -> tuple[Calibration, str | None]:
    """Return what confidences are computed with, and why that should be fitted anew, if it should.

    Raises:
        SettingsError: the site's own file is not a calibration.
    """
    from assistant.calibration_file import calibration_in_use
    from assistant.prompts.library import prompt_version

    return calibration_in_use(
        Layout(data_dir).calibration,
        generator=settings.models.generator,
        prompt_version=prompt_version(),
    )
