"""Answers a question: retrieve, choose evidence, generate once, prove every sentence or abstain."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence

from assistant.access import ReadableSet
from assistant.answer_text import (
    answer_sentences,
    declines,
    join_sentences,
    says_something_new,
)
from assistant.cancellation import Cancellation
from assistant.confidence import SHIPPED, Calibration
from assistant.context import (
    build_context,
    choose_hits,
    score_rest,
)
from assistant.events import (
    BestEvidence,
    EvidenceChosen,
    Listener,
    QuestionResolved,
    SentenceChecked,
    TextPiece,
)
from assistant.evidence.attribution import ShownEvidence, Verdict
from assistant.evidence.prepared import PreparedSentences, use_prepared
from assistant.evidence.sentences import (
    StemWeights,
    cite,
    content_stems,
    split_sentences,
    with_vectors,
)
from assistant.evidence.vectors import SentenceVectors
from assistant.passages import label, write_block
from assistant.progress import Progress
from assistant.prompts.library import prompt_text
from assistant.protocols import Retriever
from assistant.question import (
    AnswerForm,
    answer_form,
    check_question,
    is_follow_up,
    resolve_follow_up,
)
from assistant.retrieval.recency import newest_first
from assistant.settings import AnswerSettings
from assistant.types import (
    Abstention,
    AbstentionReason,
    Answer,
    AnswerSentence,
    ChunkId,
    Citation,
    Record,
    Reply,
    Support,
    Turn,
)
from assistant.waiting_line import Ticket
from models.protocols import Embedder, Generator
from models.types import (
    EmbedderInfo,
    FinishReason,
    GenerationRequest,
    GeneratorInfo,
    Probe,
    Prompt,
)

POOL = 10
"""Passages retrieved and reported; the evidence is chosen among them."""
SURE = 0.8
"""From this confidence on, an answer may consist of the question's own words: "Who founded Ruiz
Ltd?" – "Ruiz founded Ruiz Ltd."."""
_ITEM_NUMBER = re.compile(r"^\d{1,2}[.)]\s+", re.MULTILINE)


def _ignore(_event: object) -> None:
    """Listen to nothing."""


