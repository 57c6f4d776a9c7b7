"""Types of columns that rows and migrations share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer

BIG_INTEGER = Integer().with_variant(BigInteger(), "postgresql")
"""For sizes in bytes and numbers of chunks. SQLite's own integers have 64 bits, PostgreSQL's 32."""
