"""Runs a command, then prints the most memory that any process of it took: a line, in KB.

What a process starts begins as large as it is, so this one imports little.
"""

import resource
import subprocess
import sys

if __name__ == "__main__":
    status = subprocess.run(sys.argv[1:], check=False).returncode
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    sys.exit(status)
