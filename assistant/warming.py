"""Has passages computed before anybody asks for them, while nothing else is to be done.

What is kept, answers without the wait: only the question itself is computed then. Passages that
were just used as evidence come first, then those around them, because who asks about a document
often asks again, then the newest ones.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

from assistant.access import OPERATOR
from assistant.errors import StoreError
from assistant.evidence.prepared import PreparedSentences
from assistant.evidence.sentences import split_sentences
from assistant.evidence.vectors import SentenceVectors
from assistant.passages import write_block
from assistant.prompts.library import prompt_text
from assistant.store.catalog import Catalog
from assistant.store.types import ReadableChunk
from assistant.types import ChunkId
from models.errors import GeneratorPausedError, ModelError
from models.protocols import Embedder, Generator

_LOG = logging.getLogger(__name__)
LOOKS_S = 2.0
"""Between looks at a corpus that has nothing new."""
BATCH = 64
"""Passages looked up together."""
USED_KEPT = 512
"""Of the passages used last."""
CENTRES = 3
"""So many passages of a question's evidence, its best ones, have those around them prepared."""
AROUND = 64
"""Passages of the same document before such a one, and as many behind it."""
REFUSED = 3
"""So many in a row are not one passage that is too long."""
FULL = 0.98
"""Of the disk budget: from here on only what is used takes the place of something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmingProgress:
    """How far the warming of a corpus is."""

    n_kept: int
    n_chunks: int
    is_full: bool
    """The budget is used up before all passages were kept."""
    error: str | None
    """Why it has ended early; the next start tries again."""


class Preparation(Protocol):
    """Something of a passage that can be computed before a question needs it. For one thread."""

    def is_full(self) -> bool:
        """Tell whether the budget is used up."""

    def keep(self, passage: ReadableChunk) -> bool:
        """Compute it, if it is not kept yet, and keep it; False if the disk refuses."""


class Blocks:
    """The keys and values of passages, which the generator keeps."""

    def __init__(self, catalog: Catalog, generator: Generator, *, disk_bytes: int) -> None:
        """Take the parts.

        Args:
            catalog: Knows how much is kept, and whether a passage is still there.
            generator: Computes and keeps, and gives way to questions by itself.
            disk_bytes: Its budget.
        """
        self._catalog = catalog
        self._kept = catalog.blocks
        self._generator = generator
        self._disk_bytes = disk_bytes
        self._head = prompt_text("answer_head")

    def is_full(self) -> bool:
        """Tell whether only what is used takes the place of something else."""
        return self._kept.n_bytes() >= FULL * self._disk_bytes

    def keep(self, passage: ReadableChunk) -> bool:
        """Have the generator keep a passage."""
        is_kept = self._generator.keep(self._head, write_block(passage))
        if not self._catalog.chunks([passage.chunk.chunk_id], OPERATOR):
            # Deleted meanwhile, and what belonged to it, too, maybe before this was written.
            self._kept.drop(passage.chunk)
        return is_kept


class Sentences:
    """The vectors of the sentences of passages, with which the best evidence is found at once."""

    def __init__(
        self,
        catalog: Catalog,
        embedder: Embedder,
        prepared: PreparedSentences,
        *,
        disk_bytes: int,
    ) -> None:
        """Take the parts.

        Args:
            catalog: Tells whether a passage is still there.
            embedder: Computes; not one that remembers what no question needed.
            prepared: Where they are kept.
            disk_bytes: Most bytes of them; what does not fit is computed when it is needed.
        """
        self._catalog = catalog
        self._embedder = embedder
        self._prepared = prepared
        self._disk_bytes = disk_bytes
        prepared.trim(disk_bytes)
        self._n_bytes = prepared.n_bytes()

    def is_full(self) -> bool:
        """Tell whether no more fits, counting again what deletions have left room for."""
        if self._n_bytes >= self._disk_bytes:
            self._n_bytes = self._prepared.n_bytes()
        return self._n_bytes >= self._disk_bytes

    def keep(self, passage: ReadableChunk) -> bool:
        """Embed the sentences of a passage and keep their vectors."""
        texts = [sentence.text for sentence in split_sentences([passage])]
        if not texts or self._prepared.holds(passage.chunk, texts) or self.is_full():
            return True
        vectors = SentenceVectors(texts, self._embedder).all()
        try:
            self._n_bytes += self._prepared.save(passage.chunk, texts, vectors)
        except OSError:
            return False
        if not self._catalog.chunks([passage.chunk.chunk_id], OPERATOR):
            # Deleted meanwhile, and what belonged to it, too, maybe before this was written.
            self._prepared.drop(passage.chunk, texts)
        return True


class Warmer:
    """A thread that keeps passages computed until it is closed.

    Args:
        catalog: Read as the operator: what is kept is used only by who retrieves its passage.
        preparation: What is computed of each.
        is_busy: Asked before each passage: whether other work wants the processor.
    """

    def __init__(
        self, catalog: Catalog, preparation: Preparation, *, is_busy: Callable[[], bool]
    ) -> None:
        self._catalog = catalog
        self._preparation = preparation
        self._is_busy = is_busy
        self._lock = threading.Lock()
        self._used: OrderedDict[ChunkId, None] = OrderedDict()
        self._centres: OrderedDict[ChunkId, None] = OrderedDict()
        self._around: OrderedDict[ChunkId, None] = OrderedDict()
        """Around the centres, those to come first last; for the thread alone."""
        self._is_idle = False
        self._n_refused = 0
        self._generation: int | None = None
        self._closing = threading.Event()
        self._progress = WarmingProgress(n_kept=0, n_chunks=0, is_full=False, error=None)
        self._thread = threading.Thread(target=self._run, name="warming", daemon=True)

    @property
    def progress(self) -> WarmingProgress:
        """How far it is; from any thread."""
        return self._progress

    @property
    def is_idle(self) -> bool:
        """Whether it waits for something new; from any thread."""
        return self._is_idle

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Begin nothing more; the passage under way ends with its generator at the latest."""
        self._closing.set()

    def join(self) -> None:
        """Wait for the end; the generator is used no more then."""
        if self._thread.ident is not None:
            self._thread.join()

    def note_use(self, chunk_ids: Iterable[ChunkId]) -> None:
        """Prefer these passages, the first ones most; from any thread."""
        best_first = tuple(chunk_ids)
        with self._lock:
            self._is_idle = False
            _put_last(self._used, reversed(best_first))
            _put_last(self._centres, reversed(best_first[:CENTRES]))

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._look()
            # A model that is started again, a busy catalog, a full disk: it may be otherwise later.
            except (GeneratorPausedError, StoreError) as error:
                if not self._closing.is_set():
                    _LOG.warning("passages are not prepared for the moment: %s", error)
                self._closing.wait(LOOKS_S)
            except ModelError as error:
                if not self._closing.is_set():
                    self._note(error=str(error))
                return

    def _look(self) -> None:
        current = self._catalog.current_generation()
        if current != self._generation:
            self._generation = current if self._warm_corpus() else None
        elif not self._warm_asked_about():
            with self._lock:
                self._is_idle = not self._used
            self._closing.wait(LOOKS_S)

    def _warm_corpus(self) -> bool:
        """Keep the newest passages up to the budget; False if that was interrupted by a change."""
        generation, ids = self._catalog.live_chunk_ids(OPERATOR)
        newest = iter(sorted(map(ChunkId, ids.tolist()), reverse=True))
        self._progress = WarmingProgress(n_kept=0, n_chunks=len(ids), is_full=False, error=None)
        while batch := list(islice(newest, BATCH)):
            if self._preparation.is_full():
                self._note(is_full=True)
                return True
            for chunk_id in batch:
                while True:
                    if self._closing.is_set() or self._catalog.current_generation() != generation:
                        return False
                    if not self._warm_asked_about():
                        break
                self._warm([chunk_id])
                self._note(n_kept=self._progress.n_kept + 1)
        return True

    def _warm_asked_about(self) -> bool:
        """Keep what was used last, else one passage around it; False if there is neither."""
        with self._lock:
            used, self._used = list(reversed(self._used)), OrderedDict()
            centres, self._centres = list(self._centres), OrderedDict()
        self._warm(used)
        for centre in centres:
            _put_last(self._around, self._farthest_first(centre, leave_out=used))
        if not used and self._around:
            self._warm([self._around.popitem()[0]])
            return True
        return bool(used)

    def _farthest_first(self, centre: ChunkId, leave_out: Collection[ChunkId]) -> list[ChunkId]:
        """Return the passages around one that are of the same document."""
        ids = map(ChunkId, range(centre - AROUND, centre + AROUND + 1))
        found = self._catalog.chunks(ids, OPERATOR)
        if centre not in found:  # deleted meanwhile
            return []
        content_id = found[centre].chunk.content_id
        around = [one for one, passage in found.items() if passage.chunk.content_id == content_id]
        around = [one for one in around if one not in leave_out]
        return sorted(around, key=lambda one: -abs(one - centre))

    def _warm(self, ids: list[ChunkId]) -> None:
        for passage in self._catalog.chunks(ids, OPERATOR).values():
            while self._is_busy() and not self._closing.wait(LOOKS_S):
                pass
            if self._closing.is_set():
                return
            is_kept = self._preparation.keep(passage)
            self._n_refused = 0 if is_kept else self._n_refused + 1
            if self._n_refused == REFUSED:
                raise ModelError(
                    "passages cannot be prepared: the disk takes no more of them, or the model "
                    "cannot use them; the log of the generator says which"
                )

    def _note(self, **changes: Any) -> None:
        self._progress = replace(self._progress, **changes)


def _put_last(ids: OrderedDict[ChunkId, None], new: Iterable[ChunkId]) -> None:
    """Put these at the end, where they are taken first; what was put there earliest may go."""
    for chunk_id in new:
        ids[chunk_id] = None
        ids.move_to_end(chunk_id)
    while len(ids) > USED_KEPT:
        ids.popitem(last=False)
