#!/usr/bin/env python3
"""Writes docs/conformance.md: every normative statement of MQTT 3.1.1 and 5, the code that cites it and the tests that
prove it. With --check, says what is wrong instead and writes nothing; exit status 1 if anything is.

Statements stand in tests/conformance/statements_*.txt. Code and tests cite them as [v5 MQTT-3.1.2-4] or
[v3.1.1 MQTT-4.7.1-2, -3]; "[v3.1.1, the same numbers]" repeats the citation before it.
"""

import argparse
import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOC = ROOT / "docs/conformance.md"
SCRIPTS = ROOT / "tests/conformance"
LISTS = {"v3.1.1": SCRIPTS / "statements_v311.txt", "v5": SCRIPTS / "statements_v5.txt"}
STATEMENT = re.compile(r"(MQTT-\S+)  (.*?)(?: ! (client|untested): (.*))?$")
CITATION = re.compile(r"\[(v5|v3\.1\.1)(?:,\s*|\s+)([^\]\[]*)\]")
COMMENT_BREAK = re.compile(r"\n\s*//+\s*")


class Statement:
    def __init__(self, number, text, kind, reason):
        self.number, self.text, self.kind, self.reason = number, text, kind, reason
        self.code, self.tests = set(), set()


def read_statements(path):
    statements = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = STATEMENT.match(line)
        if match is None or match.group(1) in statements:
            sys.exit(f"{path.name}:{number}: not a statement, or one that was there before: {line}")
        statements[match.group(1)] = Statement(*match.groups())
    return statements


def citations(text):
    """Yields (version, number) for each statement that `text` cites."""
    previous = []
    for match in CITATION.finditer(COMMENT_BREAK.sub(" ", text)):
        version, content = match.groups()
        if "the same numbers" in content:
            numbers = list(previous)
        else:
            numbers, prefix = [], ""
            for part in content.split(","):
                part = part.strip().rstrip(".")
                if re.fullmatch(r"-\d+", part) and prefix:
                    numbers.append(prefix + part)
                elif part.startswith("MQTT-"):
                    numbers.append(part)
                    prefix = part.rsplit("-", 1)[0]
                else:
                    prefix = ""
        previous = numbers
        for number in numbers:
            yield version, number


def cases(path):
    """Yields (name, text of its first line, why it is a known gap or None)."""
    name, head, gap = None, "", None
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if line.startswith("case "):
            if name is not None:
                yield name, head, gap
            name, head, gap = line.split('"')[1], line, None
        elif line.startswith("known-gap "):
            gap = line.split('"')[1]
    if name is not None:
        yield name, head, gap


class Survey:
    def __init__(self):
        self.statements = {version: read_statements(path) for version, path in LISTS.items()}
        self.errors = []
        self.known_gaps = []
        self.case_count = 0
        self.add_sources()
        self.add_scripts()

    def cite(self, where, version, number, attribute, name):
        statement = self.statements[version].get(number)
        if statement is None:
            self.errors.append(f"{where}: there is no statement [{version} {number}]")
        else:
            getattr(statement, attribute).add(name)

    def add_sources(self):
        for folder in ("src", "tests", "apps"):
            for path in sorted((ROOT / folder).rglob("*")):
                if path.suffix not in (".h", ".cc"):
                    continue
                is_test = folder == "tests" or path.stem.endswith(("_test", "_fuzz"))
                name = path.relative_to(ROOT / "src").as_posix() if folder == "src" else path.name
                for version, number in citations(path.read_text(encoding="utf-8")):
                    self.cite(path.relative_to(ROOT), version, number, "tests" if is_test else "code", name)

    def add_scripts(self):
        for path in sorted(SCRIPTS.rglob("*.mqtt")):
            script = path.relative_to(SCRIPTS).as_posix()
            for name, head, gap in cases(path):
                self.case_count += 1
                cited = list(citations(head))
                if gap is not None:
                    self.known_gaps.append((script, name, gap, cited))
                for version, number in cited:
                    if gap is None:
                        self.cite(script, version, number, "tests", script)
                    elif number not in self.statements[version]:
                        self.errors.append(f"{script}: there is no statement [{version} {number}]")

    def gaps(self):
        """Statements of the broker that no test proves and that give no reason."""
        for version, statements in self.statements.items():
            for statement in statements.values():
                if statement.kind is None and not statement.tests:
                    yield version, statement


def names(values):
    return ", ".join(f"`{value}`" for value in sorted(values)) or "–"


def table(statements):
    chapter = None
    for statement in statements.values():
        current = re.match(r"MQTT-(\d+)[-.](\d+)", statement.number).groups()
        if current != chapter:
            chapter = current
            yield f"\n### {chapter[0]}.{chapter[1]}\n"
            yield "| statement | what it asks for | code | proved by |"
            yield "|---|---|---|---|"
        proof = names(statement.tests) if statement.tests else statement.reason or "**gap**"
        text = statement.text.replace("|", "\\|")
        yield f"| {statement.number} | {text} | {names(statement.code)} | {proof} |"


def document(survey):
    yield "# Conformance"
    yield "Written by `tools/conformance_doc.py` from the citations in the code, the tests and the scripts; do not edit."
    yield ""
    yield "| | statements | proved by a test | only a client can keep them | not tested, with a reason | gaps |"
    yield "|---|---|---|---|---|---|"
    for version, statements in survey.statements.items():
        kinds = collections.Counter(
            "tested" if each.tests else each.kind or "gap" for each in statements.values())
        yield (f"| MQTT {version.removeprefix('v')} | {len(statements)} | {kinds['tested']} | {kinds['client']} | "
               f"{kinds['untested']} | {kinds['gap']} |")
    yield ""
    yield f"{survey.case_count} cases in `tests/conformance`."
    yield "\n## Gaps"
    gaps = list(survey.gaps())
    for version, statement in gaps:
        yield f"- [{version} {statement.number}] {statement.text}: no test"
    for script, name, why, cited in survey.known_gaps:
        numbers = "".join(f" [{version} {number}]" for version, number in cited)
        yield f"- `{script}` \"{name}\"{numbers}: {why}"
    if not gaps and not survey.known_gaps:
        yield "None."
    for version, statements in survey.statements.items():
        yield f"\n## MQTT {version.removeprefix('v')}"
        yield from table(statements)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="fail on errors and on an outdated document")
    check = parser.parse_args().check
    survey = Survey()
    text = "\n".join(document(survey)) + "\n"
    problems = list(survey.errors)
    problems += [f"[{version} {each.number}] has neither a test nor a reason" for version, each in survey.gaps()]
    if check:
        if not DOC.exists() or DOC.read_text(encoding="utf-8") != text:
            problems.append("docs/conformance.md is out of date: run tools/conformance_doc.py")
    else:
        DOC.write_text(text, encoding="utf-8")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
