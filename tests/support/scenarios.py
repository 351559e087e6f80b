"""Runs the scenarios of one script: SCRIPT [--broker PROGRAM] [NAME...]; exit status 77 if all of them were skipped."""

import argparse
import os
import sys
import time
import traceback

from broker import Skip

_scenarios = {}


def scenario(function):
    """A test of its own, named like the function."""
    _scenarios[function.__name__] = function
    return function


def main():
    parser = argparse.ArgumentParser(epilog="scenarios: " + " ".join(_scenarios))
    parser.add_argument("--broker", default=os.environ.get("VMQ_BROKER", "build/dev/bin/vernemq"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    os.environ["VMQ_BROKER"] = arguments.broker
    unknown = set(arguments.names) - set(_scenarios)
    if unknown:
        parser.error(f"no scenario {' '.join(sorted(unknown))}")

    failed = skipped = 0
    names = arguments.names or list(_scenarios)
    for name in names:
        start = time.monotonic()
        try:
            _scenarios[name]()
            result = "passed"
        except Skip as reason:
            skipped += 1
            result = f"skipped: {reason}"
        except Exception:
            traceback.print_exc(file=sys.stdout)
            failed += 1
            result = "FAILED"
        print(f"{name}: {result} ({time.monotonic() - start:.1f} s)", flush=True)
    sys.exit(1 if failed else 77 if skipped == len(names) else 0)
