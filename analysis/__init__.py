"""Answer questions about a bundle; pure."""
