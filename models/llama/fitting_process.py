"""The fitting process: `python -m models.llama.fitting_process`, an order on stdin.

A process of its own, because making and opening files is where the library can crash. It ends when
its stdin does, so it never outlives its parent, however that ended.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import chain, cycle, islice
from pathlib import Path
from typing import BinaryIO

from models.errors import ModelFileError
from models.fitting.messages import Order, PredictOrder, Reply, TryOrder, trial_to_json
from models.fitting.miniature import N_USABLE_TOKENS, extrapolated
from models.fitting.recipes import Plan
from models.fitting.texts import Text
from models.fitting.trial import Closeness, Speeds, Trial, is_faster
from models.llama.measuring import Comparison, MeasuredFile
from models.llama.model import LlamaModel
from models.llama.prompt_formats import PromptFormat, find_format
from models.llama.quantising import quantise

Tell = Callable[[str], None]

_HEAD = "Answer the question from the passage in one sentence."
_CONTEXT_TOKENS = 1536
_WARM_UP_TOKENS = 32
_ROUNDS_BEFORE_GIVING_UP = 2


def predict(order: PredictOrder, tell: Tell) -> list[Trial]:
    """Measure all miniatures in turn and return what each candidate would gain.

    Each figure is the best of all rounds: what disturbs a measurement only makes it slower, and a
    difference of two measurements would show all of it.

    Raises:
        ModelFileError: a miniature cannot be opened or run.
    """
    prompt = [token % N_USABLE_TOKENS for token in range(order["prompt_tokens"])]
    reply = prompt[: order["reply_tokens"]]
    with ExitStack() as stack:
        files = [
            stack.enter_context(
                MeasuredFile(
                    Path(path),
                    context_tokens=len(prompt) + len(reply),
                    threads=order["threads"],
                )
            )
            for one in order["files"]
            for path in (one["shallow"], one["deep"])
        ]
        for file in files:
            file.speeds(prompt[:_WARM_UP_TOKENS], reply[:2])
        rounds: list[list[Speeds]] = []
        for number in range(1, order["rounds"] + 1):
            tell(f"measuring what candidates would gain, round {number} of {order['rounds']}")
            rounds.append([file.speeds(prompt, reply) for file in files])
    depths = (order["n_shallow"], order["n_deep"], order["n_layers"])
    best = [fastest(of_file) for of_file in zip(*rounds, strict=True)]
    original, *candidates = (
        extrapolated(shallow, deep, depths)
        for shallow, deep in zip(best[::2], best[1::2], strict=True)
    )
    return [
        Trial(
            recipe=one["recipe"],
            original=original,
            candidate=candidate,
            prefill_ratio=candidate.prefill_tokens_s / original.prefill_tokens_s,
            decode_ratio=candidate.decode_tokens_s / original.decode_tokens_s,
            closeness=None,
        )
        for one, candidate in zip(order["files"][1:], candidates, strict=True)
    ]


def try_candidate(order: TryOrder, tell: Tell) -> Trial:
    """Make the candidate, measure both files in turn and, if it is faster, compare predictions.

    Raises:
        ModelFileError: a file cannot be made, opened or run.
    """
    tell(f"making the {order['recipe']} file")
    original, candidate = Path(order["original"]), Path(order["candidate"])
    plan = Plan(
        overrides=tuple((pattern, type_id) for pattern, type_id in order["overrides"]),
        output_type=order["output_type"],
        embedding_type=order["embedding_type"],
    )
    quantise(original, candidate, plan, threads=order["threads"])
    with ExitStack() as stack:
        both = [
            stack.enter_context(
                MeasuredFile(path, context_tokens=_CONTEXT_TOKENS, threads=order["threads"])
            )
            for path in (original, candidate)
        ]
        prompt_format = find_format(order["prompt_format"])
        renderings = [render(both[0].model, prompt_format, text) for text in order["texts"]]
        trial = _measure(both, renderings, order, tell)
        if not is_faster(trial):
            return trial
        closeness = _compare(both, renderings, order["recipe"], tell)
    return Trial(
        recipe=trial.recipe,
        original=trial.original,
        candidate=trial.candidate,
        prefill_ratio=trial.prefill_ratio,
        decode_ratio=trial.decode_ratio,
        closeness=closeness,
    )


def render(model: LlamaModel, form: PromptFormat, text: Text) -> tuple[list[int], int]:
    """Return a text as a question in the model's format with its answer, and where it begins.

    What stands before that place is the same for every text.
    """
    head = [
        *model.tokenise_control(form.head_start),
        *model.tokenise(_HEAD),
        *model.tokenise_control(form.head_end),
    ]
    tokens = [
        *head,
        *model.tokenise(f"{text['passage']}\n\n{text['question']}"),
        *model.tokenise_control(form.reply_start),
        *model.tokenise(text["answer"]),
    ]
    return tokens, len(head)


def _measure(
    both: Sequence[MeasuredFile],
    renderings: Sequence[tuple[list[int], int]],
    order: TryOrder,
    tell: Tell,
) -> Trial:
    tokens = list(
        islice(
            cycle(chain.from_iterable(tokens for tokens, _ in renderings)), order["prompt_tokens"]
        )
    )
    reply = tokens[: order["reply_tokens"]]
    for file in both:
        file.speeds(tokens[:_WARM_UP_TOKENS], reply[:2])
    rounds: list[list[Speeds]] = []
    for number in range(1, order["rounds"] + 1):
        tell(f"measuring the {order['recipe']} file, round {number} of {order['rounds']}")
        # Whoever comes second meets a warmer machine: take turns.
        turn = both if number % 2 else both[::-1]
        speeds = [file.speeds(tokens, reply) for file in turn]
        rounds.append(speeds if number % 2 else speeds[::-1])
        trial = summed_up(order["recipe"], rounds)
        if number == _ROUNDS_BEFORE_GIVING_UP and trial.speedup < 1:
            break
    return summed_up(order["recipe"], rounds)


def fastest(rounds: Sequence[Speeds]) -> Speeds:
    """Return the best of one file's rounds, separately for reading and writing."""
    return Speeds(
        prefill_tokens_s=max(speeds.prefill_tokens_s for speeds in rounds),
        decode_tokens_s=max(speeds.decode_tokens_s for speeds in rounds),
    )


