"""A PostgreSQL server of Debian's package in a folder of its own, thrown away after the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from assistant.settings import CatalogSettings
from assistant.store.postgresql import PostgresDatabase

OWNER = "plinth"
PASSWORD = "p/w:of@plinth"
IN_URL = "p%2Fw%3Aof%40plinth"
CLUSTER = (
    *("--encoding=UTF8", "--locale=C", "--no-sync"),
    *("--auth-local=trust", "--auth-host=scram-sha-256"),
)
ENDING = 'read _; "$0" -D "$1" -m immediate stop >/dev/null; rm -r "$2"'
MEMORY = Path("/dev/shm")
NEEDED_BYTES = 1 << 30
OPTIONS = {
    # Nothing that Plinth asserts is switched off; what is synced lies in memory where possible.
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "max_wal_size": "512MB",
    "timezone": "UTC",
}


def binaries() -> Path | None:
    """Return the folder of the newest server's programs; None if none is installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3])
    )
    beside = shutil.which("initdb")
    return found[-1].parent if found else Path(beside).parent if beside else None


@dataclass
class PostgresServer:
    """A running server."""

    programs: Path
    folder: Path
    port: int
    n_databases: int = 0

    def url(self, database: str, *, user: str = f"{OWNER}:{IN_URL}") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        return f"postgresql://{OWNER}@/{database}?host={self.folder}&port={self.port}"

    def run(self, statement: str, database: str = "postgres") -> list[Any]:
        """Run a statement as the owner of the server, outside a transaction."""
        url = self.url(database).replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                result = connection.execute(text(statement))
                return list(result) if result.returns_rows else []
        finally:
            engine.dispose()

    @contextmanager
    def database(self, template: str = "plinth_template", options: str = "") -> Iterator[str]:
        """Give the name of a new database, which goes at the end."""
        self.n_databases += 1
        name = f"test_{self.n_databases}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} {options}")
        try:
            yield name
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def make_template(self) -> None:
        """Make the database that others are copied from: the schema, and no data dir's yet."""
        self.run("CREATE DATABASE plinth_template TEMPLATE template0")
        settings = CatalogSettings.model_validate({"url": self.url("plinth_template")})
        database = PostgresDatabase(settings, self.folder / "catalog.id")
        database.migrate()
        database.close()
        self.run("DELETE FROM data_dir", "plinth_template")


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Start a server as an unprivileged user, which is the only way it starts."""
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed; apt.txt names Debian's package")
    has_room = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > NEEDED_BYTES
    folder = Path(tempfile.mkdtemp(prefix="plinth-postgres-", dir=MEMORY if has_room else None))
    try:
        identity = _unprivileged(folder)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = folder / "data"
        _run(
            [programs / "initdb", "-D", data, "-U", OWNER, f"--pwfile={secret}", *CLUSTER],
            identity,
        )
        server = PostgresServer(programs, folder, _free_port())
        make_certificate(folder, identity)
        options = {
            **OPTIONS,
            "port": server.port,
            "listen_addresses": "127.0.0.1",
            "ssl": "on",
            "ssl_cert_file": folder / "certificate",
            "ssl_key_file": folder / "key",
        }
        listed = " ".join(f"-c {name}={value}" for name, value in options.items())
        start = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log"]
        _run([*start, "-o", f"{listed} -k {folder}", "start"], identity)
        # However the tests end, also killed ones: the end of their pipe ends the server.
        ending = ["sh", "-c", ENDING, programs / "pg_ctl", data, folder]
        with subprocess.Popen(
            ending, stdin=subprocess.PIPE, cwd="/", start_new_session=True, **identity
        ):
            server.make_template()
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_certificate(folder: Path, identity: Mapping[str, Any]) -> Path:
    """Make a key and a certificate for loopback that vouches for itself."""
    certificate = folder / "certificate"
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=plinth tests"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    _run([*command, "-keyout", folder / "key", "-out", certificate], identity)
    return certificate


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Return as whom the server runs, and give that user the folder."""
    if os.geteuid() != 0:
        return {}
    names = {one.pw_name for one in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _run(command: list[Any], identity: Mapping[str, Any]) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would not end
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        timeout=120,
        **identity,
    )
    assert done.returncode == 0, command


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
