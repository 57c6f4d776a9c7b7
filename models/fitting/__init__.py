"""Making weight files that suit the processor they run on, and choosing among them."""
