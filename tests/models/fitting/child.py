"""A fitting process that says what a test wants, and a file to give it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest

import models.fitting.fit as fitting
from models.fitting.messages import trial_to_json
from models.fitting.trial import Closeness, Speeds, Trial
from models.gguf import Tensor
from tests.models.test_gguf import header

ORIGINAL = header(
    Tensor(name="token_embd.weight", shape=(256, 100), type_id=8),
    Tensor(name="output.weight", shape=(256, 100), type_id=14),
    Tensor(name="blk.0.ffn_up.weight", shape=(256, 256), type_id=14),
)
"""Of which every recipe makes something."""

CHILD = """
import json, os, sys
order = json.loads(sys.stdin.readline())
trials = json.loads(sys.argv[1])
def say(**reply):
    print(json.dumps(reply), flush=True)
say(type="progress", message=f"process {os.getpid()}")
with open(order["candidate"], "w") as file:
    file.write("GGUF" + order["recipe"])
outcome = trials[order["recipe"]]
if outcome == "abort":
    print("something was wrong", file=sys.stderr)
    os.abort()
if outcome == "wait":
    sys.stdin.read()
if isinstance(outcome, str):
    say(type="failed", message=outcome)
else:
    say(type="done", trial=outcome)
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


def set_outcomes(monkeypatch: pytest.MonkeyPatch, **by_recipe: Trial | str) -> None:
    """Have the process make of each recipe a trial, or what the words say.

    `abort` crashes it, `wait` has it wait for the end of its stdin, other words are a failure.
    """
    trials = {
        name.replace("_output", "-output"): one if isinstance(one, str) else trial_to_json(one)
        for name, one in by_recipe.items()
    }
    monkeypatch.setattr(fitting, "COMMAND", (sys.executable, "-I", "-c", CHILD, json.dumps(trials)))
