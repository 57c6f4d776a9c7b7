"""`plinth doctor` finds each fault, names the one command that mends it, and changes nothing."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from assistant.store.catalog import open_catalog
from assistant.store.database import HEAD
from assistant.store.layout import Layout
from assistant.store.types import JobKind
from tests.ui.conftest import Finished, Plinth

GGUF = b"GGUF" + bytes(100)
TEXTS = {
    "leave.md": "# Leave\n\nEmployees receive 25 days of annual leave.\n",
    "travel.md": "# Travel\n\nThe hotel limit is 120 euros a night.\n",
    "parking.txt": "Parking\n\nParking is free for visitors, for staff and for their bikes.\n",
}
RESTORE = "plinth restore FILE --data-dir NEW"
REPAIR = "plinth doctor --repair"


@dataclass(frozen=True)
class Place:
    """A data dir that holds something of all, the files it was filled from, and a backup of it."""

    data_dir: Path
    folder: Path
    backup: Path

    @property
    def root(self) -> Path:
        return self.data_dir.parent

    @property
    def new(self) -> Path:
        return self.root / "new"

    @property
    def weights(self) -> Path:
        return self.root / "models" / "our-model" / "model.gguf"

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.data_dir / "catalog.sqlite")) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def root_page(self, table: str) -> tuple[int, int]:
        """Return where a table's first page lies, and its size."""
        with closing(sqlite3.connect(self.data_dir / "catalog.sqlite")) as connection:
            (size,) = connection.execute("PRAGMA page_size").fetchone()
            (page,) = connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = ?", [table]
            ).fetchone()
        return (page - 1) * size, size


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every test finds the same, made once."""
    return tmp_path_factory.mktemp("stock")


@pytest.fixture
def tmp_path(stock: Path) -> Path:
    (stock / "place").mkdir(exist_ok=True)
    return stock / "place"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
def place(
    plinth: Plinth,
    stock: Path,
    data_dir: Path,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    monkeypatch.setenv("PLINTH_MODELS_DIR", str(tmp_path / "models"))
    template = stock / "template"
    if not template.exists():
        make(plinth, data_dir, folder, tmp_path)
        tmp_path.rename(template)
    shutil.rmtree(tmp_path, ignore_errors=True)
    shutil.copytree(template, tmp_path)
    return Place(data_dir, folder, tmp_path / "backup.tar")


def make(plinth: Plinth, data_dir: Path, folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    data_dir.mkdir(mode=0o700)
    (data_dir / "plinth.toml").write_text(
        '[models]\ngenerator = "our-model"\nembedder = "fake-embedder"\n', encoding="utf-8"
    )
    (tmp_path / "brought.gguf").write_bytes(GGUF)
    assert plinth("models", "import", "our-model", tmp_path / "brought.gguf").exit_code == 0
    assert plinth("ingest", folder).exit_code == 0
    layout = Layout(data_dir)
    with open_catalog(data_dir) as catalog:
        job_id = catalog.jobs.add(JobKind.UPLOAD, {}, "ann")
        path = layout.upload(job_id, "sent.txt")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"sent")
        catalog.jobs.add_file(job_id, "sent.txt", 4)
    assert plinth("backup", tmp_path / "backup.tar").exit_code == 0


def one_of(place: Place, pattern: str) -> Path:
    return min(place.data_dir.glob(pattern))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# Damage


def index_file_missing(place: Place) -> None:
    one_of(place, "index/*.npz").unlink()


def index_file_changed(place: Place) -> None:
    flip(one_of(place, "index/*.faiss"))


def index_rows_lost(place: Place) -> None:
    place.sql("DELETE FROM segments")


def index_of_other_chunks(place: Place) -> None:
    place.sql("UPDATE segments SET n_chunks = n_chunks + 1")


def vector_overwritten(place: Place) -> None:
    place.sql("UPDATE chunks SET vector = zeroblob(length(vector)) WHERE id = 1")


def vector_cut(place: Place) -> None:
    place.sql("UPDATE chunks SET vector = substr(vector, 1, 9) WHERE id = 2")


def original_missing(place: Place) -> None:
    one_of(place, "originals/??/*").unlink()


def original_changed(place: Place) -> None:
    flip(one_of(place, "originals/??/*"))


def original_changed_and_source_gone(place: Place) -> None:
    flip(one_of(place, "originals/??/*"))
    place.folder.rename(place.root / "elsewhere")


def catalog_page_overwritten(place: Place) -> None:
    at, size = place.root_page("documents")
    with (place.data_dir / "catalog.sqlite").open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * size)


def catalog_cut(place: Place) -> None:
    path = place.data_dir / "catalog.sqlite"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def catalog_missing(place: Place) -> None:
    (place.data_dir / "catalog.sqlite").unlink()


def catalog_emptied(place: Place) -> None:
    (place.data_dir / "catalog.sqlite").write_bytes(b"")


def catalog_of_something_else(place: Place) -> None:
    (place.data_dir / "catalog.sqlite").write_bytes(b"something else" * 1000)


def rows_that_refer_to_nothing(place: Place) -> None:
    place.sql("PRAGMA foreign_keys=OFF", "DELETE FROM sources")


def schema_too_new(place: Place) -> None:
    place.sql("UPDATE alembic_version SET version_num = '9999'")


def schema_as_it_was(place: Place) -> None:
    place.sql(f"UPDATE alembic_version SET version_num = '{HEAD}'")


def audit_entry_changed(place: Place) -> None:
    place.sql("UPDATE audit SET actor = 'nobody' WHERE id = 1")


def audit_log_cut(place: Place) -> None:
    place.sql("DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)")


def audit_anchor_missing(place: Place) -> None:
    (place.data_dir / "audit.json").unlink()


def audit_anchor_damaged(place: Place) -> None:
    (place.data_dir / "audit.json").write_text("{", encoding="utf-8")


def settings_of_nothing(place: Place) -> None:
    path = place.data_dir / "plinth.toml"
    path.write_text(path.read_text(encoding="utf-8") + "[nonsense]\na = 1\n", encoding="utf-8")


def settings_that_are_none(place: Place) -> None:
    path = place.data_dir / "plinth.toml"
    path.write_text(path.read_text(encoding="utf-8") + "[nonsense\n", encoding="utf-8")


def settings_as_they_were(place: Place) -> None:
    path = place.data_dir / "plinth.toml"
    path.write_text(path.read_text(encoding="utf-8").partition("[nonsense")[0], encoding="utf-8")


def lock_that_is_a_folder(place: Place) -> None:
    path = place.data_dir / "writer.lock"
    path.unlink(missing_ok=True)
    path.mkdir()


def blocks_that_are_a_file(place: Place) -> None:
    (place.data_dir / "blocks").write_text("no folder", encoding="utf-8")


def weights_missing(place: Place) -> None:
    place.weights.unlink()


def weights_changed(place: Place) -> None:
    flip(place.weights)


def sent_file_missing(place: Place) -> None:
    one_of(place, "uploads/*/*").unlink()


def sent_again(place: Place) -> None:
    Layout(place.data_dir).upload(1, "sent.txt").write_bytes(b"sent")


STATES: list[tuple[Callable[[Place], None], str, str, str | Callable[[Place], None]]] = [
    (index_file_missing, "index", "is missing", REPAIR),
    (index_file_changed, "index", "does not match its hash", REPAIR),
    (index_rows_lost, "index", "3 chunks are missing from the index", REPAIR),
    (index_of_other_chunks, "index", "not of the chunks that the catalog names", REPAIR),
    (vector_overwritten, "vectors", "1 vectors in the catalog are damaged", REPAIR),
    (vector_cut, "vectors", "1 vectors in the catalog are damaged", REPAIR),
    (original_missing, "files", "1 missing, 0 changed", REPAIR),
    (original_changed, "files", "0 missing, 1 changed", REPAIR),
    (original_changed_and_source_gone, "files", "0 missing, 1 changed", RESTORE),
    (catalog_page_overwritten, "catalog", "", RESTORE),
    (catalog_cut, "catalog", "", RESTORE),
    (catalog_missing, "places", "catalog", RESTORE),
    (catalog_emptied, "places", "missing or empty", RESTORE),
    (catalog_of_something_else, "catalog", "not a database", RESTORE),
    (rows_that_refer_to_nothing, "catalog", "refers to nothing", RESTORE),
    (schema_too_new, "catalog", "use the newer Plinth", schema_as_it_was),
    (audit_entry_changed, "audit log", "entry 1 of the audit log is not what", RESTORE),
    (audit_log_cut, "audit log", "the audit log ends at entry", RESTORE),
    (audit_anchor_missing, "audit log", "is missing", RESTORE),
    (audit_anchor_damaged, "audit log", "cannot be read", RESTORE),
    (settings_of_nothing, "settings", "nonsense", settings_as_they_were),
    (settings_that_are_none, "settings", "not valid TOML", settings_as_they_were),
    (lock_that_is_a_folder, "places", "is no file", "mv DATA/writer.lock DATA/writer.lock.moved"),
    (blocks_that_are_a_file, "places", "is no folder", "mv DATA/blocks DATA/blocks.moved"),
    (weights_missing, "model our-model", "is missing", "plinth models import our-model FILE"),
    (weights_changed, "model our-model", "is damaged", "plinth models import our-model FILE"),
    (sent_file_missing, "files", "'sent.txt' that somebody sent", sent_again),
]


def snapshot(folder: Path) -> dict[Path, tuple[int, bytes | None]]:
    """Return every file and folder with its rights and content."""
    return {
        path: (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in [folder, *folder.rglob("*")]
    }


def faults(done: Finished) -> dict[str, str]:
    checks = json.loads(done.stdout)["checks"]
    return {check["check"]: check["fault"] for check in checks if check["fault"]}


@pytest.mark.parametrize(
    ("harm", "check", "says", "mending"), STATES, ids=[state[0].__name__ for state in STATES]
)
def test_doctor_finds_the_fault_and_the_command_it_names_mends_it(
    plinth: Plinth,
    place: Place,
    harm: Callable[[Place], None],
    check: str,
    says: str,
    mending: str | Callable[[Place], None],
) -> None:
    assert plinth("doctor").exit_code == 0
    harm(place)
    before = snapshot(place.root)
    done = plinth("doctor")
    assert done.exit_code == 3
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("FAULT")]
    assert line.startswith(f"FAULT {check}: ")
    assert says in line
    assert snapshot(place.root) == before
    fault = faults(plinth("doctor", "--json"))
    assert line == f"FAULT {check}: {fault[check]}"
    commands = re.findall("`([^`]+)`", line)
    data_dir = place.data_dir
    if not isinstance(mending, str):
        assert commands == []
        mending(place)
    else:
        assert commands == [mending.replace("DATA", str(place.data_dir))]
        data_dir = follow(plinth, place, commands[0])
    mended = plinth("doctor", "--data-dir", data_dir)
    assert mended.exit_code == 0, mended.stdout
    assert plinth("search", "hotel limit", "--data-dir", data_dir).stdout.count("travel.md") >= 1


def follow(plinth: Plinth, place: Place, command: str) -> Path:
    """Do as the doctor says and return the data dir that is sound then."""
    program, *words = shlex.split(command)
    if program != "plinth":
        subprocess.run([program, *words], check=True)
        return place.data_dir
    file = place.root / "brought.gguf" if words[0] == "models" else place.backup
    values = {"FILE": str(file), "NEW": str(place.new)}
    done = plinth(*(values.get(word, word) for word in words))
    assert done.exit_code == 0, done.stdout + done.stderr
    return place.new if words[0] == "restore" else place.data_dir


def test_leftovers_of_a_killed_writer_are_said_to_be_no_damage(
    plinth: Plinth, place: Place
) -> None:
    layout = Layout(place.data_dir)
    for path in (
        layout.index / "0123456789abcdef.faiss",
        layout.originals / "begun.partial",
        layout.originals / "00" / ("0" * 64),
        layout.blocks / "999" / "1-0.kv",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left behind")
    before = snapshot(place.root)
    done = plinth("doctor")
    assert done.exit_code == 0
    assert "4 files belong to nothing, which is no damage" in done.stdout
    assert snapshot(place.root) == before


def test_lock_of_a_process_that_has_ended_is_no_damage(plinth: Plinth, place: Place) -> None:
    for name in ("writer.lock", "server.lock", "worker.lock"):
        (place.data_dir / name).write_text("process 999999 (plinth serve)", encoding="utf-8")
    assert plinth("doctor").exit_code == 0


def test_no_command_begins_anew_beside_originals_without_a_catalog(
    plinth: Plinth, place: Place
) -> None:
    (place.data_dir / "catalog.sqlite").unlink()
    before = snapshot(place.root)
    for command in (["ingest", place.folder], ["docs", "list"], ["doctor", "--repair"]):
        done = plinth(*command)
        assert done.exit_code in (1, 3)
        assert RESTORE in done.stdout + done.stderr
    assert snapshot(place.root) == before


def test_repair_does_all_that_can_be_done_and_leaves_the_rest_to_a_backup(
    plinth: Plinth, place: Place
) -> None:
    gone, changed, _ = sorted((place.data_dir / "originals").glob("??/*"))
    gone.unlink()
    flip(changed)
    kept = changed.read_bytes()
    source = next(one for one in place.folder.iterdir() if one.stat().st_size == len(kept))
    source.unlink()
    vector_overwritten(place)
    index_file_missing(place)
    assert len(faults(plinth("doctor", "--json"))) == 3
    done = plinth("doctor", "--repair", "--json")
    assert done.exit_code == 3
    (detail,) = (
        one["detail"] for one in json.loads(done.stdout)["checks"] if one["check"] == "repair"
    )
    assert detail.startswith("1 damaged vectors dropped; 1 originals copied again")
    (fault,) = faults(done).values()
    assert RESTORE in fault
    assert changed.read_bytes() == kept
    plinth("ingest", place.folder)
    assert "found by their words" not in plinth("doctor").stdout


def test_doctor_tells_that_others_can_look_into_the_data_dir(plinth: Plinth, place: Place) -> None:
    assert "closed to others" in plinth("doctor").stdout
    place.data_dir.chmod(0o755)
    done = plinth("doctor")
    assert done.exit_code == 0
    assert f"`chmod o= {place.data_dir}`" in done.stdout
