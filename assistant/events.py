"""What happens while a question is answered, for whoever wants to watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assistant.types import AnswerSentence, Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionResolved:
    """What is searched for: the question, made self-contained if it is a follow-up."""

    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BestEvidence:
    """The sentence of the documents that answers best by itself; known before any generation."""

    citation: Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPiece:
    """Unverified text as the model writes it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceChecked:
    """A finished sentence with its verdict; an unsupported one is withheld from the answer."""

    sentence: AnswerSentence
    citations: tuple[Citation, ...]
    """Of this sentence, in the order of its importance."""


Event = QuestionResolved | BestEvidence | TextPiece | SentenceChecked
Listener = Callable[[Event], None]
