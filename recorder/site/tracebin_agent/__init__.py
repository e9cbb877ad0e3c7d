"""The recorder's part inside the program's process.

The package is imported by site/sitecustomize.py before the program begins, and
taken out of ``sys.modules`` again: its modules import each other at their top alone.
Nothing here may disturb the program: only modules PyPy has built in are imported,
nothing is printed, and a fault is noted in the recording instead.
"""

from .agent import Agent as Agent
from .children import start_again as start_again
