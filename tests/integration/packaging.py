#!/usr/bin/env python3
"""What packages hold: the installed files, the default configuration, manual pages, completion in real shells."""

import os
import pathlib
import re
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import LIMIT, Skip, expect, expect_equal
from scenarios import main, scenario

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = {"vernemq.8", "vmq-admin.1", "vmq-passwd.1", "vernemq.conf.5"}


def program():
    return pathlib.Path(os.environ["VMQ_BROKER"]).resolve()


def build_folder():
    return program().parent.parent


def run(*words, **options):
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=6 * LIMIT,
                          check=False, stdin=subprocess.DEVNULL, **options)


def needed(name, package):
    path = shutil.which(name)
    if not path:
        raise Skip(f"no {name}: apt install {package}")
    return path


@scenario
def default_configuration():
    made = run(program(), "config", "default")
    expect_equal((made.returncode, made.stderr), (0, ""))
    expect(made.stdout == (ROOT / "packaging/vernemq.conf").read_text(),
           "packaging/vernemq.conf is not what the setting table says; run: "
           "build/dev/bin/vernemq config default > packaging/vernemq.conf")
    with tempfile.TemporaryDirectory() as folder:
        conf = pathlib.Path(folder) / "vernemq.conf"
        conf.write_text(made.stdout)
        checked = run(program(), "chkconfig", "-c", conf)
        expect_equal((checked.returncode, checked.stdout, checked.stderr), (0, "config is OK\n", ""))


@scenario
def installed_files():
    """Everything where the Filesystem Hierarchy Standard has it, and nothing else."""
    cmake = needed("cmake", "cmake")
    with tempfile.TemporaryDirectory() as folder:
        destination = pathlib.Path(folder)

        def install():
            done = run(cmake, "--install", build_folder(), env={**os.environ, "DESTDIR": folder})
            expect_equal(done.returncode, 0, done.stdout + done.stderr)

        install()
        prefix = re.search(r"^CMAKE_INSTALL_PREFIX:PATH=(.*)$", (build_folder() / "CMakeCache.txt").read_text(),
                           re.MULTILINE).group(1)
        expect_equal({str(path.relative_to(destination)) for path in destination.rglob("*")
                      if not path.is_dir() or not any(path.iterdir())},
                     {f"{prefix}/{name}".lstrip("/") for name in (
                         "sbin/vernemq", "bin/vmq-admin", "bin/vmq-passwd", "lib/systemd/system/vernemq.service",
                         "share/vernemq/vernemq.conf", "share/man/man8/vernemq.8", "share/man/man1/vmq-admin.1",
                         "share/man/man1/vmq-passwd.1", "share/man/man5/vernemq.conf.5",
                         "share/bash-completion/completions/vmq-admin", "share/zsh/vendor-completions/_vmq-admin",
                         "share/doc/vernemq/copyright", "include/vmq_plugin.h")} | {"etc/vernemq/vernemq.conf", "etc/vernemq/vmq.acl", "etc/vernemq/conf.d"})
        installed = destination / f"{prefix}/sbin/vernemq".lstrip("/")
        expect(installed.stat().st_mode & stat.S_IXOTH, "the program cannot be run")
        expect_equal(run(installed, "version").returncode, 0)
        unit = (destination / f"{prefix}/lib/systemd/system/vernemq.service".lstrip("/")).read_text()
        expect(f"ExecStart={prefix}/sbin/vernemq console -c /etc/vernemq/vernemq.conf\n" in unit, unit)
        conf = destination / "etc/vernemq/vernemq.conf"
        conf.write_text("nodename = mine@here\n")
        install()
        expect_equal(conf.read_text(), "nodename = mine@here\n", "an operator's file")


