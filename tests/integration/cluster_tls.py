#!/usr/bin/env python3
"""Nodes that talk to each other by TLS: who is let in, new certificates while they run, what is shown of the listeners."""

import json
import pathlib
import ssl
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from broker import expect, expect_equal, wait_until
from certificates import Authority
from cluster import Node, passes_on, wait_until_running, wait_until_whole
from scenarios import main, scenario


class TlsNode(Node):
    """One whose clustering listener is listener.vmqs. Its certificate and key are files of their own in `folder`."""

    def __init__(self, name, folder, *settings):
        self.tls_files = {key: pathlib.Path(folder) / f"{name}-{key}.pem" for key in ("cafile", "certfile", "keyfile")}
        self.tls = tuple(f"listener.vmqs.clustering.{key} = {file}" for key, file in self.tls_files.items())
        super().__init__(name, *settings)

    def _lines(self):
        return (*(line.replace("listener.vmq.", "listener.vmqs.") for line in super()._lines()), *self.tls,
                "listener.vmqs.clustering.require_certificate = on")

    def give(self, authority, serial):
        """It has a certificate of this authority from now on, and trusts others of it."""
        certificate, key = authority.issue(f"{self.name.partition('@')[0]}-{serial}", hosts=["127.0.0.1"])
        for file, source in zip(self.tls_files.values(), (authority.cafile, certificate, key), strict=True):
            file.write_bytes(source.read_bytes())
        return certificate

    def shown_certificate(self):
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.cluster_port)))


def der(certificate):
    return ssl.PEM_cert_to_DER_cert(certificate.read_text())


@scenario
def t35_new_certificates():
    """All nodes get certificates of another authority, without a restart: links stay, new ones use them."""
    with tempfile.TemporaryDirectory(prefix="vmq_test_") as folder:
        old, new = (Authority(pathlib.Path(folder) / name, name) for name in ("old", "new"))
        a, b = TlsNode("a", folder), TlsNode("b", folder)
        first = [node.give(old, 1) for node in (a, b)]
        with a, b:
            joined = b.join(a)
            expect_equal(joined.stdout, "Done\n", joined.stderr)
            wait_until_whole(a, b)
            a.wait_for_log(r"node b@127.0.0.1 is there: linked with .* by TLS")
            passes_on(a, b)
            expect_equal([node.shown_certificate() for node in (a, b)], list(map(der, first)))
            second = [node.give(new, 2) for node in (a, b)]
            expect_equal(a.shown_certificate(), der(first[0]), "files are not looked at by themselves")
            for node in (a, b):
                done = node.admin("tls", "reload")
                expect_equal((done.returncode, done.stdout), (0, "Done\n"), done.stderr)
                node.wait_for_log(r"listener.vmqs.clustering: certificates and keys are loaded anew")
            for node, certificate in zip((a, b), second, strict=True):
                wait_until(lambda node=node, wanted=der(certificate): node.shown_certificate() == wanted,
                           f"the new certificate of {node.name}")
            b.kill()  # b begins with the new ones; a dials and is dialled with them
            wait_until_running(a, b, False)
            b.restart()
            wait_until_whole(a, b)
            passes_on(b, a)
            # What cannot be read changes nothing.
            a.tls_files["certfile"].write_text("nonsense")
            a.admin("tls", "reload")
            a.wait_for_log(r"listener.vmqs.clustering: .*certfile.*; it goes on with what was loaded before")
            expect_equal(a.shown_certificate(), der(second[0]))


@scenario
def strangers_certificate():
    """A node whose certificate is of somebody else does not get in, whatever cookie it knows."""
    with tempfile.TemporaryDirectory(prefix="vmq_test_") as folder:
        ours, other = (Authority(pathlib.Path(folder) / name, name) for name in ("ours", "other"))
        a, b = TlsNode("a", folder), TlsNode("b", folder)
        a.give(ours, 1)
        b.give(other, 1)
        with a, b, Node("c") as c:
            for node in (b, c):
                refused = node.admin("cluster", "join", f"discovery-node={a.name}:{a.cluster_port}")
                expect_equal(refused.returncode, 1, node.name)
                expect_equal(refused.stdout, f"RPC to node {a.name} failed for reason: not_reachable\n")
            a.wait_for_log(r"is not let in: .*TLS")


@scenario
def listeners_are_shown():
    with tempfile.TemporaryDirectory(prefix="vmq_test_") as folder:
        authority = Authority(pathlib.Path(folder) / "ca")
        a = TlsNode("a", folder)
        a.give(authority, 1)
        with a, Node("b") as b:
            for node, kind in ((a, "vmqs"), (b, "vmq")):
                rows = json.loads(node.admin("listener", "show", "--tls", "--format=json").stdout)["table"]
                row = next(each for each in rows if each["type"] == kind)
                expect_equal((row["status"], row["address"], row["port"], row["active_conns"]),
                             ("running", "127.0.0.1", str(node.cluster_port), None))
                expect_equal(row["certfile"], str(a.tls_files["certfile"]) if kind == "vmqs" else None)
            shown = a.admin("tls", "show").stdout
            expect(str(a.tls_files["certfile"]) in shown, shown)


if __name__ == "__main__":
    main()
