"""Two people evaluate and a third asks, all at once: each gets what each would get alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.access import Role
from assistant.reply_json import reply_to_json
from evals.runs import find_run
from models.fakes import FakeStream
from tests.evals.replies import lasting
from tests.ui.web.conftest import SignIn
from tests.waiting import wait_until
from ui.web.desk import Desk
from ui.web.resources import Resources

END_S = 120.0
REAL = "smollm2-135m-instruct"
SUITES = {
    "leave.csv": (
        "How many days of annual leave do employees receive?,25 days,leave.md,",
        "When does unused leave expire?,March,leave.md,",
        "How long is the parental leave?,,,",
    ),
    "travel.csv": (
        "What is the hotel limit a night?,120 euros,travel.md,",
        "In which class are trains booked?,second class,travel.md,",
        "Where do bikes go?,the cellar,parking.txt,",
    ),
}
QUESTIONS = ("Is parking free for visitors?", "What is the hotel limit a night?")


@pytest.fixture(
    params=["fake-generator", pytest.param(REAL, marks=[pytest.mark.model, pytest.mark.slow])]
)
def data_dir(data_dir: Path, request: pytest.FixtureRequest) -> Path:
    """A data dir that keeps no passage computed: that would change answers with time."""
    if request.param == REAL:
        request.getfixturevalue("weights")(f"{REAL}/SmolLM2-135M-Instruct.Q4_1.gguf")
    (data_dir / "plinth.toml").write_text(
        f'[models]\ngenerator = "{request.param}"\nembedder = "fake-embedder"\nfitted = "off"\n'
        "kept_gb = 0\n[answer]\nmin_confidence = 0.0\nprepared_sentences_gb = 0\n",
        encoding="utf-8",
    )
    return data_dir


@pytest.fixture
def person(opened: Resources, sign_in: SignIn) -> Callable[[str, Role], Desk]:
    editor = opened.catalog.edit_people("test")
    editor.add_group("staff")
    editor.grant("documents", "staff")
    return lambda name, role: sign_in(name, role, ("staff",))


class Watch:
    """Sees how many generations are under way, and can hold the next one until it is stopped."""

    def __init__(self) -> None:
        self.most = 0
        self.has_held = threading.Event()
        self._holds = False
        self._n = 0
        self._lock = threading.Lock()
        self._generate = FakeStream._generate

    def hold_next(self) -> None:
        self._holds = True

    def generate(self, stream: FakeStream) -> Iterator[str]:
        with self._lock:
            self._n += 1
            self.most = max(self.most, self._n)
            is_held, self._holds = self._holds, False
        try:
            if is_held:
                self.has_held.set()
                wait_until(stream._cancelled.is_set)
            yield from self._generate(stream)
        finally:
            with self._lock:
                self._n -= 1


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(FakeStream, "_generate", lambda stream: made.generate(stream))
    return made


def begin(desk: Desk, suite: str) -> str:
    return desk.evaluations.start(desk.suites.load(f"documents/{suite}"), sample=None)


def replies(opened: Resources, run_id: str, suite: str) -> dict[str, Any]:
    wait_until(
        lambda: all(one.is_done for one in opened.evaluations.snapshots() if one.run_id == run_id),
        END_S,
    )
    run = find_run(opened.catalog.runs, run_id)
    assert run.finished is not None
    assert run.errors(suite) == {}
    found = run.replies(suite)
    assert len(found) == 3
    return {key: lasting(reply) for key, reply in found.items()}


def answer(desk: Desk, question: str) -> dict[str, Any]:
    run = desk.answers.start(question, conversation_id=None, on_stored=lambda _: None, anew=True)
    wait_until(lambda: run.snapshot().is_done, END_S)
    reply = run.snapshot().reply
    assert reply is not None, run.snapshot().error
    return lasting(reply_to_json(reply))


def test_two_evaluators_and_an_asker_do_not_disturb_each_others_results(
    opened: Resources, person: Callable[[str, Role], Desk], watch: Watch
) -> None:
    eve, mia = (person(name, Role.EVALUATOR) for name in ("eve", "mia"))
    ann = person("ann", Role.EMPLOYEE)
    for name, rows in SUITES.items():
        lines = ("question,answer,document,page", *rows, "")
        eve.suites.import_file(name, "\n".join(lines).encode(), "documents")
    evaluators = {"leave": eve, "travel": mia}
    alone: dict[str, Any] = {
        name: replies(opened, begin(desk, name), name) for name, desk in evaluators.items()
    }
    alone_asked = [answer(ann, question) for question in QUESTIONS]
    assert opened.settings.models.parallel > 1

    watch.hold_next()
    ids = {name: begin(desk, name) for name, desk in evaluators.items()}
    if opened.settings.models.generator == REAL:
        wait_until(lambda: any(one.question for one in opened.evaluations.snapshots()))
    else:
        assert watch.has_held.wait(END_S)  # a case that would never end
    asked = [answer(ann, question) for question in QUESTIONS]
    assert asked == alone_asked
    together = {name: replies(opened, run_id, name) for name, run_id in ids.items()}
    assert together == alone
    assert watch.most <= 1
