#!/usr/bin/env python3
"""Every setting that the table calls built must be read by something outside src/config; exit status 1 if one is not.

A built row is read if the field it fills (src/config/typed_settings.cc) or, for a setting without a field, its key as a
string stands in other code, or if the default of another setting refers to it as $(key).
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROW = re.compile(r'\b(?:flag|integer|integer_or_infinity|text|atom|word|list|integers|term|size_or_infinity|Row)\(\s*"([^"$*]+)"')
OPTION_END = re.compile(r"\n\s*k\w+(?: \| k\w+)*(, k\w+(?: \| k\w+)*)?\},")
FILLED = (re.compile(r'(\w+)\s*=\s*(?:\w+(?:<[^;()]*>)?\((?:of\(|at\(assignments, )|text_if_set\()"([^"]+)"', re.DOTALL),
          re.compile(r'(?:read\(|integers\()"(?P<key>[^"]+)"(?:, (?:\w+\.)*(?P<field>\w+)\))?'))


def built_keys(rows, options):
    """The keys of built rows: those of the tables, and of listener options that act for some kind."""
    for text in rows:
        found = list(ROW.finditer(text))
        for row, end in zip(found, [row.start() for row in found[1:]] + [len(text)]):
            if ".built()" in text[row.start():end]:
                yield row.group(1)
    found = list(ROW.finditer(options))
    for row, end in zip(found, [row.start() for row in found[1:]] + [len(options)]):
        kinds = OPTION_END.search(options, row.start(), end)
        if kinds and kinds.group(1):
            yield row.group(1)


def fields(typed):
    """Key -> name of the field it fills."""
    result = {key: field for field, key in FILLED[0].findall(typed)}
    for match in FILLED[1].finditer(typed):
        result[match["key"]] = match["field"] or match["key"]
    return result


def unread(rows, options, typed, users):
    filled = fields(typed)
    for key in sorted(set(built_keys(rows, options))):
        word = rf"\b{filled[key]}\b" if key in filled else f'"{re.escape(key)}"'
        referred = any(f"$({key})" in text for text in rows)
        if not referred and not any(re.search(word, text) for text in users):
            yield key


def sources(folder, pattern="*.cc"):
    return [path.read_text(encoding="utf-8") for path in sorted(folder.rglob(pattern)) if "_test." not in path.name]


def self_test():
    rows = ['text("a", kUnset, "A.").built(),\nflag("b", "on", "B."),\ninteger("c", "1", "C.").unit("s").built(),\n'
            'text("d", "x", "D.").built(),\ntext("e", "$(d)/y", "E."),\ntext("f", "", "F.").built(),']
    options = '{integer("g", "1", "G."),\n kAll, kTcp | kHttp},\n{integer("h", "1", "H."),\n kAll},\n{flag("i", "on", "I."),\n kAll, kAll},'
    typed = 's.a = get<T>(of("a"));\ns.c_s = number<U32>(of("c"));\nreader.read("g", l.g);\nreader.read("i", l.p.i_on);'
    got = list(unread(rows, options, typed, ['use(s.a); use("f"); use(l.g);']))
    return [] if got == ["c", "i"] else [f"self-test: found {got}, expected c and i"]


def main():
    if sys.argv[1:] == ["--self-test"]:
        errors = self_test()
    else:
        config = ROOT / "src/config"
        users = [text for folder in ("src", "apps") for path in sorted((ROOT / folder).iterdir())
                 if path.is_dir() and path != config for text in sources(path, "*.*")]
        keys = unread(sources(config, "setting_table_*.cc"), (config / "listener_options.cc").read_text(encoding="utf-8"),
                      (config / "typed_settings.cc").read_text(encoding="utf-8"), users)
        errors = [f"{key}: called built, but nothing outside src/config reads it" for key in keys]
    print("\n".join(errors + [f"settings_read: {len(errors)} errors"]))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
