"""What PyPy itself loads first: the agent."""
