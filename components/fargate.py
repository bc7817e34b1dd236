"""The sizes and processors that Fargate offers for a task.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
"""

from __future__ import annotations

MEMORY_MIB: dict[int, range] = {
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""CPU units to memory in MiB; 256 CPU units are the exception without a step."""
SMALLEST_CPU = 256
SMALLEST_MEMORY_MIB = (512, 1024, 2048)
ARCHITECTURES = ("ARM64", "X86_64")
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html"""


def check_size(cpu: int, memory: int) -> None:
    """Raises ValueError, with what is allowed, for a size that Fargate does not offer."""
    if cpu == SMALLEST_CPU:
        if memory not in SMALLEST_MEMORY_MIB:
            raise ValueError(f"cpu={cpu} allows memory 512, 1024 or 2048 MiB (Fargate), not {memory}")
        return
    if cpu not in MEMORY_MIB:
        sizes = ", ".join(str(size) for size in (SMALLEST_CPU, *MEMORY_MIB))
        raise ValueError(f"cpu={cpu} is no size of Fargate: expected one of {sizes}")
    allowed = MEMORY_MIB[cpu]
    if memory not in allowed:
        raise ValueError(
            f"cpu={cpu} allows memory {allowed.start} to {allowed.stop - 1} MiB in steps of {allowed.step} (Fargate), "
            f"not {memory}"
        )


def check_architecture(architecture: str) -> None:
    """Raises ValueError for a processor that Fargate does not have."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"cpu_architecture is {architecture!r}: expected one of {', '.join(ARCHITECTURES)}")
