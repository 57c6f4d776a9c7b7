"""Files into the corpus."""