class Engine:
    """The grounded-answer engine over one corpus, one embedder and one generator.

    Thread-safe as far as its parts are; owns none of them.
    """

    def __init__(
        self,
        *,
        retriever: Retriever,
        embedder: Embedder,
        generator: Generator,
        settings: AnswerSettings,
        on_evidence: Callable[[Sequence[ChunkId]], None] = _ignore,
        prepared: PreparedSentences | None = None,
        calibration: Calibration = SHIPPED,
    ) -> None:
        """Take the parts.

        Args:
            retriever: Finds passages within the asker's rights.
            embedder: The one the index was made with.
            generator: Phrases.
            settings: How to answer.
            on_evidence: Told which passages were found for each question, its evidence first.
            prepared: Sentences' vectors that need not be computed.
            calibration: How confident to be, and from where on an answer is given unless the
                settings say it.
        """
        self._retriever = retriever
        self._embedder = embedder
        self._generator = generator
        self._settings = settings
        self._on_evidence = on_evidence
        self._prepared = prepared
        self._calibration = calibration
        self._n_asked = 0
        self._lock = threading.Lock()

    @property
    def models(self) -> tuple[GeneratorInfo, EmbedderInfo]:
        """What answers, starting it first if needed."""
        return self._generator.info, self._embedder.info

    @property
    def is_answering(self) -> bool:
        """Whether somebody waits for an answer; from any thread."""
        return self._n_asked > 0

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        readable: ReadableSet,
        listener: Listener = _ignore,
        cancellation: Cancellation | None = None,
        ticket: Ticket | None = None,
        is_measured: bool = False,
    ) -> Reply:
        """Answer from the readable documents, or abstain saying why.

        Args:
            question: What the user wrote.
            history: Earlier turns, oldest first; a follow-up is made self-contained with them.
            readable: What the asker may see; nothing else can reach the reply.
            listener: Told of the resolved question, the best evidence, the text as it comes and
                every checked sentence, in this thread.
            cancellation: Stops it within a token, from any thread.
            ticket: Waits before anything is generated, and ends; None: nobody else asks.
            is_measured: Whether the reply must not depend on what else is asked here, nor anything
                else on this question: then no passage counts as kept by the generator, and
                `on_evidence` is not told.

        Raises:
            InvalidQuestionError: the question is empty or too long.
            TooManyQuestionsError: too many wait for their turn.
            QuestionCancelledError: it was stopped.
            GeneratorCrashedError: the model's process died; asking again starts a new one.
        """
        with self._lock:
            self._n_asked += 1
        try:
            progress = Progress(
                check_question(question, max_chars=self._settings.max_question_chars),
                is_measured=is_measured,
            )
            return self._ask(
                progress, history, readable, listener, cancellation or Cancellation(), ticket
            )
        finally:
            if ticket is not None:
                ticket.end()
            with self._lock:
                self._n_asked -= 1

    def _ask(
        self,
        progress: Progress,
        history: Sequence[Turn],
        readable: ReadableSet,
        listener: Listener,
        cancellation: Cancellation,
        ticket: Ticket | None,
    ) -> Reply:
        if ticket is not None and history and is_follow_up(progress.question):
            ticket.wait(cancellation, listener)
        progress.resolved = resolve_follow_up(
            progress.question, history, self._generator, cancellation
        )
        listener(QuestionResolved(question=progress.resolved))
        hits = self._retriever.retrieve(progress.resolved, POOL, readable)
        progress.index_generation = self._retriever.index_generation
        progress.hits = newest_first(progress.resolved, hits)
        progress.retrieve_ms = progress.elapsed_ms()
        cancellation.check()
        if not progress.hits:
            return self._abstain(progress, AbstentionReason.NO_EVIDENCE)
        shown = self._choose_evidence(progress, listener, cancellation)
        cancellation.check()
        if ticket is not None:
            ticket.wait(cancellation, listener)
        self._generate(progress, shown, listener, cancellation)
        return self._conclude(progress)

    def _choose_evidence(
        self, progress: Progress, listener: Listener, cancellation: Cancellation
    ) -> ShownEvidence:
        """Tell the best evidence as soon as it is certain, then choose what the model is shown."""
        progress.evidence = choose_hits(progress.hits, self._settings)
        hits = [progress.hits[index] for index in progress.evidence]
        others = [hit for index, hit in enumerate(progress.hits) if index not in progress.evidence]
        if not progress.is_measured:
            self._on_evidence([hit.chunk.chunk_id for hit in (*hits, *others)])
        split = split_sentences(hits)
        weights = StemWeights(sentence.stems for sentence in split)
        query_vector = self._embedder.embed_query(progress.resolved)
        rest = score_rest(progress.resolved, hits, split, weights)
        vectors = SentenceVectors([sentence.text for sentence in split], self._embedder)
        if self._prepared is not None:
            use_prepared(self._prepared, hits, split, vectors)
        best = split[vectors.best(rest, query_vector)]
        progress.evidence_ms = progress.elapsed_ms()
        listener(BestEvidence(citation=cite(hits[best.hit_index], best)))
        cancellation.check()
        sentences = with_vectors(split, vectors.all(), hits)
        scores = (vectors.all() @ query_vector + rest).tolist()
        settings = self._settings
        held: Sequence[bool] = ()
        if not progress.is_measured:
            blocks = [write_block(hit) for hit in hits]
            held = self._generator.holds(prompt_text("answer_head"), blocks)
        is_full = answer_form(progress.resolved) is AnswerForm.FULL
        context = build_context(
            hits,
            sentences,
            scores,
            self._generator,
            budget_tokens=settings.full_evidence_tokens if is_full else settings.evidence_tokens,
            least_relevance=settings.full_least_relevance if is_full else settings.least_relevance,
            whole_passages=not settings.select_sentences,
            kept=[index for index, is_held in enumerate(held) if is_held],
        )
        progress.context = context
        shown = {hits[one.hit_index].document.document_id for one in context.sentences}
        listener(EvidenceChosen(documents=frozenset(shown)))
        progress.signals |= {
            "dense": max(hit.dense for hit in hits),
            "lexical": max(hit.lexical for hit in hits),
            "sentence": context.best_score,
            "overlap": max(
                weights.share(content_stems(progress.resolved), sentence.stems)
                for sentence in context.sentences
            ),
        }
        return ShownEvidence(
            context.sentences, weights, progress.resolved, tuple(label(hit) for hit in hits)
        )

    def _generate(
        self,
        progress: Progress,
        shown: ShownEvidence,
        listener: Listener,
        cancellation: Cancellation,
    ) -> None:
        assert progress.context is not None
        form = answer_form(progress.resolved)
        request = GenerationRequest(
            prompt=Prompt(
                head=prompt_text("answer_head"),
                passages=progress.context.passages,
                question=prompt_text(form).format(question=progress.resolved),
            ),
            max_tokens=self._settings.full_answer_tokens
            if form is AnswerForm.FULL
            else self._settings.short_answer_tokens,
            probe=Probe(question=prompt_text("probe")),
        )
        stream = self._generator.stream(request)
        cancellation.stops(stream.cancel)
        text = ""
        for piece in stream:
            if progress.ttft_ms is None:
                progress.ttft_ms = progress.elapsed_ms()
            text += piece
            listener(TextPiece(text=piece))
            self._check(answer_sentences(text)[:-1], progress, shown, listener)
        progress.generation = stream.result()
        cancellation.check()
        sentences = answer_sentences(text)
        if progress.generation.finish_reason is FinishReason.LENGTH:
            # The budget cut the last sentence; it is kept only if there is no other.
            sentences = sentences[:-1] or sentences
        self._check(sentences, progress, shown, listener)

    def _check(
        self,
        sentences: Sequence[str],
        progress: Progress,
        shown: ShownEvidence,
        listener: Listener,
    ) -> None:
        """Judge the sentences that were not judged yet; what is repeated is dropped."""
        for text in sentences:
            if text in progress.judged:
                continue
            progress.judged.add(text)
            earlier = [said for said, _ in progress.verdicts]
            if declines(text) or shown.repeats(text, earlier):
                continue
            vector = self._embedder.embed_query(text)
            verdict = shown.verdict(text, vector)
            progress.verdicts.append((text, verdict))
            if progress.verified_ms is None:
                progress.verified_ms = progress.elapsed_ms()
            hits = [progress.hits[index] for index in progress.evidence]
            citations = tuple(cite(hits[s.hit_index], s) for s in verdict.evidence)
            listener(
                SentenceChecked(
                    sentence=AnswerSentence(
                        text=text,
                        support=verdict.support,
                        citations=tuple(range(len(citations))),
                    ),
                    citations=citations,
                )
            )

    def _conclude(self, progress: Progress) -> Reply:
        generation = progress.generation
        assert generation is not None
        kept = [
            (text, verdict)
            for text, verdict in progress.verdicts
            if verdict.support is not Support.UNSUPPORTED
        ]
        progress.signals |= {
            "coverage": _mean([verdict.coverage for _, verdict in kept]),
            "cosine": _mean([verdict.cosine for _, verdict in kept]),
            "supported": len(kept) / len(progress.verdicts) if progress.verdicts else 0.0,
            "proof": self._proof(progress, [verdict for _, verdict in kept]),
            "logprob": generation.mean_logprob or 0.0,
            "probe": generation.probe_log_odds or 0.0,
        }
        if not progress.verdicts:
            return self._abstain(progress, AbstentionReason.NO_EVIDENCE)
        if not kept:
            return self._abstain(progress, AbstentionReason.UNSUPPORTED)
        calibration = self._calibration
        likely_right = calibration.confidence(progress.signals)
        if likely_right < SURE and not says_something_new(
            progress.resolved, [text for text, _ in kept]
        ):
            return self._abstain(progress, AbstentionReason.NO_EVIDENCE)
        least = self._settings.min_confidence
        if likely_right < (calibration.least if least is None else least):
            return self._abstain(progress, AbstentionReason.LOW_CONFIDENCE)
        citations: dict[Citation, int] = {}
        hits = [progress.hits[index] for index in progress.evidence]
        sentences = []
        for text, verdict in kept:
            cited = [cite(hits[s.hit_index], s) for s in verdict.evidence]
            numbers = tuple(citations.setdefault(c, len(citations)) for c in cited)
            if len(kept) < len(progress.verdicts):
                # A list that starts at "2." or skips a step would puzzle more than marks do.
                text = _ITEM_NUMBER.sub("- ", text)
            sentences.append(AnswerSentence(text=text, support=verdict.support, citations=numbers))
        return Answer(
            text=join_sentences([sentence.text for sentence in sentences]),
            sentences=tuple(sentences),
            citations=tuple(citations),
            record=self._record(progress),
        )

    def _proof(self, progress: Progress, verdicts: Sequence[Verdict]) -> float:
        """Return the cosine of the question and the cited sentence nearest to it; 0 without one."""
        vector = self._embedder.embed_query(progress.resolved)
        cited = [sentence for verdict in verdicts for sentence in verdict.evidence]
        return max((float(sentence.vector @ vector) for sentence in cited), default=0.0)

    def _record(self, progress: Progress) -> Record:
        return progress.record(self._generator.info, self._embedder.info, self._calibration)

    def _abstain(self, progress: Progress, reason: AbstentionReason) -> Abstention:
        return Abstention(
            text=abstention_text(progress.resolved),
            reason=reason,
            record=self._record(progress),
        )


def abstention_text(question: str) -> str:
    """Return what the user reads where there is no answer to a self-contained question."""
    return f"The documents do not say. I looked for: {question}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
