"""Training of the punctuation model (CT-Transformer)."""
