"""What proves a sentence: attribution, verification, quotes."""
