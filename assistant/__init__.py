"""The domain and the grounded-answer engine."""
