"""Whether the values of a sentence stand beside what they stand beside in the evidence.

"Water was seen at 06:40, the engineer came at 06:16" holds only values that the log of the night
states, and exchanges them. A small model that retells rows of a table does this now and then.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from assistant.evidence.facts import in_units, read_facts, values_of
from assistant.evidence.sentences import EvidenceSentence, StemWeights, content_stems

HELD = 0.75
"""A clause retells a clause of the evidence that holds this weighted share of its words…"""
NOT_HELD = 0.5
"""… and not one that holds no more than this."""
_CLAUSE_END = re.compile(r"[,;:](?!\d)|\b(?:and|but|while|whereas|then|followed\s+by)\b|\n")
_HAS_DIGIT = re.compile(r"\d")


def exchanged_values(
    text: str, evidence: Sequence[EvidenceSentence], weights: StemWeights, *, known: str
) -> tuple[str, ...]:
    """Return the clauses of `text` whose value the evidence gives to something else.

    That is so where a clause of the evidence is plainly about the same and states another value of
    the same kind, while every clause that states this value is about something else.
    Clauses of fewer than two words beside their value say too little and are left alone, and so
    are values that the question states: "in Super Bowl 50".

    Args:
        text: One sentence of an answer.
        evidence: All that was shown.
        weights: Of the words, as attribution uses them.
        known: The question.
    """
    if not values_of(read_facts(text)):
        return ()
    given = values_of(read_facts(known))
    stated = [clause for sentence in evidence for clause in _clauses(sentence)]
    found = []
    for clause in _CLAUSE_END.split(text):
        subject = _subject(clause)
        values = values_of(read_facts(clause))
        if len(subject) > 1 and any(
            _is_exchanged(subject, kind, claimed - given.get(kind, frozenset()), stated, weights)
            for kind, claimed in values.items()
        ):
            found.append(clause.strip())
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Stated:
    """What a clause of the evidence is about, with the lines that announce it, and its values."""

    stems: frozenset[str]
    values: Mapping[str, frozenset[Hashable]]


def _clauses(sentence: EvidenceSentence) -> list[_Stated]:
    """Split a sentence into clauses; "In 2014, …" is about what stands beside it."""
    texts = [text for text in _CLAUSE_END.split(sentence.text) if text.strip()]
    subjects = [_subject(text) for text in texts]
    led = frozenset().union(*(lead.stems for lead in sentence.leads))
    return [
        _Stated(
            stems=led.union(
                subject, *(subjects[max(0, i - 1) : i + 2] if len(subject) < 2 else ())
            ),
            values=values_of(in_units(read_facts(text), sentence.table)),
        )
        for i, (text, subject) in enumerate(zip(texts, subjects, strict=True))
    ]


def _subject(clause: str) -> frozenset[str]:
    """Return what a clause is about: its content words but for numbers."""
    return frozenset(stem for stem in content_stems(clause) if not _HAS_DIGIT.search(stem))


def _is_exchanged(
    subject: frozenset[str],
    kind: str,
    claimed: frozenset[Hashable],
    stated: Sequence[_Stated],
    weights: StemWeights,
) -> bool:
    if not claimed:
        return False
    with_value, with_other = 0.0, 0.0
    for one in stated:
        values = one.values.get(kind, frozenset())
        share = weights.share(subject, one.stems)
        if claimed & values:
            with_value = max(with_value, share)
        elif values:
            with_other = max(with_other, share)
    return with_other >= HELD and with_value <= NOT_HELD
