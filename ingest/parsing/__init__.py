"""Parsers of document formats, and the processes that run them within limits."""
