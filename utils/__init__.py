"""Named, model-free modules."""
