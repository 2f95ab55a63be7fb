#!/usr/bin/env python3
"""Keep the logs of earlier runs, newest first: keep_log.py LOG.

train.log becomes train.1.log, that becomes train.2.log, and so on.
"""

import os
import sys


def keep_log(path):
    """Give the log of an earlier run another name, if there is one."""
    base, suffix = os.path.splitext(path)
    names = [path]
    while os.path.exists(names[-1]):
        names.append(f"{base}.{len(names)}{suffix}")
    for n in reversed(range(len(names) - 1)):
        os.replace(names[n], names[n + 1])


if __name__ == "__main__":
    keep_log(sys.argv[1])
