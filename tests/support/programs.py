"""Programs of others that talk to the broker: found, run to their end, or kept running beside the test."""

import os
import pathlib
import re
import shutil
import signal
import subprocess

from broker import LIMIT, Failure, Skip, expect, wait_until


def program(name, package):
    # Debian keeps daemons where a user's PATH does not look.
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
    if not found:
        raise Skip(f"{name} is not here (Debian: {package})")
    return found


def run(*command, stdin=b"", status=0, **options):
    """Runs it to its end and returns standard output and error together. `status` None: any."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
                              check=False, **options)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{' '.join(words)} did not end; it said {late.stdout}") from None
    expect(status in (None, done.returncode), f"{' '.join(words)} ended with {done.returncode}:", done.stdout)
    return done.stdout


class Running:
    """`with Running(output_file, command...):`; it and what it started are gone afterwards.

    Failures show its output but for lines with `noise` in them.
    """

    def __init__(self, output, *command, noise=None, **options):
        self.output_file = pathlib.Path(output)
        self.noise = noise
        self.name = pathlib.Path(command[0]).name
        with open(output, "wb") as file:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=file,
                                            stderr=subprocess.STDOUT, start_new_session=True, **options)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop()
        if kind:
            print(f"the last that {self.name} said:\n{self.last_output()}")

    def output(self):
        return self.output_file.read_text(errors="replace")

    def last_output(self):
        lines = self.output().splitlines()
        return "\n".join([line for line in lines if not self.noise or self.noise not in line][-40:])

    def expect_alive(self):
        expect(self.process.poll() is None, f"{self.name} ended with {self.process.returncode}:", self.last_output())

    def wait_for_output(self, pattern):
        def look():
            found = re.search(pattern, self.output(), re.MULTILINE)
            if not found:
                self.expect_alive()
            return found

        return wait_until(look, f"{pattern!r} in the output of {self.name}")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
