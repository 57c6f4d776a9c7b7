"""What every test shares: no network but loopback, a data dir of its own, fixed seeds."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import Phase, settings
from platformdirs import user_cache_path

if TYPE_CHECKING:
    from tests.postgres import PostgresServer

PROJECT = Path(__file__).resolve().parents[1]
LOOPBACK = ("127.", "::1", "localhost")

# A busy machine is slow, not wrong; examples are the same in every run.
settings.register_profile("plinth", deadline=None, derandomize=True)
settings.load_profile("plinth")
# Whether a mutant is found is all that `make mutants` asks, not by how small an example.
settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate])

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.hookimpl(tryfirst=True)  # the plugin looks for the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, for its fixtures, and all of the browser's.

    Two browsers with their servers and models are more than two cores draw in time.
    """
    for item in items:
        of_browser = item.path.is_relative_to(PROJECT / "tests" / "browser")
        item.add_marker(pytest.mark.xdist_group("browser" if of_browser else str(item.path)))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, Any]:
    """Let a worker report what no UTF-8 holds: half a pair, which tests put into logs."""
    return _encodable((yield))


def _encodable(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {key: _encodable(held) for key, held in value.items()}
        case list() | tuple():
            return type(value)(map(_encodable, value))
    return value


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = str(address[0]) if isinstance(address, tuple) else ""
        if self.family in (socket.AF_INET, socket.AF_INET6) and not host.startswith(LOOPBACK):
            message = f"a test tried to reach {address!r}; tests talk to loopback only"
            raise RuntimeError(message)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PLINTH_")]:
        if name not in ("PLINTH_MODELS_DIR", "PLINTH_SHARED_DATA"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PLINTH_DATA_DIR", str(tmp_path / "data"))
    random.seed(20240229)
    np.random.seed(20240229)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server; tests that need one are skipped where none is installed."""
    from tests.postgres import running_server

    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder with real weights, as `make setup` leaves it."""
    return Path(os.environ.get("PLINTH_MODELS_DIR") or user_cache_path("plinth") / "models")


@pytest.fixture(scope="session")
def weights(models_dir: Path) -> Callable[[str], Path]:
    """Return a function from a path below the models folder to that file, which must exist."""

    def find(relative: str) -> Path:
        path = models_dir / relative
        if not path.exists():
            pytest.fail(f"{relative} is missing; `make test` pulls it first")
        return path

    return find


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Development data beside the project; tests that need it are skipped where it is absent."""
    path = Path(os.environ.get("PLINTH_SHARED_DATA") or PROJECT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip("development data is not beside the project")
    return path
