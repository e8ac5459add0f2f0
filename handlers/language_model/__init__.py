"""The language model, through Transformers."""
