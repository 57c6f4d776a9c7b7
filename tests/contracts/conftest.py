"""Lets pytest explain failing assertions inside the contracts as it does in test modules."""

import pytest

pytest.register_assert_rewrite(
    "tests.contracts.generator_contract", "tests.contracts.embedder_contract"
)
