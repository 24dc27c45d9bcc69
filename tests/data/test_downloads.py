"""Downloads of small archives in the real formats from a server on loopback: once, completely, or not at all."""

import errno
import gzip
import hashlib
import http.server
import multiprocessing
import os
import re
import shutil
import socket
import struct
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from cifar10_archives import FOLDER, cifar10_archive, cifar10_files, pack
from torchvision import datasets

from cnnlab.data import cifar10, downloads, shipped
from cnnlab.data.loading import load_data
from cnnlab.errors import DataError
from cnnlab.files import cache_folder

RANDOM = np.random.default_rng(0)


def idx_archive(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return gzip.compress(header + values.tobytes())


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@pytest.fixture
def gate():
    """While it is clear, the server lets a download wait."""
    gate = threading.Event()
    gate.set()
    return gate


@pytest.fixture
def served(tmp_path, gate):
    """A folder served on loopback, its address, and the list of requests."""
    folder, requests = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def do_GET(self):
            gate.wait(60)
            super().do_GET()

        def log_message(self, *_):
            requests.append(f"{self.command} {self.path}")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}/", requests
        server.shutdown()


@pytest.fixture
def fashion(served, monkeypatch):
    """FashionMNIST's four archives, 200 and 40 images long, to be downloaded, as where cnnlab is a wheel."""
    folder, address, requests = served
    monkeypatch.setattr(shipped, "names", lambda: ["mnist"])
    values, resources = {}, []
    for prefix, count in (("train", 200), ("t10k", 40)):
        values[prefix] = RANDOM.integers(0, 256, (count, 28, 28), np.uint8), np.arange(count, dtype=np.uint8) % 10
        for kind, content in zip(("images-idx3", "labels-idx1"), values[prefix], strict=True):
            name, archive = f"{prefix}-{kind}-ubyte.gz", idx_archive(content)
            (folder / name).write_bytes(archive)
            resources.append((name, md5(archive)))
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [address])
    monkeypatch.setattr(datasets.FashionMNIST, "resources", resources)
    return folder, requests, values


def test_fashion_mnist_is_downloaded_once_and_says_so(fashion, capsys):
    _, requests, values = fashion
    data = load_data("fashion_mnist", train=150, validation=50)
    assert f"fashion_mnist is downloaded once, into {cache_folder() / 'fashion_mnist'}\n" in capsys.readouterr().err
    assert data.classes[:2] == ("T-shirt/top", "Trouser")
    assert [len(data.train), len(data.validation), len(data.open_test())] == [150, 50, 40]
    pixels = torch.cat([data.train.pixels, data.validation.pixels]).double().mul(255).round()
    assert pixels.sum().item() == values["train"][0].sum()
    assert data.open_test().pixels.double().mul(255).round().sum().item() == values["t10k"][0].sum()
    before = len(requests)
    load_data("fashion_mnist", train=150, validation=50)
    assert len(requests) == before
    assert "downloaded" not in capsys.readouterr().err


@pytest.fixture
def colours(served, monkeypatch):
    """CIFAR-10's archive with 120 images, to be downloaded, and these images."""
    folder, address, _ = served
    images = RANDOM.integers(0, 256, (120, 3072), np.uint8)
    archive = folder / "cifar-10-python.tar.gz"
    archive.write_bytes(cifar10_archive(images))
    monkeypatch.setattr(datasets.CIFAR10, "url", address + archive.name)
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", md5(archive.read_bytes()))
    return archive, images


def test_cifar10_is_downloaded_and_has_colours(served, colours, capsys):
    _, _, requests = served
    archive, images = colours
    data = load_data("cifar10", train=80, validation=20)
    assert "cifar10 is downloaded once" in capsys.readouterr().err
    assert [path.name for path in (cache_folder() / "cifar10").rglob("*")] == [archive.name]  # nothing is unpacked
    before = len(requests)
    load_data("cifar10", train=80, validation=20)
    assert len(requests) == before
    assert data.input_shape == (3, 32, 32)
    assert data.classes[:2] == ("airplane", "automobile")
    assert data.train.images.mean((0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-5)
    red, green, blue = images[100:].reshape(20, 3, 1024).astype(int).sum((0, 2))
    assert data.open_test().pixels.double().mul(255).round().sum((0, 2, 3)).tolist() == [red, green, blue]


@pytest.mark.parametrize(
    ("name", "offline"),
    [
        ("fashion_mnist", ["mnist"]),  # as from a wheel
        ("cifar10", ["mnist"]),
        ("cifar10", ["mnist", "fashion_mnist"]),
    ],
)
def test_without_a_network_there_are_words(monkeypatch, name, offline):
    monkeypatch.setattr(shipped, "names", lambda: offline)
    with socket.socket() as closed:  # a port that nobody listens on
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [address])
        monkeypatch.setattr(datasets.CIFAR10, "url", address)
        with pytest.raises(DataError, match=rf"^no network \(.*\); {', '.join(offline)} and patterns work offline$"):
            load_data(name)


