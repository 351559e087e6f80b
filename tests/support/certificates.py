"""Certificates for tests, made by openssl(1) when they are asked for."""

import pathlib
import subprocess


def openssl(*words, folder):
    done = subprocess.run(["openssl", *map(str, words)], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"openssl {' '.join(map(str, words))}: {done.stderr}")


class Authority:
    """A CA in a folder of its own; each certificate is NAME.pem with the key NAME.key."""

    def __init__(self, folder, name="ca"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        (self.folder / "index.txt").write_text("")
        (self.folder / "crlnumber").write_text("01\n")
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\ncrlnumber = crlnumber\ndefault_md = sha256\n"
            "default_crl_days = 30\nnew_certs_dir = .\nrand_serial = yes\npolicy = p\nunique_subject = no\nemail_in_dn = no\n"
            "copy_extensions = copy\n[p]\ncommonName = optional\n")
        self._key(name)
        openssl("req", "-x509", "-new", "-key", f"{name}.key", "-out", f"{name}.pem", "-days", 30, "-subj",
                f"/CN=Test CA {name}", "-addext", "basicConstraints=critical,CA:true", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", folder=self.folder)

    @property
    def cafile(self):
        return self.folder / f"{self.name}.pem"

    def _key(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key",
                folder=self.folder)

    def issue(self, name, common_name=None, hosts=(), dates=None, file=None):
        """(certificate, key). `hosts`: names and IPv4 addresses in its SANs. `dates`: (not before, not after) as YYMMDDHHMMSSZ."""
        file = file or name
        self._key(file)
        subject = ["-subj", f"/CN={common_name or name}"]
        kinds = ("IP" if host.replace(".", "").isdigit() else "DNS" for host in hosts)
        alternatives = ",".join(f"{kind}:{host}" for kind, host in zip(kinds, hosts, strict=True))
        names = ["-addext", f"subjectAltName={alternatives}"] if hosts else []
        openssl("req", "-new", "-utf8", "-key", f"{file}.key", "-out", f"{file}.csr", *subject, *names, folder=self.folder)
        period = ["-startdate", dates[0], "-enddate", dates[1]] if dates else ["-days", "20"]
        openssl("ca", "-config", "ca.cnf", "-batch", "-notext", "-cert", f"{self.name}.pem", "-keyfile",
                f"{self.name}.key", "-in", f"{file}.csr", "-out", f"{file}.pem", *period, folder=self.folder)
        return self.folder / f"{file}.pem", self.folder / f"{file}.key"

    def self_signed(self, name):
        self._key(name)
        openssl("req", "-x509", "-new", "-key", f"{name}.key", "-out", f"{name}.pem", "-days", 20, "-subj", f"/CN={name}",
                folder=self.folder)
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def revoke(self, *names):
        """Writes a new list with these certificates and those revoked before."""
        for name in names:
            openssl("ca", "-config", "ca.cnf", "-cert", f"{self.name}.pem", "-keyfile", f"{self.name}.key", "-revoke",
                    f"{name}.pem", folder=self.folder)
        openssl("ca", "-config", "ca.cnf", "-cert", f"{self.name}.pem", "-keyfile", f"{self.name}.key", "-gencrl", "-out",
                "new.crl", folder=self.folder)
        (self.folder / "new.crl").rename(self.folder / "crl.pem")
        return self.folder / "crl.pem"
