"""Small archives in the format of CIFAR-10, as Python 2 pickled it, and hostile ones that look like it."""

import gzip
import io
import pickle
import struct
import tarfile
from typing import ClassVar

import numpy as np

FOLDER = "cifar-10-batches-py"
CLASSES = ["airplane", "automobile", *"cdefghij"]


class _Python2(pickle._Pickler):
    """Pickle text and bytes as Python 2 did: both are its str."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def _save_as_str(self, value):
        content = value.encode("latin1") if isinstance(value, str) else value
        self.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = _save_as_str


def as_python2(value):
    """Return a pickle of protocol 2, with the names that NumPy had then."""
    file = io.BytesIO()
    _Python2(file, 2).dump(value)
    return file.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def cifar10_files(images, dump=as_python2):
    """Return name → content of an archive's files; images: uint8 (6 N, 3072), the last N for the test."""
    parts = np.split(images, 6)
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    files = {"batches.meta": dump({"num_cases_per_batch": len(parts[0]), "label_names": CLASSES, "num_vis": 3072})}
    for name, part in zip(names, parts, strict=True):
        batch = {"batch_label": name, "labels": [place % 10 for place in range(len(part))], "data": part}
        files[name] = dump(batch | {"filenames": [f"{place}.png" for place in range(len(part))]})
    return files | {"readme.html": b"<meta>"}


def pack(files, extra=()):
    """Return a .tar.gz with these files in CIFAR-10's folder, and with other members: (TarInfo, content)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        folder = tarfile.TarInfo(FOLDER)
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member, content in extra:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(file.getvalue(), 1)


def cifar10_archive(images):
    """Return an archive in the real format, with fewer images."""
    return pack(cifar10_files(images))
