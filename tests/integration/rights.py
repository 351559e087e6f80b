#!/usr/bin/env python3
"""Who gets in and who may do what, with real files that change while clients are connected."""

import base64
import hashlib
import os
import pathlib
import random
import re
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import SLOWNESS, WITHOUT_STORE, Broker, Skip, expect, expect_equal, free_port, wait_until
from scenarios import main, scenario

READ_ANEW = "password and ACL files are read anew"
NOT_AUTHORIZED, BAD_CREDENTIALS = 0x87, 0x86


def line_for(user, password):
    """As VerneMQ's vmq-passwd writes it."""
    salt = os.urandom(12)
    digest = hashlib.sha512(password.encode() + salt).digest()
    return f"{user}:$6${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


def write(path, content):
    """Replaces the file in one step."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(content)
    fresh.chmod(0o600)
    fresh.rename(path)


class Guarded(Broker):
    """A broker with a password file and an ACL, and nobody anonymous."""

    def __init__(self, *settings, users=(), acl="", port=0):
        super().__init__("allow_anonymous = off", "plugins.vmq_passwd = on", "plugins.vmq_acl = on", "vmq_passwd.password_file = vmq.passwd",
                         "vmq_acl.acl_file = vmq.acl", "vmq_passwd.password_reload_interval = 0",
                         "vmq_acl.acl_reload_interval = 0", *settings, port=port)
        self.set_users(users)
        self.set_acl(acl)

    def set_users(self, users):
        write(self.folder / "vmq.passwd", "".join(line_for(user, password) for user, password in users))

    def set_acl(self, acl):
        write(self.folder / "vmq.acl", acl)

    def reload(self):
        """Returns when what the files no longer allow has ended."""
        before = self.log().count(READ_ANEW)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log().count(READ_ANEW) > before, "the files to be read anew")

    def login(self, user=None, password=None, client_id="x", version=5, **options):
        return mqtt.Client(self.address, client_id, version, username=user, password=password, **options)

    def reason(self, *login, version=5):
        with self.login(*login, version=version) as client:
            return client.open(accepted=False).reason


def suback(client, *filters):
    client.send(mqtt.subscribe([(each, 1) for each in filters], client.next_id(), client.version))
    answer = client.expect(mqtt.SUBACK)
    return list(answer.body[mqtt.read_properties(answer.body, 2)[1] if client.version == 5 else 2:])


@scenario
def logins():
    with Guarded(users=[("alice", "right"), ("empty", "")], acl="topic #\n") as broker:
        expect_equal(broker.reason("alice", b"right"), 0)
        expect_equal(broker.reason("empty", b""), 0)
        expect_equal(broker.reason("alice", b"wrong secret"), BAD_CREDENTIALS)
        expect_equal(broker.reason("bob", b"right"), BAD_CREDENTIALS)
        expect_equal(broker.reason(), BAD_CREDENTIALS)
        for version in (3, 4):
            expect_equal(broker.reason("alice", b"right", version=version), 0)
            expect_equal(broker.reason("alice", b"wrong secret", version=version), 4)
            expect_equal(broker.reason("bob", b"right", version=version), 5)
            expect_equal(broker.reason(version=version), 5)
        expect("wrong secret" not in broker.log() and "right" not in broker.log().replace("rights", ""),
               "the log shows a password")


@scenario
def many_failed_logins():
    with Guarded("max_failed_logins_per_user = 3", "failed_login_window = 3600", users=[("alice", "right"), ("bob", "b")],
                 acl="topic #\n") as broker:
        for _ in range(3):
            expect_equal(broker.reason("alice", b"wrong"), BAD_CREDENTIALS)
        expect_equal(broker.reason("alice", b"right"), 0x9F)
        expect_equal(broker.reason("alice", b"right", version=4), 3)
        expect_equal(broker.reason("bob", b"b"), 0)
        broker.wait_for_log("logins as alice are refused for up to 3600 s: 3 have failed")


@scenario
def new_passwords():
    """Who has changed or gone is disconnected; who comes next needs the new password."""
    users = [("alice", "a"), ("bob", "b"), ("carol", "c")]
    with Guarded(users=users, acl="topic #\n") as broker:
        clients = {user: broker.login(user, password.encode(), user).open() for user, password in users}
        old = broker.login("alice", b"a", "old", 4).open()
        file = (broker.folder / "vmq.passwd").read_text().splitlines(True)
        write(broker.folder / "vmq.passwd", line_for("alice", "new") + file[1])
        broker.reload()
        for user in ("alice", "carol"):
            last = clients[user].closed()[-1]
            expect_equal((last.kind, mqtt.reason_code(last)), (mqtt.DISCONNECT, NOT_AUTHORIZED))
        old.closed()
        clients["bob"].ping()
        expect_equal(broker.reason("alice", b"a"), BAD_CREDENTIALS)
        expect_equal(broker.reason("alice", b"new"), 0)
        expect_equal(broker.reason("carol", b"c"), BAD_CREDENTIALS)


@scenario
def new_rules():
    """Subscriptions that are no longer allowed end, also of who is away; what nobody may read or write is refused."""
    with Guarded(users=[("alice", "a"), ("bob", "b")], acl="user alice\ntopic #\nuser bob\ntopic #\n", port=free_port()) as broker:
        alice = broker.login("alice", b"a", "alice").open()
        bob = broker.login("bob", b"b", "bob").open()
        lasting = {"clean": False, "props": {0x11: 3600}}
        away = broker.login("bob", b"b", "away", **lasting).open()
        expect_equal(suback(bob, "news", "secret/#"), [1, 1])
        expect_equal(suback(away, "news", "secret/#", "$share/g/secret/x"), [1, 1, 1])
        away.close()
        expect_equal(alice.publish("secret/x", "1", 1), 0)
        bob.message()
        later = "user alice\ntopic #\nuser bob\ntopic read news\ntopic write report\nnonsense\n"
        write(broker.folder / "later.acl", later)
        preview = broker.admin("acl", "preview", "path=later.acl", "--format=csv")
        expect_equal(sorted(preview.stdout.split()), sorted(["mountpoint,client_id,topic", ",away,$share/g/secret/x",
                                                             ",away,secret/#", ",bob,secret/#"]), preview.stderr)
        broker.set_acl(later)
        broker.reload()
        broker.wait_for_log("3 subscriptions of 2 sessions ended")
        broker.wait_for_log("line 6 is skipped")
        expect_equal(alice.publish("secret/x", "2", 1), 0x10)
        expect_equal(alice.publish("news", "3", 1), 0)
        expect_equal(bob.message().payload, b"3")
        expect_equal(suback(bob, "news", "secret/#"), [1, NOT_AUTHORIZED])
        expect_equal(bob.publish("news", "4", 1), NOT_AUTHORIZED)
        drops = broker.admin("drops", "show", "--client_id", "--topic", "--messages", "--reason=not_authorized",
                             "--by=client", "--format=csv")
        expect_equal(drops.stdout.splitlines()[1:], ["bob,undefined,1"], drops.stderr)
        expect_equal(bob.publish("report", "5", 1), 0x10)
        old = broker.login("bob", b"b", "old", 4).open()
        expect_equal(suback(old, "news", "secret/#"), [1, 0x80])
        old.send(mqtt.publish("news", b"6", 1, 1, version=4))
        old.closed()
        with broker.login("bob", b"b", "away", **lasting) as back:
            back.open()
            expect(back.session_present, "the session is gone")
            expect_equal(sorted(each.payload for each in back.messages(3)), [b"1", b"1", b"3"])
            back.nothing_more()
        if WITHOUT_STORE:
            return
        # What changes while the broker is down counts as well.
        broker.stop()
        broker.set_acl("user alice\ntopic #\n")
        broker.restart()
        broker.wait_for_log("1 subscriptions of 1 sessions ended")
        alice = broker.login("alice", b"a", "alice").open()
        expect_equal(alice.publish("news", "7", 1), 0x10)


@scenario
def new_rules_for_new_sessions_only():
    with Guarded("acl_revocation = new_only", users=[("bob", "b")], acl="topic #\n") as broker:
        bob = broker.login("bob", b"b", "bob").open()
        expect_equal(suback(bob, "news"), [1])
        broker.set_acl("topic write news\n")
        broker.set_users([])
        broker.reload()
        expect_equal(bob.publish("news", "1", 1), 0)
        expect_equal(bob.message().payload, b"1")
        expect_equal(suback(bob, "news"), [NOT_AUTHORIZED])


@scenario
def plugins_of_a_listener():
    with Guarded("listener.tcp.open = 127.0.0.1:0", "listener.tcp.open.allow_anonymous_override = on",
                 "listener.tcp.open.auth_plugins = [vmq_passwd]",
                 users=[("alice", "a")], acl="user alice\ntopic #\n") as broker:
        port = int(broker.wait_for_log(r"listener\.tcp\.open listens on 127\.0\.0\.1:(\d+)").group(1))
        anonymous = mqtt.opened(("127.0.0.1", port), "anonymous")
        expect_equal(anonymous.publish("x", "1", 1), NOT_AUTHORIZED)  # being let in is not being allowed
        expect_equal(suback(anonymous, "x"), [NOT_AUTHORIZED])
    broken = Guarded("listener.tcp.default.auth_plugins = [vmq_passwd, vmq_webhooks]")
    try:
        broken.start()
    except Exception:  # noqa: BLE001: it ends at once
        pass
    expect("vmq_webhooks is no plugin that is enabled" in broken.log(), broken.log())
    broken.process.wait()


@scenario
def plugin_from_a_shared_object():
    """The example plugin with its settings, before vmq_passwd, which knows the users that it does not."""
    plugin = pathlib.Path(os.environ["VMQ_BROKER"]).resolve().parent.parent / "examples/plugins/tenant_guard.so"
    if not plugin.exists():
        raise Skip(f"{plugin} is not built")
    with Guarded("plugins.tenant_guard = on", f"plugins.tenant_guard.path = {plugin}", "plugins.tenant_guard.priority = 1",
                 "tenant_guard.acme.password = secret of acme", users=[("alice", "a")], acl="topic #\n") as broker:
        expect_equal(broker.reason("acme:ann", b"wrong"), BAD_CREDENTIALS)
        ann = broker.login("acme:ann", b"secret of acme", "ann").open()
        expect_equal(suback(ann, "acme/door", "other/door"), [1, NOT_AUTHORIZED])
        expect_equal(ann.publish("acme/door", "1", 1), 0)
        expect_equal(ann.message().payload, b"1")
        expect_equal(ann.publish("other/door", "2", 1), NOT_AUTHORIZED)
        alice = broker.login("alice", b"a", "alice").open()
        expect_equal(suback(alice, "acme/door"), [1])
        expect_equal(ann.publish("acme/door", "3", 1), 0)
        ann.message()
        alice.nothing_more()  # she is in another mountpoint
        expect("secret of acme" not in broker.log(), "the log shows a password")
    with Guarded("plugins.nowhere = on", "plugins.nowhere.path = /nonexistent", "plugins.nothing = on") as broker:
        broker.wait_for_log("nowhere.*the broker starts without it")
        broker.wait_for_log("plugins.nothing = on: there is no plugin of this name")


@scenario
def plugins_share_a_decision():
    """A plugin and the ACL decide about the filters of one SUBSCRIBE, in either order; the plugin has the broker do things."""
    plugin = pathlib.Path(os.environ["VMQ_BROKER"]).resolve().parent.parent / "test_plugins/wishes.so"
    if not plugin.exists():
        raise Skip(f"{plugin} is not built")
    acl = "topic read acl/#\ntopic read echo\ntopic read config/#\ntopic write #\n"
    for first in ("wishes", "vmq_acl"):
        with Guarded("plugins.wishes = on", f"plugins.wishes.path = {plugin}", f"plugins.{first}.priority = 1",
                     "wishes.note = old", users=[("alice", "a")], acl=acl) as broker:
            alice = broker.login("alice", b"a", "alice").open()
            expect_equal(suback(alice, "acl/b", "mine/a", "no/c"), [1, 1, NOT_AUTHORIZED])
            expect_equal(suback(alice, "no/c", "mine/d"), [NOT_AUTHORIZED, 1])
            expect_equal(suback(alice, "echo", "config/#"), [1, 1])
            expect_equal(alice.publish("wish/echo", "hello", 1), 0x10)
            echo = alice.message()
            expect_equal((echo.topic, echo.payload, echo.properties.get(0x26)), ("echo", b"hello", [("by", "wishes")]))
            expect_equal(broker.admin("set", "max_client_id_size=77").returncode, 0)
            changed = alice.message()
            expect_equal((changed.topic, changed.payload), ("config/max_client_id_size", b"77"))
            expect_equal(broker.admin("session", "reauthorize", "username=alice", "client-id=alice").stdout, "Unchanged\n")
            expect_equal(alice.publish("mine/a", "1", 1), 0)
            expect_equal(alice.message().topic, "mine/a")
            alice.publish("wish/close/alice", "", 1)
            wait_until(lambda: alice.publish("mine/a", "2", 1) == 0x10, "the plugin's subscriptions to end")
            expect_equal(alice.publish("wish/echo", "still here", 1), 0x10)
            while alice.message().payload != b"still here":
                pass
            alice.publish("wish/disconnect/alice", "", 1)
            expect_equal(mqtt.reason_code(alice.closed()[-1]), 0x98)


@scenario
def flood_of_a_plugin():
    """What a plugin publishes and no shard has taken yet is bounded in bytes."""
    plugin = pathlib.Path(os.environ["VMQ_BROKER"]).resolve().parent.parent / "test_plugins/wishes.so"
    if not plugin.exists():
        raise Skip(f"{plugin} is not built")
    with Guarded("plugins.wishes = on", f"plugins.wishes.path = {plugin}", "shards = 1", users=[("alice", "a")],
                 acl="topic read flooded\ntopic write wish/flood\n") as broker:
        client = broker.login("alice", b"a", "alice").open()
        expect_equal(suback(client, "flooded"), [1])
        for _ in range(2):
            client.publish("wish/flood", "", 1)
            expect_equal(client.message().payload, b"63", "messages of 1 MiB and a bit that fit into 64 MiB")
        broker.wait_for_log("wishes: the plugin publishes.*faster than the broker.*more are refused")

        def metric(name):
            return int(re.search(rf"{name} = (\d+)", broker.admin("metrics", "show").stdout).group(1))

        expect_equal(metric("plugin_requests_refused"), 2 * 37, "refused messages")
        expect_equal(metric("plugin_requests_waiting_bytes"), 0, "all of it is done")


@scenario
def rights_on_command():
    users = [("alice", "a"), ("bob", "b")]
    with Guarded(users=users, acl="topic #\n") as broker:
        alice = broker.login("alice", b"a", "alice").open()
        bob = broker.login("bob", b"b", "bob", will=mqtt.Will("last/bob", b"gone")).open()
        expect_equal(suback(alice, "last/#", "news"), [1, 1])
        write(broker.folder / "other.passwd", line_for("alice", "new"))
        found = broker.admin("passwd", "preview", "path=other.passwd", "--format=csv")
        expect_equal(sorted(found.stdout.split()), sorted(["mountpoint,client_id,user", ",alice,alice", ",bob,bob"]), found.stderr)
        write(broker.folder / "other.acl", "topic read #\ntopic write news\n")
        preview = broker.admin("acl", "preview", "path=other.acl")
        expect("1 wills would be dropped" in preview.stdout + preview.stderr, preview.stdout + preview.stderr)
        write(broker.folder / "vmq.acl", "topic read #\ntopic write news\n")
        expect_equal(broker.admin("acl", "reload").stdout, "Done\n")
        broker.wait_for_log("1 wills were dropped")
        bob.close()
        expect_equal(alice.publish("news", "1", 1), 0)
        expect_equal(alice.message().payload, b"1")  # no will before it
        file = (broker.folder / "vmq.passwd").read_text().splitlines(True)
        write(broker.folder / "vmq.passwd", file[1])
        expect_equal(broker.admin("passwd", "reload").stdout, "Done\n")
        expect_equal(mqtt.reason_code(alice.closed()[-1]), NOT_AUTHORIZED)
        (broker.folder / "vmq.acl").unlink()
        failed = broker.admin("acl", "reload")
        expect("vmq.acl" in failed.stdout, failed.stdout)


@scenario
def acl_switched_on_with_the_file_of_now():
    with Guarded("plugins.vmq_acl = off", "vmq_acl.acl_file = nowhere.acl", users=[("alice", "a")]) as broker:
        refused = broker.admin("plugin", "enable", "-n", "vmq_acl").stdout
        expect("no_acl_file" in refused, refused)
        with_path = broker.admin("plugin", "enable", "-n", "vmq_acl", "-p", "/x.so").stdout
        expect("part of the broker" in with_path, with_path)
        write(broker.folder / "strict.acl", "topic news\n")
        expect_equal(broker.admin("set", "vmq_acl.acl_file=strict.acl").returncode, 0)
        expect_equal(broker.admin("plugin", "enable", "-n", "vmq_acl").stdout, "Done\n")
        alice = broker.login("alice", b"a", "alice").open()
        expect_equal(suback(alice, "news", "other"), [1, NOT_AUTHORIZED])


@scenario
def plugins_switched_at_run_time():
    plugin = pathlib.Path(os.environ["VMQ_BROKER"]).resolve().parent.parent / "test_plugins/wishes.so"
    with Guarded("plugins.vmq_acl = off", users=[("alice", "a")], acl="topic news\n") as broker:
        alice = broker.login("alice", b"a", "alice").open()
        expect_equal(suback(alice, "news"), [NOT_AUTHORIZED])
        expect_equal(broker.admin("plugin", "enable", "-n", "vmq_acl").stdout, "Done\n")
        expect("already_enabled" in broker.admin("plugin", "enable", "-n", "vmq_acl").stdout, "enabled twice")
        expect_equal(suback(alice, "news", "mine/x"), [1, NOT_AUTHORIZED])
        expect_equal(alice.publish("news", "1", 1), 0)
        if plugin.exists():
            expect_equal(broker.admin("plugin", "enable", "--name=wishes", f"--path={plugin}").stdout, "Done\n")
            expect_equal(suback(alice, "mine/x"), [1])
            # It is told of all settings when it is switched on, each time.
            broker.set_acl("topic read news\ntopic read config\n")
            broker.reload()
            expect_equal(broker.admin("plugin", "disable", "-n", "wishes").stdout, "Done\n")
            wait_until(lambda: suback(alice, "config") == [1], "the right to read config")
            expect_equal(broker.admin("plugin", "enable", "-n", "wishes").stdout, "Done\n")
            while (told := alice.message()).topic != "config":
                pass
            expect(int(told.payload) > 100, "the number of settings", told.payload)
        shown = broker.admin("plugin", "show", "--format=csv").stdout
        expect("vmq_passwd,application" in shown and "vmq_acl:auth_on_publish/6" in shown, shown)
        expect_equal(broker.admin("plugin", "disable", "-n", "vmq_acl").stdout, "Done\n")
        expect_equal(alice.publish("news", "2", 1), NOT_AUTHORIZED)
        expect("plugin_not_found" in broker.admin("plugin", "disable", "-n", "vmq_acl").stdout, "disabled twice")
        # What has changed while it was off counts when it is on again.
        broker.set_acl("topic write news\n")
        broker.reload()
        expect_equal(broker.admin("plugin", "enable", "-n", "vmq_acl").stdout, "Done\n")
        broker.wait_for_log("subscriptions of 1 sessions ended")
        expect_equal(broker.admin("plugin", "disable", "-n", "vmq_passwd").stdout, "Done\n")
        expect_equal(broker.reason("alice", b"a"), BAD_CREDENTIALS)
        # Whom it has let in loses the session also while it is off.
        broker.set_users([("bob", "b")])
        broker.reload()
        expect_equal(mqtt.reason_code(alice.closed()[-1]), NOT_AUTHORIZED)
        expect("plugin_not_found" in broker.admin("plugin", "enable", "-n", "nothing").stdout, "enabled nothing")


TOPICS = [f"t{i}" for i in range(6)]


class Rights:
    """Random rights of some users, and their ACL."""

    def __init__(self, rng, users):
        self.read = {user: {topic for topic in TOPICS if rng.random() < 0.5} for user in users}
        self.write = {user: {topic for topic in TOPICS if rng.random() < 0.5} for user in users}

    def acl(self):
        lines = []
        for user in self.read:
            lines.append(f"user {user}")
            lines += [f"topic read {topic}" for topic in sorted(self.read[user])]
            lines += [f"topic write {topic}" for topic in sorted(self.write[user])]
        return "\n".join(lines) + "\n"


@scenario
def nothing_leaks_while_rules_change():
    """50 sessions with rights of their own, the file rewritten 100 times: every message that arrives was allowed to be
    published by its sender and read by its receiver, and all that was allowed arrives."""
    rng = random.Random(20261126)
    users = [f"u{i}" for i in range(50)]
    rounds = 100 if SLOWNESS == 1 else 15
    now = Rights(rng, users)
    raced = []  # by round: what each user may have been sent of the messages that raced
    with Guarded(users=[(user, user) for user in users], acl=now.acl()) as broker:
        clients = {user: broker.login(user, user.encode(), user, 5 if i % 2 else 4).open() for i, user in enumerate(users)}
        for number in range(rounds):
            for user, client in clients.items():
                granted = [code < 0x80 for code in suback(client, *TOPICS)]
                expect_equal(granted, [topic in now.read[user] for topic in TOPICS], f"SUBACK of {user}")
            sent = []
            for user, client in clients.items():
                topic = rng.choice(sorted(now.write[user]) or TOPICS)
                if topic not in now.write[user] and client.version == 4:
                    continue  # it would be disconnected
                code = client.publish(topic, f"{number} {user}", 1)
                expect_equal(code < 0x80, topic in now.write[user], f"PUBACK of {user} for {topic}")
                if code < 0x80:
                    sent.append((topic, f"{number} {user}".encode()))
            for user, client in clients.items():
                expected = sorted((topic, payload) for topic, payload in sent if topic in now.read[user])
                got = []
                while len(got) < len(expected) or client.inbox:
                    each = client.message()
                    if each.payload.startswith(b"race"):
                        expect(each.topic in raced[int(each.payload.split()[1])][user], f"{user} may not read {each.topic}")
                    else:
                        got.append((each.topic, each.payload))
                expect_equal(sorted(got), expected, f"messages of {user}")
            # Messages that race with the new rules may arrive by the old or by the new ones, not by neither.
            later = Rights(rng, users)
            raced.append({user: now.read[user] | later.read[user] for user in users})
            broker.set_acl(later.acl())
            racing = [user for user in users if now.write[user] & later.write[user]]
            broker.process.send_signal(signal.SIGHUP)
            for user in racing:
                topic = rng.choice(sorted(now.write[user] & later.write[user]))
                payload = f"race {number}".encode()
                clients[user].send(mqtt.publish(topic, payload, 1, clients[user].next_id(), version=clients[user].version))
            wait_until(lambda: broker.log().count(READ_ANEW) > number, "the files to be read anew")
            for user in racing:
                clients[user].expect(mqtt.PUBACK)
            now = later
        expect_equal(broker.log().count(READ_ANEW), rounds)


if __name__ == "__main__":
    main()
