#!/usr/bin/env python3
"""The same seeds are the same runs: two processes print the same hashes. `repeatable.py VMQ_SIM`"""

import subprocess
import sys


def run(program):
    done = subprocess.run([program, "--first=1", "--seeds=8", "--verbose"], stdout=subprocess.PIPE, text=True)
    hashes = [line for line in done.stdout.splitlines() if "hash" in line]
    assert len(hashes) == 8, f"8 seeds said: {done.stdout}"
    return hashes


first, again = run(sys.argv[1]), run(sys.argv[1])
for one, other in zip(first, again):
    assert one == other, f"two runs of one seed:\n{one}\n{other}"
print(f"{len(first)} seeds, each the same twice")
