"""Machine-learning models: files, generation, embedding. Nothing of documents or users."""
