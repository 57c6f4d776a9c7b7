"""A real OpenID Connect provider as a process, for tests; `.ci/node` installs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CLIENT_ID = "plinth"
CLIENT_SECRET = "a secret: of the tests%"  # to be escaped in a header
END_S = 10.0


@contextmanager
def running_provider(
    accounts: Mapping[str, Mapping[str, Any]],
    *,
    claims_in_token: bool = True,
    algorithm: str = "RS256",
) -> Iterator[str]:
    """Run a provider until the block ends, and give its issuer.

    Args:
        accounts: Claims by login, which is the subject, too.
        claims_in_token: Else they are told beside it only, as the standard has it.
        algorithm: With which ID tokens are signed.
    """
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules").is_dir():
        message = "no Node.js, or `.ci/node` has not run: there is no provider to sign in by"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    config = {
        "redirectUri": "http://127.0.0.1/plinth/openid/end",
        "clientId": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        "accounts": accounts,
        "claimsInToken": claims_in_token,
        "algorithm": algorithm,
    }
    process = subprocess.Popen(
        [node, HERE / "provider.mjs", json.dumps(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        issuer = process.stdout.readline().strip()
        assert issuer, "the provider did not start"
        yield issuer
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(END_S)
