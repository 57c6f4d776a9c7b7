"""What the fitting process is told and what it says: one JSON object a line."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from models.fitting.texts import Text
from models.fitting.trial import Closeness, Speeds, Trial


class Miniatures(TypedDict):
    """A file's two miniatures."""

    recipe: str
    """Empty: of the original."""
    shallow: str
    deep: str


class PredictOrder(TypedDict):
    """Measure miniatures and say what each candidate would gain."""

    type: Literal["predict"]
    files: list[Miniatures]
    """The original's first."""
    n_shallow: int
    n_deep: int
    n_layers: int
    threads: int
    prompt_tokens: int
    reply_tokens: int
    rounds: int


class TryOrder(TypedDict):
    """Make this candidate and try it."""

    type: Literal["try"]
    original: str
    candidate: str
    """Where it is written; replaced if it exists."""
    recipe: str
    overrides: list[tuple[str, int]]
    output_type: int
    embedding_type: int
    prompt_format: str
    threads: int
    prompt_tokens: int
    """Prompt computed in each round."""
    reply_tokens: int
    """Tokens decoded after it."""
    rounds: int
    texts: list[Text]


Order = PredictOrder | TryOrder
"""The one message to the process."""


class Progress(TypedDict):
    """What it does now, for people."""

    type: Literal["progress"]
    message: str


class Done(TypedDict):
    """The last message: trials as JSON, of a prediction one for each candidate in order."""

    type: Literal["done"]
    trials: list[dict[str, Any]]


class Failed(TypedDict):
    """The last message where a file cannot be made or opened."""

    type: Literal["failed"]
    message: str


Reply = Progress | Done | Failed


def trial_to_json(trial: Trial) -> dict[str, Any]:
    """Return the wire and record form of a trial."""
    found = trial.closeness
    return {
        "recipe": trial.recipe,
        "original": _speeds_to_json(trial.original),
        "candidate": _speeds_to_json(trial.candidate),
        "prefill_ratio": trial.prefill_ratio,
        "decode_ratio": trial.decode_ratio,
        "closeness": None
        if found is None
        else {
            "n_positions": found.n_positions,
            "mean_kl": found.mean_kl,
            "agreement": found.agreement,
            "n_sure": found.n_sure,
            "sure_agreement": found.sure_agreement,
        },
    }


def trial_from_json(value: dict[str, Any]) -> Trial:
    """Read what `trial_to_json` wrote.

    Raises:
        KeyError, TypeError: it is something else.
    """
    found = value["closeness"]
    return Trial(
        recipe=value["recipe"],
        original=Speeds(**value["original"]),
        candidate=Speeds(**value["candidate"]),
        prefill_ratio=value["prefill_ratio"],
        decode_ratio=value["decode_ratio"],
        closeness=None if found is None else Closeness(**found),
    )


def _speeds_to_json(speeds: Speeds) -> dict[str, float]:
    return {
        "prefill_tokens_s": speeds.prefill_tokens_s,
        "decode_tokens_s": speeds.decode_tokens_s,
    }
