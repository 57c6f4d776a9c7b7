"""The plinth command."""
