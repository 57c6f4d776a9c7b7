"""Settings of the assistant: how it searches and how it answers."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Self
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

LEAST_TOKEN_CHARS = 16
LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})


def is_on_loopback(address: str) -> bool:
    """Tell whether an address leads to this machine.

    >>> is_on_loopback("https://127.0.0.2:8443/t"), is_on_loopback("https://id.example")
    (True, False)
    """
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost" or host.rstrip(".").endswith(".localhost")


class CatalogSettings(BaseModel):
    """`[catalog]` in plinth.toml, `PLINTH_CATALOG__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: SecretStr = SecretStr("")
    """The PostgreSQL database that holds the catalog, as "postgresql://user:password@host/name";
    empty: a file in the data dir does."""
    ca_file: str = ""
    """Certificates of those who vouch for the server; empty: those that the system trusts. If it is
    given, connections are encrypted on loopback, too."""

    @property
    def is_on_server(self) -> bool:
        """Whether the catalog is in PostgreSQL."""
        return bool(self.url.get_secret_value())

    @field_validator("url")
    @classmethod
    def _names_a_database(cls, url: SecretStr) -> SecretStr:
        value = url.get_secret_value()
        if value and not _is_database(value):
            # What is wrong with it is not repeated: it may be a piece of the password.
            raise ValueError(
                'give it as "postgresql://user:password@host:port/name", in name and password with '
                "%23, %2F, %3A, %3F, %40 for # / : ? @; a socket as "
                '"postgresql://user@/name?host=/run/postgresql"'
            )
        return url


def _is_database(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
        options = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return False
    has_place = bool(parts.hostname) != options.get("host", [""])[0].startswith("/")
    return (
        parts.scheme == "postgresql"
        and bool(parts.username)
        and has_place
        and len(parts.path) > 1
        and options.keys() <= {"host", "port"}
        and not parts.fragment
        and url.isprintable()
    )


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

    @property
    def is_secure(self) -> bool:
        """Whether people reach the web app by TLS."""
        return self.address.startswith("https:")


class OpenIdSettings(BaseModel):
    """`[openid]` in plinth.toml, `PLINTH_OPENID__…` in the environment; off without an issuer."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: str = ""
    """The provider, as it calls itself: an https address. Nothing else decides who is asked."""
    client_id: str = ""
    """As what the provider knows this program."""
    client_secret: SecretStr = SecretStr("")
    """Empty: the provider asks for none."""
    label: str = Field(default="Sign in with your company account", min_length=1, max_length=80)
    """Of the button on the page of signing in."""
    name_claim: str = Field(default="email", pattern=r"^[A-Za-z0-9_.:/-]{1,200}$")
    """What names a person at the first sign-in, to find who was added under this name; never again
    after that. "email" counts only where the provider has verified it; of others the provider must
    see to it that people cannot choose them."""

    @property
    def is_on(self) -> bool:
        """Whether people sign in by a provider, too."""
        return bool(self.issuer)

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, issuer: str) -> str:
        if issuer and not is_provider_address(issuer):
            raise ValueError(
                "give the provider's https address, without a query; http is for loopback only"
            )
        return issuer

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError("an issuer is set, so client_id must be, too")
        return self


class MonitoringSettings(BaseModel):
    """`[monitoring]` in plinth.toml, `PLINTH_MONITORING__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: SecretStr = SecretStr("")
    """What a program shows to read the metrics; empty: only admins who are signed in see them."""

    @field_validator("token")
    @classmethod
    def _is_long(cls, token: SecretStr) -> SecretStr:
        value = token.get_secret_value()
        if value and not (len(value) >= LEAST_TOKEN_CHARS and value.isascii()):
            raise ValueError(f"give at least {LEAST_TOKEN_CHARS} characters, ASCII only, or none")
        return token


def is_provider_address(address: str, *, allows_query: bool = False) -> bool:
    """Tell whether secrets may be sent to an address: encrypted, or without leaving the machine.

    >>> is_provider_address("https://id.example/realms/a"), is_provider_address("http://id.example")
    (True, False)
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return (
        bool(host)
        and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK_NAMES))
        and "@" not in parts.netloc
        and not parts.fragment
        and (allows_query or not parts.query)
        and address.isascii()
        and address.isprintable()
        and not set(address) & set(" |\\")
    )


class AnswerSettings(BaseModel):
    """`[answer]` in plinth.toml, `PLINTH_ANSWER__…` in the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passages: int = Field(default=5, ge=1, le=20)
    """Retrieved passages considered as evidence."""
    passages_per_document: int = Field(default=3, ge=1, le=20)
    """Most of them from one document, unless it is the only source."""
    passages_per_batch: int = Field(default=4, ge=1, le=20)
    """Most of them from documents of one upload or ingest run, while others are nearly as good:
    whoever brings in documents cannot crowd out all that others say."""
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
    min_confidence: float | None = Field(default=None, ge=0, le=1)
    """Below this the reply is an abstention; None: what the calibration says."""
    prepared_sentences_gb: float = Field(default=1.0, ge=0, le=1000)
    """Most gigabytes of sentence vectors in the data dir, which the web app prepares so that the
    best evidence is found at once; 0 prepares none."""
    kept_reply_bytes: int = Field(default=16 * 1024**2, ge=0)
    """Replies that the web app keeps in memory and gives again at once to who may read the same
    documents and asks the same, until any document changes; 0 answers every question anew."""
    most_waiting: int = Field(default=64, ge=1, le=10_000)
    """Questions that may wait for the model in the web app; further ones are refused."""
    most_waiting_each: int = Field(default=4, ge=1, le=10_000)
    """The same, of one person."""
    max_question_chars: int = Field(default=4000, ge=100)
    """Longer questions are refused with an error."""

    @property
    def prepared_sentences_bytes(self) -> int:
        """Of the disk budget for sentence vectors."""
        return int(self.prepared_sentences_gb * 10**9)
