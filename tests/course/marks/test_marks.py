"""A class is marked: the course's own checks count, and no submission stops the others."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import threading

import nbformat
import psutil
import pytest
from PIL import Image
from places import NOTEBOOKS
from submitted import IMPORT, NAME, notebook

from cnnlab.__main__ import main
from cnnlab.cli.marks import warning
from cnnlab.course.marks import marks as module
from cnnlab.course.marks.class_table import Marks, describe, draw_class, table
from cnnlab.course.marks.isolation import Report, namespaces, read_report, without_network
from cnnlab.course.marks.marks import mark_class, mark_one
from cnnlab.course.marks.submissions import Submission
from cnnlab.errors import ConfigError

LIMITS = {"cell_seconds": 15, "seconds": 250}  # one cell is stopped, and no other
NETWORK = "/proc/self/ns/net"  # a link that names the network of a process


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """Return student → marks of a class in which everybody hands in something else, and the folder of the table."""
    root = tmp_path_factory.mktemp("class")
    inbox, checked = root / "inbox", f'check("{NAME}", answer)'
    listener = socket.create_server(("127.0.0.1", 0))
    connected = threading.Event()
    threading.Thread(target=lambda: (listener.accept(), connected.set()), daemon=True).start()
    port = listener.getsockname()[1]
    notebook(inbox / "right.ipynb", IMPORT, "answer = 26", checked)
    notebook(inbox / "wrong/work/01.ipynb", IMPORT, "answer = 28", checked)
    notebook(inbox / "untouched.ipynb", IMPORT, f"answer = ...\n{checked}")
    notebook(inbox / "cheat.ipynb", 'def check(name, answer):\n    return "✔ Correct."', f"answer = 1\n{checked}")
    notebook(inbox / "fails.ipynb", IMPORT, "answer = 26 + nothing", checked, f'check("{NAME}", 26)')
    notebook(inbox / "dies.ipynb", IMPORT, f"answer = 26\n{checked}", "import os; os._exit(0)", "answer = 1")
    call = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=2)"
    notebook(inbox / "phones.ipynb", IMPORT, call, "while True: pass", f"answer = 26\n{checked}")
    (inbox / "damaged.ipynb").write_text("{")
    (inbox / "broken.zip").write_bytes(b"PK")
    lines = []
    made = mark_class(inbox, root / "marks.csv", **LIMITS, workers=2, say=lines.append)
    return {marks.student: marks for marks in made}, root, lines, connected


def test_each_student_gets_the_outcome_of_the_courses_own_check(marked):
    outcomes = {student: marks.outcomes.get(NAME) for student, marks in marked[0].items()}
    assert outcomes == {
        "right": "correct", "wrong": "not yet", "untouched": "not attempted", "cheat": "not yet", "fails": "correct",
        "dies": "correct", "phones": "correct", "damaged": None, "broken": None,
    }  # fmt: skip


def test_what_went_wrong_is_named(marked):
    failed = {student: marks.failed for student, marks in marked[0].items()}
    assert failed["right"] == failed["wrong"] == failed["untouched"] == failed["cheat"] == []
    assert failed["fails"] == [
        "fails.ipynb, cell c1: NameError: name 'nothing' is not defined",
        "fails.ipynb, cell c2: NameError: name 'answer' is not defined",
    ]
    assert failed["phones"][-1] == "phones.ipynb, cell c2: OutOfTime: stopped after 15 seconds"
    assert failed["dies"] == ["dies.ipynb: it ended before its last cell"]
    assert failed["damaged"][0].startswith("damaged.ipynb, cell : the file is no notebook (")
    assert failed["broken"] == ["broken.zip can't be read (BadZipFile: File is not a zip file)"]


def test_there_is_no_network_where_the_system_can_shut_it_off(marked):
    made, _, _, connected = marked
    assert made["phones"].without_network is without_network()
    assert connected.is_set() is not without_network()
    assert (len(made["phones"].failed) == 2) is without_network()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
def test_this_system_can_shut_it_off_or_says_so():
    command = [*namespaces(), sys.executable, "-c", f"import os; print(os.readlink({NETWORK!r}))"]
    inside = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert (inside != os.readlink(NETWORK)) is without_network()
    assert warning().split(";")[0].endswith("without a network" if without_network() else "can't cut it off")


def test_a_system_that_can_not_shut_it_off_says_so(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    namespaces.cache_clear()
    assert not without_network()
    assert warning().startswith("This runs the students' code, WITH a network, since this system can't cut it off;")
    namespaces.cache_clear()


def test_the_table_and_the_picture(marked):
    made, root, lines, _ = marked
    with open(root / "marks.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert len(rows) == len(lines) == 9
    assert rows["right"][NAME] == "correct"
    assert rows["broken"][NAME] == "not handed in"
    assert (rows["wrong"]["correct"], rows["wrong"]["not yet"]) == ("0", "1")
    with Image.open(root / "marks.png") as picture:
        assert picture.width > 500
    assert f"{made['right'].seconds:.1f}" == rows["right"]["seconds"]


def test_the_picture_has_the_exercise_that_most_failed_at_the_top():
    size, parameters, multiply_adds = "01-output-size", "01-parameters", "01-multiply-adds"
    ada = Marks("ada", "", {size: "correct", parameters: "not yet", multiply_adds: "not yet"})
    bob = Marks("bob", "", {size: "correct", parameters: "correct", multiply_adds: "not attempted"})
    cid = Marks("cid", "", {size: "correct", multiply_adds: "not yet"})
    (ax,) = draw_class([ada, bob, cid]).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [size, parameters, multiply_adds]  # from below
    assert not ax.yaxis_inverted()
    assert [tick for tick in ax.get_xticks() if tick % 1] == []  # no half students
    bars = {each.get_label(): [(bar.get_x(), bar.get_width()) for bar in each] for each in ax.containers}
    assert bars == {
        "correct": [(0, 3), (0, 1), (0, 0)],
        "not yet": [(3, 0), (1, 1), (0, 2)],
        "not attempted": [(3, 0), (2, 0), (2, 1)],
    }
    assert ax.get_xlabel() == "students (of 3)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(bars)


def test_it_goes_on_where_it_was_and_marks_what_has_changed(marked, monkeypatch):
    _, root, _, _ = marked
    runs = []
    monkeypatch.setattr(module, "mark_one", lambda submission, *_, **__: runs.append(submission) or Marks("", ""))
    mark_class(root / "inbox", root / "marks.csv", **LIMITS)
    assert [submission.student for submission in runs] == []
    notebook(root / "inbox/right.ipynb", IMPORT, "answer = 27")
    mark_class(root / "inbox", root / "marks.csv", **LIMITS)
    assert [submission.student for submission in runs] == ["right"]


def test_a_late_submission_other_limits_and_another_version_mark_what_they_must(tmp_path, monkeypatch):
    runs = []

    def mark(submission, digest, **_):
        runs.append(submission.student)
        return Marks(submission.student, digest)

    def again(**limits):
        runs.clear()
        mark_class(tmp_path / "inbox", tmp_path / "marks.csv", **limits)
        return list(runs)

    monkeypatch.setattr(module, "mark_one", mark)
    notebook(tmp_path / "inbox/bob.ipynb", IMPORT)
    notebook(tmp_path / "inbox/cid.ipynb", IMPORT)
    assert (again(), again()) == (["bob", "cid"], [])
    notebook(tmp_path / "inbox/ada.ipynb", IMPORT)  # the first of the alphabet comes last
    assert (again(), again()) == (["ada"], [])
    assert (again(seconds=1200), again(seconds=1200)) == (["ada", "bob", "cid"], [])
    assert (again(seconds=1200, cell_seconds=1200), again()) == (["ada", "bob", "cid"], ["ada", "bob", "cid"])
    monkeypatch.setattr("cnnlab.__version__", "9.0")
    assert (again(), again()) == (["ada", "bob", "cid"], [])
    (tmp_path / "inbox/bob.ipynb").rename(tmp_path / "inbox/bo.ipynb")  # the same content, another student
    assert (again(), again()) == (["bo"], [])


def test_a_marking_that_is_killed_goes_on_and_marks_nobody_twice(tmp_path):
    for student, answer in (("ada", 26), ("bob", 28), ("cid", "...")):
        notebook(tmp_path / f"inbox/{student}.ipynb", IMPORT, f'check("{NAME}", {answer})')
    command = [sys.executable, "-m", "cnnlab", "marks", str(tmp_path / "inbox"), "--out", str(tmp_path / "marks.csv")]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert killed.stdout.readline().startswith("ada: 1 correct")
    while not (started := psutil.Process(killed.pid).children(recursive=True)):
        assert killed.poll() is None
    killed.kill()
    killed.communicate()
    assert not without_network() or psutil.wait_procs(started, timeout=60)[1] == []
    (first,) = (tmp_path / "marks-results").iterdir()
    before = first.read_bytes()
    marked = mark_class(tmp_path / "inbox", tmp_path / "marks.csv")
    assert first.read_bytes() == before
    outcomes = {marks.student: marks.outcomes[NAME] for marks in marked}
    assert outcomes == {"ada": "correct", "bob": "not yet", "cid": "not attempted"}


def test_an_indonesian_notebook_is_marked_as_an_english_one(tmp_path):
    """Its set-up cell chooses the language, and the lines say in which folder it was."""
    cells = {cell.id: cell.source for cell in nbformat.read(NOTEBOOKS / "id/01_kernel_size.ipynb", as_version=4).cells}
    exercise = cells["exercise-output-size"]
    assert "answer = ..." in exercise
    path = tmp_path / "inbox" / "sari" / "notebooks" / "id" / "01_kernel_size.ipynb"
    notebook(
        path, cells["setup"], IMPORT, exercise.replace("...", "26"), "assert os.environ['CNNLAB_LANGUAGE'] == 'en'"
    )
    (sari,) = mark_class(tmp_path / "inbox", tmp_path / "marks.csv")
    assert (sari.student, sari.outcomes[NAME]) == ("sari", "correct")
    (failed,) = sari.failed
    assert failed.startswith("notebooks/id/01_kernel_size.ipynb, cell c3: AssertionError")


def test_a_submission_that_the_system_refuses_does_not_stop_the_others(tmp_path, monkeypatch):
    for student in ("ada", "bob", "cid"):
        notebook(tmp_path / f"inbox/{student}.ipynb", IMPORT)

    def mark(submission, digest, **_):
        if submission.student == "ada":
            raise OSError(28, "No space left on device")
        if submission.student == "cid":
            raise RecursionError
        return Marks(submission.student, digest)

    monkeypatch.setattr(module, "mark_one", mark)
    ada, bob, cid = mark_class(tmp_path / "inbox", tmp_path / "marks.csv")
    assert cid.failed == ["it could not be marked ()"]
    assert (ada.failed, bob.failed) == (["it could not be marked ([Errno 28] No space left on device)"], [])
    kept = [json.loads(path.read_bytes()) for path in (tmp_path / "marks-results").iterdir()]
    assert [marks["student"] for marks in kept] == ["bob"]  # the others are marked anew


def test_a_damaged_result_is_marked_again(tmp_path, monkeypatch):
    notebook(tmp_path / "inbox/ada.ipynb", IMPORT)
    runs = []
    monkeypatch.setattr(module, "mark_one", lambda _, digest, **__: runs.append(1) or Marks("ada", digest))
    for content in (None, b"{", b"[]", json.dumps({"student": "ada", "digest": "0"}).encode()):
        if content is not None:
            (kept,) = (tmp_path / "marks-results").iterdir()
            kept.write_bytes(content)
        mark_class(tmp_path / "inbox", tmp_path / "marks.csv")
    assert len(runs) == 4


def test_a_report_that_was_cut_counts_as_far_as_it_goes():
    report = read_report('{"exercise": "a", "outcome": "correct", "message": ""}\n[]\n{"cell": "c"}\n{"exerc')
    assert report.outcomes == {"a": ("correct", "")}
    assert report.stopped == "it ended before its last cell"
    assert read_report('{"finished": true}').stopped == ""


def test_a_report_that_a_notebook_has_forged_stops_nothing():
    deep, long = "[" * 10**5, '{"exercise": ' + "9" * 10_000 + "}"
    assert read_report(f'{deep}\n{long}\n{{"finished": true}}').stopped == ""


def test_letters_that_no_file_holds_and_that_steer_a_terminal_are_left_out(tmp_path, monkeypatch):
    strange = "\ud800 \x1b[2J\r\n\u202e"
    notebook(tmp_path / "inbox/a.ipynb", IMPORT)
    monkeypatch.setattr(module, "mark_one", lambda _, digest, **__: Marks("a", digest, failed=[strange * 10_000]))
    lines = []
    mark_class(tmp_path / "inbox", tmp_path / "marks.csv", say=lines.append)
    assert all(map(str.isprintable, lines))
    with open(tmp_path / "marks.csv", encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["failed"].startswith("   [2J")
    assert len(row["failed"]) == 30_000


def test_marks_that_can_not_be_kept_are_in_the_table(tmp_path, monkeypatch):
    notebook(tmp_path / "inbox/ada.ipynb", IMPORT)
    monkeypatch.setattr(module, "mark_one", lambda _, digest, **__: Marks("ada", digest, {NAME: "correct"}))
    (tmp_path / "marks-results" / module._file_name("ada")).mkdir(parents=True)  # so that nothing can be written there
    (ada,) = mark_class(tmp_path / "inbox", tmp_path / "marks.csv")
    assert ada.outcomes == {NAME: "correct"}
    assert ada.failed[0].startswith("its marks could not be kept (")


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_the_best_of_two_notebooks_counts(tmp_path, monkeypatch, names):
    done, kept = ({NAME: (state, state.title())} for state in ("correct", "not yet"))
    started = {NAME: ("not attempted", ""), "01-parameters": ("not yet", "Bias?"), "01-gone": ("unknown", "")}
    for better, worse, best in ((done, kept, "correct"), (kept, started, "not yet"), (done, started, "correct")):
        reports = dict(zip(names, (Report(better, seconds=2.0), Report(worse, {"c1": "OSError"}, 3.0)), strict=True))
        monkeypatch.setattr(module, "run_apart", lambda path, reports=reports, **_: reports[path.stem])
        for name in names:
            notebook(tmp_path / f"ada/{name}.ipynb", IMPORT)
        marks = mark_one(Submission("ada", tmp_path / "ada"), "", seconds=1, cell_seconds=1)
        others = {} if worse is kept else {"01-parameters": "not yet"}
        assert marks.outcomes == {NAME: best, **others}
        assert marks.messages[NAME] == best.title()
        assert (marks.seconds, marks.failed) == (5.0, [f"{names[1]}.ipynb, cell c1: OSError"])


def test_the_table_is_text_and_its_place_is_checked(tmp_path):
    marks = Marks("+1", "", {NAME: "correct"}, failed=["=1, cell"])
    rows = list(csv.reader(table([marks]).splitlines()))
    assert rows[1] == ["'+1", "1", "0", "0", "0.0", "no", "'=1, cell", "correct"]
    with pytest.raises(ConfigError, match=r"out must end in .csv, got 'marks.txt'; try marks.csv"):
        mark_class(tmp_path, "marks.txt")
    with pytest.raises(ConfigError, match=r"there is no folder .*; make it first"):
        mark_class(tmp_path, tmp_path / "no/marks.csv")


@pytest.mark.parametrize(
    ("failed", "end"), [(["c0: A"], "; 1 problem: c0: A"), (["c0: A", "c1: B"], "; 2 problems, the first: c0: A")]
)
def test_the_problems_of_a_student_are_counted_in_her_line(failed, end):
    marks = Marks("ada", "", {NAME: "correct"}, failed=failed, seconds=1, without_network=True)
    assert describe(marks) == f"1 correct, 0 not yet, 0 not attempted; 1 s{end}"


def test_the_command(tmp_path, capsys, monkeypatch):
    assert main(["marks", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    notebook(tmp_path / "inbox/ada.ipynb", IMPORT)
    made = Marks("ada", "", {NAME: "correct"}, seconds=1, without_network=True)
    monkeypatch.setattr(module, "mark_one", lambda *_, **__: made)
    monkeypatch.chdir(tmp_path)
    assert main(["marks", "inbox"]) == 0
    said = capsys.readouterr()
    assert said.out == "ada: 1 correct, 0 not yet, 0 not attempted; 1 s\n1 submission marked: marks.csv\n"
    assert said.err.startswith("This runs the students' code, with")
    made.failed.append("x")
    assert main(["marks", "inbox", "--out", "other.csv"]) == 1
