"""Prompt texts as reviewed files with versions."""
