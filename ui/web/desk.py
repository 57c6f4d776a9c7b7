"""What the person at a browser can use: the only way from pages and routes to documents and people.

Every service is asked for by name, is given to roles that may do its action, and asks again who is
there, and what that person may read, at every call. Pages and routes know neither the catalog nor
anybody else's rights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from assistant.access import Action, Person, Who
from assistant.errors import AssistantError
from assistant.store.layout import Layout
from ui.web.services.account import OwnAccount
from ui.web.services.answers import Answers
from ui.web.services.audit import AuditRecords
from ui.web.services.conversations import OwnConversations
from ui.web.services.documents import ReadableDocuments
from ui.web.services.evaluations import OwnEvaluations
from ui.web.services.hidden_texts import HiddenTexts
from ui.web.services.intake import Intake
from ui.web.services.monitoring import Monitoring
from ui.web.services.people import PeopleOffice
from ui.web.services.reviews import ReviewDesk
from ui.web.services.suites import OwnSuites

if TYPE_CHECKING:
    from assistant.warming import WarmingProgress
    from ui.web.resources import Resources

ServiceT = TypeVar("ServiceT")


class SignedOutError(AssistantError):
    """Nobody is signed in at this browser, or not any more."""


class Service(Generic[ServiceT]):
    """An attribute of `Desk` that only those get whose role may do `action`."""

    def __init__(self, action: Action, make: Callable[[Desk, Who], ServiceT]) -> None:
        self.action = action
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, desk: None, owner: type[Desk]) -> Service[ServiceT]: ...
    @overload
    def __get__(self, desk: Desk, owner: type[Desk]) -> ServiceT: ...
    def __get__(self, desk: Desk | None, owner: type[Desk]) -> ServiceT | Service[ServiceT]:
        if desk is None:
            return self

        def who() -> Person:
            person = desk.person
            person.require(self.action)
            return person

        who()
        return self._make(desk, who)


def service(
    action: Action,
) -> Callable[[Callable[[Desk, Who], ServiceT]], Service[ServiceT]]:
    """Make a service of a method: it is given the desk and what tells who asks."""
    return lambda make: Service(action, make)


class Desk:
    """The services for whoever holds a session's secret.

    Args:
        resources: The opened corpus and models.
        secret: Of the session, as the browser's cookie has it; empty: nobody is signed in.
    """

    def __init__(self, resources: Resources, secret: str) -> None:
        self._resources = resources
        self._secret = secret

    @property
    def person(self) -> Person:
        """Who is signed in now.

        Raises:
            SignedOutError: nobody, or not any more.
        """
        found = self._resources.accounts.person(self._secret) if self._secret else None
        if found is None:
            raise SignedOutError("you are signed out; reload the page and sign in again")
        return found

    @service(Action.CHANGE_OWN_ACCOUNT)
    def account(self, who: Who) -> OwnAccount:
        """One's own password and sessions."""
        return OwnAccount(who, self._resources.accounts)

    @service(Action.ASK)
    def conversations(self, who: Who) -> OwnConversations:
        """One's own conversations."""
        catalog = self._resources.catalog
        return OwnConversations(who, catalog.conversations, catalog.reviews)

    @service(Action.ASK)
    def answers(self, who: Who) -> Answers:
        """What answers questions."""
        resources = self._resources
        return Answers(
            who,
            resources.answers,
            resources.line,
            resources.metrics,
            self.conversations,
            resources.catalog.open_questions,
        )

    @service(Action.READ)
    def documents(self, who: Who) -> ReadableDocuments:
        """The documents that this person may read."""
        resources = self._resources
        return ReadableDocuments(who, resources.catalog, resources.settings.ingest)

    @service(Action.CHANGE_DOCUMENTS)
    def intake(self, who: Who) -> Intake:
        """Adding and deleting documents."""
        resources = self._resources
        return Intake(
            who,
            resources.catalog,
            Layout(resources.data_dir),
            resources.settings.ingest,
            resources.worker,
        )

    @service(Action.JUDGE_HIDDEN_TEXT)
    def hidden_texts(self, who: Who) -> HiddenTexts:
        """What readers do not see of documents."""
        return HiddenTexts(who, self._resources.catalog)

    @service(Action.CHANGE_DOCUMENTS)
    def warming(self, _who: Who) -> WarmingProgress | None:
        """How much is prepared for fast answers; None where nothing is."""
        warmer = self._resources.warmer
        return warmer.result().progress if warmer.done() else None

    @service(Action.EVALUATE)
    def suites(self, who: Who) -> OwnSuites:
        """Gold questions."""
        return OwnSuites(who, self._resources.catalog, self._resources.evaluations.suites)

    @service(Action.REVIEW)
    def reviews(self, who: Who) -> ReviewDesk:
        """Feedback on answers."""
        return ReviewDesk(who, self._resources.catalog.reviews)

    @service(Action.EVALUATE)
    def evaluations(self, who: Who) -> OwnEvaluations:
        """Runs."""
        return OwnEvaluations(who, self._resources.evaluations, self._resources.catalog)

    @service(Action.MANAGE_PEOPLE)
    def people(self, who: Who) -> PeopleOffice:
        """People and grants."""
        return PeopleOffice(who, self._resources.catalog, self._resources.accounts)

    @service(Action.SEE_MONITORING)
    def monitoring(self, who: Who) -> Monitoring:
        """How the server is doing."""
        return Monitoring(who, self._resources)

    @service(Action.SEE_AUDIT_LOG)
    def audit(self, who: Who) -> AuditRecords:
        """What people did."""
        catalog = self._resources.catalog
        return AuditRecords(who, catalog.audit, catalog.deletions)
