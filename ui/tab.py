"""A browser tab without a browser: it signs in, asks, and follows what the page shows.

It speaks to the web app as a browser does, over HTTP and Streamlit's WebSocket, and draws nothing.
"""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlencode, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from ui.addresses import LINK_PATH, SECRET

AGENT = "plinth-tab"
STREAM_PATH = "/_stcore/stream"
REPLY_LABELS = ("Why this answer", "Why no answer")
LOAD_S = 60.0
"""In which a page is there."""
ANSWER_S = 180.0
"""In which a question has ended, however many come first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What the page Ask shows while nothing is being answered."""

    n_replies: int
    """In the open conversation."""
    notice: str
    """Why the last question has no reply; empty if it has one."""


@dataclass(slots=True)
class _Run:
    """One run of the page's script, as far as it was told."""

    is_part: bool = False
    """Whether only fragments are drawn again."""
    n_replies: int = 0
    notices: list[str] = field(default_factory=list)


class Tab:
    """The page Ask in one browser tab; for one task at a time."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._run = _Run()
        self._box_id = ""
        self._may_ask = False
        self._every_s: dict[str, float] = {}
        """Fragments that the browser has drawn again, and how often."""
        self._due_s: dict[str, float] = {}

    async def ask(self, question: str) -> Drawn:
        """Send a question and wait until the page shows what came of it."""
        state = ClientState()
        widget = state.widget_states.widgets.add(id=self._box_id)
        widget.chat_input_value.data = question
        async with asyncio.timeout(ANSWER_S):
            return await self._draw(state)

    async def load(self) -> Drawn:
        """Open the page, in a new conversation."""
        async with asyncio.timeout(LOAD_S):
            return await self._draw(ClientState())

    async def _draw(self, state: ClientState) -> Drawn:
        await self._rerun(state)
        while True:
            message = ForwardMsg()
            try:
                async with asyncio.timeout(self._idle_s()):
                    message.ParseFromString(await self._socket.recv(decode=False))
            except TimeoutError:
                await self._redraw_due()
                continue
            if self._take(message) and self._may_ask:
                return Drawn(n_replies=self._run.n_replies, notice=" ".join(self._run.notices))

    async def _rerun(self, state: ClientState) -> None:
        await self._socket.send(BackMsg(rerun_script=state).SerializeToString())

    def _idle_s(self) -> float | None:
        """Return how long nothing need be sent; None: until something comes."""
        if not self._due_s:
            return None
        return max(0.0, min(self._due_s.values()) - time.monotonic())

    async def _redraw_due(self) -> None:
        now = time.monotonic()
        for fragment_id, due_s in self._due_s.items():
            if due_s <= now:
                self._due_s[fragment_id] = now + self._every_s[fragment_id]
                await self._rerun(ClientState(fragment_id=fragment_id, is_auto_rerun=True))

    def _take(self, message: ForwardMsg) -> bool:
        """Take a message in; tell whether it ends a run of the whole script."""
        match message.WhichOneof("type"):
            case "new_session":
                self._run = _Run(is_part=bool(message.metadata.run.fragment_ids))
                if not self._run.is_part:
                    self._every_s.clear()
                    self._due_s.clear()
            case "auto_rerun":
                rerun = message.auto_rerun
                self._every_s[rerun.fragment_id] = rerun.interval
                self._due_s[rerun.fragment_id] = time.monotonic() + rerun.interval
            case "stop_auto_rerun":
                for fragment_id in message.stop_auto_rerun.fragment_ids:
                    self._every_s.pop(fragment_id, None)
                    self._due_s.pop(fragment_id, None)
            case "delta":
                self._take_delta(message)
            case "script_finished":
                return message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
        return False

    def _take_delta(self, message: ForwardMsg) -> None:
        delta = message.delta
        if delta.WhichOneof("type") == "add_block":
            label = delta.add_block.expandable.label
            self._run.n_replies += label in REPLY_LABELS
        elif delta.new_element.WhichOneof("type") == "chat_input":
            self._box_id = delta.new_element.chat_input.id
            self._may_ask = not delta.new_element.chat_input.disabled
        elif delta.new_element.WhichOneof("type") == "alert" and not self._run.is_part:
            self._run.notices.append(delta.new_element.alert.body)


@asynccontextmanager
async def open_tab(url: str, cookie: str) -> AsyncIterator[Tab]:
    """Open the page Ask; closing the block closes the tab.

    Args:
        url: Origin of the web app, without a slash at the end.
        cookie: Of a session, as `sign_in` returns it.
    """
    async with connect(
        url.replace("http", "ws", 1) + STREAM_PATH,
        additional_headers={"Cookie": cookie},
        user_agent_header=AGENT,
        origin=Origin(url),
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
    ) as socket:
        tab = Tab(socket)
        await tab.load()
        yield tab


def sign_in(link: str) -> str:
    """Follow a link that signs somebody in, keeping no password; return the session's cookie.

    Raises:
        RuntimeError: the link does not sign anybody in.
    """
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(parts.netloc, timeout=LOAD_S)
    try:
        secret = parse_qs(parts.query)[SECRET][0]
        body = urlencode({SECRET: secret, "later": "1"})
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": AGENT,
            "Origin": f"{parts.scheme}://{parts.netloc}",
        }
        connection.request("POST", LINK_PATH, body, headers)
        reply = connection.getresponse()
        cookie = reply.headers.get("Set-Cookie", "").partition(";")[0]
        if not cookie:
            raise RuntimeError(f"{parts.netloc} signs nobody in ({reply.status})")
        return cookie
    finally:
        connection.close()
