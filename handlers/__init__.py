"""A stage of the pipeline in each file, and the loop that all of them run in."""
