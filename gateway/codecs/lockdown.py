"""What the worker process may do, once it serves: read, write, ask for memory and for the time.

Everything else is given up for good, in layers, of which a kernel may lack the last: limits of
resources, no new privileges, and a filter of system calls that answers EPERM to all but a few. So
there is no file, no socket, no process and no thread to be had, whatever a codec makes of the
engine. The process ends with its parent.
"""

import ctypes
import os
import resource
import signal
import struct
import sys
from typing import Final

ADDRESS_SPACE: Final = 256 << 20
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
SECCOMP_FILTER: Final = 2
ALLOWED: Final = {
    # audit's number of the architecture; then read, write, brk, mmap, munmap, mremap, mprotect,
    # madvise, setitimer, clock_gettime, gettimeofday, futex, getrandom, sched_yield,
    # rt_sigreturn, exit, exit_group (Linux, arch/*/…/syscall.tbl)
    "x86_64": (
        0xC000003E,
        (0, 1, 12, 9, 11, 25, 10, 28, 38, 228, 96, 202, 318, 24, 15, 60, 231),
    ),
    "aarch64": (
        0xC00000B7,
        (63, 64, 214, 222, 215, 216, 226, 233, 103, 113, 169, 98, 278, 124, 139, 93, 94),
    ),
    "arm": (  # with the calls of 64-bit time, and sigreturn
        0x40000028,
        (3, 4, 45, 192, 91, 163, 125, 220, 104, 263, 403, 78, 240, 422, 384, 158, 173, 119, 1, 248),
    ),
}


def lock_down(parent: int) -> str:
    """Give up everything that a codec could abuse; returns what holds, in words."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the daemon has ended meanwhile")
    os.closerange(2, 1 << 16)
    limits = {
        resource.RLIMIT_AS: ADDRESS_SPACE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: 0,
    }
    for kind, limit in limits.items():
        resource.setrlimit(kind, (limit, limit))
    holds = ["limits"]
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        holds.append("no new privileges")
    program = _filter()
    if program is not None:
        # struct sock_fprog: u16 length, pointer
        code = ctypes.create_string_buffer(program)
        fprog = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
        if prctl(PR_SET_SECCOMP, SECCOMP_FILTER, ctypes.c_char_p(fprog), 0, 0) == 0:
            holds.append("system calls filtered")
    return ", ".join(holds)


def _filter() -> bytes | None:
    """seccomp's program: of all system calls the few that are needed, EPERM for the others."""
    machine = os.uname().machine
    if struct.calcsize("P") == 4 and machine.startswith(("arm", "aarch64")):
        machine = "arm"
    if machine not in ALLOWED or (machine == "x86_64" and struct.calcsize("P") == 4):
        return None
    architecture, calls = ALLOWED[machine]
    load, equal, end = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    kill, refuse, allow = 0x80000000, 0x00050001, 0x7FFF0000
    code = [(load, 0, 0, 4), (equal, 1, 0, architecture), (end, 0, 0, kill), (load, 0, 0, 0)]
    code += [(equal, len(calls) - n, 0, call) for n, call in enumerate(calls)]
    code += [(end, 0, 0, refuse), (end, 0, 0, allow)]
    return b"".join(struct.pack("@HBBI", *one) for one in code)
