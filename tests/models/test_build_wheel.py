from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from models.llama import build_wheel
from models.llama.build_wheel import BuildError, build, cache_folder, cached_wheel, main

WHEEL = "llama_cpp_python-9-py3-none-any.whl"


def write_wheel(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "x")
    return path


@pytest.fixture
def pip_calls(monkeypatch: pytest.MonkeyPatch):
    """Stand in for pip: note the call, and leave a wheel where pip would."""
    calls = []

    def run(command, **options):
        calls.append((command, options))
        write_wheel(Path(command[command.index("--wheel-dir") + 1]) / WHEEL)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_main_builds_once_and_prints_only_the_path(pip_calls, capsys, cache):
    assert main() == 0
    first = capsys.readouterr()
    assert main() == 0
    assert capsys.readouterr().out == first.out
    assert first.out == f"{first.out.strip()}\n"
    assert Path(first.out.strip()).is_relative_to(cache / "plinth" / "wheels")
    assert "minutes" in first.err
    assert len(pip_calls) == 1


def test_build_hands_pip_the_flags_and_a_path_without_spaces(pip_calls, tmp_path):
    assert build("9", tmp_path / "own folder") == tmp_path / "own folder" / WHEEL
    ((command, options),) = pip_calls
    assert command[-1] == "llama-cpp-python==9"
    assert "-DGGML_NATIVE=ON" in options["env"]["CMAKE_ARGS"]
    assert "native.cmake" in options["env"]["CMAKE_ARGS"].split(" ")[-1]


def test_cached_wheel_does_not_count_a_damaged_file(tmp_path):
    assert cached_wheel(tmp_path) is None
    wheel = write_wheel(tmp_path / WHEEL)
    assert cached_wheel(tmp_path) == wheel
    wheel.write_bytes(wheel.read_bytes()[:20])
    assert cached_wheel(tmp_path) is None


def test_cache_folder_differs_by_version_and_processor(monkeypatch):
    folders = {cache_folder("1"), cache_folder("2")}
    monkeypatch.setattr(build_wheel, "processor", lambda: "another")
    folders.add(cache_folder("1"))
    assert len(folders) == 3


def test_processor_reads_model_and_flags_once_for_all_cores(tmp_path):
    cpu_info = tmp_path / "cpuinfo"
    core = "model name\t: EPYC\ncpu MHz\t: {}\nflags\t: avx2 fma\n\n"
    cpu_info.write_text(core.format(2000) + core.format(3000))
    assert build_wheel.processor(cpu_info) == "flags\t: avx2 fma\nmodel name\t: EPYC"
    assert isinstance(build_wheel.processor(tmp_path / "none"), str)


def test_main_without_a_compiler_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    assert main() == 1
    assert "no compiler 'no-such-compiler'" in capsys.readouterr().err


def test_build_says_when_pip_failed(monkeypatch, tmp_path):
    def run(command, **options):
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(BuildError, match="did not build"):
        build("9", tmp_path)


def test_pinned_version_is_the_projects_and_must_be_there(tmp_path):
    assert build_wheel.pinned_version(build_wheel.PROJECT / "pyproject.toml").count(".") == 2
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text("[project]\ndependencies = ['numpy']\n")
    with pytest.raises(BuildError, match="does not pin"):
        build_wheel.pinned_version(pyproject)
