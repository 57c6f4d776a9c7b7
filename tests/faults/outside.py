"""What may lie beside a data dir: whole backups and whole restored data dirs, or none."""

from __future__ import annotations

from assistant.errors import AssistantError
from assistant.store.catalog import open_catalog
from assistant.store.restore import check_backup
from tests.faults.observing import observed
from tests.faults.scenarios import FIRST_BACKUP, NEXT_BACKUP, Place


def outside_faults(place: Place, done: str | None, *, is_tidy: bool = False) -> list[str]:
    """Return what is wrong beside the data dir.

    Args:
        place: The place.
        done: The scenario that was acknowledged; None: none was.
        is_tidy: Whether nothing unfinished may be left.
    """
    wrong = []
    for folder, names in (
        (place.backups, {FIRST_BACKUP, NEXT_BACKUP}),
        (place.restored.parent, {place.restored.name}),
    ):
        unfinished = set() if is_tidy else {f".{name}.partial" for name in names}
        # Killed after what is made was renamed, and before its folder was removed.
        unfinished |= {path.name for path in folder.glob(".*.partial") if not any(path.iterdir())}
        found = {path.name for path in folder.iterdir()} - names - unfinished
        wrong += [f"{name} is left in {folder.name}" for name in sorted(found)]
    for file in place.backups.glob("*.tar"):
        try:
            check_backup(file)
        except AssistantError as error:
            wrong.append(f"half a backup: {error}")
    if done == "back up" and not (place.backups / NEXT_BACKUP).exists():
        wrong.append("a backup that was acknowledged is lost")
    if place.restored.exists():
        wrong += _restored_faults(place)
    elif done == "restore":
        wrong.append("a restored data dir that was acknowledged is lost")
    return wrong


def _restored_faults(place: Place) -> list[str]:
    """Return in what a restored data dir differs from the one that was backed up."""
    with open_catalog(place.restored) as catalog:
        wrong = [*catalog.problems(), *catalog.audit.problems()]
        damaged = catalog.examination.damaged_originals()
    wrong += [f"the original of {one.document} is not restored" for one in damaged]
    restored, backed_up = observed(Place(place.restored.parent)), observed(place)
    if restored != backed_up:
        wrong.append(f"restored is {restored}, not {backed_up}")
    return wrong
