"""Values that go into the store and come out of it; its rows never leave the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from assistant.access import Role
from assistant.store.review_types import SentFeedback
from assistant.types import (
    Chunk,
    ChunkId,
    CollectionId,
    DocumentId,
    DocumentRef,
    PageScan,
    Span,
    Version,
)
from models.types import FloatMatrix


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ContentKey:
    """What makes a stored content: which bytes, read how, and under which name if that matters."""

    sha256: Version
    recipe: str
    """Fingerprint of everything that turned the bytes into pages, chunks and vectors."""
    name: str = ""
    """The file name's stem where it says something or the file states no title, else empty.

    The stem is indexed with the title, so files of equal bytes share their content only under
    equal stems: no reader's ranking depends on the name of a file they may not see.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPage:
    """A page to store."""

    page_number: int | None
    """1-based physical page; None where the format has none."""
    text: str
    scan: PageScan | None = None
    """Where its words stand, if they were read from a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHidden:
    """Text that no reader sees on one of the pages it comes with; no longer than a chunk may be."""

    page_index: int
    kind: str
    """Why it is not seen, in the words of `ingest.types.HiddenKind`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChunk:
    """A chunk to store: a span of one of the pages it comes with."""

    page_index: int
    span: Span
    heading: str
    """Headings above it, outermost first, joined with ' > '; may be empty. Indexed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewContent:
    """A parsed and chunked file, ready to be published."""

    key: ContentKey
    title: str
    """Title the file states; empty where it states none, and then `key.name` is not."""
    date: str | None
    """ISO date the file says it is from; None when it says nothing."""
    media_type: str
    size_bytes: int
    flags: tuple[str, ...]
    pages: tuple[NewPage, ...]
    chunks: tuple[NewChunk, ...]
    vectors: FloatMatrix | None
    """Shape [len(chunks), dim], unit norm, of `indexed_text` of each chunk; None: they follow with
    `CatalogWriter.publish_vectors`, and until then the chunks are found by their words."""
    hidden: tuple[NewHidden, ...] = ()
    """Kept apart: found by nobody unless `CatalogWriter.use_hidden_text` is called."""

    def __post_init__(self) -> None:
        if not self.title and not self.key.name:
            message = f"content {self.key!r} needs a title or a name to stand for it"
            raise ValueError(message)
        if self.vectors is not None and (
            self.vectors.ndim != 2 or len(self.vectors) != len(self.chunks)
        ):
            message = f"{len(self.chunks)} chunks came with vectors of shape {self.vectors.shape}"
            raise ValueError(message)
        for chunk in self.chunks:
            if not 0 <= chunk.page_index < len(self.pages):
                message = f"chunk {chunk!r} is on none of the {len(self.pages)} pages"
                raise ValueError(message)
            if not chunk.span.start < chunk.span.end <= len(self.pages[chunk.page_index].text):
                message = f"chunk {chunk!r} is empty or beyond its page's text"
                raise ValueError(message)
        for one in self.hidden:
            if not (0 <= one.page_index < len(self.pages) and one.text):
                message = f"hidden text of page {one.page_index} is empty or on no page"
                raise ValueError(message)

    def __repr__(self) -> str:
        return f"NewContent({self.key!r}, {len(self.pages)} pages, {len(self.chunks)} chunks)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPut:
    """A document to add, or to point at another content."""

    path: str
    """Relative to the source folder, forward slashes."""
    content: ContentKey
    """Of this batch or stored already (`Catalog.find_content`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionPut:
    """A file to remember as rejected; an earlier good version of it keeps answering, flagged."""

    path: str
    sha256: Version | None
    """None if its bytes could not be read."""
    recipe: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishBatch:
    """Everything that becomes visible in one step, all of one collection and source folder."""

    collection: str
    """Name of an existing collection."""
    source: str
    """Absolute path of the ingested folder."""
    embedder_fingerprint: str
    contents: Sequence[NewContent] = ()
    documents: Sequence[DocumentPut] = ()
    rejections: Sequence[RejectionPut] = ()
    removals: Sequence[str] = ()
    """Paths whose documents and rejections go; unknown ones are ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """What the catalog knows of a file from earlier ingests: the latest bytes it saw."""

    sha256: Version | None
    """None: it was rejected unread."""
    recipe: str
    document_id: DocumentId | None
    """The document it is; None if it never was one."""
    reason: str | None = None
    """Why these bytes were rejected; None for a good document."""
    detail: str | None = None
    n_pages: int = 0
    n_chunks: int = 0
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSummary:
    """A document in its current version."""

    document: str
    document_id: DocumentId
    collection: str
    source: str
    version: Version
    title: str
    date: str | None
    media_type: str
    size_bytes: int
    n_pages: int
    n_chunks: int
    flags: tuple[str, ...]
    """Sorted; `newer-version-rejected` when the file's latest bytes could not be taken in."""
    added_at: str
    """ISO time in UTC at which this version was published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedPage:
    """A page that a citation points into."""

    page: StoredPage
    version: Version
    """Of the document, by which its bytes are found."""
    ordinal: int
    """Of that version among the document's, from 1; of the newest where it came again."""
    media_type: str
    scan: PageScan | None = None
    """Where the words of the page stand, if they were read from a picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentVersion:
    """One version of a document; the newest answers."""

    version: Version
    ordinal: int
    """Among the document's versions, from 1."""
    content_id: int
    added_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """A page as it is cited."""

    page_index: int
    page_number: int | None
    text: str
    scan_confidence: int | None = None
    """How surely it was read from a picture, 0 to 100; None: its text is the file's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenPassage:
    """Text that no reader sees, as it is kept."""

    page_index: int
    page_number: int | None
    kind: str
    """Why it is not seen, in the words of `ingest.types.HiddenKind`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenPassages:
    """What no reader sees of a document's current version."""

    passages: tuple[HiddenPassage, ...]
    """In reading order of the pages."""
    are_used: bool
    """They are part of the pages' text, and are found and cited like the rest of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsFound:
    """Some of the documents that fit a search by name."""

    documents: tuple[DocumentSummary, ...]
    n_total: int
    """Of all that fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDetail:
    """A document with its history."""

    summary: DocumentSummary
    versions: tuple[DocumentVersion, ...]
    """Oldest first; the last one is current."""
    pages: tuple[StoredPage, ...]
    """Of the current version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredChunk:
    """A chunk with all that is indexed of it."""

    chunk_id: ChunkId
    label: str
    """Of its document, as `document_label` gives it."""
    heading: str
    text: str
    vector: bytes | None
    """float32, little-endian; None until it is embedded."""

    def __repr__(self) -> str:
        return f"StoredChunk({self.chunk_id}, {len(self.text)} chars)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadableChunk:
    """A chunk of a current version and the document through which the reader sees it."""

    chunk: Chunk
    document: DocumentRef


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedFile:
    """A file that could not be taken in."""

    document: str
    collection: str
    source: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSummary:
    """A collection and who may read it."""

    collection_id: CollectionId
    name: str
    n_documents: int
    groups: tuple[str, ...]
    """Sorted; empty: admins only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummary:
    """A group, its members and what it may read, each sorted."""

    name: str
    users: tuple[str, ...]
    collections: tuple[str, ...]
    documents: tuple[DocumentId, ...]
    """Those granted one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSummary:
    """A person."""

    name: str
    role: Role
    suspended: bool
    groups: tuple[str, ...]
    has_password: bool
    has_subject: bool
    """Whether the identity provider knows this one."""
    n_sessions: int
    """Browsers in which this one is signed in, those included whose time has run out."""


class SignInWay(StrEnum):
    """How somebody signed in."""

    PASSWORD = "password"  # noqa: S105 - a word
    LINK = "link"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderIdentity:
    """Who somebody is to the identity provider, which has proven it."""

    subject: str
    """The issuer, "|", and what it calls the person for ever."""
    name: str | None
    """By which the person may be found at the first sign-in; None: by nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOwner:
    """Whom a sign-in link signs in."""

    name: str
    has_password: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """A browser in which somebody is signed in."""

    session_id: str
    """A hash: nobody signs in with it."""
    user: str
    signed_in_by: SignInWay
    browser: str
    """What it calls itself."""
    address: str
    created_at: float
    """Seconds since 1970, as the next."""
    seen_at: float


class AuditAction(StrEnum):
    """What is recorded of what people do."""

    SIGNED_IN = "signed in"
    SIGN_IN_FAILED = "sign-in failed"
    SIGNED_OUT = "signed out"
    SESSIONS_ENDED = "sessions ended"
    LINK_MADE = "sign-in link made"
    PASSWORD_SET = "password set"  # noqa: S105 - words
    USER_ADDED = "user added"
    USER_CHANGED = "user changed"
    USER_REMOVED = "user removed"
    ACCOUNT_LINKED = "provider account linked"
    ACCOUNT_UNLINKED = "provider account unlinked"
    GROUP_ADDED = "group added"
    GROUP_REMOVED = "group removed"
    COLLECTION_ADDED = "collection added"
    COLLECTION_REMOVED = "collection removed"
    GRANTED = "granted"
    REVOKED = "revoked"
    UPLOADED = "uploaded"
    DELETED = "deleted"
    HIDDEN_TEXT_USED = "hidden text used"
    HIDDEN_TEXT_LEFT_OUT = "hidden text left out"
    ASKED = "asked"
    OPENED = "opened"
    EVALUATED = "evaluated"
    SUITE_CHANGED = "suite changed"
    FEEDBACK_SENT = "feedback sent"
    FEEDBACK_WITHDRAWN = "feedback withdrawn"
    FEEDBACK_TAKEN = "feedback taken"
    FEEDBACK_PUT_BACK = "feedback put back"
    FEEDBACK_CLOSED = "feedback closed"
    SAW_AS = "saw as"
    EXPORTED = "exported"
    BACKED_UP = "backed up"
    RESTORED = "restored"
    QUEUE_PAUSED = "queue paused"
    QUEUE_RESUMED = "queue resumed"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something that somebody did."""

    entry_id: int
    """Counted from 1 without a gap."""
    at: str
    """ISO time, UTC."""
    actor: str
    action: AuditAction
    subject: str
    """Whom or what it was done to, by name."""
    details: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return it as the command line and exports give it."""
        return {
            "id": self.entry_id,
            "at": self.at,
            "actor": self.actor,
            "action": self.action.value,
            "subject": self.subject,
            "details": dict(self.details),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletedDocument:
    """A document that was deleted."""

    document_id: DocumentId
    document: str
    """Its path."""
    collection: str
    by: str
    at: str
    """ISO time, UTC."""


class Feedback(StrEnum):
    """What a reader thinks of a reply."""

    HELPFUL = "helpful"
    UNHELPFUL = "unhelpful"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """A conversation in its owner's list."""

    conversation_id: str
    title: str
    """The first question."""
    updated_at: str
    """ISO time of the latest turn, UTC."""
    n_turns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTurn:
    """A question with its reply, as its owner may see it now."""

    turn_id: int
    question: str
    reply: dict[str, Any]
    """As `assistant.reply_json` writes it; text of documents that are gone, or that the reader may
    not see any more, is replaced."""
    asked_at: str
    """ISO time, UTC."""
    feedback: Feedback | None
    comment: str
    sent: SentFeedback | None = None
    """What of it was sent to reviewers; None: nothing."""

    def __repr__(self) -> str:
        return f"StoredTurn({self.turn_id}, {len(self.question)} chars)"


class JobKind(StrEnum):
    """What a job asks of the writer."""

    UPLOAD = "upload"
    """Take in files that were sent; more may come."""
    INGEST = "ingest"
    """Bring a collection in line with files and folders of this machine."""
    CHANGE = "change"
    """Anything else: a grant, a deletion."""


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens unless somebody asks for it."""
        return self not in (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work for the one writer."""

    job_id: int
    kind: JobKind
    request: dict[str, Any]
    """What to do; its keys are those of whoever carries it out."""
    requested_by: str
    state: JobState
    is_stopping: bool
    """Whether somebody asked to stop it."""
    n_attempts: int
    """How often it was begun; more than once where the process died in the middle."""
    n_bytes: int
    n_bytes_done: int
    created_at: str
    """ISO time, UTC; so are the next two."""
    started_at: str | None
    finished_at: str | None
    error: str | None
    """Why it failed."""
    n_files: int
    n_waiting: int
    """Files without an outcome."""
    n_rejected: int
    doing: str = ""
    """What takes long just now, in words; empty: nothing in particular."""
    n_put_aside: int = 0
    """Of these, files that ended the worker or failed unexpectedly again and again."""
    n_deaths: Mapping[str, int] = field(default_factory=dict)
    """By file: how often the worker ended with it in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePause:
    """Who had the queue pause, and since when."""

    by: str
    since: str
    """ISO time, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    """How the last look into a watched folder went."""

    folder: str
    collection: str
    looked_at: str
    """ISO time, UTC; up to a minute old where nothing changes."""
    n_files: int
    n_unsettled: int
    """Files that are still being written."""
    error: str | None
    """Why it cannot be followed; None while all is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was sent of files that the queue keeps."""

    n_batch_files: int
    """Of one batch, taken in or not; so is the next."""
    n_batch_bytes: int
    n_waiting_bytes_each: int
    """Of all batches of the same person: of files that wait or were rejected."""
    n_waiting_bytes: int
    """Of everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """A file of a job."""

    file_id: int
    document: str
    size_bytes: int
    status: str | None = None
    """How it ended, in the words of `ingest.types.FileStatus`; None while it waits."""
    reason: str | None = None
    detail: str | None = None
    n_pages: int = 0
    n_chunks: int = 0
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusCounts:
    """How much there is."""

    n_collections: int
    n_documents: int
    n_contents: int
    n_pages: int
    n_chunks: int
    """Earlier versions included."""
    n_live_chunks: int
    """Those of current versions: what a search can find."""
    n_unembedded: int
    """Live ones that are found by their words only, until their vectors follow."""
    n_rejected: int
    n_segments: int
