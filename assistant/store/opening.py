"""Which database holds the catalog of a data dir."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import ValidationError

from assistant.errors import RESTORE, SettingsError, StoreError
from assistant.settings import CatalogSettings
from assistant.settings_file import read_settings_file, settings_variables
from assistant.store.database import Database
from assistant.store.files import said_of_disk
from assistant.store.layout import Layout
from assistant.store.originals import Originals
from assistant.store.postgresql import PostgresDatabase
from assistant.store.sqlite import SqliteDatabase


def open_database(layout: Layout) -> Database:
    """Return the database of a data dir, whose folder is made when missing.

    Where the catalog lies is a part of the data dir, so that nobody has to pass it on: who forgot
    it would begin another one.

    Raises:
        SettingsError: `[catalog]` is not valid.
        StoreError: the folder or the database cannot be used, or the catalog is gone, and a new one
            would have all files of the data dir removed.
    """
    try:
        layout.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        message = (
            f"the data dir {str(layout.root)!r} cannot be made ({error.strerror}); "
            "give another --data-dir or its rights to this user"
        )
        raise StoreError(message) from error
    with said_of_disk(layout.root):
        database = _database(layout, catalog_settings(layout))
        try:
            _require_catalog(layout, database)
        except BaseException:
            database.close()
            raise
    return database


def catalog_settings(layout: Layout, environ: Mapping[str, str] = os.environ) -> CatalogSettings:
    """Return `[catalog]` of a data dir.

    Raises:
        SettingsError: it is not valid, or `plinth.toml` cannot be read.
    """
    values = read_settings_file(layout.settings).get("catalog", {})
    for variable, (section, key) in settings_variables(environ).items():
        if section == "catalog" and isinstance(values, dict):
            values[key] = environ[variable]
    try:
        return CatalogSettings.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"catalog.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise SettingsError(f"settings are not valid; correct: {problems}") from error


def _database(layout: Layout, settings: CatalogSettings) -> Database:
    if not settings.is_on_server:
        if layout.catalog_id.exists():
            message = (
                f"the catalog of {str(layout.root)!r} is in a PostgreSQL database; say in which "
                "with catalog.url"
            )
            raise StoreError(message)
        return SqliteDatabase(layout.catalog)
    if layout.catalog.exists():
        message = (
            f"the catalog of {str(layout.root)!r} is its file {layout.catalog.name!r}, but "
            "catalog.url names a database; take out that setting, or give a new --data-dir"
        )
        raise StoreError(message)
    return PostgresDatabase(settings, layout.catalog_id)


def _require_catalog(layout: Layout, database: Database) -> None:
    """Refuse a data dir whose catalog is gone."""
    if not database.is_missing():
        return
    if any(Originals(layout.originals).versions()) or any(layout.uploads.glob("*/*")):
        message = (
            f"the catalog {database.called!r} is missing or empty, though documents were "
            f"taken in; {RESTORE}"
        )
        raise StoreError(message)
