from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import evals.benchmarks.registry as registry
import models.fitting.fit as fitting
from assistant.access import OPERATOR
from evals.benchmarks.types import NeedMissingError
from models.fitting.recipes import PLAIN
from models.settings import ModelsSettings
from tests.evals.benchmarks.conftest import Scripted
from tests.models.fitting.child import ORIGINAL
from tests.ui.conftest import Plinth
from ui.settings import Settings
from ui.workbench import MachineWorkbench


@pytest.fixture
def ratio(monkeypatch: pytest.MonkeyPatch):
    """Return a function that leaves one benchmark, with this ratio in every round."""

    def say(value: float, **options) -> Scripted:
        benchmark = Scripted([(10, 10 * value)] * 5, **options)
        monkeypatch.setattr(registry, "BENCHMARKS", (benchmark,))
        return benchmark

    return say


def test_bench_prints_ratios_and_exits_with_zero_where_gates_are_met(plinth: Plinth, ratio) -> None:
    ratio(1.5)
    done = plinth("bench")
    assert done.exit_code == 0
    assert "speed      1.50 x (1.50 to 1.50)" in done.stdout
    assert "scripted: round 5 of 5" in done.stderr


def test_bench_below_a_gate_exits_with_three(plinth: Plinth, ratio) -> None:
    ratio(1.0)
    done = plinth("bench", "scripted", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout)["benchmarks"][0]["status"] == "missed"
    assert "gates of scripted were not met" in done.stderr


def test_bench_list_runs_nothing(plinth: Plinth, ratio) -> None:
    benchmark = ratio(1.5)
    assert plinth("bench", "--list").stdout.splitlines() == [
        "scripted: what is written against what is written",
        "  speed at least 1.10 x",
    ]
    (row,) = json.loads(plinth("bench", "--list", "--json").stdout)["benchmarks"]
    assert row["gates"] == {"speed": 1.1, "time": None}
    assert benchmark.calls == []


def test_bench_of_the_stand_in_is_not_measured_and_no_pass(plinth: Plinth) -> None:
    done = plinth("bench", "weights")
    assert done.exit_code == 1
    assert "unmeasured" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: weights was not measured: ")
    assert "'fake-generator'" in done.stderr


def test_bench_without_a_fitted_file_says_what_to_run(
    plinth: Plinth, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLINTH_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("PLINTH_MODELS__GENERATOR", "our-model")
    path = tmp_path / "a.gguf"
    path.write_bytes(ORIGINAL)
    plinth("models", "import", "our-model", path)
    done = plinth("bench", "weights")
    assert done.exit_code == 1
    assert "plinth models fit our-model" in done.stderr


@pytest.mark.parametrize("name", ["embedding", "ingest"])
def test_bench_without_the_development_data_says_what_to_set(
    plinth: Plinth, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.delenv("PLINTH_SHARED_DATA", raising=False)
    done = plinth("bench", name)
    assert done.exit_code == 1
    assert "set PLINTH_SHARED_DATA" in done.stderr
    monkeypatch.setenv("PLINTH_SHARED_DATA", str(tmp_path))
    assert "there is no corpus" in plinth("bench", name).stderr


def test_bench_workbench_has_no_embedder_where_a_stand_in_is_set(tmp_path: Path) -> None:
    workbench = MachineWorkbench(
        Settings(models=ModelsSettings(dir=tmp_path, embedder="fake-embedder"))
    )
    with pytest.raises(NeedMissingError, match="'fake-embedder'"):
        workbench.open_embedder()


@pytest.mark.model
def test_bench_workbench_gives_the_real_embedder(
    weights: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = weights("all-minilm-l6-v2/model.safetensors").parent
    settings = Settings(models=ModelsSettings(dir=folder.parent, embedder_precision="float32"))
    opened = MachineWorkbench(settings).open_embedder()
    assert (opened.folder, opened.runtime) == (folder, "torch, float32")
    assert opened.embedder.info.dim == 384
    (tmp_path / "corpora" / "one").mkdir(parents=True)
    monkeypatch.setenv("PLINTH_SHARED_DATA", str(tmp_path))
    assert MachineWorkbench(settings).corpus("one") == tmp_path / "corpora" / "one"


def test_bench_of_an_unknown_name_and_of_few_rounds_is_refused(plinth: Plinth) -> None:
    done = plinth("bench", "nope")
    assert done.exit_code == 1
    assert "there is no benchmark 'nope'" in done.stderr
    assert plinth("bench", "--rounds", "4").exit_code == 2


def test_bench_that_is_interrupted_exits_with_130(plinth: Plinth, ratio) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    benchmark = ratio(1.5, before=interrupt)
    assert plinth("bench").exit_code == 130
    assert benchmark.calls == ["open", "close"]


@pytest.mark.model
@pytest.mark.slow
def test_bench_weights_compares_two_files_of_a_real_model(
    plinth: Plinth,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    weights: Callable[[str], Path],
) -> None:
    name = "smollm2-135m-instruct"
    path = weights(f"{name}/SmolLM2-135M-Instruct.Q4_1.gguf")
    (tmp_path / "models" / name).mkdir(parents=True)
    shutil.copy(path, tmp_path / "models" / name)
    monkeypatch.setenv("PLINTH_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("PLINTH_MODELS__GENERATOR", name)
    for constant, value in (("PROMPT_TOKENS", 32), ("REPLY_TOKENS", 2), ("RECIPES", (PLAIN,))):
        monkeypatch.setattr(fitting, constant, value)
    # Neither speed nor answers are what is tested here.
    monkeypatch.setattr(fitting, "is_faster", lambda _: True)
    monkeypatch.setattr(fitting, "refusal", lambda _: None)
    assert plinth("models", "fit").exit_code == 0
    done = plinth("bench", "weights", "--json")
    (value,) = json.loads(done.stdout)["benchmarks"]
    assert value["status"] in ("met", "missed")  # how fast it is depends on the machine
    assert done.exit_code == (0 if value["status"] == "met" else 3)
    conditions = value["conditions"]
    assert "Q4_1 79 %" in conditions["baseline_weights"]
    assert "Q4_0 " in conditions["plinth_weights"]
    assert conditions["baseline_sha256"] != conditions["plinth_sha256"]
    assert conditions["tokens_computed"] == conditions["tokens_shown"] > 512
    assert all(ratio > 0 for ratio in value["quantities"]["prefill"]["ratios"])


@pytest.mark.model
def test_bench_workbench_opens_documents_that_are_asked_about_cold_and_prepared(
    weights: Callable[[str], Path], tmp_path: Path
) -> None:
    generator = weights("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf").parent
    weights("all-minilm-l6-v2/model.safetensors")
    (tmp_path / "shop.md").write_text("The shop has a counter of oak. It opens at nine.\n")
    models = ModelsSettings(dir=generator.parent, generator=generator.name, fitted="off")
    question = "When does the shop open?"
    with MachineWorkbench(Settings(models=models)).open_corpus([tmp_path]) as corpus:
        cold = corpus.cold_engine.ask(question, readable=OPERATOR).record.usage
        hits = corpus.retriever.retrieve(question, 3, OPERATOR)
        corpus.prepare([hit.chunk.chunk_id for hit in hits])
        kept = corpus.engine.ask(question, readable=OPERATOR).record.usage
    assert 0 < kept.prompt_tokens_computed < cold.prompt_tokens_computed
