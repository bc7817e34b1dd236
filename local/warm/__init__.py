"""Processes that have imported what Pulumi's engine is about to start, and fork it when it does.

Importing takes most of a preview's time, and `pulumi up` starts everything twice. So `pulumi_wrapper.py` starts two of
them before the engine: one for the program's language host, one for the plugins. What the engine starts (`start.py`)
asks the right one, by a socket, to fork.

Only on Linux: elsewhere a process that has loaded the system's libraries may not be forked. There, and whenever no such
process answers, `start.py` starts Python as usual.
"""
