"""The verbs of `python -m release` and `python -m ci`, a module each.

`add` declares its arguments, `run` does it and returns the exit code: 0 is yes, 1 is no or not to be found out, 2 is
wrong usage, 130 is interrupted.
"""
