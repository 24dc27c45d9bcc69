"""`python -m cnnlab sweep`: every field is an option, the same call goes on, and a bad value is one sentence."""

import subprocess
import sys

import pytest

import cnnlab.experiments.sweep
from cnnlab.cli.sweep import main, parser
from cnnlab.experiments.experiment import FIELDS, Experiment
from cnnlab.experiments.runs import load_runs
from cnnlab.experiments.sweep import train_record

SMALL = (
    "--dataset patterns --size 12 --classes 2 --train-size 64 --validation-size 32 --channels 2 --hidden 8 --epochs 1"
)
ISSUE = "--dataset patterns --train-size 100 --kernel-size 3 5 --pooling max avg --optimizer adam --epochs 1 --seeds 2"
ISSUE += " --size 12 --validation-size 50 --channels 2 --hidden 8"
WORDS = {  # for each field: what is typed, and what it becomes
    "dataset": ("cifar10", "cifar10"), "structure": ("mark", "mark"), "scale": ("4", 4), "noise": ("0.5", 0.5),
    "classes": ("3", 3), "size": ("16", 16), "folder": ("my pictures", "my pictures"), "grey": ("False", False),
    "balanced": ("true", True), "fingerprint": ("0123456789abcdef", "0123456789abcdef"),
    "train_size": ("500", 500), "validation_size": ("none", None), "data_seed": ("2", 2), "kernel_size": ("5", 5),
    "pooling": ("avg", "avg"), "channels": ("4,8", (4, 8)), "convs_per_block": ("2", 2), "hidden": ("9", 9),
    "padding": ("valid", "valid"), "dropout": ("0.5", 0.5), "epochs": ("3", 3), "optimizer": ("sgd", "sgd"),
    "learning_rate": ("1e-2", 0.01), "momentum": ("0.9", 0.9), "weight_decay": ("0.1", 0.1), "batch_size": ("8", 8),
    "patience": ("2", 2), "min_delta": ("0.1", 0.1), "seed": ("7", 7),
}  # fmt: skip


@pytest.fixture
def trained(monkeypatch):
    """How many runs were really trained."""
    done = []
    monkeypatch.setattr(
        cnnlab.experiments.sweep, "train_record", lambda payload: done.append(1) or train_record(payload)
    )
    return done


def test_every_field_is_an_option():
    assert set(WORDS) == set(FIELDS)
    for name, (word, value) in WORDS.items():
        option = f"--{name.replace('_', '-')}"
        given = vars(parser().parse_args([option, word, word]))
        assert given[name] == [value, value]
        assert type(given[name][0]) is type(value)
        assert {other for other, values in given.items() if values is not None} == {name}
        assert option in parser().format_help()


def test_the_issues_command_line_in_a_terminal(tmp_path):
    command = [sys.executable, "-m", "cnnlab", "sweep", *ISSUE.split(), "--store", "runs/a", "--workers", "1"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    count, header, first, second, third, fourth = answer.stdout.splitlines()  # a pipe sees no progress
    assert count == "8 runs"
    assert header.split()[:4] == ["kernel_size", "pooling", "seeds", "validation_accuracy"]
    assert [line.split()[:3] for line in (first, second, third, fourth)] == [
        ["3", "max", "2"], ["3", "avg", "2"], ["5", "max", "2"], ["5", "avg", "2"]
    ]  # fmt: skip
    runs = load_runs(tmp_path / "runs" / "a")
    assert len(runs) == 8
    mean = sum(run.history.last("validation_accuracy") for run in runs.filter(kernel_size=5, pooling="avg")) / 2
    assert float(fourth.split()[3]) == pytest.approx(mean, abs=1e-4)


def test_the_same_command_goes_on(trained, tmp_path, capsys):
    store = ["--store", str(tmp_path / "runs"), "--workers", "1"]
    assert main([*SMALL.split(), "--batch-size", "32", "--seeds", "2", *store]) == 0
    assert len(trained) == 2
    first = capsys.readouterr().out.splitlines()[-2:]
    assert main([*SMALL.split(), "--batch-size", "32", "--seeds", "2", *store]) == 0
    assert len(trained) == 2
    assert capsys.readouterr().out.splitlines()[-2:] == first
    assert main([*SMALL.split(), "--batch-size", "32", "--seed", "0", "1", "4", *store]) == 0
    assert len(trained) == 3


def test_the_weights_of_the_last_epoch_are_kept_where_it_is_asked(tmp_path):
    store = tmp_path / "runs"
    assert main([*SMALL.split(), "--store", str(store), "--keep-weights"]) == 0
    (run,) = load_runs(store)
    assert run.snapshots == (1,)
    assert main([*SMALL.split(), "--seed", "1", "--store", str(store)]) == 0
    assert load_runs(store).one(seed=1).snapshots == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--kernel-size 4", "kernel_size must be an odd whole number of 1 or more, got 4; try 3 or 5"),
        ("--kernel-size 3 x", "kernel_size wants a whole number, got 'x'"),
        ("--channels 4,y", "channels wants whole numbers with commas, such as 16,32, got '4,y'"),
        ("--grey maybe", "grey wants true or false, got 'maybe'"),
        ("--noise much", "noise wants a number, got 'much'"),
        ("--epochs none", "epochs wants a whole number, got 'none'"),
        ("--optimizer adamm", "unknown optimizer 'adamm'; did you mean 'adam'"),
        ("--kernal-size 3", "--kernal-size"),
        ("--epoch 3", "--epoch"),
        ("--seeds 0", "seeds must be a whole number of 1 or more, got 0"),
        ("--seeds 2 --seed 1", "--seeds is short for --seed"),
        ("--workers 0", "workers must be a whole number of 1 or more, got 0"),
        ("--momentum 0.5", "momentum=0.5 is for 'sgd' and 'rmsprop'"),
        ("--store FILE", "is a file; give a folder"),
        ("--store FILE/below", "can't be read, written or locked"),
    ],
)
def test_a_bad_value_is_one_sentence_and_status_2(trained, tmp_path, capsys, arguments, words):
    (tmp_path / "file").write_text("mine")
    arguments = [word.replace("FILE", str(tmp_path / "file")) for word in arguments.split()]
    try:
        status = main(arguments)
    except SystemExit as end:  # argparse's way
        status = end.code
    out, errors = capsys.readouterr()
    assert status == 2
    assert words in errors
    assert errors.count("\n") == 1
    assert (out, trained) == ("", [])


@pytest.mark.filterwarnings("default")
def test_failures_are_said_and_give_status_1(capsys):
    arguments = ["--dataset", "images", "--folder", "nowhere at all", "--workers", "1"]
    assert main(arguments) == 1
    out, errors = capsys.readouterr()
    assert errors.startswith("1 of 1 runs failed")
    assert "nowhere at all is not a folder" in errors
    assert errors.count("\n") == 1
    assert out.splitlines()[-1].split("\r")[-1].strip() == "0 runs, 1 failed"


def test_help_says_what_each_option_means_and_takes(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    page = " ".join(capsys.readouterr().out.split())
    for words in (
        "--kernel-size N [N ...] side of each kernel in pixels: odd, 1 to 11; default: 3",
        "--pooling max|avg|none [max|avg|none ...] how each block halves its maps; default: max",
        "--channels N,N [N,N ...] kernels of each block: one to four widths; default: 16,32",
        "--train-size N [N ...] training images, the same number of each class; default: none (all)",
        "0.05 for sgd, 0.001 otherwise; default: none (usual)",
        "--seeds N",
    ):
        assert words in page
    assert all(known.description in page for known in FIELDS.values())
    assert Experiment().channels == (16, 32)
