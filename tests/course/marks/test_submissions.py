"""What students hand in is found, copied and unpacked; what would do harm is refused in words."""

import errno
import os
import stat
import struct
import subprocess
import sys
import zipfile

import pytest

from cnnlab.course.marks import submissions
from cnnlab.course.marks.submissions import Submission, find_submissions
from cnnlab.course.marks.work_folder import remove, work_folder
from cnnlab.errors import ConfigError, DataError


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "in box"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def make_deep(folder, depth):
    """Make folders in folders, and a file in the last one."""
    code = (
        "import os, sys\nfor _ in range(int(sys.argv[1])):\n    os.mkdir('d')\n    os.chdir('d')\nopen('01.ipynb', 'w')"
    )
    folder.mkdir()
    subprocess.run([sys.executable, "-c", code, str(depth)], cwd=folder, check=True)


def zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return Submission(path.stem, path)


def test_folders_zips_and_notebooks_are_submissions_and_nothing_else(inbox):
    for name in ("Zoë", ".hidden", "__MACOSX", "my_course"):
        (inbox / name).mkdir()
    for name in ("ada.ipynb", "bob.zip", "Thumbs.db", "notes.txt", ".x.ipynb", "Cid.IPYNB"):
        (inbox / name).write_text("")
    assert [submission.student for submission in find_submissions(inbox)] == ["Cid", "Zoë", "ada", "bob"]


def test_a_folder_without_submissions_and_two_of_one_name_are_refused(inbox):
    with pytest.raises(ConfigError, match=r"holds no submission: no folder"):
        find_submissions(inbox)
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere; give the one"):
        find_submissions(inbox / "nowhere")
    (inbox / "ada").mkdir()
    (inbox / "ada.zip").write_text("")
    with pytest.raises(ConfigError, match=r"two submissions carry the name 'ada'"):
        find_submissions(inbox)


def test_a_folder_is_copied_without_links_records_and_copies(inbox, target):
    folder = inbox / "ada"
    for name in (
        "work/01.ipynb",
        "work/data.csv",
        ".ipynb_checkpoints/01-checkpoint.ipynb",
        "my_course/exercises.json",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "link.ipynb").symlink_to(folder / "work/01.ipynb")
    (folder / "up").symlink_to(inbox)
    assert Submission("ada", folder).unpack(target) == [target / "work/01.ipynb"]
    assert sorted(path.name for path in target.rglob("*") if path.is_file()) == ["01.ipynb", "data.csv"]


def test_a_zip_is_unpacked(inbox, target):
    submission = zipped(inbox / "bob.zip", {"a/01.ipynb": "1", "a/b/02.ipynb": "2", "__MACOSX/a/._01.ipynb": "3"})
    assert submission.unpack(target) == [target / "a/01.ipynb", target / "a/b/02.ipynb"]
    assert (target / "a/b/02.ipynb").read_text() == "2"


@pytest.mark.parametrize("name", ["../x.ipynb", "a/../../x.ipynb", "/x.ipynb", "..\\x.ipynb", "C:\\x.ipynb"])
def test_a_zip_writes_nothing_outside_of_its_folder(inbox, target, name):
    with zipfile.ZipFile(inbox / "bob.zip", "w") as archive:
        archive.writestr(name, "evil")
    with pytest.raises(DataError, match=r"bob.zip wants to write outside of its folder"):
        Submission("bob", inbox / "bob.zip").unpack(target)
    assert [path for path in inbox.parent.rglob("*") if path.is_file()] == [inbox / "bob.zip"]


def test_a_link_in_a_zip_is_left_out(inbox, target):
    link = zipfile.ZipInfo("secret.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(inbox / "bob.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("01.ipynb", "1")
    assert Submission("bob", inbox / "bob.zip").unpack(target) == [target / "01.ipynb"]


def test_a_bomb_is_refused_before_and_while_it_is_unpacked(inbox, target, monkeypatch):
    monkeypatch.setattr(submissions, "MOST_BYTES", 1000)
    bomb = zipped(inbox / "bomb.zip", {"01.ipynb": "0" * 2000})
    with pytest.raises(DataError, match=r"bomb.zip holds more than 0 MB; ask for the notebooks alone"):
        bomb.unpack(target)
    monkeypatch.setattr(submissions, "MOST_BYTES", 10**6)
    monkeypatch.setattr(submissions, "MOST_FILES", 2)
    many = zipped(inbox / "many.zip", {f"{number}.ipynb": "" for number in range(3)})
    with pytest.raises(DataError, match=r"many.zip holds 3 files; at most 2 are taken"):
        many.unpack(target)


def test_a_zip_that_lies_about_its_sizes_is_refused(inbox, target):
    liar = zipped(inbox / "liar.zip", {"01.ipynb": "0" * 5000})
    content = bytearray(liar.path.read_bytes())
    for place in [content.index(b"PK\x03\x04") + 22, content.index(b"PK\x01\x02") + 24]:
        content[place : place + 4] = (10).to_bytes(4, "little")
    liar.path.write_bytes(content)
    with pytest.raises(DataError, match=r"liar.zip can't be read"):
        liar.unpack(target)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100], ids=["empty", "short", "text"])
