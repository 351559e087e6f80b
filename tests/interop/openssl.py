#!/usr/bin/env python3
"""openssl s_client against TLS listeners: versions, ciphers, host names, resumption, client certificates, keys."""

import collections
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import mqtt_wire as mqtt
from broker import expect, expect_equal, wait_until
from programs import program, run
from scenarios import main, scenario
from ways import Ways

# CONNECT and DISCONNECT: the broker answers with CONNACK and closes, so s_client ends by itself.
VISIT = mqtt.connect("s_client", version=4) + mqtt.disconnect(version=4)
CONNACK = b"\x20\x02\x00\x00"
WEAK = ("-cipher", "ALL:@SECLEVEL=0")  # without it the client itself refuses TLS 1.1 and older


def s_client(ways, port, *options, status=0, trusted=True):
    """What it says to a visit of the listener."""
    trust = ("-CAfile", ways.ca.cafile, "-verify_return_error") if trusted else ()
    return run(program("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-ign_eof", *trust, *options,
               stdin=VISIT, status=status)


def accepted(ways, port, *options, session="New", version="TLSv1.3", cipher=r"\S+", **how):
    said = s_client(ways, port, *options, **how)
    expect(re.search(rf"^{session}, {version}, Cipher is {cipher}$".encode(), said, re.MULTILINE),
           f"no session {session}, {version}, {cipher}:", said)
    expect(CONNACK in said, "no CONNACK:", said)
    return said.decode(errors="replace")


def refused(ways, port, alert, *options):
    said = s_client(ways, port, *options, status=1)
    expect(re.search(alert.encode(), said), f"no {alert!r}:", said)
    expect(CONNACK not in said, "CONNACK all the same:", said)


def refused_in_log(broker, reason):
    broker.wait_for_log(f"closed by the broker: TLS: .*{reason}")


def visits_in_log(broker, **wanted):
    """How often s_client was there under which user name; lines of the log may come a little later."""
    def visits():
        names = re.findall(r"client \"s_client\" connected from \S+ as ([^,\s]+),", broker.log())
        return len(names) >= sum(wanted.values()) and names

    names = wait_until(visits, "all visits in the log")
    expect_equal(collections.Counter(names), collections.Counter(wanted), "visits")


@scenario
def versions():
    """By default TLS 1.2 and 1.3; a listener may allow one of them, or old ones as well."""
    ways = Ways()
    default = ways.add("ssl")
    only_12 = ways.add("ssl", "tls_version = tlsv1.2")
    only_13 = ways.add("ssl", "tls_version = tlsv1.3")
    old = ways.add("ssl", "tls_version = tlsv1,tlsv1.1,tlsv1.2,tlsv1.3")
    with ways.broker as broker:
        accepted(ways, default)
        accepted(ways, default, "-tls1_2", version="TLSv1.2")
        accepted(ways, only_12, version="TLSv1.2")
        accepted(ways, only_13)
        alert = "alert protocol version"
        for port, option in ((default, "-tls1"), (default, "-tls1_1"), (only_12, "-tls1_1"), (only_13, "-tls1_2")):
            refused(ways, port, alert, option, *WEAK)
        refused(ways, only_12, alert, "-tls1_3")
        refused_in_log(broker, "version")
        for option, version in (("-tls1", "TLSv1"), ("-tls1_1", "TLSv1.1"), ("-tls1_2", "TLSv1.2")):
            said = accepted(ways, old, option, *WEAK, version=r"\S+")  # there stands the cipher's version, not TLS's
            expect(re.search(rf"^ +Protocol +: {version}$", said, re.MULTILINE), said)
        accepted(ways, old)
        accepted(ways, default, "-alpn", "x-amzn-mqtt-ca,mqtt")  # nothing is agreed upon, and nobody minds


@scenario
def ciphers():
    """The listener's list and the client's must meet."""
    ways = Ways()
    port = ways.add("ssl", "ciphers = ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384")
    curve = ways.add("ssl", "eccs = [secp384r1]")
    with ways.broker as broker:
        accepted(ways, port, cipher="TLS_AES_256_GCM_SHA384")
        accepted(ways, port, "-tls1_2", version="TLSv1.2", cipher="ECDHE-ECDSA-AES256-GCM-SHA384")
        refused(ways, port, "alert handshake failure", "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-tls1_3")
        refused(ways, port, "alert handshake failure", "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
        refused_in_log(broker, "cipher")
        said = accepted(ways, curve)
        expect("Server Temp Key: ECDH, secp384r1" in said, said)
        refused(ways, curve, "alert handshake failure", "-groups", "X25519")
        for weak in ("aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "kRSA:@SECLEVEL=0"):
            refused(ways, curve, "alert handshake failure", "-tls1_2", "-cipher", weak)


@scenario
def host_names():
    """-servername chooses among certificates; without it, or for an unknown name, the first one is shown."""
    ways = Ways()
    port = ways.add("ssl", "more_certfiles = pki/a.pem,pki/b.pem", "more_keyfiles = pki/a.key,pki/b.key")
    ways.ca.issue("a", hosts=("a.example.com",))
    ways.ca.issue("b", hosts=("*.b.example.com",))
    with ways.broker:
        for name, subject in (("a.example.com", "a"), ("A.Example.Com", "a"), ("x.b.example.com", "b"),
                              ("localhost", "server"), ("unknown.example.com", "server")):
            for version in ("-tls1_2", "-tls1_3"):
                checks = () if subject == "server" else ("-verify_hostname", name)
                said = accepted(ways, port, version, "-servername", name, *checks, version=r"TLSv1\.\d")
                expect(f"subject=CN = {subject}\n" in said, f"{name}:", said)
        expect("subject=CN = server\n" in accepted(ways, port, "-noservername"), "without a name")


def resumes(ways, port, version, to, *options):
    """A session saved at `port` is continued at `to`."""
    file = ways.broker.folder / "session.pem"
    names = {"-tls1_2": r"TLSv1\.2", "-tls1_3": r"TLSv1\.3"}
    accepted(ways, port, version, "-sess_out", file, *options, version=names[version])
    return s_client(ways, to, version, "-sess_in", file, *options)


@scenario
def resumption():
    """Sessions are continued on every shard, with the user name of the first time; not after a restart."""
    ways = Ways("shards = 2")
    ways.ca.issue("device")
    certificate = ("-cert", ways.ca.folder / "device.pem", "-key", ways.ca.folder / "device.key")
    plain = ways.add("ssl")
    naming = ways.add("ssl", "cafile = pki/ca.pem", "require_certificate = on", "use_identity_as_username = on")
    with ways.broker as broker:
        for version in ("-tls1_2", "-tls1_3"):
            for _ in range(4):
                said = resumes(ways, plain, version, plain)
                expect(b"\nReused, TLSv1." in said and CONNACK in said, "not continued:", said)
            said = resumes(ways, naming, version, naming, *certificate)
            expect(b"\nReused, TLSv1." in said and CONNACK in said, "not continued with a certificate:", said)
        visits_in_log(broker, nobody=16, device=4)
        # Another listener takes nothing on trust.
        said = resumes(ways, plain, "-tls1_3", naming, *certificate)
        expect(b"\nNew, TLSv1.3" in said, "a session without a certificate was continued:", said)
        broker.stop()
        broker.restart()
        said = s_client(ways, plain, "-tls1_3", "-sess_in", broker.folder / "session.pem")
        expect(b"\nNew, TLSv1.3" in said and CONNACK in said, "after a restart:", said)


@scenario
def client_certificates():
    ways = Ways()
    port = ways.add("ssl", "cafile = pki/ca.pem", "require_certificate = on", "use_identity_as_username = on")
    certificate, key = ways.ca.issue("device")
    with ways.broker as broker:
        for version in ("-tls1_2", "-tls1_3"):
            said = accepted(ways, port, version, "-cert", certificate, "-key", key, version=r"TLSv1\.\d")
            expect("Acceptable client certificate CA names\nCN = Test CA ca\n" in said, "CA names:", said)
        visits_in_log(broker, device=2)
        refused(ways, port, "alert certificate required", "-tls1_3")
        refused(ways, port, "alert handshake failure", "-tls1_2")


@scenario
def keys():
    """Pre-shared keys besides certificates. As in VerneMQ, the key's identity is not a user name."""
    ways = Ways()
    key = "correct horse battery staple"
    (ways.broker.folder / "psk").write_text(f"thing:{key}\nother:another key of sufficient length\n")
    (ways.broker.folder / "psk").chmod(0o600)
    port = ways.add("ssl", "psk_support = on", "pskfile = psk")
    good = ("-psk", key.encode().hex(), "-psk_identity", "thing")
    old, new = ("-tls1_2", "-cipher", "PSK"), ("-tls1_3",)
    with ways.broker as broker:
        said = accepted(ways, port, *old, *good, version=r"TLSv1\.2", cipher=r"\S*PSK\S*", trusted=False)
        expect("PSK identity hint: VMQ_PSK" in said and "PSK identity: thing" in said, said)
        # In TLS 1.3 a session that rests on a key is one that is continued.
        accepted(ways, port, *new, *good, session="Reused", trusted=False)
        visits_in_log(broker, nobody=2)
        accepted(ways, port)  # certificates go on working
        wrong_key, wrong_name = ("-psk", "00" * 20, "-psk_identity", "thing"), (*good[:2], "-psk_identity", "x")
        refused(ways, port, "alert", *old, *wrong_key)
        refused(ways, port, "alert", *old, *wrong_name)
        refused(ways, port, "alert", *new, *wrong_key)
        refused_in_log(broker, "key")


if __name__ == "__main__":
    main()
