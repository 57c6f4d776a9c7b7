"""Which evidence proves a sentence of the answer: found by the program, never claimed by the model.

Each answer sentence is matched to the evidence sentences that were shown, by meaning (cosine) and
by shared rare words; further evidence is added only while it covers words that are still
unproven. Then the facts are checked.

Source: sentence-level attribution in the sense of Gao et al., "Enabling Large Language Models to
Generate Text with Citations", EMNLP 2023; attributing after generation instead of asking the
model for markers, which small models get wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.evidence.binding import exchanged_values
from assistant.evidence.facts import Facts, in_units, read_facts, unstated, vocabulary
from assistant.evidence.sentences import EvidenceSentence, StemWeights, content_stems
from assistant.question import AskedValue, asked_value
from assistant.types import Support
from models.types import FloatVector

MOST_CITATIONS = 8
"""Evidence sentences cited for one answer sentence."""
OVERLAP_WEIGHT = 1.0
"""Weight of the idf-weighted word overlap beside the cosine when ranking evidence."""
LEAST_GAIN = 0.3
"""A further evidence sentence must cover this share of the answer sentence's words anew…"""
RETOLD = 0.6
LEAST_RETOLD_GAIN = 0.04
"""… or be retold itself, by this share of its words, and cover a little anew: an answer that
strings a list together is proven by its items."""
STATES_SHARE = 0.6
"""What states a fact that is still unproven must hold this share of the answer sentence's words:
then it is about the same."""
SUPPORTED_COVERAGE = 0.6
PARTIAL_COVERAGE = 0.35
"""Least idf-weighted share of an answer sentence's words that its evidence must hold."""
PARAPHRASE_COSINE = 0.75
"""From this cosine on, different words may say the same: full support needs less coverage."""
REPEATED = 0.75
"""A sentence with this weighted share of its words in an earlier one adds nothing, unless it
states a fact of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """How one answer sentence stands to the evidence."""

    support: Support
    evidence: tuple[EvidenceSentence, ...]
    """What proves it, best first; empty if unsupported."""
    coverage: float
    """Idf-weighted share of its content words that evidence and question hold, 0 to 1."""
    cosine: float
    """To its best evidence sentence."""
    unstated: tuple[str, ...]
    """Facts it claims that the evidence does not state, or states of something else."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownEvidence:
    """What the model was shown, and what a reader knows besides: the question and the titles."""

    sentences: tuple[EvidenceSentence, ...]
    weights: StemWeights
    question: str
    labels: tuple[str, ...]
    """Title and heading per hit, by hit index."""

    def verdict(self, text: str, vector: FloatVector) -> Verdict:
        """Judge one answer sentence; ties go to the evidence shown first."""
        claim, facts = content_stems(text), read_facts(text)
        chosen = self._with_statements(facts, claim, self._choose(claim, vector))
        if not chosen:
            return Verdict(Support.UNSUPPORTED, (), 0.0, 0.0, ())
        held = frozenset().union(*(sentence.stems for sentence in _with_leads(chosen)))
        known = held | content_stems(" ".join([self.question, *self._labels_of(chosen)]))
        coverage = self.weights.share(claim, known)
        cosine = max(float(sentence.vector @ vector) for sentence in chosen)
        missing = self._unstated(facts, chosen)
        support = _support(claim, held, coverage, cosine, missing)
        if facts.names.intersection(missing) - self._shown_words():
            # The model knows the name from elsewhere, or made it up.
            support = Support.UNSUPPORTED
        if support is not Support.UNSUPPORTED:
            exchanged = exchanged_values(text, self.sentences, self.weights, known=self.question)
            if exchanged:
                support, missing = Support.UNSUPPORTED, (*missing, *exchanged)
        return Verdict(
            support,
            () if support is Support.UNSUPPORTED else _with_negating_leads(chosen),
            coverage,
            cosine,
            missing,
        )

    def repeats(self, text: str, earlier: Sequence[str]) -> bool:
        """Tell whether a sentence says again what one earlier sentence of the answer said.

        It must share most of its words by weight and state no fact anew.
        """
        claim, facts = content_stems(text), read_facts(text)
        return any(
            self.weights.share(claim, content_stems(said)) >= REPEATED
            and not unstated(facts, read_facts(said))
            for said in earlier
        )

    def _labels_of(self, chosen: Sequence[EvidenceSentence]) -> list[str]:
        return [self.labels[sentence.hit_index] for sentence in chosen]

    def _with_statements(
        self, facts: Facts, claim: frozenset[str], chosen: tuple[EvidenceSentence, ...]
    ) -> tuple[EvidenceSentence, ...]:
        """Add what states a number that the chosen do not, if it is about the same besides."""
        missing = self._unstated(facts, chosen) if chosen else ()
        for sentence in self.sentences:
            if not any(fact[0].isdigit() for fact in missing) or len(chosen) == MOST_CITATIONS:
                break
            if sentence in chosen or self.weights.share(claim, sentence.stems) < STATES_SHARE:
                continue
            still_missing = self._unstated(facts, (*chosen, sentence))
            if set(still_missing) < set(missing):
                chosen, missing = (*chosen, sentence), still_missing
        return chosen

    def _unstated(self, claim: Facts, chosen: Sequence[EvidenceSentence]) -> tuple[str, ...]:
        """Facts that neither the evidence nor, but for negation, question and titles state.

        The date that is asked for must stand in the evidence: a title's date is the document's.
        """
        text = "\n".join(
            " ".join(part.text for part in (*sentence.leads, sentence)) for sentence in chosen
        )
        stated = read_facts(text)
        counted = [in_units(read_facts(s.text), s.table).quantities for s in chosen if s.table]
        stated = replace(stated, quantities=stated.quantities.union(*counted))
        missing = unstated(claim, stated)
        is_date_asked = asked_value(self.question) is AskedValue.DATE
        beside = [] if is_date_asked else self._labels_of(chosen)
        elsewhere = unstated(claim, read_facts("\n".join([self.question, *beside])))
        return tuple(fact for fact in missing if fact == "negation" or fact in elsewhere)

    def _shown_words(self) -> frozenset[str]:
        return vocabulary("\n".join(sentence.text for sentence in self.sentences))

    def _choose(self, claim: frozenset[str], vector: FloatVector) -> tuple[EvidenceSentence, ...]:
        """Pick the best evidence sentence, then those that cover what is left."""
        if not self.sentences:
            return ()
        cosines = np.stack([sentence.vector for sentence in self.sentences]) @ vector
        overlaps = [self.weights.share(claim, sentence.stems) for sentence in self.sentences]
        scores = cosines + OVERLAP_WEIGHT * np.asarray(overlaps)
        order = [int(index) for index in np.argsort(-scores, kind="stable")]
        chosen = [self.sentences[order[0]]]
        left = claim - chosen[0].stems
        for index in order[1:]:
            if len(chosen) == MOST_CITATIONS:
                break
            candidate = self.sentences[index]
            gained = left & candidate.stems
            gain = self.weights.share(claim, gained)
            if gain >= LEAST_GAIN or (
                gain >= LEAST_RETOLD_GAIN and self.weights.share(candidate.stems, claim) >= RETOLD
            ):
                chosen.append(candidate)
                left -= gained
        return tuple(chosen)


def _with_leads(chosen: Sequence[EvidenceSentence]) -> tuple[EvidenceSentence, ...]:
    return tuple(part for sentence in chosen for part in (*sentence.leads, sentence))


def _with_negating_leads(chosen: Sequence[EvidenceSentence]) -> tuple[EvidenceSentence, ...]:
    """Add the lines such as "Not covered:" that turn what an item says into its opposite."""
    leads = {
        id(lead): lead
        for sentence in chosen
        for lead in sentence.leads
        if read_facts(lead.text).negated
    }
    return (*chosen, *(lead for key, lead in leads.items() if key not in set(map(id, chosen))))


def _support(
    claim: frozenset[str],
    held: frozenset[str],
    coverage: float,
    cosine: float,
    missing: Sequence[str],
) -> Support:
    if not claim or not claim & held or coverage < PARTIAL_COVERAGE:
        return Support.UNSUPPORTED
    if any(fact == "negation" or fact[0].isdigit() for fact in missing):
        return Support.UNSUPPORTED
    if missing or (coverage < SUPPORTED_COVERAGE and cosine < PARAPHRASE_COSINE):
        return Support.PARTIAL
    return Support.SUPPORTED
