#!/usr/bin/env python3
"""The program vernemq from outside: sub-commands, exit statuses, streams, signals, log files.

Usage: launcher_test.py PATH_OF_VERNEMQ [UNITTEST_ARGUMENT...]
"""

import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from load import number_of
from stored import back, lasting

PROGRAM = ""
PATIENCE = 20  # seconds; sanitizers are slow
CONNECT_V311 = bytes([0x10, 13, 0, 4]) + b"MQTT" + bytes([4, 2, 0, 60, 0, 1]) + b"c"
LISTENING = re.compile(r"^listening on (\S+):(\d+) \(mqtt\)$")
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d \[[a-z]+\] <\d+> [\w/]+:\d+: \S")


def listening_addresses(pid):
    """The local addresses at which process `pid` accepts TCP connections, as in /proc/net: hexadecimal."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(entry))
        if match:
            inodes.add(match.group(1))
    addresses = set()
    for table in ("tcp", "tcp6"):
        path = pathlib.Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                addresses.add(fields[1].split(":")[0])
    return addresses


class Launcher(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vmq_launcher_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {"PATH": os.environ["PATH"], "VERNEMQ_RUN_DIR": str(self.folder / "run")}
        for name, value in os.environ.items():
            if name.endswith("SAN_OPTIONS"):
                self.environment[name] = value
        self.write("vernemq.conf", "listener.tcp.default = 127.0.0.1:0\nallow_anonymous = on\nshards = 1\n")

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def vernemq(self, *arguments, file="vernemq.conf"):
        """Runs a sub-command to its end: (exit status, standard output, standard error without ulimit's warning)."""
        option = ["-c", file] if file else []
        done = subprocess.run([PROGRAM, *arguments, *option], cwd=self.folder, env=self.environment, text=True,
                              capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        error = "".join(line for line in done.stderr.splitlines(True) if not line.startswith("!!!!"))
        return done.returncode, done.stdout, error

    def console(self, file="vernemq.conf", listeners=1, arguments=()):
        """Starts `console` and waits until `listeners` are open: the process; .ports and .lines are what it printed."""
        option = ["-c", file] if file else []
        process = subprocess.Popen([PROGRAM, "console", *arguments, *option], cwd=self.folder, env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        process.ports, process.lines = [], []
        pending, deadline = b"", time.monotonic() + PATIENCE
        while len(process.ports) < listeners:
            ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(process.stdout.fileno(), 4096) if ready else b""
            if not data:
                process.kill()
                self.fail(f"not listening: {process.lines} {process.stderr.read().decode()}")
            *lines, pending = (pending + data).split(b"\n")
            process.lines += [line.decode() for line in lines]
            process.ports = [int(m.group(2)) for m in map(LISTENING.match, process.lines) if m]
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()

    def started(self):
        """`start`, and `stop` at the end of the test, whatever happens."""
        self.addCleanup(self.vernemq, "stop")
        return self.vernemq("start")

    def log(self):
        return (self.folder / "log/console.log").read_text()

    def wait_for_log(self, pattern):
        """Lines may be written a moment after what they tell of."""
        self.wait_until(lambda: re.search(pattern, self.log()), f"{pattern} in the log")

    def connack(self, port):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
            client.sendall(CONNECT_V311)
            return client.recv(4)

    def taken(self, port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)


class InTheBackground(Launcher):
    def test_start_ping_getpid_stop(self):
        self.assertEqual(self.started(), (0, "", ""))
        self.assertEqual(self.vernemq("ping"), (0, "pong\n", ""))
        status, output, _ = self.vernemq("getpid")
        self.assertEqual(status, 0)
        pid = int(output)
        self.assertEqual(os.readlink(f"/proc/{pid}/exe"), os.path.realpath(PROGRAM))
        pid_files = list((self.folder / "run").glob("*.pid"))
        self.assertEqual([path.read_text() for path in pid_files], [output])
        self.assertEqual(self.vernemq("stop"), (0, "ok\n", ""))
        self.wait_until(lambda: not os.path.exists(f"/proc/{pid}") or
                        pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] == "Z", "it has ended")
        self.assertEqual(list((self.folder / "run").iterdir()), [])
        self.assertIn("Administrative stop", self.log())

    def test_what_is_said_of_a_broker_that_does_not_run(self):
        not_responding = "Node 'VerneMQ@127.0.0.1' not responding to pings.\n"
        self.assertEqual(self.vernemq("ping"), (1, "", not_responding))
        self.assertEqual(self.vernemq("getpid"), (1, "Node is not running!\n", ""))
        self.assertEqual(self.vernemq("stop"), (1, "Node is not running!\n", not_responding))
        self.assertEqual(self.vernemq("restart"), (1, "Node is not running!\n", not_responding))
        self.write("named.conf", "nodename = me@10.0.0.1\n")
        self.assertEqual(self.vernemq("ping", file="named.conf")[2],
                         "Node 'me@10.0.0.1' not responding to pings.\n")

    def test_a_second_broker_of_the_same_file_is_refused(self):
        self.started()
        self.assertEqual(self.vernemq("start"), (1, "", "Node is already running!\n"))
        status, output, _ = self.vernemq("console")
        self.assertEqual(status, 1)
        self.assertIn("Node is already running", output)
        self.assertEqual(self.vernemq("ping")[0], 0)

    def test_brokers_of_different_files_do_not_meet(self):
        self.write("other.conf", (self.folder / "vernemq.conf").read_text())
        self.started()
        self.assertEqual(self.vernemq("ping", file="other.conf")[0], 1)

    def test_restart_is_another_process(self):
        self.started()
        first = self.vernemq("getpid")[1]
        self.assertEqual(self.vernemq("restart"), (0, "ok\n", ""))
        self.assertNotEqual(self.vernemq("getpid")[1], first)

    def test_restart_with_a_broken_file_leaves_the_broker_running(self):
        self.started()
        first = self.vernemq("getpid")[1]
        good = (self.folder / "vernemq.conf").read_text()
        self.write("vernemq.conf", good + "alow_anonymous = on\n")
        status, output, error = self.vernemq("restart")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("alow_anonymous", error)
        self.assertEqual(self.vernemq("getpid")[1], first)
        self.write("vernemq.conf", good)

    def test_a_killed_broker_does_not_hinder_the_next(self):
        self.started()
        os.kill(int(self.vernemq("getpid")[1]), signal.SIGKILL)
        self.wait_until(lambda: self.vernemq("ping")[0] == 1, "it is gone")
        self.assertEqual(self.vernemq("start"), (0, "", ""))

    def test_start_reports_what_went_wrong_and_leaves_nothing_running(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.write("vernemq.conf", f"listener.tcp.default = 127.0.0.1:{port}\n")
            status, output, error = self.started()
            self.assertEqual((status, output), (1, ""))
            self.assertIn(f"127.0.0.1:{port}: Address already in use", error)
        self.assertEqual(self.vernemq("ping")[0], 1)

    def test_console_output_goes_to_the_file_when_there_is_no_console(self):
        with (self.folder / "vernemq.conf").open("a") as file:
            file.write("log.console = console\n")
        self.assertEqual(self.started(), (0, "", ""))
        self.wait_for_log(r"listens on 127\.0\.0\.1:")

    def test_systemd_is_told_when_clients_can_connect_and_when_it_stops(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(str(self.folder / "notify"))
            notify.settimeout(PATIENCE)
            self.environment["NOTIFY_SOCKET"] = str(self.folder / "notify")
            self.started()
            pid = self.vernemq("getpid")[1].strip()
            self.assertEqual(notify.recv(1000).decode(), f"READY=1\nMAINPID={pid}")
            self.vernemq("stop")
            self.assertEqual(notify.recv(1000).decode(), "STOPPING=1")


class InTheForeground(Launcher):
    def test_clients_can_connect_when_the_line_appears(self):
        process = self.console(arguments=["-noshell", "-noinput"])
        self.assertEqual(self.connack(process.ports[0]), bytes([0x20, 2, 0, 0]))
        self.assertEqual(self.vernemq("getpid")[1], f"{process.pid}\n")

    def test_without_a_file_only_this_machine_can_connect(self):
        if self.taken(1883):  # by something that is not ours: then this is what must be said of it
            status, _, error = self.vernemq("console", file=None)
            self.assertEqual(status, 1)
            self.assertIn("127.0.0.1:1883: Address already in use", error)
            return
        process = self.console(file=None)
        self.wait_until(lambda: self.vernemq("ping", file=None)[0] == 0, "it answers")
        loopback = {"0100007F", "00000000000000000000000001000000"}
        addresses = listening_addresses(process.pid)
        self.assertIn("0100007F", addresses)
        self.assertLessEqual(addresses, loopback)
        self.assertEqual(self.connack(1883), bytes([0x20, 2, 0, 0]))
        process.terminate()
        text = "\n".join(process.lines) + process.stdout.read().decode()
        self.assertIn("mosquitto_sub -h 127.0.0.1 -p 1883", text)
        if "(http)" in text:
            self.assertIn("Open http://127.0.0.1:8888/status in a browser", text)
            self.assertEqual('"Try it"' in text, "127.0.0.1:8080 (mqttws)" in text)
        self.assertIn("listener.tcp.default = 0.0.0.0:1883", text)

    def test_without_a_file_the_status_page_is_not_needed(self):
        if self.taken(1883):
            self.skipTest("something that is not ours listens on port 1883")
        if not self.taken(8888):
            page = socket.create_server(("127.0.0.1", 8888))
            self.addCleanup(page.close)
        process = self.console(file=None)
        self.assertEqual(self.connack(1883), bytes([0x20, 2, 0, 0]))
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertIn("warning: no status page: listener.http.default: cannot listen on 127.0.0.1:8888: "
                      "Address already in use", process.stderr.read().decode())
        self.assertNotIn("(http)", "\n".join(process.lines) + process.stdout.read().decode())

    def test_without_a_file_websocket_is_not_needed(self):
        if self.taken(1883):
            self.skipTest("something that is not ours listens on port 1883")
        if not self.taken(8080):
            other = socket.create_server(("127.0.0.1", 8080))
            self.addCleanup(other.close)
        process = self.console(file=None)
        self.assertEqual(self.connack(1883), bytes([0x20, 2, 0, 0]))
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)
        self.assertIn("warning: no MQTT over WebSocket, which the test client of the status page needs: ",
                      process.stderr.read().decode())
        self.assertNotIn("(mqttws)", "\n".join(process.lines) + process.stdout.read().decode())

    def test_with_a_file_the_status_page_has_to_be_there(self):
        with socket.create_server(("127.0.0.1", 0)) as page, (self.folder / "vernemq.conf").open("a") as file:
            port = page.getsockname()[1]
            file.write(f"listener.http.default = 127.0.0.1:{port}\n")
            file.flush()
            status, _, error = self.vernemq("console")
            self.assertEqual(status, 1)
            self.assertIn(f"error: listener.http.default: cannot listen on 127.0.0.1:{port}: ", error)

    def test_it_says_where_the_log_is(self):
        process = self.console()
        self.assertIn(f"the log is in {self.folder}/log/console.log", process.lines)
        process.terminate()
        process.wait(PATIENCE)
        with (self.folder / "vernemq.conf").open("a") as file:
            file.write("log.console = console\n")
        self.assertFalse([line for line in self.console().lines if line.startswith("the log is in ")])

    def test_with_a_file_nobody_comes_in_without_a_password_unless_it_says_so(self):
        self.write("vernemq.conf", "listener.tcp.default = 127.0.0.1:0\n")
        answer = self.connack(self.console().ports[0])
        self.assertEqual(answer[:2], bytes([0x20, 2]))
        self.assertNotEqual(answer[3], 0)

    def test_every_listener_is_opened_or_named(self):
        self.write("vernemq.conf", "listener.tcp.a = 127.0.0.1:0\nlistener.tcp.b = 127.0.0.2:0\n"
                                   "listener.vmq.c = 127.0.0.1:0\n")
        process = self.console(listeners=2)
        process.terminate()
        lines = process.lines + process.stdout.read().decode().splitlines()
        self.assertTrue([line for line in lines if line.startswith("listening on 127.0.0.1:") and "(vmq)" in line], lines)

    def test_signals_that_stop(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            process = self.console()
            process.send_signal(number)
            self.assertEqual(process.wait(PATIENCE), 0)

    def test_the_second_signal_stops_at_once(self):
        process = self.console()
        with socket.create_connection(("127.0.0.1", process.ports[0])) as client:
            client.sendall(CONNECT_V311)
            client.recv(4)
            process.terminate()
            # The broker has said good-bye and waits for this client to close, too.
            self.wait_for_log("Administrative stop")
            time.sleep(0.1)
            process.terminate()
            self.assertEqual(process.wait(1.5), 128 + signal.SIGTERM)

    def test_hup_begins_a_new_log_file(self):
        process = self.console()
        log = self.folder / "log/console.log"
        self.assertEqual(log.stat().st_mode & 0o137, 0)
        log.rename(self.folder / "log/console.log.1")
        process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: log.exists() and "opened anew" in self.log(), "new file")
        self.assertIsNone(process.poll())

    def test_hup_takes_over_a_changed_durability(self):
        process = self.console()
        file = next(self.folder.glob("*.conf"))
        before = file.read_text()
        file.write_text(before + "\ndurability = fsync\n")
        process.send_signal(signal.SIGHUP)
        self.wait_for_log("durability is now ")
        file.write_text(before + "\nduration = fsync\n")
        process.send_signal(signal.SIGHUP)
        self.wait_for_log("everything stays as it is")
        self.assertIsNone(process.poll())

    def test_log_lines_have_a_time_and_a_level(self):
        self.console().terminate()
        self.wait_for_log(r"\[info\] .*vernemq \d+\.\d+\.\d+, node VerneMQ@127.0.0.1, 1 shards")
        self.wait_for_log("stopped")
        for line in self.log().splitlines():
            self.assertRegex(line, LOG_LINE)

    def test_log_destinations(self):
        base = (self.folder / "vernemq.conf").read_text()
        for word, on_console, in_file in (("console", True, False), ("both", True, True), ("off", False, False)):
            name = f"{word}.conf"
            self.write(name, f"{base}log.console = {word}\nlog.console.file = {word}/x.log\n")
            process = self.console(file=name)
            process.terminate()
            lines = process.lines + process.stdout.read().decode().splitlines()
            self.assertEqual(any(LOG_LINE.match(line) for line in lines), on_console, word)
            self.assertEqual((self.folder / word / "x.log").exists(), in_file, word)

    def test_a_log_file_that_cannot_be_written_is_an_error(self):
        self.write("vernemq.conf", "log.console.file = /proc/no/console.log\n")
        status, _, error = self.vernemq("console")
        self.assertEqual(status, 1)
        self.assertIn("cannot open the log file /proc/no/console.log", error)

    def test_a_port_in_use_is_an_error(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.write("vernemq.conf", f"listener.tcp.default = 127.0.0.1:{port}\n")
            status, output, error = self.vernemq("console")
        self.assertEqual((status, output), (1, ""))
        self.assertIn(f"error: listener.tcp.default: cannot listen on 127.0.0.1:{port}: Address already in use", error)


class Configuration(Launcher):
    BAD = "allow_anonymous = on\nalow_anonymous = on\nretry_interval = soon\n"

    def test_a_good_file(self):
        self.assertEqual(self.vernemq("chkconfig"), (0, "config is OK\n", ""))

    def test_all_errors_at_once_with_their_places(self):
        self.write("bad.conf", self.BAD)
        for command in ("chkconfig", "console", "start"):
            status, output, error = self.vernemq(command, file="bad.conf")
            self.assertEqual((status, output), (1, ""), command)
            self.assertRegex(error, r"(?m)^error: bad\.conf:2:1: alow_anonymous: .*nearest are allow_anonymous")
            self.assertRegex(error, r"(?m)^error: bad\.conf:3:\d+: retry_interval: .*expected an integer")
        self.assertFalse((self.folder / "log").exists())

    def test_warnings_are_one_line_each(self):
        self.write("warn.conf", "listener.tcp.default = 127.0.0.1:0\nleveldb.block_size_steps = 70\n"
                                "erlang.async_threads = 64\nsystree_interval = 5\n")
        status, output, error = self.vernemq("chkconfig", file="warn.conf")
        self.assertEqual((status, output), (0, "config is OK\n"))
        lines = error.splitlines()
        self.assertTrue(all(line.startswith("warning: ") for line in lines), lines)
        ignored = [line for line in lines if "erlang.async_threads" in line]
        self.assertEqual(len(ignored), 1)
        self.assertIn("leveldb.block_size_steps", ignored[0])

    def test_a_missing_file_is_an_error(self):
        for command in ("chkconfig", "console", "start"):
            status, _, error = self.vernemq(command, file="none.conf")
            self.assertEqual(status, 1)
            self.assertIn("none.conf does not exist", error)

    def test_variables_stand_for_the_environment(self):
        self.write("env.conf", "listener.tcp.default = $(MY_ADDRESS):0\n")
        status, _, error = self.vernemq("chkconfig", file="env.conf")
        self.assertEqual(status, 1)
        self.assertIn("MY_ADDRESS", error)
        self.environment["MY_ADDRESS"] = "127.0.0.1"
        self.assertEqual(self.vernemq("chkconfig", file="env.conf")[0], 0)
        self.assertIn("listener.tcp.default = 127.0.0.1:0  # env.conf:1, environment\n",
                      self.vernemq("config", "effective", file="env.conf")[1])

    def test_effective_says_where_each_value_comes_from_and_can_be_read_again(self):
        self.write("a.conf", "allow_anonymous = on\ndistributed_cookie = hush\ngraphite_prefix = 'a # b '\n")
        status, output, _ = self.vernemq("config", "effective", file="a.conf")
        self.assertEqual(status, 0)
        self.assertIn("allow_anonymous = on  # a.conf:1\n", output)
        self.assertIn("retry_interval = 20  # default\n", output)
        self.assertIn("distributed_cookie = ******  # a.conf:2\n", output)
        self.assertNotIn("hush", output)
        self.write("again.conf", output)
        self.assertEqual(self.vernemq("chkconfig", file="again.conf")[:2], (0, "config is OK\n"))

    def test_describe(self):
        self.write("a.conf", "retry_interval = 7\n")
        status, output, _ = self.vernemq("config", "describe", "retry_interval", file="a.conf")
        self.assertEqual(status, 0)
        self.assertIn("Default Value : 20\n", output)
        self.assertIn("Set Value     : 7 (a.conf:1)\n", output)
        self.assertEqual(self.vernemq("config", "describe", "nonsense"), (0, "Variable 'nonsense' not found\n", ""))

    def test_other_config_commands(self):
        status, output, _ = self.vernemq("config", "describe")
        self.assertEqual(status, 1)
        self.assertIn("vernemq config describe VARIABLE", output)
        self.assertEqual(self.vernemq("config")[0], 1)
        status, _, error = self.vernemq("config", "generate")
        self.assertEqual(status, 1)
        self.assertIn("vernemq chkconfig", error)


class TheStore(Launcher):
    """backup, restore, store check, store stats."""

    SESSIONS = 4
    STATS = {"sessions", "subscriptions", "queued_messages", "shared_messages", "retained_messages", "bytes_on_disk",
             "format_version", "boots"}

    def setUp(self):
        super().setUp()
        base = "listener.tcp.default = 127.0.0.1:0\nallow_anonymous = on\nshards = 2\nmax_offline_messages = -1\n"
        self.write("vernemq.conf", base + "max_online_messages = -1\n")
        self.write("other.conf", base + "max_online_messages = -1\nplatform_data_dir = other\n")
        self.sent = self.acknowledged = 0

    def started_with_sessions(self):
        """The broker, and sessions of which each gets every message and is away."""
        process = self.console()
        for number in range(self.SESSIONS):
            with lasting(("127.0.0.1", process.ports[0]), f"session-{number}") as client:
                client.subscribe("all", f"unused/{number}", qos=2)
        return process

    def publish(self, client, count=1):
        for _ in range(count):
            self.sent += 1
            client.publish("all", (self.sent - 1).to_bytes(4, "big"), 1 + self.sent % 2)
            self.acknowledged += 1

    def stopped(self, process):
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)

    def take_all(self, process):
        """By session, the numbers of the messages that waited for it."""
        address, taken = ("127.0.0.1", process.ports[0]), []
        with lasting(address, "publisher") as publisher:
            publisher.publish("all", (1 << 31).to_bytes(4, "big"), 1)
        for number in range(self.SESSIONS):
            with back(address, f"session-{number}") as client:
                numbers = []
                while (found := number_of(client.message())) != 1 << 31:
                    numbers.append(found)
                client.nothing_more()
                client.disconnect()
            taken.append(numbers)
        return taken

    def test_a_backup_under_load_is_of_one_moment(self):
        process = self.started_with_sessions()
        stop = threading.Event()

        def publish_until_stopped():
            with lasting(("127.0.0.1", process.ports[0]), "publisher") as client:
                while not stop.is_set():
                    self.publish(client)

        publisher = threading.Thread(target=publish_until_stopped)
        publisher.start()
        try:
            bounds = []
            for number in range(3):
                goal = self.acknowledged + 200
                self.wait_until(lambda: self.acknowledged >= goal, "messages are stored")
                before = self.acknowledged
                self.assertEqual(self.vernemq("backup", f"copy-{number}"), (0, "ok\n", ""))
                bounds.append((before, self.sent))
        finally:
            stop.set()
            publisher.join(PATIENCE)
        self.stopped(process)
        for number, (before, sent) in enumerate(bounds):
            self.assertEqual(self.vernemq("restore", f"copy-{number}", file="other.conf"), (0, "ok\n", ""))
            self.assertIn("all good", self.vernemq("store", "check", file="other.conf")[1])
            copy = self.console(file="other.conf")
            taken = self.take_all(copy)
            counts = [len(numbers) for numbers in taken]
            self.assertEqual(taken, [list(range(count)) for count in counts], "there are gaps")
            least, most = min(counts), max(counts)
            self.assertTrue(before <= least <= most <= sent, f"{counts} messages, wanted {before} to {sent}")
            # Until it is acknowledged, a message may be stored for some of its sessions. If it is QoS 2, for all.
            self.assertIn(most - least, (0, most % 2 == 0), f"{counts} messages")
            self.stopped(copy)
            (self.folder / "other").rename(self.folder / f"other-{number}")
        process = self.console()  # the copies have taken nothing away
        self.assertEqual(self.take_all(process), [list(range(self.sent))] * self.SESSIONS)
        self.stopped(process)

    def test_a_backup_of_a_broker_that_does_not_run(self):
        process = self.started_with_sessions()
        with lasting(("127.0.0.1", process.ports[0]), "publisher") as client:
            self.publish(client, 50)
        self.stopped(process)
        self.assertEqual(self.vernemq("backup", "copy"), (0, "ok\n", ""))
        self.assertEqual(self.vernemq("restore", "copy", file="other.conf"), (0, "ok\n", ""))
        self.assertEqual(self.take_all(self.console(file="other.conf")), [list(range(50))] * self.SESSIONS)

    def test_nothing_that_is_there_is_overwritten(self):
        process = self.started_with_sessions()
        (self.folder / "there").mkdir()
        status, output, error = self.vernemq("backup", "there")
        self.assertEqual((status, output), (1, ""))
        self.assertIn(f"error: {self.folder}/there is there already", error)
        self.assertEqual(list((self.folder / "there").iterdir()), [])
        self.assertEqual(self.vernemq("backup", "copy"), (0, "ok\n", ""))
        self.assertIn("copy is there already", self.vernemq("backup", "copy")[2])

        status, output, error = self.vernemq("restore", "copy")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("error: the broker is running; stop it first", error)
        self.stopped(process)
        status, output, error = self.vernemq("restore", "copy")
        self.assertEqual((status, output), (1, ""))
        self.assertRegex(error, "error: there is a message store in .*msgstore; move it away first")
        status, output, error = self.vernemq("restore", "there", file="other.conf")
        self.assertEqual((status, output), (1, ""))
        self.assertIn("there is no backup of a message store", error)
        self.assertFalse((self.folder / "other/msgstore").exists())
        self.assertEqual(self.take_all(self.console()), [[]] * self.SESSIONS)

    def test_check_and_stats(self):
        for words in (("check",), ("stats",)):
            status, output, error = self.vernemq("store", *words)
            self.assertEqual((status, output), (1, ""))
            self.assertIn("there is no message store in ", error)
        process = self.started_with_sessions()
        with lasting(("127.0.0.1", process.ports[0]), "publisher") as client:
            self.publish(client, 50)
            client.publish("retained", "x", 1, retain=True)
        self.stopped(process)
        status, output, error = self.vernemq("store", "check")
        self.assertEqual((status, error), (0, ""))
        self.assertRegex(output, r"msgstore: \d+ records, all good\n$")
        status, output, error = self.vernemq("store", "stats", "--format=json")
        self.assertEqual((status, error), (0, ""))
        stats = json.loads(output)
        self.assertEqual(set(stats), self.STATS)
        self.assertEqual((stats["sessions"], stats["subscriptions"]), (self.SESSIONS + 1, 2 * self.SESSIONS))
        status, output, error = self.vernemq("store", "stats")
        self.assertEqual((status, error, {line.split()[0] for line in output.splitlines()}), (0, "", self.STATS))
        self.assertEqual(self.take_all(self.console()), [list(range(50))] * self.SESSIONS)

    def test_stats_count_what_waits(self):
        """They are estimates, but nothing is deleted here."""
        process = self.started_with_sessions()
        with lasting(("127.0.0.1", process.ports[0]), "publisher") as client:
            self.publish(client, 50)
            client.publish("retained", "x", 1, retain=True)
        self.stopped(process)
        stats = json.loads(self.vernemq("store", "stats", "--format=json")[1])
        self.assertEqual({name: stats[name] for name in ("queued_messages", "shared_messages", "retained_messages")},
                         {"queued_messages": 50 * self.SESSIONS, "shared_messages": 50, "retained_messages": 1})

    def test_check_and_stats_need_a_broker_that_is_stopped(self):
        process = self.started_with_sessions()
        for words in (("check",), ("stats",)):
            status, output, error = self.vernemq("store", *words)
            self.assertEqual((status, output), (1, ""))
            self.assertRegex(error, "^error: the store in .*msgstore is in use: .*stop")
        self.assertEqual(self.take_all(process), [[]] * self.SESSIONS)

    def test_words_that_are_missing(self):
        for words in (("store",), ("store", "repair"), ("backup",), ("restore",), ("backup", "a", "b")):
            status, output, error = self.vernemq(*words)
            self.assertEqual((status, output), (1, ""), words)
            self.assertIn("expected", error)


class Words(Launcher):
    def test_nothing_or_an_unknown_word_prints_the_usage(self):
        for arguments in ((), ("strat",)):
            status, output, error = self.vernemq(*arguments, file=None)
            self.assertEqual((status, error), (0, ""))
            self.assertTrue(output.startswith("Usage: vernemq {start | stop"), output)

    def test_help_names_every_command(self):
        status, output, _ = self.vernemq("help")
        self.assertEqual(status, 0)
        for word in ("console", "start", "stop", "restart", "ping", "getpid", "version", "chkconfig",
                     "config effective", "config describe KEY", "--config FILE"):
            self.assertIn(word, output)
        self.assertEqual(self.vernemq("console", "--help"), (0, output, ""))

    def test_version(self):
        status, output, _ = self.vernemq("version")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"^\d+\.\d+\.\d+\n$")

    def test_what_only_erlang_has(self):
        for word in ("attach", "attach-direct", "ertspath", "escript"):
            status, output, error = self.vernemq(word)
            self.assertEqual((status, output), (1, ""))
            self.assertIn(f"vernemq {word} does not apply", error)

    def test_what_cannot_be_understood_is_an_error(self):
        self.assertIn("unknown option --frce", self.vernemq("start", "--frce")[2])
        status, _, error = self.vernemq("start", "now")
        self.assertEqual(status, 1)
        self.assertIn("unexpected argument now", error)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
