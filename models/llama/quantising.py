"""Making one weight file from another with llama.cpp's quantiser."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp

from models.errors import ModelFileError
from models.fitting.recipes import Plan
from models.llama.model import log_problems_only


def quantise(original: Path, candidate: Path, plan: Plan, *, threads: int) -> None:
    """Write `candidate`: every tensor as in `original` but for those that the plan changes.

    Not atomic: write to a temporary name. The calling thread is busy until it is done.

    Raises:
        ModelFileError: the library refused, or the disk is full.
    """
    log_problems_only()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
    params.allow_requantize = True
    params.nthread = threads
    params.output_tensor_type = plan.output_type
    params.token_embedding_type = plan.embedding_type
    kind = llama_cpp.llama_cpp.llama_model_tensor_override
    overrides = (kind * (len(plan.overrides) + 1))()  # the last, empty one ends the list
    for entry, (pattern, type_id) in zip(overrides, plan.overrides, strict=False):
        entry.pattern = pattern.encode()
        entry.type = type_id
    params.tt_overrides = ctypes.cast(overrides, type(params.tt_overrides))
    status = llama_cpp.llama_model_quantize(
        str(original).encode(), str(candidate).encode(), ctypes.byref(params)
    )
    if status != 0:
        raise ModelFileError(
            f"llama.cpp could not requantise {original.name!r} (status {status}); "
            "check the file with `plinth models verify`, and the space on the disk"
        )
