"""Fault injection: every system call that touches a data dir, cut off or refused in turn."""
