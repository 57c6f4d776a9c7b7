from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.calibration_file import calibration_in_use, read_calibration, write_calibration
from assistant.confidence import SHIPPED, Calibration
from assistant.errors import SettingsError

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
    write_calibration(path, SHIPPED)
    with pytest.raises(SettingsError):  # a site's own says which prompts it is for
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


def test_the_shipped_calibration_says_which_model_it_is_for(tmp_path):
    path = tmp_path / "calibration.json"
    used, reason = calibration_in_use(path, generator=SHIPPED.generator, prompt_version="any")
    assert (used, reason) == (SHIPPED, None)
    used, reason = calibration_in_use(path, generator="two", prompt_version="any")
    assert used is SHIPPED
    assert "no calibration was fitted to two" in (reason or "")
    assert not replace(SHIPPED, prompt_version="v1").is_for(SHIPPED.generator, "v2")
