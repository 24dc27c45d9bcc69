"""tools/make_bank.py: how the results bank is packed."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from places import REPOSITORY
from scripts import load_script

from cnnlab.experiments.store_files import StoreFiles

script = load_script(REPOSITORY / "tools" / "make_bank.py")


def test_a_store_is_packed_small_the_same_each_time_and_read_back_whole(tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    weights = np.random.default_rng(0).normal(size=50_000).astype("float32")
    later = weights * np.float32(1.001)  # a later epoch: the high bytes are nearly the same
    contents = {"a.json": b'{"loss": 0.1}', "a.safetensors": weights.tobytes() + later.tobytes()}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    (folder / ".locks").mkdir()
    packed = []
    for name in ("first.zip", "second.zip"):
        script.pack(folder, tmp_path / name)
        packed.append((tmp_path / name).read_bytes())
    assert packed[0] == packed[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.zip", "second.zip", "store"]
    with zipfile.ZipFile(tmp_path / "first.zip") as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_LZMA}
    read = StoreFiles(tmp_path / "first.zip")
    assert {name: read.read(name) for name in read.names()} == contents
    usual = io.BytesIO()
    with zipfile.ZipFile(usual, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_LZMA)
    assert len(packed[0]) < 0.99 * len(usual.getvalue())


def test_the_courses_bank_is_packed_so():
    for path in (REPOSITORY / "data" / "bank").glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            kinds = {entry.compress_type for entry in archive.infolist()}
        assert kinds == {zipfile.ZIP_LZMA}, path.name
