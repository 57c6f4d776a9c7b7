"""Errors of the assistant; each class is something a caller handles differently."""

from __future__ import annotations

RESTORE = "restore a backup into a new data dir: `plinth restore FILE --data-dir NEW`"
"""What to do where nothing else helps."""


class AssistantError(Exception):
    """Root of the errors of `assistant`, `ingest` and `evals`."""


class SettingsError(AssistantError):
    """A setting is unknown, of the wrong type or out of range; lists every problem found."""


class InvalidQuestionError(AssistantError):
    """The question is empty or too long to be one."""


class QuestionCancelledError(AssistantError):
    """The question was stopped; there is no reply."""


class TooManyQuestionsError(AssistantError):
    """So many questions wait that another one would wait too long; the message says what to do."""


class StoreError(AssistantError):
    """The data dir cannot be read or written."""


class SchemaTooNewError(StoreError):
    """The catalog was written by a later Plinth."""


class IndexDamagedError(StoreError):
    """An index file does not match the hash the catalog holds; it does not answer."""


class IndexMismatchError(StoreError):
    """The index was made with another embedder than the one configured."""


class BackupDamagedError(StoreError):
    """A file is no backup, or not the whole of what was written; nothing of it is used."""


class WriterBusyError(StoreError):
    """Another process is writing to this data dir; the message says which."""


class UnknownNameError(AssistantError):
    """No collection, group, user or document of this name that the caller may see."""


class NameTakenError(AssistantError):
    """The name exists already."""


class InvalidNameError(AssistantError):
    """A collection, group or user cannot be called that."""


class ChangedMeanwhileError(AssistantError):
    """Somebody else changed the same thing since it was opened; nothing was saved."""


class QuoteError(AssistantError):
    """A gold passage does not stand, word for word, where it is said to stand."""


class LastAdminError(AssistantError):
    """Nobody would be left who can manage people."""


class ForbiddenError(AssistantError):
    """The person's role does not allow this."""


class SignInRefusedError(AssistantError):
    """Name and password, or the link, do not sign anybody in; never says why."""


class WeakPasswordError(AssistantError):
    """A password that is too easily guessed; says what it needs."""
