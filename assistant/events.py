"""What happens while a question is answered, for whoever wants to watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from assistant.types import AnswerSentence, Citation, DocumentId
from assistant.waiting_line import InLine


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionResolved:
    """What is searched for: the question, made self-contained if it is a follow-up."""

    question: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BestEvidence:
    """The sentence of the documents that answers best by itself; known before any generation."""

    citation: Citation


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceChosen:
    """What the model is shown was chosen; the text that follows can be from any of it."""

    documents: frozenset[DocumentId]


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


Event = QuestionResolved | BestEvidence | EvidenceChosen | InLine | TextPiece | SentenceChecked
Listener = Callable[[Event], None]
