"""Signing in by OpenID Connect: a provider vouches for who somebody is. Off unless it is set."""
