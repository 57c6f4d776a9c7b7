import itertools
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.errors import RejectedFileError
from ingest.parsing import sandbox
from ingest.parsing.confinement import limit_cpu
from ingest.parsing.sandbox import ParserPool
from ingest.settings import IngestSettings
from ingest.types import RejectReason
from tests.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def small(make_text):
    return make_text("small.txt", "Twelve weeks are paid.")


@pytest.fixture
def slow(make_text):
    """A file that takes seconds to parse."""
    return make_text("slow.html", "<p>word <b>bold</b>" * 400_000)


@pytest.fixture
def pool(limits):
    with ParserPool(limits) as pool:
        yield pool


def reason_of(pool, path):
    with pytest.raises(RejectedFileError) as caught:
        pool.parse(path)
    return caught.value.reason


def children(pool):
    return [child.pid for child in (*pool._idle, *pool._busy)]


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def process_time_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_pool_starts_nothing_before_the_first_file_and_reuses_its_child(pool, small):
    assert children(pool) == []
    assert pool.parse(small).pages[0].text == "Twelve weeks are paid."
    first = children(pool)
    pool.parse(small)
    assert children(pool) == first
    assert len(first) == 1


def test_pool_hands_rejections_through(pool, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)))
    assert reason_of(pool, path) == RejectReason.UNSUPPORTED
    assert len(children(pool)) == 1


def test_pool_ends_its_children_when_closed(limits, small):
    with ParserPool(limits) as pool:
        pool.parse(small)
        (pid,) = children(pool)
    assert not is_alive(pid)
    assert reason_of(pool, small) == RejectReason.CRASHED


def test_pool_parses_as_many_files_at_once_as_it_has_processes(pool, small):
    with ThreadPoolExecutor(8) as threads:
        documents = list(threads.map(pool.parse, [small] * 24))
    assert len({document.pages for document in documents}) == 1
    assert 1 <= len(children(pool)) <= 2


def test_file_that_takes_too_long_costs_its_child_only(small, slow):
    with ParserPool(IngestSettings(max_parse_s=0.2, parser_processes=1)) as pool:
        assert reason_of(pool, slow) == RejectReason.TOO_SLOW
        assert children(pool) == []
    with ParserPool(IngestSettings(parser_processes=1)) as pool:
        assert pool.parse(small).pages


def test_file_that_computes_too_long_costs_its_child_only(small, slow, monkeypatch):
    monkeypatch.setattr(sandbox, "limit_cpu", lambda pid, _: limit_cpu(pid, 0.1))
    with ParserPool(IngestSettings(parser_processes=1)) as pool:
        with pytest.raises(RejectedFileError, match="processor time") as caught:
            pool.parse(slow)
        assert caught.value.reason == RejectReason.TOO_SLOW
        assert pool.parse(small).pages


def test_processor_time_of_a_child_is_renewed_for_each_file(small, make_text, monkeypatch):
    monkeypatch.setattr(sandbox, "limit_cpu", lambda pid, _: limit_cpu(pid, 1.0))
    path = make_text("half.html", "<p>word <b>bold</b>" * 2_000)
    with ParserPool(IngestSettings(parser_processes=1)) as pool:
        pool.parse(small)
        (pid,) = children(pool)
        while process_time_s(pid) < 2.2:
            pool.parse(path)
        assert children(pool) == [pid]


def test_child_reads_no_file_but_the_one_it_was_given(pool, small, tmp_path):
    pool.parse(small)
    (pid,) = children(pool)
    open_files = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    assert not [name for name in open_files if str(tmp_path) in name]
    held = pool._idle[0]._input.descriptor
    assert os.fstat(held).st_size == 0