@pytest.mark.parametrize(
    ("answer", "patience", "words"), [(0.2, 60, "timed out"), (60, 0.2, "no answer in 0.2 seconds")]
)
def test_a_server_that_never_answers_counts_as_no_network(monkeypatch, answer, patience, words):
    assert downloads.ANSWER < downloads.PATIENCE < 10  # seconds, as the docstring of load_published says
    monkeypatch.setattr(downloads, "ANSWER", answer)
    monkeypatch.setattr(downloads, "PATIENCE", patience)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(datasets.CIFAR10, "url", f"http://127.0.0.1:{silent.getsockname()[1]}/x.tar.gz")
        start = time.monotonic()
        with pytest.raises(DataError, match=rf"no network \(.*: {words}\)"):
            load_data("cifar10")
    assert time.monotonic() - start < 50


def test_a_server_that_refuses_is_no_missing_network(served, monkeypatch):
    _, address, _ = served
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{address}moved.tar.gz")
    with pytest.raises(DataError, match=rf"the download of cifar10 broke off \({address}moved.tar.gz: .*404"):
        load_data("cifar10")


def test_a_server_that_refuses_only_to_be_asked_first_is_downloaded_from(fashion, monkeypatch):
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "do_HEAD", lambda self: self.send_error(405))
    assert len(load_data("fashion_mnist").train) == 180
    assert any(line.startswith("HEAD") for line in fashion[1])


