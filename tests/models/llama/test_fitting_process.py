from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import models.fitting.fit as fitting
from models.catalog import ModelEntry, ModelFile
from models.errors import ModelFileError
from models.fitting import recipes
from models.fitting.fit import fit
from models.fitting.messages import Miniatures, PredictOrder, TryOrder
from models.fitting.miniature import choose_depths, write_miniature
from models.fitting.recipes import COARSE, IDS, PLAIN, Recipe, plan
from models.fitting.texts import load_texts
from models.fitting.trial import Speeds, is_close
from models.gguf import QUANTISATIONS, read_header, read_tensors
from models.llama.fitting_process import fastest, predict, summed_up, try_candidate
from models.llama.measuring import Comparison, MeasuredFile
from models.llama.quantising import quantise
from tests.models.conftest import a_model, put

pytestmark = pytest.mark.model

PROMPT_TOKENS, REPLY_TOKENS = 64, 4


def order(original: Path, candidate: Path, recipe: Recipe) -> TryOrder:
    made = plan(recipe, read_tensors(original))
    assert made is not None
    return {
        "type": "try",
        "original": str(original),
        "candidate": str(candidate),
        "recipe": recipe.name,
        "overrides": list(made.overrides),
        "output_type": made.output_type,
        "embedding_type": made.embedding_type,
        "prompt_format": "chatml",
        "threads": 2,
        "prompt_tokens": PROMPT_TOKENS,
        "reply_tokens": REPLY_TOKENS,
        "rounds": 2,
        "texts": load_texts()[:2],
    }


def compared(original: Path, candidate: Path) -> Comparison:
    comparison = Comparison()
    with (
        MeasuredFile(original, context_tokens=512, threads=2) as first,
        MeasuredFile(candidate, context_tokens=512, threads=2) as second,
    ):
        for text in load_texts()[:3]:
            tokens = first.model.tokenise(f"{text['passage']}\n{text['answer']}")
            comparison.add(first.log_probabilities(tokens), second.log_probabilities(tokens))
    return comparison


def test_quantise_changes_what_the_plan_says_and_nothing_else(
    model_path: Path, tmp_path: Path
) -> None:
    made = plan(PLAIN, read_tensors(model_path))
    assert made is not None
    quantise(model_path, tmp_path / "a.gguf", made, threads=2)
    before = {one.name: one for one in read_tensors(model_path)}
    after = {one.name: one for one in read_tensors(tmp_path / "a.gguf")}
    assert after.keys() == before.keys()
    for name, tensor in after.items():
        was = QUANTISATIONS[before[name].type_id]
        assert tensor.shape == before[name].shape
        is_changed = was == "Q4_1" and not name.endswith(("attn_k.weight", "attn_v.weight"))
        assert QUANTISATIONS[tensor.type_id] == ("Q4_0" if is_changed else was), name


def test_a_file_predicts_exactly_as_itself(model_path: Path) -> None:
    found = compared(model_path, model_path).closeness()
    assert found.mean_kl == pytest.approx(0, abs=1e-5)
    assert (found.agreement, found.sure_agreement) == (1, 1)
    assert found.n_positions > 100
    assert 0 < found.n_sure < found.n_positions


def test_a_coarse_file_is_refused_though_it_may_be_faster(model_path: Path, tmp_path: Path) -> None:
    made = plan(COARSE, read_tensors(model_path))
    assert made is not None
    quantise(model_path, tmp_path / "a.gguf", made, threads=2)
    assert not is_close(compared(model_path, tmp_path / "a.gguf").closeness())


