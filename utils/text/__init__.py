"""Text on its way to the voice: sentences, clauses, what can be spoken and how."""