@pytest.mark.usefixtures("fashion")
def test_a_full_disk_is_named(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(datasets.FashionMNIST, "download", full)
    words = rf"{re.escape(str(cache_folder()))} can't be written .*No space left.*; .*CNNLAB_CACHE"
    with pytest.raises(DataError, match=words):
        load_data("fashion_mnist")


@pytest.mark.usefixtures("fashion")
def test_a_cache_folder_that_cannot_be_made_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CNNLAB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cache can't be written \(.*\); .*CNNLAB_CACHE"):
        load_data("fashion_mnist")


def test_a_download_that_breaks_off_leaves_nothing(fashion):
    folder, _, _ = fashion
    archive = folder / "t10k-labels-idx1-ubyte.gz"
    sound = archive.read_bytes()
    archive.write_bytes(sound[:-9])
    with pytest.raises(DataError, match=r"download of fashion_mnist broke off .*; mnist and patterns work offline$"):
        load_data("fashion_mnist")
    assert [entry.name for entry in cache_folder().iterdir()] == ["fashion_mnist.lock"]
    (cache_folder() / ".fashion_mnist-killed").mkdir()  # what kill -9 leaves
    archive.write_bytes(sound)
    assert len(load_data("fashion_mnist").train) == 180
    assert sorted(entry.name for entry in cache_folder().iterdir()) == ["fashion_mnist", "fashion_mnist.lock"]


@pytest.mark.usefixtures("fashion")
@pytest.mark.parametrize("damage", ["cut", "a changed byte", "labels out of range", "fewer labels", "gone", "a folder"])
@pytest.mark.parametrize("prefix", ["train", "t10k"])
def test_a_damaged_cache_says_what_to_delete(damage, prefix):
    load_data("fashion_mnist")
    archive = cache_folder() / "fashion_mnist" / "FashionMNIST" / "raw" / f"{prefix}-labels-idx1-ubyte.gz"
    content = archive.read_bytes()
    archive.unlink()
    if damage == "a folder":
        archive.mkdir()
    elif damage != "gone":
        changed = bytearray(content)
        changed[-9] ^= 1
        archive.write_bytes(
            {
                "cut": content[:-9],
                "a changed byte": bytes(changed),
                "labels out of range": idx_archive(np.full(200 if prefix == "train" else 40, 10, np.uint8)),
                "fewer labels": idx_archive(np.zeros(30, np.uint8)),
            }[damage]
        )
    with pytest.raises(DataError, match=r"fashion_mnist is damaged .*; delete that folder to download it again"):
        load_data("fashion_mnist")


def changed_pixel(images):
    images[7, 5] ^= 1


def swapped_batches(images):
    images[:40] = np.roll(images[:40], 20, axis=0)


REPACKED = {
    "one pixel is another": lambda images: (changed_pixel(images), cifar10_files(images))[1],
    "two batches are swapped": lambda images: (swapped_batches(images), cifar10_files(images))[1],
    "fewer images": lambda images: cifar10_files(images[:114]),
    "nothing but the time it was packed": cifar10_files,
}


@pytest.mark.parametrize("change", REPACKED)
def test_an_archive_that_was_packed_again_does_not_have_the_checksum(colours, change):
    assert len(load_data("cifar10").open_test()) == 20
    archive = cache_folder() / "cifar10" / colours[0].name
    archive.write_bytes(pack(REPACKED[change](colours[1].copy()), [(tarfile.TarInfo(f"{FOLDER}/more"), b"")]))
    cifar10.read_archive(archive)  # it is a sound one
    with pytest.raises(DataError) as caught:
        load_data("cifar10")
    folder = archive.parent
    words = f"{archive} does not have its checksum; delete the folder {folder} to download it again"
    assert str(caught.value) == words


def test_a_cache_that_may_not_be_looked_into_is_named(monkeypatch):
    is_dir, folder = Path.is_dir, cache_folder() / "cifar10"

    def refuse(path):
        if path == folder:
            raise PermissionError(errno.EACCES, "Permission denied")
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", refuse)  # as of a folder in one that is shut
    with pytest.raises(DataError, match=r"can't be written \(.*Permission denied.*\); .* set CNNLAB_CACHE to another"):
        load_data("cifar10")


def test_what_torchvision_has_unpacked_is_not_read(fashion):
    """It has no checksum of that: the archives are read, as those of MNIST are."""
    load_data("fashion_mnist")
    for raw in (cache_folder() / "fashion_mnist" / "FashionMNIST" / "raw").glob("*-ubyte"):
        raw.write_bytes(raw.read_bytes()[:-1] + b"\x07")
    pixels = load_data("fashion_mnist").open_test().pixels.double().mul(255).round()
    assert pixels.sum().item() == fashion[2]["t10k"][0].sum()


def _load(mirrors, resources, cache, results):
    import os

    import filelock

    class Announced(filelock.FileLock):
        def acquire(self, *arguments, **options):
            results.put("at the lock")
            return super().acquire(*arguments, **options)

    filelock.FileLock = Announced
    shipped.names = lambda: ["mnist"]
    os.environ["CNNLAB_CACHE"] = cache
    datasets.FashionMNIST.mirrors, datasets.FashionMNIST.resources = mirrors, resources
    results.put(len(load_data("fashion_mnist").train))


def wait_until(is_so):
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_of_two_downloads_at_once_one_waits(fashion, gate):
    _, requests, _ = fashion
    gate.clear()
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    arguments = datasets.FashionMNIST.mirrors, datasets.FashionMNIST.resources, str(cache_folder()), results
    processes = [spawn.Process(target=_load, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    assert [results.get(timeout=120) for _ in processes] == ["at the lock"] * 2
    wait_until(lambda: requests)  # one has the lock, and asks the server
    gate.set()
    assert [results.get(timeout=120) for _ in processes] == [180, 180]
    for process in processes:
        process.join()
    by_two = sorted(requests)
    requests.clear()
    shutil.rmtree(cache_folder())
    load_data("fashion_mnist")
    heads = [line for line in by_two if line.startswith("HEAD")]  # each asks whether there is a network, if it must
    assert [line for line in by_two if line not in heads] == sorted(line for line in requests if line not in heads)


@pytest.mark.usefixtures("colours")
def test_a_rename_that_is_refused_for_a_moment_throws_no_download_away(monkeypatch):
    replace, refusals = os.replace, [PermissionError(13, "in use")] * 3

    def busy(*arguments):
        if refusals:
            raise refusals.pop()
        replace(*arguments)

    monkeypatch.setattr(os, "replace", busy)
    assert len(load_data("cifar10").open_test()) == 20
    assert refusals == []
