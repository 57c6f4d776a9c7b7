"""How the folders that the settings name are followed; told to whoever looks at the queue."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import delete, select

from assistant.store.database import Database
from assistant.store.rows import WatchedFolderRow
from assistant.store.types import WatchedFolder


class WatchedFolders:
    """The watched folders of a data dir. Thread-safe; needs no writer's lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> tuple[WatchedFolder, ...]:
        """Return all, by folder and collection."""
        selection = select(WatchedFolderRow).order_by(
            WatchedFolderRow.folder, WatchedFolderRow.collection
        )
        with self._database.reading() as session:
            return tuple(
                WatchedFolder(
                    folder=row.folder,
                    collection=row.collection,
                    looked_at=row.looked_at,
                    n_files=row.n_files,
                    n_unsettled=row.n_unsettled,
                    error=row.error,
                )
                for row in session.scalars(selection)
            )

    def note(self, look: WatchedFolder) -> None:
        """Keep how a look went, in place of the one before."""
        with self._database.writing() as session:
            session.merge(
                WatchedFolderRow(
                    folder=look.folder,
                    collection=look.collection,
                    looked_at=look.looked_at,
                    n_files=look.n_files,
                    n_unsettled=look.n_unsettled,
                    error=look.error,
                )
            )

    def forget_except(self, known: Collection[tuple[str, str]]) -> None:
        """Forget folders that the settings name no more."""
        gone = [one for one in self.list() if (one.folder, one.collection) not in known]
        if gone:
            with self._database.writing() as session:
                for one in gone:
                    session.execute(
                        delete(WatchedFolderRow).filter_by(
                            folder=one.folder, collection=one.collection
                        )
                    )
