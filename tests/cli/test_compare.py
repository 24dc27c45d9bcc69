"""`python -m cnnlab compare`: the verdicts are those of `compare`, the picture is drawn, an error is one sentence."""

import subprocess
import sys
import zipfile
from xml.etree import ElementTree

import pytest
from PIL import Image

from cnnlab.__main__ import main as program
from cnnlab.cli.compare import main
from cnnlab.cli.sweep import main as sweep
from cnnlab.comparison.compare import compare
from cnnlab.experiments.runs import bank, load_runs

B = "bank:experiment_b"


@pytest.fixture(scope="module")
def experiment_b():
    return load_runs(bank("experiment_b"))


def test_the_verdicts_in_a_terminal_are_those_of_compare(experiment_b):
    command = [sys.executable, "-m", "cnnlab", "compare", B, "--by", "epochs", "--metric", "validation_loss"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    expected = compare(experiment_b, by="epochs", metric="validation_loss")
    *table, floor = answer.stdout.splitlines()
    assert table == str(expected).splitlines()
    assert floor == (
        f"noise floor: two single runs of one setting differ by less than {expected.noise_floor:.4f} 95 times in 100"
    )
    rows = {line.split()[0]: line for line in table[3:]}
    assert set(rows) == {"5", "50", "100"}
    assert all(verdict in rows[str(level)] for level, verdict in expected.verdicts.items())


def test_every_option_is_an_argument_of_compare(experiment_b, capsys):
    filtered = experiment_b.filter(epochs=[5, 50], pooling="max")
    assert len(filtered) == 20
    options = "--by kernel_size --metric validation_loss --at 3 --reference 5 --where epochs=5 epochs=50 pooling=max"
    assert main([B, *options.split()]) == 0
    expected = compare(filtered, by="kernel_size", metric="validation_loss", at=3, reference=5)
    assert capsys.readouterr().out.startswith(f"{expected}\n")
    options = "--by optimizer --along learning_rate --where learning_rate=0.001"
    assert main(["bank:optimizers", *options.split()]) == 0
    assert "by optimizer (with its own learning_rate), after the last epoch, against optimizer=sgd" in (
        capsys.readouterr().out
    )
    assert main([B, "--by", "kernel_size", "--at", "best"]) == 0
    assert "at the best epoch, against kernel_size=3" in capsys.readouterr().out


def test_a_folder_and_a_zip_of_it_are_stores_too(tmp_path, capsys):
    small = "--dataset patterns --size 12 --classes 2 --train-size 64 --validation-size 32 --channels 2 --hidden 8"
    store = tmp_path / "runs"
    assert sweep([*small.split(), "--epochs", "1", "2", "--seeds", "3", "--store", str(store), "--workers", "1"]) == 0
    packed = tmp_path / "runs.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in store.glob("*.json"):
            archive.write(file, file.name)
    capsys.readouterr()
    tables = []
    for path in (store, packed):
        assert main([str(path), "--by", "epochs"]) == 0
        tables.append(capsys.readouterr().out)
    assert tables[0] == tables[1]
    assert "against epochs=1" in tables[0]


@pytest.mark.parametrize("ending", [".png", ".svg", ".pdf", ".PNG"])
def test_the_picture_is_what_its_ending_says(tmp_path, capsys, ending):
    path = tmp_path / f"picture{ending}"
    assert main([B, "--by", "pooling", "--where", "epochs=50", "--plot", str(path)]) == 0
    assert "avg" in capsys.readouterr().out
    if ending == ".svg":
        text = ElementTree.parse(path).getroot()
        title = text.find(".//{http://purl.org/dc/elements/1.1/}title")
        assert title.text == "validation_accuracy by pooling, after the last epoch, against pooling=max"
    elif ending == ".pdf":
        assert path.read_bytes().startswith(b"%PDF-")
    else:
        with Image.open(path) as picture:
            assert picture.format == "PNG"
            assert picture.width > 500
            assert len(picture.convert("RGB").getcolors(100_000)) > 10  # something is drawn


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (f"{B} --by kernel", "unknown field of Experiment 'kernel'; did you mean 'kernel_size'?"),
        (f"{B} --by kernel --reference 3", "unknown field of Experiment 'kernel'; did you mean 'kernel_size'?"),
        (f"{B} --by kernel_size --reference x", "kernel_size wants a whole number, got 'x'"),
        (f"{B} --by kernel_size --reference 7", "reference=7 is no level of kernel_size; choose from [3, 5]"),
        (f"{B} --by kernel_size --metric accuracy", "unknown metric 'accuracy'"),
        (f"{B} --by kernel_size --at end", "unknown at 'end'; choose from 'last', 'stopped', 'best'"),
        (f"{B} --by kernel_size --at 0", "at must be a whole number of 1 or more, got 0"),
        (f"{B} --by optimizer", "optimizer wants two values or more to compare, got ['adam']"),
        (f"{B} --by kernel_size --along kernel_size", "which is compared itself; leave it out"),
        (f"{B} --by kernel_size --where pooling", "--where wants FIELD=VALUE, such as pooling=max, got 'pooling'"),
        (f"{B} --by kernel_size --where pool=max", "unknown field of Experiment 'pool'; did you mean 'pooling'?"),
        (
            f"{B} --by kernel_size --where pooling=none",
            "--where pooling=none: no run here has it; pooling is max or avg",
        ),
        (f"{B} --by kernel_size --where epochs=many", "epochs wants a whole number, got 'many'"),
        (f"{B} --by kernel_size --plot a.jpg", "--plot a.jpg: the name must end in .png, .svg, .pdf; try a.png"),
        (f"{B} --by kernel_size --plot nowhere/a.png", "there is no folder nowhere; make it first"),
        (f"{B} --by kernel_size --plot TAKEN", "Is a directory"),
        ("bank:experiment_c --by pooling", "unknown part of the bank 'experiment_c'; did you mean 'experiment_b'?"),
        ("nothing --by pooling", "nothing does not exist"),
        ("FILE --by pooling", "is a file; give a folder, or a .zip of one"),
        ("EMPTY --by pooling", "there are no runs to compare"),
        (f"{B}", "the following arguments are required: --by"),
        (f"{B} --by pooling --wher epochs=5", "unrecognized arguments: --wher epochs=5"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken.png").mkdir()
    for name in ("file", "empty", "taken.png"):
        arguments = arguments.replace(name.partition(".")[0].upper(), name)
    try:
        status = main(arguments.split())
    except SystemExit as end:  # argparse's way
        status = end.code
    out, errors = capsys.readouterr()
    assert (status, out) == (2, "")
    assert words in errors
    assert errors.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"file", "empty", "taken.png"}


def test_help_explains_each_option(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    page = " ".join(capsys.readouterr().out.split())
    assert page.startswith("usage: python -m cnnlab compare STORE --by FIELD [options]")
    for words in (
        "a .zip of one, or bank:NAME for runs that come with the course",
        "--by FIELD the field to compare, such as kernel_size",
        "--metric NAME what to compare it by",
        "--at EPOCH the epoch of the metric: last; stopped,",
        "--along FIELD [FIELD ...] fields that move together",
        "--reference VALUE the value that the others are compared with (default: the first)",
        "--where FIELD=VALUE [FIELD=VALUE ...] take only these runs, such as pooling=max",
        "--plot FILE draw the comparison; the name ends in .png, .svg, .pdf",
    ):
        assert words in page


def test_the_program_knows_its_commands(capsys):
    with pytest.raises(SystemExit):
        program(["compare", "--help"])
    assert "python -m cnnlab compare STORE" in capsys.readouterr().out
    assert program(["--help"]) == 0
    assert "python -m cnnlab compare --help" in capsys.readouterr().out
    assert program(["compar"]) == 2
    words = capsys.readouterr().err
    assert words.startswith("no such command: 'compar'; there are these:\npython -m cnnlab ")
    assert "python -m cnnlab sweep --help" in words
    assert "python -m cnnlab compare --help" in words
    assert program([""]) == 2  # of a variable in a script that is empty; it is no wish for the report
    assert capsys.readouterr().err.startswith("no such command: ''; there are these:")
