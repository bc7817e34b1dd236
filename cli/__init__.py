"""The verbs of `python -m release` and `python -m ci`, a module each.

Its docstring is the help, `add` declares its arguments, `run` does it.
`run` returns YES or NO, which is also "not known"; 2 is wrong usage, 130 is interrupted (`cli.main`).
"""

YES, NO = 0, 1
"""Exit codes."""