def test_a_damaged_file_that_loads_is_refused(model_path: Path, tmp_path: Path) -> None:
    data = bytearray(model_path.read_bytes())
    noise = np.random.default_rng(1)
    for start in noise.integers(len(data) // 2, len(data) - 100, size=400):
        # Bytes of weights, not of their scales alone: everything still is a number.
        data[start : start + 8] = noise.bytes(8)
    path = tmp_path / "damaged.gguf"
    path.write_bytes(data)
    assert not is_close(compared(model_path, path).closeness())


def test_try_candidate_measures_both_files_and_compares_them(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.llama.fitting_process.is_faster", lambda _: True)
    told: list[str] = []
    trial = try_candidate(order(model_path, tmp_path / "a.gguf", PLAIN), told.append)
    assert trial.recipe == "q4_0"
    assert min(trial.original.prefill_tokens_s, trial.candidate.decode_tokens_s) > 0
    assert trial.closeness is not None
    assert 0 < trial.closeness.mean_kl < 2
    assert [message.split()[0] for message in told] == [
        "making",
        "measuring",
        "measuring",
        "comparing",
        "comparing",
    ]


def test_try_candidate_that_is_not_faster_is_not_compared(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.llama.fitting_process.is_faster", lambda _: False)
    trial = try_candidate(order(model_path, tmp_path / "a.gguf", PLAIN), lambda _: None)
    assert trial.closeness is None


def prediction(original: Path, folder: Path, **types: str) -> PredictOrder:
    """Of one candidate in which all matrices with a word in their names get a type."""
    header = read_header(original)
    depths = choose_depths(header.tensors)
    files: list[Miniatures] = []
    for recipe in ("", "changed"):
        changed = {
            tensor.name: IDS[kind]
            for tensor in header.tensors
            for word, kind in types.items()
            if recipe and word in tensor.name and len(tensor.shape) > 1
        }
        shallow, deep = folder / f"{recipe}-shallow.gguf", folder / f"{recipe}-deep.gguf"
        write_miniature(shallow, header, depths.shallow, changed)
        write_miniature(deep, header, depths.deep, changed)
        files.append({"recipe": recipe, "shallow": str(shallow), "deep": str(deep)})
    return {
        "type": "predict",
        "files": files,
        "n_shallow": len(depths.shallow),
        "n_deep": len(depths.deep),
        "n_layers": depths.n_layers,
        "threads": 2,
        "prompt_tokens": PROMPT_TOKENS,
        "reply_tokens": REPLY_TOKENS,
        "rounds": 3,
    }


def test_predict_sees_that_weights_four_times_the_size_are_slower_to_write_with(
    model_path: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    (trial,) = predict(prediction(model_path, tmp_path, ffn="F32", attn="F32"), told.append)
    assert trial.recipe == "changed"
    assert trial.decode_ratio < 0.9
    assert trial.closeness is None
    assert trial.decode_ratio == trial.candidate.decode_tokens_s / trial.original.decode_tokens_s
    assert len(told) == 3


def test_predict_of_a_miniature_that_does_not_load_is_a_known_error(
    model_path: Path, tmp_path: Path
) -> None:
    order = prediction(model_path, tmp_path, ffn="F32")
    Path(order["files"][1]["deep"]).write_bytes(b"GGUF")
    with pytest.raises(ModelFileError, match="cannot read the model"):
        predict(order, lambda _: None)


def test_the_fastest_of_rounds_is_taken_for_reading_and_writing_apart() -> None:
    rounds = [
        Speeds(prefill_tokens_s=3, decode_tokens_s=1),
        Speeds(prefill_tokens_s=2, decode_tokens_s=5),
    ]
    assert fastest(rounds) == Speeds(prefill_tokens_s=3, decode_tokens_s=5)


def test_ratios_are_medians_of_rounds_not_ratios_of_medians() -> None:
    def pair(original: float, candidate: float) -> list[Speeds]:
        return [
            Speeds(prefill_tokens_s=speed, decode_tokens_s=speed) for speed in (original, candidate)
        ]

    # 2, 1.5 and 1.2 x, though the second round was disturbed.
    trial = summed_up("near", [pair(100, 200), pair(10, 15), pair(100, 120)])
    assert trial.prefill_ratio == trial.decode_ratio == 1.5
    assert trial.original.prefill_tokens_s == 100


@pytest.fixture
def small(model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """The 135M model in a folder of its own; one recipe, measured briefly."""
    monkeypatch.setattr(fitting, "PROMPT_TOKENS", PROMPT_TOKENS)
    monkeypatch.setattr(fitting, "REPLY_TOKENS", REPLY_TOKENS)
    monkeypatch.setattr(fitting, "RECIPES", (PLAIN,))
    monkeypatch.setattr(fitting, "is_faster", lambda _: True)  # predicted
    data = model_path.read_bytes()
    model = a_model(
        ModelFile(path="a.gguf", bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    )
    put(model, tmp_path, data)
    return model


def test_fit_with_the_real_process_refuses_a_q4_0_file_of_the_smallest_model(
    small: ModelEntry, tmp_path: Path
) -> None:
    told: list[str] = []
    record = fit(small, tmp_path, on_progress=lambda **now: told.append(now["message"]))
    (attempt,) = record.attempts
    assert attempt.trial() is not None
    assert attempt.refusal is not None
    assert record.fitted is None
    assert attempt.predicted is not None
    assert told[0].startswith("measuring what candidates would gain")
    assert "making the q4_0 file" in told


def test_fit_with_the_real_process_makes_a_file_that_loads(
    small: ModelEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "refusal", lambda _: None)
    record = fit(small, tmp_path)
    assert record.fitted is not None
    kinds = {one.type_id for one in read_tensors(tmp_path / "tiny" / record.fitted.path)}
    assert kinds == {IDS["F32"], IDS["Q4_0"], IDS["Q4_1"], IDS["Q8_0"]}


def test_fit_of_a_file_that_is_cut_short_keeps_it_and_says_why(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "RECIPES", (PLAIN,))
    monkeypatch.setattr(fitting, "is_faster", lambda _: True)  # predicted
    data = model_path.read_bytes()
    cut = a_model(ModelFile(path="a.gguf", bytes=len(data) // 2))
    put(cut, tmp_path, data[: len(data) // 2])
    record = fit(cut, tmp_path)
    assert record.fitted is None
    assert "llama.cpp could not requantise 'a.gguf'" in str(record.attempts[0].refusal)


def test_a_file_of_finer_types_is_close_enough(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recipes._BLOCKS, "Q8_0", 32)
    made = plan(Recipe(name="fine", choose=lambda *_: "Q8_0"), read_tensors(model_path))
    assert made is not None
    quantise(model_path, tmp_path / "a.gguf", made, threads=2)
    found = compared(model_path, tmp_path / "a.gguf").closeness()
    assert found.mean_kl > 0
    assert is_close(found)
