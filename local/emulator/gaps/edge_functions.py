"""Gap: each request that finds all processes of CloudFront Functions busy starts another one, and ends it afterwards.

A machine that is busy for a moment is then busy with starting and ending processes, and answers nothing any more. Here
a few processes stay, and requests wait their turn: a function takes about a millisecond, at the edge as here.
"""

from __future__ import annotations

import threading
from typing import Any

from ministack.core import cloudfront_js

from local.emulator.gaps import around

AT_ONCE = cloudfront_js._MAX_IDLE
"""How many functions run at the same time: as many processes as ministack keeps."""
_turns = threading.BoundedSemaphore(AT_ONCE)
"""Functions of the edge call nobody, so that one that waits keeps no other from ending."""


@around(cloudfront_js._pool, "call")
def call_in_turn(call: Any, *arguments: Any, **options: Any) -> Any:
    with _turns:
        return call(*arguments, **options)
