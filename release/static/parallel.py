"""Work that is done beside other work: many requests to S3 at the same time, and what is begun ahead."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Final, TypeVar

CONCURRENCY: Final = 64
"""Requests to S3 at the same time; a client whose connection pool is smaller gets as many as its pool holds."""
Item = TypeVar("Item")


def meanwhile(work: Callable[[], Item]) -> Callable[[], Item]:
    """Begins `work` in a thread. What is returned waits for its end, and returns or raises what it did.

    A process that fails meanwhile does not wait for it.
    """
    done: Future[Item] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)  # it is raised where the result is asked for

    threading.Thread(target=run, name="s3", daemon=True).start()
    return done.result


def in_parallel(s3: Any, work: Callable[[Item], None], items: Iterable[Item]) -> int:
    """Does `work` for each item, some at a time; returns how many. The first failure ends it: no further item begins.

    Items are drawn as they are worked on, so that a hundred thousand need no more memory than a hundred.
    """
    pool_size = min(CONCURRENCY, s3.meta.config.max_pool_connections)
    stop, drawing, remaining = threading.Event(), threading.Lock(), iter(items)

    def worker(first: Item) -> int:
        done_count, item = 0, [first]
        try:
            while item and not stop.is_set():
                work(item[0])
                done_count += 1
                with drawing:
                    item = list(islice(remaining, 1))
        except BaseException:
            stop.set()
            raise
        return done_count

    with drawing:
        firsts = list(islice(remaining, pool_size))
    if len(firsts) <= 1:
        return sum(worker(first) for first in firsts)
    with ThreadPoolExecutor(len(firsts), thread_name_prefix="s3") as pool:
        workers = [pool.submit(worker, first) for first in firsts]
        try:
            return sum(worker.result() for worker in workers)
        except BaseException:
            stop.set()
            raise
