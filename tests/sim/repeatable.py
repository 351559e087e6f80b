#!/usr/bin/env python3
"""The same seed is the same run: two processes print the same hash. `repeatable.py VMQ_SIM`"""

import subprocess
import sys


def run(program, seed):
    done = subprocess.run([program, f"--seed={seed}", "--verbose"], stdout=subprocess.PIPE, text=True)
    hashes = [line for line in done.stdout.splitlines() if "hash" in line]
    assert len(hashes) == 1, f"seed {seed} said: {done.stdout}"
    return hashes[0]


seeds = range(1, 17)  # every weather twice
for seed in seeds:
    first, again = run(sys.argv[1], seed), run(sys.argv[1], seed)
    assert first == again, f"two runs of one seed:\n{first}\n{again}"
print(f"{len(seeds)} seeds, each the same twice")