def summed_up(recipe: str, rounds: Sequence[Sequence[Speeds]]) -> Trial:
    """Return the medians over rounds of (original, candidate)."""

    def medians(index: int) -> Speeds:
        return Speeds(
            prefill_tokens_s=statistics.median(pair[index].prefill_tokens_s for pair in rounds),
            decode_tokens_s=statistics.median(pair[index].decode_tokens_s for pair in rounds),
        )

    return Trial(
        recipe=recipe,
        original=medians(0),
        candidate=medians(1),
        # Within a round: what else the machine did then slowed both.
        prefill_ratio=statistics.median(
            candidate.prefill_tokens_s / original.prefill_tokens_s for original, candidate in rounds
        ),
        decode_ratio=statistics.median(
            candidate.decode_tokens_s / original.decode_tokens_s for original, candidate in rounds
        ),
        closeness=None,
    )


def _compare(
    both: Sequence[MeasuredFile],
    renderings: Sequence[tuple[list[int], int]],
    recipe: str,
    tell: Tell,
) -> Closeness:
    comparison = Comparison()
    for number, (tokens, start) in enumerate(renderings, 1):
        tell(f"comparing what the {recipe} file predicts, text {number} of {len(renderings)}")
        original, candidate = (file.log_probabilities(tokens)[start:] for file in both)
        comparison.add(original, candidate)
    return comparison.closeness()


class _Replies:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def send(self, reply: Reply) -> None:
        self._stream.write(json.dumps(reply).encode("ascii") + b"\n")
        self._stream.flush()

    def tell(self, message: str) -> None:
        self.send({"type": "progress", "message": message})


def main() -> None:
    """Carry out the order and end; stdout is for messages only."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent decides what ends
    replies = _Replies(os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    order: Order = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    try:
        trials = (
            predict(order, replies.tell)
            if order["type"] == "predict"
            else [try_candidate(order, replies.tell)]
        )
    except ModelFileError as error:
        replies.send({"type": "failed", "message": str(error)})
    else:
        replies.send({"type": "done", "trials": [trial_to_json(trial) for trial in trials]})
    sys.stderr.flush()
    os._exit(0)  # a normal exit would wait for the thread that reads


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(1)  # at once, whatever the main thread computes


if __name__ == "__main__":
    main()
