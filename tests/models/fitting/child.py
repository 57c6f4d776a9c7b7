"""A fitting process that says what a test wants, and a file to give it."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable, Mapping

import pytest

import models.fitting.fit as fitting
from models.fitting.messages import trial_to_json
from models.fitting.recipes import RECIPES
from models.fitting.trial import Closeness, Speeds, Trial
from models.gguf import Tensor
from tests.models.test_gguf import header, text

ORIGINAL = header(
    Tensor(name="token_embd.weight", shape=(256, 100), type_id=8),
    Tensor(name="output.weight", shape=(256, 100), type_id=14),
    *(Tensor(name=f"blk.{n}.ffn_up.weight", shape=(256, 256), type_id=14) for n in range(4)),
    values=text("general.architecture") + struct.pack("<I", 8) + text("tiny"),
    n_values=1,
)
"""Of which every recipe makes something."""

CHILD = """
import json, os, sys
order = json.loads(sys.stdin.readline())
predicted, trials = json.loads(sys.argv[1])
def say(**reply):
    print(json.dumps(reply), flush=True)
def obey(outcome):
    if outcome == "abort":
        print("something was wrong", file=sys.stderr)
        os.abort()
    if outcome == "wait":
        sys.stdin.read()
    if isinstance(outcome, str):
        say(type="failed", message=outcome)
    else:
        say(type="done", trials=outcome)
say(type="progress", message=f"process {os.getpid()}")
if order["type"] == "predict":
    for one in order["files"]:
        for path in (one["shallow"], one["deep"]):
            assert open(path, "rb").read(4) == b"GGUF"
    names = [one["recipe"] for one in order["files"][1:]]
    obey(predicted if isinstance(predicted, str) else [predicted[name] for name in names])
    sys.exit()
with open(order["candidate"], "w") as file:
    file.write("GGUF" + order["recipe"])
outcome = trials[order["recipe"]]
obey(outcome if isinstance(outcome, str) else [outcome])
"""

Outcomes = Callable[..., None]


def a_trial(
    recipe: str = "near",
    *,
    prefill: float = 1.2,
    decode: float = 1.2,
    kl: float | None = 0.02,
    sure: float = 1.0,
) -> Trial:
    """A trial with these ratios against an original of 100 and 20 tokens a second."""
    return Trial(
        recipe=recipe,
        original=Speeds(prefill_tokens_s=100, decode_tokens_s=20),
        candidate=Speeds(prefill_tokens_s=100 * prefill, decode_tokens_s=20 * decode),
        prefill_ratio=prefill,
        decode_ratio=decode,
        closeness=None
        if kl is None
        else Closeness(n_positions=400, mean_kl=kl, agreement=0.9, n_sure=200, sure_agreement=sure),
    )


SLOW = a_trial("", prefill=1.0, decode=1.0, kl=None)


def set_outcomes(
    monkeypatch: pytest.MonkeyPatch,
    predicted: Mapping[str, Trial] | str | None = None,
    **by_recipe: Trial | str,
) -> None:
    """Have the process make of each recipe a trial, or what the words say.

    `abort` crashes it, `wait` has it wait for the end of its stdin, other words are a failure.

    Args:
        monkeypatch: Undoes it.
        predicted: What is predicted; None: the trial that follows, or, where that is words, a gain;
            and no gain of recipes that are not named.
        by_recipe: What happens to the file of each recipe.
    """
    outcomes = {name.replace("_output", "-output"): one for name, one in by_recipe.items()}
    if predicted is None:
        predicted = {recipe.name: SLOW for recipe in RECIPES} | {
            name: a_trial() if isinstance(one, str) else one for name, one in outcomes.items()
        }
    told = (
        predicted
        if isinstance(predicted, str)
        else {name: trial_to_json(one) for name, one in predicted.items()}
    )
    trials = {
        name: one if isinstance(one, str) else trial_to_json(one) for name, one in outcomes.items()
    }
    command = (sys.executable, "-I", "-c", CHILD, json.dumps((told, trials)))
    monkeypatch.setattr(fitting, "COMMAND", command)
