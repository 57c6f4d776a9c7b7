"""What a model wrote, read as sentences that can be proven one by one, and written again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.evidence.sentences import content_stems
from assistant.question import AnswerForm, answer_form
from assistant.text import sentence_spans

_DECLINES = re.compile(
    r"\b(?:documents?|excerpts?|text|passages?|context)\s+(?:do(?:es)?\s+not|don't|doesn't)\s+"
    r"(?:\w+\s+)?(?:say|state|mention|specify|provide|contain|include|answer|give)",
    re.IGNORECASE,
)
_INLINE_ITEM = re.compile(r"(?<=[:.;])\s+(?=\d{1,2}[.)]\s+[^\W\d_])")
"""Before "2. Then …" within a line: small models write lists without line feeds."""
_OFFERS_CHOICE = re.compile(r"\b(?:or|which|between)\b", re.IGNORECASE)
_BARE_VERDICT = re.compile(r"^\W*(?:yes|no)\W*$", re.IGNORECASE)


def declines(sentence: str) -> bool:
    """Tell whether a sentence says that the documents do not say."""
    return bool(_DECLINES.search(sentence))


def answer_sentences(text: str) -> list[str]:
    """Split generated text into sentences that can each be proven.

    A bare "Yes." joins the sentence that explains it; a line that announces a list joins the
    list's first item.
    """
    text = _INLINE_ITEM.sub("\n", text)
    sentences: list[str] = []
    pending = ""
    for span in sentence_spans(text):
        sentence = span.slice(text)
        joined = f"{pending}\n{sentence}" if pending.endswith(":") else f"{pending} {sentence}"
        sentence = joined.strip()
        if _BARE_VERDICT.match(sentence) or sentence.endswith(":"):
            pending = sentence
            continue
        pending = ""
        sentences.append(sentence)
    return [*sentences, pending] if pending else sentences


def join_sentences(sentences: Sequence[str]) -> str:
    """Write sentences as one text: list items on lines of their own, prose in a row."""
    text = ""
    for sentence in sentences:
        item = bool(re.match(r"(?:[-•*]|\d+[.)])\s", sentence))
        text += ("\n" if item else " ") + sentence if text else sentence
    return text


def says_something_new(question: str, sentences: Sequence[str]) -> bool:
    """Tell whether an answer does more than say the question's words again.

    A verdict needs no other words, nor does a choice between things that the question names.
    """
    if answer_form(question) is AnswerForm.YES_NO or _OFFERS_CHOICE.search(question):
        return True
    return not content_stems(" ".join(sentences)) <= content_stems(question)
