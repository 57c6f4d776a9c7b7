"""Errors of evaluation."""

from __future__ import annotations

from assistant.errors import AssistantError


class EvalError(AssistantError):
    """Root of the errors of `evals`."""


class SuiteError(EvalError):
    """A suite file is not valid; the message names file and line."""


class RunError(EvalError):
    """There is no such run, or its folder is damaged."""


class GateError(EvalError):
    """A gate is not written as it should be, or names no known metric."""


class CalibrationError(EvalError):
    """What was asked does not allow a calibration, or not the one that is wanted."""


class SweepError(EvalError):
    """What is to be tried is not written as it should be, or cannot be tried."""
