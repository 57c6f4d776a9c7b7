from __future__ import annotations

import os

from evals.spent import Meter


def processor(folder, name, energy, most=1_000_000_000):
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{energy}\n")
    (folder / name / "max_energy_range_uj").write_text(f"{most}\n")


def process(folder, pid, peak, children=()):
    (folder / str(pid) / "task" / str(pid)).mkdir(parents=True)
    (folder / str(pid) / "status").write_text(f"Name:\tx\nVmHWM:\t  {peak} kB\nVmRSS:\t 1 kB\n")
    (folder / str(pid) / "task" / str(pid) / "children").write_text(" ".join(map(str, children)))


def test_energy_is_counted_over_whole_processors_and_over_the_end_of_a_counter(tmp_path):
    processor(tmp_path, "intel-rapl:0", 999_000_000)
    processor(tmp_path, "intel-rapl:0:0", 5_000_000)
    processor(tmp_path, "intel-rapl:1", 1_000_000)
    meter = Meter(tmp_path / "no-proc", tmp_path)
    processor(tmp_path, "intel-rapl:0", 1_000_000 - 1)  # 2 J later, past its end
    processor(tmp_path, "intel-rapl:0:0", 9_000_000)
    processor(tmp_path, "intel-rapl:1", 1_500_000)
    assert meter.read() == {"joules": 2.5}


def test_memory_is_that_of_the_process_and_all_below_it(tmp_path):
    process(tmp_path, os.getpid(), 300_000, children=(11, 13))
    process(tmp_path, 11, 500_000, children=(12,))
    process(tmp_path, 12, 50_000)  # 13 has ended meanwhile
    assert Meter(tmp_path, tmp_path / "no-powercap").read() == {"peak_memory_mb": 850.0}


def test_this_machine_tells_how_much_memory_is_in_use():
    assert 1 < Meter().read()["peak_memory_mb"] < 1_000_000


def test_what_the_machine_does_not_tell_is_not_guessed(tmp_path):
    (tmp_path / "intel-rapl:0").mkdir()
    assert Meter(tmp_path, tmp_path).read() == {}
