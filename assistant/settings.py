"""Settings of the assistant: how it searches and how it answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RetrievalSettings(BaseModel):
    """`[retrieval]` in plinth.toml, `PLINTH_RETRIEVAL__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dense_weight: float = Field(default=0.35, ge=0, le=1)
    """Weight of the dense score in the convex fusion; the lexical score gets the rest."""
    candidates: int = Field(default=200, ge=10, le=10_000)
    """Best chunks taken from each half before fusion."""
    bm25_k1: float = Field(default=1.2, ge=0, le=5)
    bm25_b: float = Field(default=0.75, ge=0, le=1)


class SignInSettings(BaseModel):
    """`[sign_in]` in plinth.toml, `PLINTH_SIGN_IN__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idle_hours: float = Field(default=12, gt=0, le=24 * 365)
    """A session that nobody has used for so long ends."""
    longest_hours: float = Field(default=7 * 24, gt=0, le=24 * 365)
    """A session ends after so long, however much it is used."""
    address: str = Field(default="", pattern=r"^(https?://[^/\s]+/?)?$")
    """Where people reach the web app, for the links they are sent; empty: where it listens."""
    link_hours: float = Field(default=72, gt=0, le=24 * 30)
    """A sign-in link that nobody has used ends."""


class AnswerSettings(BaseModel):
    """`[answer]` in plinth.toml, `PLINTH_ANSWER__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages: int = Field(default=5, ge=1, le=20)
    """Retrieved passages considered as evidence."""
    passages_per_document: int = Field(default=3, ge=1, le=20)
    """Most of them from one document, unless it is the only source."""
    evidence_tokens: int = Field(default=250, ge=64, le=8192)
    """Tokens of evidence shown for a question that wants one fact, by the model's tokenizer."""
    full_evidence_tokens: int = Field(default=500, ge=64, le=8192)
    """The same for a question that wants an explanation, a comparison or a list."""
    least_relevance: float = Field(default=0.7, ge=0, le=1)
    """A sentence is shown for a question that wants one fact from this share of the best one's
    score on; what is left out distracts a small model and costs time."""
    full_least_relevance: float = Field(default=0.5, ge=0, le=1)
    """The same for a question that wants more."""
    short_answer_tokens: int = Field(default=80, ge=16, le=512)
    """Longest answer of one sentence."""
    full_answer_tokens: int = Field(default=220, ge=16, le=2048)
    """Longest answer of several sentences."""
    select_sentences: bool = True
    """Show the best sentences of the passages; false shows the best passages whole."""
    min_confidence: float = Field(default=0.25, ge=0, le=1)
    """Below this the reply is an abstention."""
    prepared_sentences_gb: float = Field(default=1.0, ge=0, le=1000)
    """Most gigabytes of sentence vectors in the data dir, which the web app prepares so that the
    best evidence is found at once; 0 prepares none."""
    kept_reply_bytes: int = Field(default=16 * 1024**2, ge=0)
    """Replies that the web app keeps in memory and gives again at once to who may read the same
    documents and asks the same, until any document changes; 0 answers every question anew."""
    max_question_chars: int = Field(default=4000, ge=100)
    """Longer questions are refused with an error."""

    @property
    def prepared_sentences_bytes(self) -> int:
        """Of the disk budget for sentence vectors."""
        return int(self.prepared_sentences_gb * 10**9)
