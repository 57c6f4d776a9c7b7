from __future__ import annotations

import pytest
import torch

from evals.benchmarks import roofline
from evals.benchmarks.roofline import Roofline, best_s, bytes_a_token, mul_adds_a_token
from evals.benchmarks.running import run_benchmark
from evals.benchmarks.types import NeedMissingError, Result
from models.gguf import Tensor
from tests.evals.benchmarks.conftest import TENSORS, Bench

# 100 rows of 256 values in Q6_K (210 bytes) and 1000 in Q4_K (144 bytes)
BYTES, MUL_ADDS = 100 * 210 + 1000 * 144, 256 * 1000


@pytest.fixture
def result(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Result:
    """Of a machine that takes 0.5 s for whatever its limit is."""
    monkeypatch.setattr(roofline, "_BUFFER_BYTES", 2**20)
    monkeypatch.setattr(roofline, "_ROWS", 32)
    monkeypatch.setattr(roofline, "best_s", lambda work: work() is None or 0.5)
    return run_benchmark(Roofline(), bench, tell=lambda _: None)


def test_roofline_compares_what_is_computed_with_what_could_be(result: Result) -> None:
    prefill, decode = result.measured
    # 600 tokens in 5 s and a token in 40 ms, of the file in use
    assert prefill.plinth == pytest.approx(120 * MUL_ADDS / 1e9)
    assert decode.plinth == pytest.approx(25 * BYTES / 1e9)
    assert prefill.baseline == pytest.approx(32 * 1536 * 8960 / 0.5 / 1e9)
    assert decode.baseline == pytest.approx(2**20 / 0.5 / 1e9)
    assert decode.median_ratio == pytest.approx(decode.plinth / decode.baseline)
    assert (prefill.quantity.gate, decode.quantity.gate) == (0.40, 0.65)


def test_roofline_says_how_each_limit_was_measured(result: Result) -> None:
    conditions = result.conditions
    assert conditions["bytes_a_token"] == BYTES
    assert conditions["mul_adds_a_token"] == MUL_ADDS
    assert "1 MiB" in str(conditions["decode_limit"])
    assert "int8" in str(conditions["prefill_limit"])
    assert conditions["weights"] == "fitted.gguf"


def test_roofline_leaves_the_threads_of_others_as_they_were(bench: Bench, result: Result) -> None:
    before = torch.get_num_threads()
    bench.threads = before + 1
    with Roofline().open(bench):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before
    assert bench.fitted.is_closed


def test_an_embedding_that_is_the_output_matrix_is_read_as_well() -> None:
    tied = tuple(tensor for tensor in TENSORS if tensor.name != "output.weight")
    assert bytes_a_token(tied) == 100 * 256 // 32 * 34 + 1000 * 144
    assert mul_adds_a_token(tied) == MUL_ADDS


def test_a_model_with_experts_is_not_measured() -> None:
    experts = Tensor(name="blk.0.ffn_up_exps.weight", shape=(256, 256, 8), type_id=12)
    with pytest.raises(NeedMissingError, match="experts"):
        bytes_a_token((*TENSORS, experts))


def test_the_best_of_several_runs_counts() -> None:
    calls: list[int] = []
    assert best_s(lambda: calls.append(1)) >= 0
    assert len(calls) == 5