def test_pipe_is_rejected_without_waiting_for_its_writer(pool, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert reason_of(pool, tmp_path / "pipe") == RejectReason.UNREADABLE
    assert reason_of(pool, tmp_path / "nothing") == RejectReason.UNREADABLE
    assert reason_of(pool, tmp_path) == RejectReason.UNREADABLE
    assert len(children(pool)) == 1


def test_file_too_large_is_rejected_before_it_is_handed_over(small):
    with ParserPool(IngestSettings(max_file_bytes=10, parser_processes=1)) as pool:
        assert reason_of(pool, small) == RejectReason.TOO_LARGE


def test_suffix_chooses_among_kinds_of_text(pool, small):
    assert pool.parse(small, suffix=".md").media_type == "text/markdown"


def test_file_that_takes_too_much_memory_is_rejected(make_text, small):
    large = make_text("large.txt", "word " * 14_000_000)
    with ParserPool(IngestSettings(max_memory_bytes=100_000_000, parser_processes=1)) as pool:
        assert reason_of(pool, large) == RejectReason.TOO_MUCH_MEMORY
        assert pool.parse(small).pages


def test_child_killed_in_the_middle_is_a_crash_and_the_next_file_works(pool, small, slow):
    pool.parse(small)
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(reason_of, pool, slow)
        wait_until(lambda: pool._busy)
        os.kill(next(iter(pool._busy)).pid, signal.SIGKILL)
        assert future.result(20) == RejectReason.CRASHED
    assert pool.parse(small).pages


def test_child_killed_while_idle_is_replaced(pool, small):
    pool.parse(small)
    (pid,) = children(pool)
    os.kill(pid, signal.SIGKILL)
    # /proc may call a process dead while one of its threads still ends; the pool asks the kernel.
    wait_until(lambda: not pool._idle[0].is_alive())
    assert pool.parse(small).pages
    assert children(pool) != [pid]


def test_close_ends_a_running_parse_at_once(limits, slow, small):
    pool = ParserPool(limits)
    pool.parse(small)
    with ThreadPoolExecutor(1) as threads:
        future = threads.submit(reason_of, pool, slow)
        wait_until(lambda: pool._busy)
        pool.close()
        assert future.result(20) == RejectReason.CRASHED


def test_child_is_replaced_after_as_many_files_as_it_may_parse(small):
    with ParserPool(IngestSettings(parser_processes=1, files_per_process=2)) as pool:
        pool.parse(small)
        assert len(children(pool)) == 1
        pool.parse(small)
        assert children(pool) == []


def test_reply_longer_than_allowed_is_cut_off(pool, small):
    pool.parse(small)
    pool._idle[0]._max_reply_bytes = 10
    assert reason_of(pool, small) == RejectReason.TOO_LARGE


@pytest.mark.parametrize("line", ["nonsense", '{"document": {}}', '{"document": {"title": 1}}'])
def test_answer_that_is_none_is_a_crash(pool, small, monkeypatch, line):
    pool.parse(small)
    monkeypatch.setattr(sandbox._Child, "_read_line", lambda *_, **__: line.encode())
    assert reason_of(pool, small) == RejectReason.CRASHED


def scans_for_ever(of):
    """Answers of a child that announces one scanned page after the other."""
    for number in range(1, of + 1):
        yield json.dumps({"scan": [number, of]}).encode()


@pytest.mark.parametrize("line", ['{"scan": 5}', '{"scan": ["a", 2]}', '{"scan": [1]}', "7"])
def test_announcement_that_is_none_is_a_crash(pool, small, monkeypatch, line):
    pool.parse(small)
    monkeypatch.setattr(sandbox._Child, "_read_line", lambda *_, **__: line.encode())
    assert reason_of(pool, small) == RejectReason.CRASHED


def test_scanned_pages_have_their_time_and_all_together_no_more_than_theirs(small, monkeypatch):
    settings = IngestSettings(max_parse_s=10.0, max_scan_page_s=4.0, max_scans_s=10.0)
    lines, clock, limits = scans_for_ever(100), itertools.count(step=3), []

    def read_line(_, *, within_s):
        limits.append(within_s)
        if within_s < 3:  # the clock goes on by three seconds at a time
            raise sandbox._too_slow("its time")
        return next(lines)

    with ParserPool(settings) as pool:
        pool.parse(small)
        monkeypatch.setattr(sandbox._Child, "_read_line", read_line)
        monkeypatch.setattr(sandbox.time, "monotonic", lambda: next(clock))
        with pytest.raises(RejectedFileError, match="its time"):
            pool._idle[0].ask(small, ".txt", lambda *_: None)
    # 3 of 10 s until the first page, then 4 s for each page, until 10 s are used up; what comes
    # after that is taken from the rest.
    assert limits == [10, 7 + 4, 7 + 4, 7 + 4, 7 + 1, 5, 2]


def test_child_sees_no_secrets_of_the_environment(pool, small, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    pool.parse(small)
    (pid,) = children(pool)
    assert b"hunter2" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_child_ends_with_its_parent_even_while_it_parses(slow, tmp_path):
    script = (
        "import sys, threading, time\n"
        "from pathlib import Path\n"
        "from ingest.parsing.sandbox import ParserPool\n"
        "from ingest.settings import IngestSettings\n"
        "pool = ParserPool(IngestSettings())\n"
        "threading.Thread(target=pool.parse, args=[Path(sys.argv[1])], daemon=True).start()\n"
        "while not pool._busy: time.sleep(0.01)\n"
        "print(next(iter(pool._busy)).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(slow)], cwd=PROJECT, stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    wait_until(lambda: not is_alive(pid))


def test_child_ignores_interrupts(pool, small):
    pool.parse(small)
    (pid,) = children(pool)
    os.kill(pid, signal.SIGINT)
    assert pool.parse(small).pages
    assert children(pool) == [pid]
