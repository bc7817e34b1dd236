"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell starts what runs in the background with SIGINT ignored, and programs inherit that: Ctrl-C, which some tests
# press, would not reach them.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
