#!/usr/bin/env python3
"""The program vmq-passwd from outside: its calls, prompts, messages and the files it leaves. Hashes are checked with
Python's own functions.

Usage: vmq_passwd_test.py PATH_OF_VMQ_PASSWD [UNITTEST_ARGUMENT...]
"""

import base64
import ctypes
import ctypes.util
import hashlib
import os
import pathlib
import pty
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import termios
import time
import unittest

PROGRAM = ""
PATIENCE = 30  # seconds; sanitizers are slow
PROMPTS = "Password: \nReenter password: \n"


def crypt(password, setting):
    """crypt(3) of the system, for which Python has a deprecated module."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt"))
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), setting.encode()).decode()


def is_hash_of(hashed, password):
    """Whether this is a hash of the password, of any scheme that vmq-passwd makes."""
    parts = hashed.split("$")
    if parts[1] == "6" and len(parts) == 4 and hashed.endswith("=="):
        salt = base64.b64decode(parts[2], validate=True)
        return len(salt) == 12 and base64.b64decode(parts[3], validate=True) == hashlib.sha512(
            password.encode() + salt).digest()
    return crypt(password, hashed) == hashed


class VmqPasswd(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vmq_passwd_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / "vmq.passwd"

    def run_it(self, *arguments, said=""):
        """(exit status, standard output, standard error)"""
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, input=said, text=True,
                              capture_output=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def set_password(self, *arguments, password="secret"):
        self.assertEqual(self.run_it(*arguments, said=f"{password}\n{password}\n"), (0, PROMPTS, ""))

    def lines(self):
        return self.file.read_text().splitlines()

    def assert_user(self, user, password):
        hashes = [line.split(":", 1)[1] for line in self.lines() if line.startswith(user + ":")]
        self.assertEqual(len(hashes), 1, self.lines())
        self.assertTrue(is_hash_of(hashes[0], password), hashes)
        return hashes[0]

    def assert_only_the_file(self):
        self.assertEqual([path.name for path in self.folder.iterdir()], ["vmq.passwd"])

    def test_create_add_update_and_delete(self):
        self.set_password("-c", self.file, "bob")
        self.set_password("vmq.passwd", "zoe", password="pa:ss wörd$")
        self.assert_user("bob", "secret")
        self.assert_user("zoe", "pa:ss wörd$")
        self.set_password(self.file, "bob", password="other")
        self.assert_user("bob", "other")
        self.assertEqual([line.split(":")[0] for line in self.lines()], ["bob", "zoe"])
        self.assertEqual(self.run_it("-D", self.file, "bob"), (0, "", ""))
        self.assertEqual([line.split(":")[0] for line in self.lines()], ["zoe"])
        self.assert_only_the_file()

    def test_create_does_not_touch_a_file_unless_told_to(self):
        self.file.write_text("# mine\n")
        self.assertEqual(self.run_it("-c", self.file, "bob", said="secret\nsecret\n"), (
            1, "", f"Error: File {self.file} already exists. Please use -cf to overwrite it.\n"))
        self.assertEqual(self.lines(), ["# mine"])
        status, output, errors = self.run_it("-cf", self.file, "bob", said="secret\nsecret\n")
        self.assertEqual((status, output, errors.count("\n")), (0, PROMPTS, 1))
        self.assertTrue(errors.startswith("Warning: "), errors)
        self.assertEqual(len(self.lines()), 1)
        self.assert_user("bob", "secret")

    def test_overwriting_what_is_not_there_says_nothing(self):
        self.set_password("-cf", self.file, "bob")

    def test_a_missing_file_is_an_error(self):
        for arguments in ([self.file, "bob"], ["-D", self.file, "bob"], ["-U", self.file]):
            self.assertEqual(self.run_it(*arguments, said="secret\nsecret\n"), (
                1, "", f"Error: Unable to open password file {self.file}. No such file or directory.\n"))
        self.assertFalse(self.file.exists())

    def test_deleting_nobody_is_a_warning(self):
        self.file.write_text("zoe:x\n")
        self.assertEqual(self.run_it("-D", self.file, "bob"),
                         (0, "", "Warning: User bob not found in password file.\n"))
        self.assertEqual(self.lines(), ["zoe:x"])

    def test_passwords_that_cannot_be(self):
        for said, error in (("\n\n", "Empty password."), ("", "Empty password."),
                            ("one\ntwo\n", "Passwords do not match."), ("one\n", "Passwords do not match."),
                            ("x" * 65536 + "\n", "The password is too long.")):
            status, _, errors = self.run_it("-c", self.file, "bob", said=said)
            self.assertEqual((status, errors), (1, f"Error: {error}\n"))
        self.assertEqual(self.run_it("-c", "-b", self.file, "bob", ""), (1, "", "Error: Empty password.\n"))
        status, _, errors = self.run_it("-c", "-H", "bcrypt", "-b", self.file, "bob", "x" * 73)
        self.assertEqual((status, errors),
                         (1, "Error: This scheme cannot be used: the password is longer than 72 bytes.\n"))
        self.assertFalse(self.file.exists())

    def test_the_longest_password(self):
        self.set_password("-c", "-H", "vernemq", self.file, "bob", password="x" * 65535)
        self.assert_user("bob", "x" * 65535)

    def test_lines_of_windows_on_standard_input(self):
        self.assertEqual(self.run_it("-c", self.file, "bob", said="secret\r\nsecret\r\n")[0], 0)
        self.assert_user("bob", "secret")

    def test_names_that_cannot_be(self):
        self.file.write_text("")
        for name, why in (("a:b", "contains ':'"), ("", "is empty"), ("#a", "begins with '#', like a comment"),
                          ("a\nb", "contains a line break")):
            self.assertEqual(self.run_it("-b", self.file, name, "secret"),
                             (1, "", f"Error: The name cannot be used: the user name {why}.\n"))
        self.assertEqual(self.lines(), [])

    def test_batch_mode_and_schemes(self):
        self.assertEqual(self.run_it("-b", "-c", self.file, "default", "secret"), (0, "", ""))
        self.assertTrue(self.assert_user("default", "secret").startswith("$y$j9T$"))
        for scheme, prefix in (("yescrypt", "$y$"), ("bcrypt", "$2b$10$"), ("sha512crypt", "$6$"), ("vernemq", "$6$")):
            self.assertEqual(self.run_it("-H", scheme, "-b", self.file, scheme, "secret"), (0, "", ""))
            hashed = self.assert_user(scheme, "secret")
            self.assertTrue(hashed.startswith(prefix), hashed)
            self.assertEqual(hashed.endswith("=="), scheme == "vernemq")

    def test_plain_files_are_hashed_once(self):
        self.file.write_text("# users\nbob:secret\r\n\nzoe:a:b")
        self.assertEqual(self.run_it("-H", "vernemq", "-U", self.file), (0, "", ""))
        self.assert_user("bob", "secret")
        self.assert_user("zoe", "a:b")
        self.assertEqual((self.lines()[0], self.lines()[2]), ("# users", ""))
        before = self.file.read_bytes()
        self.assertEqual(self.run_it("-U", self.file), (0, "", ""))
        self.assertEqual(self.file.read_bytes(), before)

    def test_plain_files_with_a_fault_stay_as_they_are(self):
        for text, why in (("bob:x\nzoe\n", "line 2: there is no ':' between user name and hash"),
                          ("bob:\n", "line 1: the password is empty"),
                          ("bob:$6$cut\n", "line 1: there is a hash that is damaged, costs too much or is not supported")):
            self.file.write_text(text)
            self.assertEqual(self.run_it("-U", self.file),
                             (1, "", f"Error: Unable to change password file {self.file}. {why}.\n"))
            self.assertEqual(self.file.read_text(), text)

    def test_mode_and_owner_stay(self):
        self.set_password("-c", self.file, "bob")
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.file.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(self.file, 1234, 5678)
        before = self.file.stat()
        self.set_password(self.file, "zoe")
        after = self.file.stat()
        self.assertEqual((after.st_mode, after.st_uid, after.st_gid), (before.st_mode, before.st_uid, before.st_gid))
        self.assertNotEqual(after.st_ino, before.st_ino, "replaced, not written into")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
    def test_an_owner_who_cannot_be_kept_changes_nothing(self):
        self.set_password("-c", self.file, "bob")
        self.file.chmod(0o644)
        self.folder.chmod(0o777)
        before = self.file.read_bytes()
        done = subprocess.run([PROGRAM, "-b", self.file, "zoe", "secret"], user=65534, group=65534, extra_groups=[],
                              text=True, capture_output=True, timeout=PATIENCE)
        if done.returncode in (126, 127) or "Permission denied" in done.stderr:
            self.skipTest("another user cannot run the program where it stands")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(f"the owner of {self.file} cannot be kept", done.stderr)
        self.assertEqual(self.file.read_bytes(), before)
        self.assert_only_the_file()

    def test_usage(self):
        for arguments in ([], ["file"], ["-x", "file", "bob"], ["-c", "-D", "file", "bob"], ["-H", "md5", "file", "bob"]):
            status, output, errors = self.run_it(*arguments)
            self.assertEqual(status, 1)
            self.assertTrue(output.startswith("Usage: vmq-passwd"), output)
            self.assertTrue(errors.startswith("vmq-passwd: "), errors)
        status, output, errors = self.run_it("--help")
        self.assertEqual((status, output.startswith("Usage: "), errors), (0, True, ""))
        self.assertRegex(self.run_it("--version")[1], r"^\d+\.\d+\.\d+\n$")

    def test_files_of_mosquitto_passwd_are_understood(self):
        program = shutil.which("mosquitto_passwd")
        if program is None:
            self.skipTest("mosquitto_passwd is not installed")
        made = [subprocess.run([program, *options, "-b", self.file, user, "secret"], capture_output=True, check=False,
                               timeout=PATIENCE).returncode
                for options, user in ((["-c"], "bob"), (["-H", "sha512"], "zoe"))]
        self.assertEqual(made, [0, 0])
        self.assertRegex(self.file.read_text(), r"^bob:\$7\$\d+\$.*\nzoe:\$6\$.*\n$")
        self.assert_user("zoe", "secret")  # the format of VerneMQ
        before = self.file.read_bytes()
        # What -U takes for a hash it leaves alone.
        self.assertEqual(self.run_it("-U", self.file), (0, "", ""))
        self.assertEqual(self.file.read_bytes(), before)


class Terminal(unittest.TestCase):
    """vmq-passwd at a terminal of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vmq_passwd_")
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name, "vmq.passwd")
        self.seen = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execv(PROGRAM, [PROGRAM, "-c", str(self.file), "bob"])
        self.addCleanup(os.close, self.terminal)

    def wait_for(self, text, count=1):
        deadline = time.monotonic() + PATIENCE
        while self.seen.count(text) < count:
            self.assertTrue(select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))[0], self.seen)
            try:
                self.seen += os.read(self.terminal, 1000)
            except OSError:
                self.fail(self.seen)

    def wait_for_echo(self, wanted):
        deadline = time.monotonic() + PATIENCE
        while bool(termios.tcgetattr(self.terminal)[3] & termios.ECHO) != wanted:
            self.assertLess(time.monotonic(), deadline, "the echo did not change")
            time.sleep(0.01)

    def end(self):
        """What waitpid says, after everything that was printed has been read."""
        while True:
            try:
                part = os.read(self.terminal, 1000)
            except OSError:
                part = b""
            if not part:
                break
            self.seen += part
        return os.waitpid(self.pid, 0)[1]

    def test_passwords_are_not_shown(self):
        self.wait_for(b"Password: ")
        self.wait_for_echo(False)
        os.write(self.terminal, b"secret\n")
        self.wait_for(b"Reenter password: ")
        os.write(self.terminal, b"secret\n")
        self.assertEqual(os.waitstatus_to_exitcode(self.end()), 0)
        self.assertEqual(self.seen, PROMPTS.replace("\n", "\r\n").encode())
        self.assertTrue(is_hash_of(self.file.read_text().strip().split(":")[1], "secret"))

    def test_what_is_typed_ahead_counts(self):
        self.wait_for(b"Password: ")
        self.wait_for_echo(False)
        os.write(self.terminal, b"secret\nsecret\n")
        self.assertEqual(os.waitstatus_to_exitcode(self.end()), 0)
        self.assertNotIn(b"secret", self.seen)

    def test_an_interrupt_gives_the_echo_back(self):
        # Or the settings of the terminal would go with the program.
        keeper = os.open(os.readlink(f"/proc/{self.pid}/fd/0"), os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, keeper)
        self.wait_for(b"Password: ")
        self.wait_for_echo(False)
        os.write(self.terminal, b"sec\x03")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), -signal.SIGINT)
        self.wait_for_echo(True)
        self.assertFalse(self.file.exists())


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
