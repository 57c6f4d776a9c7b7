"""Numbered changes of the catalog's schema, run when it is opened."""
