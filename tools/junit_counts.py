#!/usr/bin/env python3
"""Counts one ctest JUnit file: "PASSED FAILED SKIPPED" on standard output, names and reasons on standard error.

With --failures instead: each test that failed, and the last lines it printed, for the end of a long run.
"""

import sys
import xml.etree.ElementTree as ElementTree


def skip_reason(case):
    """GoogleTest prints the reason on the lines after "...: Skipped"; other programs print it last."""
    lines = [line.strip() for line in (case.findtext("system-out") or "").splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if line.endswith(": Skipped") and number + 1 < len(lines):
            return lines[number + 1]
    if lines:
        return lines[-1]
    skipped = case.find("skipped")
    return (skipped.get("message") if skipped is not None else None) or case.get("status")


LAST_LINES = 25


def tell_failures(path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.get("status") in ("run", "notrun", "disabled"):
            continue
        print(f"FAILED: {case.get('name')}")
        for line in (case.findtext("system-out") or "").splitlines()[-LAST_LINES:]:
            print(f"   | {line[:300]}")


def main(path):
    passed = failed = skipped = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.get("status") == "run":
            passed += 1
        elif case.get("status") in ("notrun", "disabled"):
            skipped += 1
            print(f"skipped: {case.get('name')}: {skip_reason(case)}", file=sys.stderr)
        else:
            failed += 1
            print(f"FAILED: {case.get('name')}", file=sys.stderr)
    print(passed, failed, skipped)


if __name__ == "__main__":
    if sys.argv[1] == "--failures":
        tell_failures(sys.argv[2])
    else:
        main(sys.argv[1])
