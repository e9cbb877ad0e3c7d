"""Print answers for a person at a terminal."""
