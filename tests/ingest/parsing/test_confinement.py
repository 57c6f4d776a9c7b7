import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.errors import IngestError
from ingest.parsing import sandbox, system_call_filter
from ingest.parsing.confinement import Confinement
from ingest.parsing.input_copy import InputCopy
from ingest.parsing.sandbox import child_environment, examine_confinement
from ingest.settings import IngestSettings

HOLDS = examine_confinement()
needs_landlock = pytest.mark.skipif(not HOLDS.landlock_abi, reason="the kernel has no Landlock")
needs_filter = pytest.mark.skipif(not HOLDS.has_filter, reason="no filter of system calls here")

CONFINED = """
import ctypes, os, resource, socket, subprocess, sys, threading
from pathlib import Path
from ingest.parsing.confinement import confine, limit_cpu
unix, udp = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
libc = ctypes.CDLL(None, use_errno=True)
holds = confine()

def call(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return result

try:
    {code}
except OSError as error:
    print("refused", error.errno)
else:
    print("done")
"""
REFUSED = {"refused 1", "refused 13"}
"""EPERM of the filter, EACCES of Landlock."""


def confined(code, *arguments, pass_fds=()):
    """Return what became of a line of Python in a confined process."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", CONFINED.format(code=code), *map(str, arguments)],
        capture_output=True,
        env=child_environment(),
        cwd="/",
        pass_fds=pass_fds,
        text=True,
        check=False,
        timeout=30,
    )
    return done.stdout.strip() or f"{done.returncode} {done.stderr}"


@pytest.fixture
def secret(make_text):
    return make_text("secret.txt", "another document")


@needs_landlock
@pytest.mark.parametrize(
    "code",
    [
        "open(sys.argv[1])",
        "os.open(sys.argv[1], os.O_WRONLY)",
        "os.listdir(Path(sys.argv[1]).parent)",
        "open(Path(sys.argv[1]).parent / 'new', 'w')",
        "os.mkdir(Path(sys.argv[1]).parent / 'new')",
        "os.symlink('/', Path(sys.argv[1]).parent / 'new')",
        "os.link(sys.argv[1], sys.argv[1] + '2')",
        "os.rename(sys.argv[1], sys.argv[1] + '2')",
        "os.unlink(sys.argv[1])",
        "os.truncate(sys.argv[1], 0)",
        "open('/etc/passwd')",
        "open('/proc/self/environ')",
        "open(f'/proc/{os.getppid()}/environ')",
        "os.listdir('/')",
        "os.listdir('/tmp')",
        "open(Path(os.__file__).parent / 'new', 'w')",
    ],
)
def test_confined_process_opens_no_file_and_changes_none(secret, code):
    assert confined(code, secret) in REFUSED
    assert secret.read_text(encoding="utf-8") == "another document"
    assert [path.name for path in secret.parent.iterdir()] == ["secret.txt"]


@needs_filter
@pytest.mark.parametrize(
    "code",
    [
        "os.chmod(sys.argv[1], 0o777)",
        "os.open(os.__file__, os.O_RDONLY | os.O_TRUNC)",
        "open(sys.argv[1], 'a')",
        "os.rmdir(Path(sys.argv[1]).parent)",
        "os.mkfifo(sys.argv[1] + '2')",
        "os.chown(sys.argv[1], 1, 1)",
        "os.utime(sys.argv[1], (0, 0))",
        "os.setxattr(sys.argv[1], 'user.a', b'b')",
        "socket.socket()",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "socket.socket(socket.AF_UNIX)",
        "socket.socketpair()",
        "unix.connect(sys.argv[1])",
        "unix.bind(sys.argv[1] + '2')",
        "udp.connect(('127.0.0.1', 9))",
        "udp.bind(('127.0.0.1', 0))",
        "os.execv('/bin/true', ['true'])",
        "subprocess.run(['/bin/true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.fork()",
        "os.forkpty()",
        "os.kill(os.getppid(), 0)",
        "os.kill(-1, 0)",
        "call(libc.ptrace(16, os.getppid(), 0, 0))",
        "call(libc.unshare(0x10000000))",
        "call(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))",
        "call(libc.chroot(b'/tmp'))",
        "os.memfd_create('more')",
        "call(libc.setrlimit(resource.RLIMIT_FSIZE, (ctypes.c_ulong * 2)(100, 100)))",
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (9, 9))",
        "limit_cpu(0, 1)",
        "call(libc.syscall(425, 1, None))",  # io_uring_setup
    ],
)
def test_confined_process_reaches_no_network_no_program_and_no_other_process(secret, code):
    assert confined(code, secret) in REFUSED


@needs_landlock
@needs_filter
@pytest.mark.parametrize(
    "code",
    [
        "import decimal, http.client, zoneinfo; zoneinfo.ZoneInfo('UTC')",
        "import lxml.etree, PIL.Image",
        "thread = threading.Thread(target=len, args=['']); thread.start(); thread.join()",
        "resource.getrlimit(resource.RLIMIT_AS)",
        "os.kill(os.getpid(), 0)",
        "os.pipe()",
    ],
)
def test_confined_process_still_imports_and_computes(code):
    assert confined(code) == "done"


@needs_landlock
def test_confined_process_reads_what_it_was_handed_and_writes_nothing_into_it(secret):
    with InputCopy() as copy:
        copy.fill(secret, IngestSettings())
        code = "print(open(sys.argv[1]).read())"
        path = f"/proc/self/fd/{copy.descriptor}"
        descriptors = (copy.descriptor,)
        assert confined(code, path, pass_fds=descriptors) == "another document\ndone"
        grow = "os.write(os.open(sys.argv[1], os.O_WRONLY), b'x')"
        assert confined(grow, path, pass_fds=descriptors) in REFUSED


def test_confined_process_dumps_no_memory():
    code = "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)"
    assert confined(code) == "done"


def test_confine_with_other_threads_is_refused():
    code = CONFINED.format(code="confine()").replace(
        "holds = confine()", "threading.Thread(target=sys.stdin.read, daemon=True).start()"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment(),
    ) as process:
        assert process.stderr is not None
        assert b"before it starts threads" in process.stderr.read()


@needs_filter
def test_child_of_another_instruction_set_is_killed():
    # What calls by 32-bit numbers would pass the filter under the number of something else.
    instructions = list(system_call_filter._instructions(0, 0xC000003E))
    assert instructions[1] == (0x15, 1, 0, 0xC000003E)
    assert instructions[2][3] == 0x80000000


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        (0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        (1, "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_filter_has_the_numbers_of_the_system_s_own_header(machine, header):
    if not Path(header).exists():
        pytest.skip("this system has no such header")
    text = Path(header).read_text(encoding="utf-8")
    numbers = dict(re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", text, re.M))
    for name, both in system_call_filter._REFUSED.items():
        if name in numbers:
            assert both[machine] == int(numbers[name]), name
        else:  # it has none, or is newer than the header
            assert both[machine] is None or both[machine] > 450, name
    for name, both in {
        "clone": system_call_filter._CLONE,
        "clone3": system_call_filter._UNREADABLE[0],
        "openat2": system_call_filter._UNREADABLE[1],
        "openat": system_call_filter._OPENAT,
        "prlimit64": system_call_filter._SET_LIMITS,
        "kill": system_call_filter._SIGNALS[0],
        "tgkill": system_call_filter._SIGNALS[1],
    }.items():
        assert both[machine] == int(numbers[name]), name


def test_filter_is_not_applied_on_processors_it_has_no_numbers_of(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert system_call_filter.install_filter(None) is False


def test_gaps_name_what_the_kernel_does_not_hold():
    assert Confinement(landlock_abi=7, has_filter=True).gaps == ()
    files, network = Confinement(landlock_abi=0, has_filter=False).gaps
    assert "files" in files
    assert "sockets" in network


def test_examine_confinement_of_a_process_that_cannot_is_an_error(monkeypatch):
    monkeypatch.setattr(sandbox.sys, "executable", "/bin/false")
    with pytest.raises(IngestError, match="cannot confine itself"):
        examine_confinement()
