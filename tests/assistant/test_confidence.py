from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.calibration_file import calibration_in_use, read_calibration, write_calibration
from assistant.confidence import SHIPPED, Calibration
from assistant.errors import SettingsError
from assistant.prompts.library import prompt_version
from models.settings import ModelsSettings

OWN = Calibration(
    bias=-1.0,
    coefficients={"probe": 2.0},
    least=0.5,
    generator="one",
    prompt_version="v1",
    fitted={"answers": 40},
)
SIGNALS = st.dictionaries(
    st.sampled_from(["proof", "probe", "logprob", "other"]), st.floats(-1e4, 1e4), max_size=4
)


def test_confidence_is_the_logistic_of_the_weighted_signals():
    assert OWN.confidence({"probe": 0.5}) == 0.5  # odds -1 + 2 * 0.5
    assert OWN.confidence({}) == pytest.approx(0.2689, abs=1e-4)  # 1 / (1 + e)
    assert OWN.confidence({"probe": 0.5, "unknown": 9.0}) == 0.5


@given(SIGNALS)
def test_confidence_is_a_probability_for_any_signals(signals):
    for calibration in (SHIPPED, OWN):
        assert 0 <= calibration.confidence(signals) <= 1


def test_a_written_calibration_is_read_again(tmp_path):
    path = tmp_path / "calibration.json"
    assert read_calibration(path) is None
    write_calibration(path, replace(SHIPPED, prompt_version=""))
    with pytest.raises(SettingsError):  # it says which prompts it is for
        read_calibration(path)
    write_calibration(path, OWN)
    assert read_calibration(path) == OWN


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"bias": NaN}', "\x00"])
def test_a_damaged_calibration_is_named_with_what_to_do(tmp_path, text):
    path = tmp_path / "calibration.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"calibration\.json.*plinth eval calibrate"):
        read_calibration(path)


def test_another_model_or_other_prompts_ask_for_a_new_fit(tmp_path):
    path = tmp_path / "calibration.json"
    write_calibration(path, OWN)
    assert calibration_in_use(path, generator="one", prompt_version="v1") == (OWN, None)
    for generator, version, what in (
        ("two", "v1", "another model"),
        ("one", "v2", "other prompts"),
    ):
        used, reason = calibration_in_use(path, generator=generator, prompt_version=version)
        assert used is SHIPPED
        assert what in (reason or "")


def test_the_shipped_calibration_is_for_one_model_and_its_prompts(tmp_path):
    path = tmp_path / "calibration.json"
    model, prompts = SHIPPED.generator, SHIPPED.prompt_version
    assert calibration_in_use(path, generator=model, prompt_version=prompts) == (SHIPPED, None)
    for generator, version, what in (
        ("two", prompts, "no calibration was fitted to two"),
        (model, "v2", "was fitted with other prompts; fit one"),
    ):
        used, reason = calibration_in_use(path, generator=generator, prompt_version=version)
        assert used is SHIPPED
        assert what in (reason or "")


def test_the_shipped_calibration_is_for_the_default_model_and_the_prompts_of_today():
    """Who changes either judges it anew, and says in `SHIPPED` what it is for."""
    assert SHIPPED.is_for(ModelsSettings().generator, prompt_version())