def test_a_damaged_zip_is_named(inbox, target, content):
    (inbox / "bob.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"bob.zip can't be read \(BadZipFile"):
        Submission("bob", inbox / "bob.zip").unpack(target)


def test_a_list_of_files_without_end_is_refused_before_it_is_read(inbox, target, monkeypatch):
    packed = zipped(inbox / "bob.zip", {"01.ipynb": "1"}).path.read_bytes()
    begin, end = packed.index(b"PK\1\2"), packed.index(b"PK\5\6")
    entries, count = packed[begin:end] * 60_000, 60_000
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries), begin, 0)
    (inbox / "bob.zip").write_bytes(packed[:begin] + entries + last)
    with zipfile.ZipFile(inbox / "bob.zip") as archive:
        assert len(archive.infolist()) == count
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(DataError, match=r"bob.zip holds (60,000|59,9\d\d) files; at most 2,000 are taken"):
        Submission("bob", inbox / "bob.zip").unpack(target)


def test_a_huge_file_is_refused_before_it_is_read(inbox, target):
    for name in ("bob.zip", "cid/data.csv"):
        (inbox / name).parent.mkdir(exist_ok=True)
        with open(inbox / name, "wb") as file:
            file.truncate(10**13)  # takes no room on the disk
    for name in ("bob.zip", "cid"):
        submission = Submission(name, inbox / name)
        for read in (submission.digest, lambda submission=submission: submission.unpack(target)):
            with pytest.raises(DataError, match=rf"{name} holds more than 200 MB; ask for the notebooks alone"):
                read()


def test_folders_in_folders_without_end_are_refused(inbox, target):
    words = "holds folders in folders, more than 50 deep"
    with pytest.raises(DataError, match=rf"bob.zip {words}"):
        zipped(inbox / "bob.zip", {"d/" * 1500 + "01.ipynb": "1"}).unpack(target)
    make_deep(inbox / "ada", 1500)
    for read in (Submission("ada", inbox / "ada").digest, lambda: Submission("ada", inbox / "ada").unpack(target)):
        with pytest.raises(DataError, match=rf"ada {words}"):
            read()
    remove(inbox / "ada")
    assert zipped(inbox / "cid.zip", {"d/" * 49 + "01.ipynb": "1"}).unpack(target)


@pytest.mark.parametrize("name", [".", "./", "a//b.txt", "a/./b.txt"])
def test_a_member_with_a_strange_name_harms_nothing(inbox, target, name):
    submission = zipped(inbox / "bob.zip", {name: "1", "01.ipynb": "1"})
    assert submission.unpack(target) == [target / "01.ipynb"]


def test_more_notebooks_than_can_be_run_are_refused(inbox, target):
    many = zipped(inbox / "bob.zip", {f"{number}.ipynb": "1" for number in range(41)})
    with pytest.raises(DataError, match=r"bob.zip holds 41 notebooks; at most 40 are run for one student"):
        many.unpack(target)


def test_a_full_disk_is_no_fault_of_the_submission(inbox, target, monkeypatch):
    (inbox / "ada").mkdir()
    (inbox / "ada/01.ipynb").write_text("1")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        Submission("ada", inbox / "ada").unpack(target)


def test_no_notebook_and_a_huge_one_are_said(inbox, target, monkeypatch):
    with pytest.raises(DataError, match=r"bob.zip holds no notebook"):
        zipped(inbox / "bob.zip", {"a.txt": ""}).unpack(target)
    monkeypatch.setattr(submissions, "NOTEBOOK_BYTES", 3)
    with pytest.raises(DataError, match=r"01.ipynb has 0 MB; a notebook may have 0"):
        zipped(inbox / "cid.zip", {"01.ipynb": "1234"}).unpack(target)


def test_the_digest_changes_with_content_and_names_alone(inbox):
    folder = inbox / "ada"
    folder.mkdir()
    (folder / "01.ipynb").write_text("1")
    submission = Submission("ada", folder)
    first = submission.digest()
    os.utime(folder / "01.ipynb", (0, 0))
    assert submission.digest() == first
    (folder / "01.ipynb").write_text("2")
    second = submission.digest()
    (folder / "01.ipynb").rename(folder / "02.ipynb")
    assert len({first, second, submission.digest()}) == 3


def test_whatever_a_notebook_has_made_of_its_folder_is_removed():
    with work_folder() as folder:
        make_deep(folder / "deep", 3000)
        (folder / "shut").mkdir()
        (folder / "shut/file").write_text("1")
        (folder / "shut").chmod(0)
    assert not folder.exists()
