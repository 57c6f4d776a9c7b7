"""What a question asks for: whether it is one, how long its answer should be, what it refers to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from assistant.cancellation import Cancellation
from assistant.errors import InvalidQuestionError
from assistant.prompts.library import prompt_text
from assistant.text import content_words, stems, words
from assistant.types import Turn
from models.protocols import Generator
from models.types import GenerationRequest, Prompt

RESOLVE_TOKENS = 60
LEAST_EXCHANGES = 2
TURN_CHARS = 400
"""Latest questions with their answers that are given for resolving a follow-up, if there are as
many, and how much of each question and answer."""

_FACT = re.compile(
    r"^(?:who|whom|whose|when|where|which|how\s+(?:many|much|long|often|old|far|soon|late|early|big|large|high)|"
    r"(?:on|at|in|by|for|to|from|since|until|within)\s+(?:what|which|whom)|"
    r"what\s+(?:is|was)\s+the\s+(?:\w+\s+){0,3}?(?:name|date|number|amount|limit|rate|percentage|"
    r"price|cost|fee|deadline|term|address|age|maximum|minimum|total|year)|"
    r"what\s+(?:\w+\s+){0,2}(?:year|day|date|month|time|number|percentage|percent|amount|rate|age|"
    r"city|country|kind|type|name|color|colour))\b",
    re.IGNORECASE,
)
_YES_NO = re.compile(
    r"^(?:is|are|was|were|do|does|did|can|could|may|must|should|has|have|had|will|would|am)\s",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"\b(?:why|explain|describe|compare|comparison|contrast|differences?|differ|list|"
    r"summari[sz]e|summary|overview|outline|elaborate|discuss|pros\s+and\s+cons|tell\s+me\s+about|"
    r"examples?\s+of|what\s+(?:are|were|should|happens|happened|if)|"
    r"how\s+(?:do|does|did|can|could|should|would|is|are|was|were|has|have|had)|"
    # "When are trips refunded?" asks for conditions, "when did …" and "when does …" for a date.
    r"when\s+(?:are|can|should|must|may)|changes|trends|"
    r"(?:over|across)\s+(?:\w+\s+){0,3}(?:time|months|quarters|years|periods)|"
    r"what\s+do(?:es)?\s.*\b(?:do|say\s+about))\b",
    re.IGNORECASE,
)
_LONG_TOPIC = re.compile(
    r"\b(?:steps|process|procedures?|responsibilities|qualifications|requirements|tips|types|kinds|"
    r"purpose|mission|effects|reasons|causes|consequences|implications|"
    # A plural asks for a list: "what services does …", "what types of leave and pay are …".
    r"what\s+(?:\w+\s+){0,3}?\w{3,}(?<![su])s(?:\s+\w+){0,4}?\s+"
    r"(?:are|do|does|should|can|must|were|did)|"
    r"what\s+(?:(?:\w+\s+){1,8}?)?do(?:es)?\s.*\b(?:cover|offer|include|provide|entail|involve))\b",
    re.IGNORECASE,
)
"""Takes several sentences to tell, unless one fact about it is asked for."""
_ONE_FACT = re.compile(
    r"^(?:who|whom|whose|(?:at|by|for|from|in|on|to|with)\s+(?:what|which|whom)|"
    r"how\s+(?:many|much|long|often|old|far|soon|late|early|big|large|high)|"
    r"what\s+(?:share|part|portion|fraction|proportion|percentage|number|amount)\s+of)\b",
    re.IGNORECASE,
)
_ASKS_DATE = re.compile(
    r"^\s*(?:since\s+|until\s+|by\s+)?when\b|\b(?:what|which)\s+(?:year|date|day|month|time|decade)\b",
    re.IGNORECASE,
)
_ASKS_NUMBER = re.compile(
    r"\bhow\s+(?:many|much|long|often|old|far|big|large|high)\b|"
    r"\b(?:what|which)\s+(?:is\s+the\s+)?(?:\w+\s+)?(?:share|portion|fraction|proportion|percentage|"
    r"percent|number|amount|rate|total|price|cost|fee|age|limit)\b",
    re.IGNORECASE,
)
_TWO_QUESTIONS = re.compile(
    r"\bif\s+so\b|\b(?:and|or),?\s+(?:(?:at|by|for|from|in|on|to)\s+)?"
    r"(?:what|how|why|when|who|whom|which|where)\b",
    re.IGNORECASE,
)
_REPLACEABLE = re.compile(
    r"\b(?:it|its|they|them|their|that|those|this|these|he|she|him|her|his|there|one|ones|"
    r"former|latter|same|else|instead)\b",
    re.IGNORECASE,
)
"""Words that a rewriting may replace."""
_REFERS = re.compile(
    r"\b(?:its?|they|them|their|he|she|him|her|his|former|latter|same|else|instead|"
    # Not of "a rule that covers …", "at this company", "are there …", "one week".
    r"(?:about|after|before|below|above|by|did|do|does|for|from|if|in|is|are|of|on|than|to|was|"
    r"were|with)\s+(?:that|this|these|those)|(?:that|this|these|those|there|ones?)(?=\s*(?:[,.;?!]|$)))\b",
    re.IGNORECASE,
)
_CONTINUES = re.compile(
    r"^\s*(?:and|but|or|so|also|what about|how about|why|how so)\b", re.IGNORECASE
)
_FEW_WORDS = 3
_MANY_WORDS = 12


def check_question(question: str, *, max_chars: int) -> str:
    """Return the question without surrounding white space.

    Raises:
        InvalidQuestionError: it is empty, has no letter or digit, or is over `max_chars`.
    """
    text = question.strip()
    if not words(text):
        raise InvalidQuestionError("the question is empty; write what you want to know")
    if len(text) > max_chars:
        raise InvalidQuestionError(
            f"the question has {len(text):,} characters, at most {max_chars:,} are read; "
            "ask a shorter question or ingest the text as a document"
        )
    return text


class AskedValue(StrEnum):
    """What kind of value a question asks for."""

    DATE = "date"
    """A date, a year or a time of day."""
    NUMBER = "number"
    """A count, an amount, a duration, a share."""


def asked_value(question: str) -> AskedValue | None:
    """Tell which kind of value a question asks for; None if for none, or for more than that."""
    if answer_form(question) is not AnswerForm.SHORT:
        return None
    if _ASKS_DATE.search(question):
        return AskedValue.DATE
    return AskedValue.NUMBER if _ASKS_NUMBER.search(question) else None


class AnswerForm(StrEnum):
    """What kind of answer a question wants; the value names the prompt text that asks for it."""

    SHORT = "answer_short"
    """One fact in one sentence."""
    YES_NO = "answer_yes_no"
    """A verdict and its reason in one sentence."""
    FULL = "answer_full"
    """An explanation, a comparison or a list: several sentences."""


def answer_form(question: str) -> AnswerForm:
    """Tell by its wording which answer a question wants; one fact when nothing shows."""
    text = question.strip()
    if _TWO_QUESTIONS.search(text):
        return AnswerForm.FULL
    if _YES_NO.match(text):
        return AnswerForm.YES_NO
    if _LONG.search(text) or (_LONG_TOPIC.search(text) and not _ONE_FACT.match(text)):
        return AnswerForm.FULL
    if not _FACT.match(text) and len(content_words(text)) > _MANY_WORDS:
        return AnswerForm.FULL
    return AnswerForm.SHORT


def is_follow_up(question: str) -> bool:
    """Tell whether a question with history needs it to be understood."""
    return _leans(question) or len(content_words(question)) <= _FEW_WORDS


def resolve_follow_up(
    question: str, history: Sequence[Turn], generator: Generator, cancellation: Cancellation
) -> str:
    """Return the question made self-contained; unchanged when it already is.

    The model rewrites it. A rewriting is not trusted that uses words of neither the conversation
    nor the question, loses words of the question, adds none to a question that plainly leans on an
    earlier one, or is no question any more. Then the earlier question is put before one that leans
    on it, which retrieval and the model both understand; any other stays as it is.
    """
    earlier = [turn for turn in history if turn.content.strip()]
    asked = [turn.content for turn in earlier if turn.role == "user"]
    if not asked or not is_follow_up(question):
        return question
    conversation = _latest_exchanges(earlier)
    request = GenerationRequest(
        prompt=Prompt(
            head=prompt_text("resolve_head"),
            passages=conversation,
            question=prompt_text("resolve").format(question=question),
            grows=True,
        ),
        max_tokens=RESOLVE_TOKENS,
        stop=("\n",),
    )
    cancellation.check()
    stream = generator.stream(request)
    cancellation.stops(stream.cancel)
    rewritten = stream.result().text.strip().strip('"')
    cancellation.check()
    known = set(stems(words(" ".join([*conversation, question]))))
    kept = set(stems([w for w in content_words(question) if not _REPLACEABLE.fullmatch(w)]))
    used = set(stems(content_words(rewritten)))
    leans = _leans(question)
    is_question = rewritten.endswith("?") or not question.endswith("?")
    # "And for the Plus plan?" still says too little, though it says more than "And for Plus?".
    says_more = not leans or len(used - kept) > int(_leans(rewritten))
    if is_question and says_more and used <= known and kept <= set(stems(words(rewritten))):
        return rewritten
    return f"{asked[-1].rstrip()} {question}" if leans else question


def _latest_exchanges(turns: Sequence[Turn]) -> tuple[str, ...]:
    """Return the last questions, each with its answer, as text: `LEAST_EXCHANGES` or some more.

    They begin with the same one for several questions, so that the model has to read only what is
    new of them.
    """
    exchanges: list[list[str]] = []
    for turn in turns:
        is_user = turn.role == "user"
        if is_user or not exchanges:
            exchanges.append([])
        speaker = "User" if is_user else "Assistant"
        exchanges[-1].append(f"{speaker}: {turn.content[:TURN_CHARS]}\n")
    steps = max(0, len(exchanges) - LEAST_EXCHANGES) // LEAST_EXCHANGES
    latest = exchanges[steps * LEAST_EXCHANGES :]
    latest[0].insert(0, "Conversation:\n")
    return tuple(map("".join, latest))


def _leans(question: str) -> bool:
    """Tell whether a question says too little without the one before it."""
    continues = _REFERS.search(question) or _CONTINUES.match(question)
    return bool(continues) or len(content_words(question)) <= 1
