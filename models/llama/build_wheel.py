"""Build llama-cpp-python for this machine's processor, once; print the wheel's path.

Runs before anything is installed, so it knows the standard library only:
`python -I models/llama/build_wheel.py`. The wheel lies in the user's cache, keyed by everything
that decides what the compiler makes, and is shared by every checkout.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
NATIVE_CMAKE = Path(__file__).with_name("native.cmake")
PACKAGE = "llama-cpp-python"
CPU_INFO = Path("/proc/cpuinfo")


class BuildError(Exception):
    """The wheel cannot be built; the message says what to install or where to look."""


def pinned_version(pyproject: Path) -> str:
    """Return the version of llama-cpp-python that the project requires."""
    dependencies = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["dependencies"]
    pin = f"{PACKAGE}=="
    for requirement in dependencies:
        if requirement.startswith(pin):
            return str(requirement.removeprefix(pin))
    raise BuildError(f"{pyproject} does not pin {PACKAGE}; add {pin}VERSION to its dependencies")


def processor(cpu_info: Path = CPU_INFO) -> str:
    """Return the model and instruction sets of this machine's processor."""
    try:
        lines = cpu_info.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")  # the latter two are Arm's
    return "\n".join(sorted({line for line in lines if line.startswith(wanted)}))


def cache_folder(version: str) -> Path:
    """Return where a wheel of `version` for this machine lies, whether or not it exists."""
    parts = (
        version,
        platform.system(),
        platform.machine(),
        *platform.libc_ver(),
        processor(),
        NATIVE_CMAKE.read_text(encoding="utf-8"),
    )
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "plinth" / "wheels" / key


def cached_wheel(folder: Path) -> Path | None:
    """Return the whole wheel in `folder`; None if there is none."""
    return next((path for path in folder.glob("*.whl") if zipfile.is_zipfile(path)), None)


def build(version: str, folder: Path) -> Path:
    """Compile and put the wheel into `folder` in one step, so that it is whole or absent.

    Raises:
        BuildError: there is no compiler, or the compilation failed.
    """
    for variable, compiler in (("CC", "cc"), ("CXX", "c++")):
        command = os.environ.get(variable, compiler).split()[0]
        if shutil.which(command) is None:
            raise BuildError(
                f"no compiler {command!r} on PATH; llama.cpp is compiled for this processor; "
                "install one (Debian: apt-get install build-essential cmake)"
            )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="plinth-wheel-") as scratch:
        # CMAKE_ARGS is split at spaces, which the project's own path may hold.
        native = shutil.copy(NATIVE_CMAKE, scratch)
        arguments = f"-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF -DCMAKE_PROJECT_llama.cpp_INCLUDE={native}"
        # Without pip's cache: it would hand out a wheel built for another processor.
        command_line = [sys.executable, "-m", "pip", "wheel", "-qq", "--disable-pip-version-check"]
        command_line += ["--no-deps", "--no-binary", PACKAGE, "--no-cache-dir"]
        command_line += ["--wheel-dir", scratch, f"{PACKAGE}=={version}"]
        environment = os.environ | {"CMAKE_ARGS": arguments}
        # pip's output must not mix with the path this script prints.
        done = subprocess.run(command_line, env=environment, stdout=sys.stderr, check=False)
        built = cached_wheel(Path(scratch))
        if done.returncode or built is None:
            raise BuildError(
                f"{PACKAGE} {version} did not build (exit {done.returncode}); see pip's "
                "message above, and check that the package index is reachable"
            )
        staged = shutil.copy(built, folder / f"{built.name}.{os.getpid()}")
        return Path(staged).replace(folder / built.name)


def main() -> int:
    """Print the path of a wheel for this machine, built now if need be; return the exit code."""
    try:
        version = pinned_version(PROJECT / "pyproject.toml")
        folder = cache_folder(version)
        wheel = cached_wheel(folder)
        if wheel is None:
            print(
                f"== compiling {PACKAGE} {version} for this processor, once "
                "(three to eight minutes on two cores)",
                file=sys.stderr,
            )
            wheel = build(version, folder)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(wheel)
    return 0


if __name__ == "__main__":
    sys.exit(main())
