"""Suites, metrics, runs and reports."""
