"""A filter of system calls (seccomp-BPF) for processes that read untrusted files.

It refuses what no parser needs, with EPERM, and lets the rest through: what may be read is
Landlock's affair. Threads work, for numerical libraries start some; processes do not. Nothing is
opened for writing: that holds without Landlock, too, and before its version 3 (Linux 6.2) it let
files be cut to nothing.

Sources:
    Linux kernel documentation, userspace-api/seccomp_filter; seccomp(2); the numbers from
    arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from collections.abc import Iterator

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
# Classic BPF, as linux/bpf_common.h and linux/seccomp.h number it.
_LOAD, _RETURN = 0x20, 0x06
_JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS = 0x15, 0x35, 0x45
_KILL_PROCESS, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
_REFUSE, _UNKNOWN = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
# Where struct seccomp_data has what; arguments have 64 bits, the low half first on both.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_CLONE_THREAD = 0x10000
_X32_BIT = 0x40000000
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""By machine: the column of the tables below, and AUDIT_ARCH of linux/audit.h."""
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # network
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242), "connect": (42, 203),
    # programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "unshare": (272, 97), "setns": (308, 268), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "kcmp": (312, 272), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
    # memory, keys and queues that others reach, or that no limit counts
    "shmget": (29, 194), "shmat": (30, 196), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180), "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    # changes of folders
    "creat": (85, None), "truncate": (76, 45), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "unlink": (87, None), "unlinkat": (263, 35), "mknod": (133, None), "mknodat": (259, 33),
    # what Landlock does not watch of files
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "inotify_add_watch": (254, 27), "fanotify_init": (300, 262),
    # mounts
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "swapon": (167, 224),
    "swapoff": (168, 225), "quotactl": (179, 60), "quotactl_fd": (443, 443), "acct": (163, 89),
    # the system
    "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "iopl": (172, None), "ioperm": (173, None), "syslog": (103, 116), "capset": (126, 91),
    # ways around the filter, and large parts of the kernel that no parser needs
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "personality": (135, 92), "setrlimit": (160, 164),
}  # fmt: skip
"""Number on x86_64 and on aarch64; None: there is none."""
_CLONE, _SET_LIMITS = (56, 220), (302, 261)
_UNREADABLE = ((435, 435), (437, 437))
"""clone3 and openat2: what they are to do lies in memory, where no filter can look."""
_OPEN, _OPENAT = (2, None), (257, 56)
_SIGNALS = ((62, 129), (234, 131))
"""kill and tgkill."""

_Instruction = tuple[int, int, int, int]
"""Code, instructions to skip if true, and if false, operand."""


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


def install_filter(libc: ctypes.CDLL) -> bool:
    """Filter the system calls of this thread and of those it starts, for good.

    Needs PR_SET_NO_NEW_PRIVS.

    Returns:
        False if the kernel has no such filters, or there is none for this kind of processor.
    """
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        return False
    instructions = tuple(_instructions(*_ARCHITECTURES[machine]))
    filters = (_Filter * len(instructions))(*(_Filter(*one) for one in instructions))
    program = _Program(len(instructions), filters)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _instructions(column: int, architecture: int) -> Iterator[_Instruction]:
    yield _LOAD, 0, 0, _ARCHITECTURE
    yield _JUMP_EQUAL, 1, 0, architecture
    yield _RETURN, 0, 0, _KILL_PROCESS  # 32-bit calls have other numbers
    yield _LOAD, 0, 0, _NUMBER
    if column == 0:
        yield _JUMP_AT_LEAST, 0, 1, _X32_BIT
        yield _RETURN, 0, 0, _REFUSE
    for numbers in _REFUSED.values():
        if (number := numbers[column]) is not None:
            yield _JUMP_EQUAL, 0, 1, number
            yield _RETURN, 0, 0, _REFUSE
    for numbers in _UNREADABLE:  # the C library falls back to clone, and needs no openat2
        yield _JUMP_EQUAL, 0, 1, numbers[column]
        yield _RETURN, 0, 0, _UNKNOWN
    for flags_at, opens in ((1, _OPEN[column]), (2, _OPENAT[column])):
        if opens is not None:
            yield _JUMP_EQUAL, 0, 4, opens
            yield _LOAD, 0, 0, _low_half(flags_at)
            yield _JUMP_BITS, 0, 1, _WRITES
            yield _RETURN, 0, 0, _REFUSE
            yield _RETURN, 0, 0, _ALLOW
    yield _JUMP_EQUAL, 0, 4, _CLONE[column]
    yield _LOAD, 0, 0, _low_half(0)
    yield _JUMP_BITS, 1, 0, _CLONE_THREAD
    yield _RETURN, 0, 0, _REFUSE
    yield _RETURN, 0, 0, _ALLOW
    for numbers in _SIGNALS:  # to itself, as abort() does
        yield _JUMP_EQUAL, 0, 4, numbers[column]
        yield _LOAD, 0, 0, _low_half(0)
        yield _JUMP_EQUAL, 1, 0, os.getpid()
        yield _RETURN, 0, 0, _REFUSE
        yield _RETURN, 0, 0, _ALLOW
    # Limits may be read, with no pointer to new ones; a privileged user could raise them.
    yield _JUMP_EQUAL, 0, 6, _SET_LIMITS[column]
    yield _LOAD, 0, 0, _low_half(2)
    yield _JUMP_EQUAL, 0, 2, 0
    yield _LOAD, 0, 0, _low_half(2) + 4
    yield _JUMP_EQUAL, 1, 0, 0
    yield _RETURN, 0, 0, _REFUSE
    yield _RETURN, 0, 0, _ALLOW
    yield _RETURN, 0, 0, _ALLOW


def _low_half(argument: int) -> int:
    return _ARGUMENTS + 8 * argument
