"""Permission-exact search: dense, lexical, fused."""
