#!/usr/bin/env python3
"""Which tests of a build folder need to run: those whose inputs have changed since they passed.

    test_selection.py affected BUILD   the numbers of the tests to run, for `ctest -I FILE`, in BUILD/affected_tests.txt;
                                       on standard output "AFFECTED UNCHANGED"
    test_selection.py record BUILD     remembers what passed, from BUILD/junit.xml

The inputs of a test are its program, every file its command and environment name, its conformance script, and for
Python tests the other files below tests/. Checks of the sources themselves (label text) always run.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tests" / "conformance"
HELPERS = (".py", ".js", ".c", ".json")

digests = {}


def digest(path):
    if path not in digests:
        digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digests[path]


def helpers():
    """Everything that Python tests may use of each other."""
    return [
        path
        for path in sorted((ROOT / "tests").rglob("*"))
        if path.suffix in HELPERS and "node_modules" not in path.parts and path.is_file()
    ]


def properties(test):
    return {entry["name"]: entry["value"] for entry in test.get("properties", [])}


def inputs(test, scripts):
    """The files that decide what the test does; none: it is not known, so it has to run."""
    values = properties(test)
    if "text" in values.get("LABELS", []):
        return []
    words = list(test.get("command", []))
    words += [entry.partition("=")[2] for entry in values.get("ENVIRONMENT", [])]
    files = [path for path in (pathlib.Path(word) for word in words) if path.is_absolute() and path.is_file()]
    if any(path.suffix == ".py" for path in files):
        files += helpers()
    if test["name"].startswith("conformance"):
        files.append(scripts[test["name"].partition(".")[2]])
    return files


def fingerprint(test, scripts):
    files = inputs(test, scripts)
    if not files or "command" not in test:  # ctest leaves out the command of a program that was not built
        return None
    text = json.dumps([test["command"], [(str(path), digest(path)) for path in files]])
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprints(build):
    """By test name, in the order of ctest's numbers."""
    listed = subprocess.run(
        ["ctest", "--test-dir", str(build), "--show-only=json-v1"], check=True, capture_output=True, text=True
    )
    scripts = {
        "_".join(path.relative_to(SCRIPTS).with_suffix("").parts): path for path in SCRIPTS.rglob("*.mqtt")
    }
    return {test["name"]: fingerprint(test, scripts) for test in json.loads(listed.stdout)["tests"]}


def remembered(build):
    path = build / "passed.json"
    return json.loads(path.read_text()) if path.exists() else {}


def affected(build):
    passed = remembered(build)
    prints = fingerprints(build)
    numbers = [
        number
        for number, (name, now) in enumerate(prints.items(), start=1)
        if now is None or passed.get(name) != now
    ]
    (build / "affected_tests.txt").write_text("0,0,0," + ",".join(map(str, numbers)) + "\n")
    print(len(numbers), len(prints) - len(numbers))


def record(build):
    prints = fingerprints(build)
    passed = {name: seen for name, seen in remembered(build).items() if name in prints}
    for case in ElementTree.parse(build / "junit.xml").getroot().iter("testcase"):
        name = case.get("name")
        if case.get("status") == "run" and prints.get(name):
            passed[name] = prints[name]
        else:
            passed.pop(name, None)
    (build / "passed.json").write_text(json.dumps(passed))


if __name__ == "__main__":
    {"affected": affected, "record": record}[sys.argv[1]](pathlib.Path(sys.argv[2]))
