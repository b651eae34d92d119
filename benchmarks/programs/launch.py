"""Start a program and tell what it used: seconds, CPU seconds, and MiB of its largest process.

launch.py RESULT PROGRAM ...: small on purpose, because the peak that the system tells is at least
what the starter of a program holds itself. Exits as the program does.
"""

import os
import sys
import time


def main() -> int:
    began = time.perf_counter()
    child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
    _, status, used = os.wait4(child, 0)
    seconds = time.perf_counter() - began
    with open(sys.argv[1], "w") as file:  # noqa: PTH123 - pathlib is not small
        cpu, peak = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        file.write(f'{{"seconds": {seconds!r}, "cpu": {cpu!r}, "peak": {peak!r}}}')
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
