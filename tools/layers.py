#!/usr/bin/env python3
"""Fails when an #include in src/ or apps/ crosses the layers of ARCHITECTURE.md in a direction that is not listed here.

A unit is a folder of src/; src/plugins/NAME is a unit of its own. An arrow is "unit A includes a header of unit B".
A new arrow is a decision: it needs an ADR and a line below.
"""

import argparse
import pathlib
import re
import sys
import tempfile

BELOW_BROKER = ["base", "mqtt", "config", "metrics", "runtime", "session", "routing", "store", "queue", "hooks",
                "transport", "cluster"]
EDGE = ["base", "mqtt", "hooks", "runtime", "transport", "config", "metrics",
        "broker/inspect.h", "broker/publisher.h", "broker/trace.h", "broker/tracer.h",
        "broker/activity_watch.h"]

# unit -> what it may include: a whole unit, or one header of a unit.
ALLOWED = {
    "base": [],
    "mqtt": ["base"],
    "config": ["base"],
    "metrics": ["base"],
    "runtime": ["base", "metrics"],
    "logging": ["base", "runtime"],
    "session": ["base", "mqtt"],
    "routing": ["base", "mqtt"],
    "store": ["base", "mqtt", "metrics"],
    "queue": ["base", "mqtt", "store/message_store.h"],
    "hooks": ["base", "mqtt", "config", "metrics"],
    "transport": ["base", "runtime", "config", "metrics"],
    "cluster": ["base", "mqtt", "metrics"],
    "broker": BELOW_BROKER,
    "plugins/*": EDGE,
    "bridge": EDGE,
    "admin": EDGE,
}
# Files of a unit (by the start of their path) that may include more than their unit.
ALLOWED_MORE = {"cluster/link": ["transport", "runtime"], "cluster/connector": ["transport", "runtime"]}
# Headers of tests/ that the tests beside the code may include.
TEST_ONLY = "support"

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
TEST_FILE = re.compile(r"_(test|bench|fuzz)\.cc$")


def unit_of(path):
    """"plugins/acl/acl.h" -> "plugins/acl", "mqtt/topic.h" -> "mqtt", "topic.h" -> None."""
    parts = path.split("/")
    depth = 2 if parts[0] == "plugins" else 1
    return "/".join(parts[:depth]) if len(parts) > depth else None


def may_include(file, included):
    unit = unit_of(file)
    if unit == unit_of(included):
        return True
    allowed = list(ALLOWED["plugins/*" if unit.startswith("plugins/") else unit])
    for start, more in ALLOWED_MORE.items():
        if file.startswith(start):
            allowed += more
    return included in allowed or unit_of(included) in allowed


def find_cycle(graph):
    """The nodes of one cycle, first node repeated at the end; None if there is none."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for neighbour in sorted(graph.get(node, ())):
            cycle = visit(neighbour)
            if cycle:
                return cycle
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        cycle = visit(node)
        if cycle:
            return cycle
    return None


def check_file(root, file):
    """Errors of one file of src/, and the headers of src/ it includes."""
    errors, included_headers = [], []
    text = (root / "src" / file).read_text(encoding="utf-8")
    unit = unit_of(file)
    if unit is None or (unit not in ALLOWED and not unit.startswith("plugins/")):
        return [f"src/{file}: its folder is not in ALLOWED of tools/layers.py"], []
    for included in INCLUDE.findall(text):
        top = included.split("/")[0]
        if top == TEST_ONLY and TEST_FILE.search(file):
            continue
        if unit_of(included) is None or (unit_of(included) not in ALLOWED and top != "plugins"):
            errors.append(f'src/{file}: "{included}" names no folder of src/ (write the path from src/; <> for others)')
        elif not may_include(file, included):
            errors.append(f"src/{file}: {unit} -> {included} is not an arrow of ARCHITECTURE.md")
        else:
            included_headers.append(included)
    return errors, included_headers


def check(root):
    errors, files, units = [], {}, {}
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        file = path.relative_to(root / "src").as_posix()
        found, included_headers = check_file(root, file)
        errors += found
        files[file] = set(included_headers)
        for included in included_headers:
            if unit_of(included) != unit_of(file):
                units.setdefault(unit_of(file), set()).add(unit_of(included))
    for name, graph in (("headers", files), ("folders", units)):
        cycle = find_cycle(graph)
        if cycle:
            errors.append(f"{name} include each other in a circle: {' -> '.join(cycle)}")
    return errors, sum(len(targets) for targets in units.values())


def self_test():
    """A checker that cannot fail proves nothing: each wrong tree below must be refused, each right one accepted."""
    cases = [
        ("an arrow that is listed", {"mqtt/a.h": ["base/b.h"], "base/b.h": []}, True),
        ("an arrow upwards", {"base/b.h": ["mqtt/a.h"], "mqtt/a.h": []}, False),
        ("an arrow sideways", {"session/a.h": ["queue/q.h"], "queue/q.h": []}, False),
        ("the one header of store for queue", {"queue/q.h": ["store/message_store.h"]}, True),
        ("another header of store for queue", {"queue/q.h": ["store/rocksdb_store.h"]}, False),
        ("a cluster link uses transport", {"cluster/link.cc": ["transport/tcp.h"]}, True),
        ("a cluster connector uses runtime", {"cluster/connector.h": ["runtime/loop.h"]}, True),
        ("cluster core uses transport", {"cluster/membership.cc": ["transport/tcp.h"]}, False),
        ("a plugin uses a narrow interface", {"plugins/acl/a.cc": ["broker/publisher.h"]}, True),
        ("a plugin uses the broker's inside", {"plugins/acl/a.cc": ["broker/broker.h"]}, False),
        ("a plugin uses another plugin", {"plugins/acl/a.cc": ["plugins/passwd/p.h"]}, False),
        ("a header cycle inside one folder", {"base/a.h": ["base/b.h"], "base/b.h": ["base/a.h"]}, False),
        ("a test uses tests/support", {"base/a_test.cc": ["support/messages.h"]}, True),
        ("the product uses tests/support", {"base/a.cc": ["support/messages.h"]}, False),
        ("an include without its folder", {"base/a.cc": ["a.h"]}, False),
        ("a folder nobody has placed", {"utils/a.h": []}, False),
    ]
    wrong = []
    for name, tree, accepted in cases:
        with tempfile.TemporaryDirectory() as folder:
            for file, included in tree.items():
                path = pathlib.Path(folder, "src", file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(f'#include "{header}"\n' for header in included), encoding="utf-8")
            errors, _ = check(pathlib.Path(folder))
            if (not errors) != accepted:
                wrong.append(f"{name}: should be {'accepted' if accepted else 'refused'}, errors: {errors}")
    rules = {unit: {unit_of(x) or x for x in allowed} for unit, allowed in ALLOWED.items()}
    if find_cycle(rules):
        wrong.append(f"the rules themselves hold a cycle: {find_cycle(rules)}")
    return wrong, len(cases) + 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    if arguments.self_test:
        errors, count = self_test()
        print(f"layers self-test: {count} cases, {len(errors)} wrong")
    else:
        errors, count = check(root)
        print(f"layers: {count} arrows between folders, {len(errors)} errors")
    print("\n".join(errors))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