@scenario
def manual_pages():
    man, mandoc = shutil.which("man"), shutil.which("mandoc")
    if not man and not mandoc:
        raise Skip("neither man nor mandoc: apt install man-db mandoc")
    pages = sorted((build_folder() / "man").iterdir())
    expect_equal({page.name for page in pages}, PAGES)
    for page in pages:
        if mandoc:
            lint = run(mandoc, "-Tlint", "-Wwarning", page)
            expect_equal((lint.returncode, lint.stdout + lint.stderr), (0, ""), "mandoc")
        if man:
            shown = run(man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", page, env={**os.environ, "MANWIDTH": "80"})
            expect_equal((shown.returncode, shown.stderr), (0, ""), f"man {page.name}")
            expect("SEE ALSO" in re.sub(".\b", "", shown.stdout), shown.stdout[:400])


class Terminal:
    """A shell at a terminal, as somebody who types would have it."""

    def __init__(self, command, folder):
        self.master, slave = os.openpty()
        environment = {"PATH": f"{program().parent}:{os.environ['PATH']}", "TERM": "dumb", "HOME": folder,
                       "ZDOTDIR": folder, "LC_ALL": "C.UTF-8", "COLUMNS": "200", "LINES": "200"}
        self.shell = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment,
                                      start_new_session=True)
        os.close(slave)
        self.output = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shell.kill()
        self.shell.wait()
        os.close(self.master)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait_for(self, pattern):
        """Reads until `pattern` has been printed since the last call; the match."""
        deadline = time.monotonic() + LIMIT
        while True:
            found = re.search(pattern, self.output)
            if found:
                self.output = self.output[found.end():]
                return found
            ready, _, _ = select.select([self.master], [], [], deadline - time.monotonic())
            expect(ready, f"in vain waited for {pattern!r} in", repr(self.output[-2000:]))
            self.output += os.read(self.master, 65536).decode(errors="replace")


def completes(terminal):
    """Tab completes words, arguments and flags, lists what there is, and leaves the cursor at a value."""
    for typed, line in (("vmq-admin clu", "vmq-admin cluster "),
                        ("vmq-admin session disc", "vmq-admin session disconnect "),
                        ("vmq-admin --format=json session disconnect client-id",
                         "vmq-admin --format=json session disconnect client-id="),
                        ("vmq-admin session disconnect client-id=a --cl",
                         "vmq-admin session disconnect client-id=a --cleanup "),
                        ("vmq-admin listener start address=127.0.0.1 --cert",
                         "vmq-admin listener start address=127.0.0.1 --certfile="),
                        ("vmq-admin cluster show --form", "vmq-admin cluster show --format="),
                        ("vmq-admin cluster show --format=j", "vmq-admin cluster show --format=json ")):
        # The line is given to a command that prints its words; @ shows whether a blank follows, which zsh takes
        # back when the cursor moves.
        # zsh takes a Tab with more keys behind it for one that was pasted.
        terminal.type(typed + "\t")
        terminal.wait_for(re.escape(line.removeprefix(typed).strip()))
        terminal.type("@\x01show-words \x05\r")
        shown = terminal.wait_for(r"words<([^>\n]*)>").group(1)
        expect_equal(shown, line + "@", f"{typed!r} with Tab")
    terminal.type("vmq-admin session \t\t")
    listed = terminal.wait_for(r"disconnect\s[^>]*unsubscribe").group(0)
    expect("--help" not in listed, "flags that nobody has asked for")


@scenario
def completion_in_bash():
    bash = needed("bash", "bash")
    with tempfile.TemporaryDirectory() as folder:
        script = build_folder() / "completion/vmq-admin.bash"
        rc = pathlib.Path(folder) / "rc"
        rc.write_text(f"source {script}\nshow-words() {{ printf 'words<%s>\\n' \"$*\"; }}\n"
                      "bind 'set enable-bracketed-paste off'\nPS1='ready> '\n")
        with Terminal([bash, "--noprofile", "--rcfile", str(rc), "-i"], folder) as terminal:
            terminal.wait_for("ready> ")
            completes(terminal)


@scenario
def completion_in_zsh():
    """Both ways: loaded by hand, and found in a folder of completions as packages install it."""
    zsh = needed("zsh", "zsh")
    script = build_folder() / "completion/vmq-admin.zsh"
    for load in (f"autoload -Uz compinit; compinit -u -D; source {script}",
                 "fpath=($ZDOTDIR/functions $fpath); autoload -Uz compinit; compinit -u -D"):
        with tempfile.TemporaryDirectory() as folder:
            functions = pathlib.Path(folder) / "functions"
            functions.mkdir()
            shutil.copy(script, functions / "_vmq-admin")
            (pathlib.Path(folder) / ".zshrc").write_text(
                f"{load}\nshow-words() {{ print -r -- \"words<$*>\" }}\nbindkey -e\n"
                "unset zle_bracketed_paste\nunsetopt PROMPT_CR PROMPT_SP BEEP\nPS1='ready> '\n")
            with Terminal([zsh, "-d", "-i"], folder) as terminal:
                terminal.wait_for("ready> ")
                completes(terminal)


if __name__ == "__main__":
    main()
