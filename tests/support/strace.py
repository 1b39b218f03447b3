"""Faults of system calls, by strace."""


def injecting(call: str, fault: str) -> list[str]:
    """The words before a command that meets the fault whenever it makes the call."""
    return [
        "strace",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        f"trace={call}",
        "-e",
        f"inject={call}:{fault}",
    ]
