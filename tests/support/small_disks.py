"""File systems in memory that are full when a test wants it. Needs a mount namespace, see namespaces.py."""

import pathlib
import subprocess
import tempfile

SIZE = "64m"


class Disk:
    def __init__(self, folder):
        self.folder = folder
        self.ballast = folder / "ballast"

    def settings(self):
        """Of a broker whose store is on it."""
        return (f"vmq_generic_msg_store.store_dir = {self.folder}/store", "leveldb.maximum_memory = 8388608")

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError:
                pass

    def make_room(self):
        self.ballast.unlink()


class Disks:
    """So many of them, below one folder; `remove` takes them away."""

    def __init__(self, count):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vmq_disks_"))
        self.disks = [Disk(self.folder / str(i)) for i in range(count)]
        for each in self.disks:
            each.folder.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", each.folder], check=True)

    def remove(self):
        for each in self.disks:
            subprocess.run(["umount", "--lazy", each.folder], check=False)
            each.folder.rmdir()
        self.folder.rmdir()
