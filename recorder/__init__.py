"""Record a program inside PyPy and put its raw recording together."""
