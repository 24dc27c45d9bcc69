"""The lab report: its numbers are those of the runs, it is one page that loads nothing, and no part is left empty."""

import base64
import io
import itertools
import re
import statistics

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from made_runs import bare_loop, made, unvalidated
from matplotlib.text import Text
from PIL import Image
from scipy import stats
from tiny_sweeps import MISSING_PICTURES, TINY, quiet

from cnnlab.__main__ import main as program
from cnnlab.course.lab_report import inside_pictures
from cnnlab.course.lab_report.report import lab_report
from cnnlab.course.lab_report.tables import metrics_table
from cnnlab.errors import ConfigError
from cnnlab.experiments.exam import Exam
from cnnlab.experiments.run import run
from cnnlab.experiments.runs import Failure, Runs, bank, load_runs
from cnnlab.experiments.sweep import grid
from cnnlab.model.evaluation import MeanScore
from cnnlab.plots.maps import plot_maps
from cnnlab.plots.style import LETTERS
from cnnlab.progress_line import StepProgress


def report_of(runs, folder, **options):
    """Return what lab_report returns, and the page as BeautifulSoup."""
    made_report = lab_report(runs, folder / "report.html", progress=False, **options)
    return made_report, BeautifulSoup(made_report.path.read_text(encoding="utf-8"), "html.parser")


def table(page, caption):
    """Return the rows of the table whose caption begins so, each as heading → cell."""
    (found,) = [each for each in page.find_all("table") if each.caption.text.startswith(caption)]
    headings = [cell.text for cell in found.thead.find_all("th")]
    rows = [[cell.text for cell in row.find_all(["th", "td"])] for row in found.tbody.find_all("tr")]
    assert all(len(row) == len(headings) for row in rows)
    return [dict(zip(headings, row, strict=True)) for row in rows]


def value(cell):
    """Return the number that a cell shows; of mean ± spread the mean."""
    return float(cell.split(" ± ")[0].replace("−", "-"))


def form_of(word):
    """Return the format in which a number is written."""
    return f".{len(word.split('e')[0].partition('.')[2])}{'e' if 'e' in word else 'f'}"


def is_shown(cell, mean, spread):
    """Return whether the cell shows the mean ± the spread, both to the digits that it has."""
    shown_mean, _, shown_spread = cell.replace("−", "-").partition(" ± ")
    if not shown_spread:
        return spread == 0 and float(shown_mean) == pytest.approx(mean, rel=1e-3)
    return (format(mean, form_of(shown_mean)), format(spread, form_of(shown_spread))) == (shown_mean, shown_spread)


def section(page, title):
    (found,) = [each for each in page.find_all("section") if each.h2.text == title]
    return found


@pytest.fixture(scope="module")
def small_b():
    """A part of experiment B: two kernels, two lengths, three seeds, with weights and numbers from inside."""
    return load_runs(bank("experiment_b")).filter(pooling="avg", epochs=[5, 50], seed=range(3))


@pytest.fixture(scope="module")
def said_b():
    """What the line of progress says while page_b is written: words, and the share that is done."""
    return []


@pytest.fixture(scope="module")
def page_b(small_b, said_b, tmp_path_factory):
    exam = Exam(MeanScore(0.25, 0.01, 0.95, 0.004, 2000), MeanScore(0.3, 0.02, 0.94, 0.005, 1000), is_stored=True)
    answers = {"loss": "At epoch **9**.", "kernel_size": "Nothing.", "conclusion": "<script>alert(1)</script> $x$"}
    title, author = "Mine <img src=x onerror=alert(1)>", "Ada <script>alert(2)</script> & Co"
    folder = tmp_path_factory.mktemp("a new folder") / "of reports"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StepProgress, "begin", lambda self, words: said_b.append((words, self.line.n / self.line.total)))
        return report_of(small_b, folder, title=title, author=author, answers=answers, exam=exam)


@pytest.mark.usefixtures("page_b")
def test_the_line_says_what_is_written_before_it_is(said_b):
    parts = [words.removeprefix("lab report: ") for words, _ in said_b]
    sections = ["the experiment", "the network", "all settings", "curves", "which differences are real", "the map",
                "convergence, fluctuation and the gap", "early stopping", "the best setting", "the exam",
                "numbers from inside", "inside the networks", "the code", "the conclusion"]  # fmt: skip
    assert [part for part in parts if part in sections] == sections
    at = parts.index("curves")
    assert parts[at : at + 3] == ["curves", "curves, picture 1 of 1", "curves, picture 1 of 1"]  # of loss, of accuracy
    at = parts.index("inside the networks")
    networks = [f"network {number} of 4" for number in (1, 2, 3, 4)]  # two kernels, two lengths
    expected = ["images and weights", *networks, "picture 1 of 2", "picture 2 of 2"]
    assert parts[at + 1 : at + 8] == [f"inside the networks, {part}" for part in expected]
    shares = [share for _, share in said_b]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)


# --- Numbers


def test_the_table_of_settings_has_the_means_of_the_runs_own_curves(page_b, small_b):
    rows = table(page_b[1], "All 4 settings")
    assert len(rows) == 4
    for row in rows:
        runs = small_b.filter(kernel_size=int(row["kernel_size"]), epochs=int(row["epochs"]))
        assert row["seeds"] == str(len(runs)) == "3"
        for metric in ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"):
            values = [each.history.rows[-1][metric] for each in runs]
            assert is_shown(row[metric.replace("_", " ")], statistics.fmean(values), statistics.stdev(values))


def test_what_was_varied_and_held_is_what_the_experiments_say(page_b):
    varied = {row["field"]: row["values"] for row in table(page_b[1], "What was varied")}
    assert varied == {"kernel_size": "3, 5", "epochs": "5, 50", "seed": "0, 1, 2"}
    held = {row["field"]: row["value"] for row in table(page_b[1], "What was held")}
    assert (held["pooling"], held["train_size"], held["channels"]) == ("avg", "5000", "(8, 16)")
    assert not held.keys() & varied.keys()


def test_a_verdict_is_the_paired_interval_of_the_runs(page_b, small_b):
    (row,) = [row for row in table(page_b[1], "kernel_size: the numbers") if row["number"] == "validation_accuracy"]

    def of_seed(kernel, seed):
        return statistics.fmean(
            each.history.rows[-1]["validation_accuracy"] for each in small_b.filter(kernel_size=kernel, seed=seed)
        )

    differences = [of_seed(5, seed) - of_seed(3, seed) for seed in range(3)]
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (row["level"], row["against"]) == ("kernel_size 5", "3")
    assert value(row["difference"]) == pytest.approx(statistics.fmean(differences), rel=0.01)
    low, high = (value(cell) for cell in row["interval"].split(" to "))
    assert (low, high) == (pytest.approx(interval.low, rel=0.01), pytest.approx(interval.high, rel=0.01))
    assert row["verdict"] == ("better" if low > 0 else "worse" if high < 0 else "cannot tell")


def test_the_best_settings_are_those_with_the_lowest_mean_loss(page_b, small_b):
    for metric in ("train_loss", "validation_loss"):
        rows = table(page_b[1], f"Best by {metric.replace('_', ' ')}")
        means = {
            (kernel, epochs): statistics.fmean(
                each.history.rows[-1][metric] for each in small_b.filter(kernel_size=kernel, epochs=epochs)
            )
            for kernel in (3, 5) for epochs in (5, 50)
        }  # fmt: skip
        assert [(int(row["kernel_size"]), int(row["epochs"])) for row in rows] == sorted(means, key=means.get)
        assert value(rows[0]["mean"]) == pytest.approx(min(means.values()), rel=0.001)


def test_convergence_fluctuation_and_gap_are_those_of_the_longest_runs(page_b, small_b):
    longest = small_b.filter(epochs=50, kernel_size=3)
    (caption,) = re.findall(r"validation accuracy of (0\.\d+) or more", page_b[1].text)
    target = float(caption)
    reached = [
        next(row["epoch"] for row in each.history.rows if row["validation_accuracy"] >= target) for each in longest
    ]
    (row,) = [row for row in table(page_b[1], "speed") if row["number"] == f"epochs_to_reach:{target:g}"]
    assert value(row["its mean"]) == pytest.approx(statistics.fmean(reached), rel=0.001)
    changes = []
    for each in longest:
        half = [row["train_loss"] for row in each.history.rows][25:]
        changes.append(np.median(np.abs(np.diff(np.log(half)))))
    (row,) = [row for row in table(page_b[1], "fluctuation") if row["number"] == "fluctuation"]
    assert value(row["its mean"]) == pytest.approx(np.mean(changes), rel=0.001)
    gaps = [each.history.rows[-1]["validation_loss"] - each.history.rows[-1]["train_loss"]
            for each in small_b.filter(kernel_size=3)]  # fmt: skip
    (row,) = [row for row in table(page_b[1], "gap") if (row["level"], row["against"]) == ("kernel_size 5", "3")]
    assert value(row["its mean"]) == pytest.approx(np.mean(gaps), rel=0.001)


def test_early_stopping_is_replayed_by_the_rule_and_judged(page_b, small_b):
    rows = table(page_b[1], "Early stopping with patience=10")
    longest = small_b.filter(epochs=50, kernel_size=5)
    stops = [bare_loop([row["validation_loss"] for row in each.history.rows], 50, 10, 0.0)[0] for each in longest]
    (row,) = [row for row in rows if row["setting"] == "kernel_size 5"]
    assert value(row["stops in epoch"]) == round(statistics.fmean(stops), 1)
    (price,) = table(page_b[1], "The price of early stopping")
    assert (price["level"], price["against"]) == ("patience 10", "None")
    assert price["verdict"] in ("better", "worse", "cannot tell")


def test_the_exam_the_environment_and_the_layers_stand_there_as_they_are(page_b, small_b):
    rows = table(page_b[1], "The exam")
    assert [(row["images"], row["loss"], row["accuracy"]) for row in rows] == [
        ("validation", "0.250 ± 0.010", "0.9500 ± 0.0040"), ("test", "0.300 ± 0.020", "0.9400 ± 0.0050"),
    ]  # fmt: skip
    environment = {row["what"]: row["value"] for row in table(page_b[1], "Where the networks")}
    assert environment == {name: str(word) for name, word in small_b[0].history.environment.items()}
    layers = table(page_b[1], "The network, layer by layer")
    model = small_b[0].model()
    assert layers[-1]["parameters"] == f"{sum(values.numel() for values in model.parameters()):,}"
    assert [row["layer"] for row in layers[:-1]] == [name for name, _ in model.named_children()]


# --- The page


def test_every_picture_is_in_the_page_with_words_of_its_own_and_nothing_is_loaded(page_b):
    report, page = page_b
    pictures = page.find_all("img")
    assert len(pictures) == report.pictures >= 15
    assert all(len(picture["alt"]) > 15 for picture in pictures)
    for picture in pictures:
        kind, _, content = picture["src"].partition(",")
        assert kind == "data:image/png;base64"
        pixels = Image.open(io.BytesIO(base64.b64decode(content)))
        assert int(picture["width"]) / int(picture["height"]) == pytest.approx(pixels.width / pixels.height, rel=0.02)
        assert len(np.unique(pixels.convert("L"))) > 3  # not empty
    assert not page.find_all(["script", "link", "iframe", "object", "embed", "video", "audio", "base", "form"])
    for tag in page.find_all(True):
        assert not [name for name in tag.attrs if name.startswith("on") or name in ("srcset", "poster", "action")]
        assert tag.get("src", "data:").startswith("data:")
        assert tag.get("href", "#").startswith("#")
    assert not re.search(r"url\(|@import|http", page.style.text)
    assert page.html["lang"] == "en"
    assert page.meta["charset"] == "utf-8"


def test_headings_leave_out_no_level_and_links_lead_somewhere(page_b):
    _, page = page_b
    levels = [int(tag.name[1]) for tag in page.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(set(ids)) == len(ids)
    assert {link["href"][1:] for link in page.find_all("a")} <= set(ids)
    assert all(each.find("th", scope="col") and each.find("th", scope="row") for each in page.find_all("table"))


def test_under_every_picture_stands_a_question_with_a_place_for_the_answer(page_b):
    report, page = page_b
    for figure in page.find_all("figure"):
        assert figure.find_next("div", class_="question") in figure.parent.find_all("div", class_="question")
    questions = page.find_all("div", class_="question")
    assert [each["id"].removeprefix("question-") for each in questions] == list(report.questions)
    assert [each.h3.text for each in questions] == list(report.questions.values())
    answered = {each["id"].removeprefix("question-"): each.find(class_="answer") for each in questions}
    assert {key for key, words in answered.items() if words} == {"loss", "kernel_size", "conclusion"}
    assert answered["loss"].strong.text == "9"


def test_open_questions_are_counted_at_its_head_and_named(page_b):
    report, page = page_b
    assert len(report.open) == len(report.questions) - 3
    assert f"{len(report.open)} of {len(report.questions)} questions are not answered yet" in page.header.text
    assert repr(report).splitlines()[0] == (
        f"report.html: {report.pictures} pictures, {len(report.questions)} questions, 3 answered"
    )
    assert repr(report).splitlines()[1] == f"  {report.open[0]}: {report.questions[report.open[0]]}"


def test_html_in_title_author_and_answers_is_shown_as_text(page_b):
    _, page = page_b
    assert page.h1.text == "Mine <img src=x onerror=alert(1)>"
    assert page.title.text == page.h1.text
    assert page.find(class_="byline").text.startswith("Ada <script>alert(2)</script> & Co · ")
    assert page.find(id="question-conclusion").find(class_="answer").text.strip() == "<script>alert(1)</script> $x$"


def test_curves_verdicts_and_map_have_their_pictures(page_b, small_b):
    report, page = page_b
    verdicts = section(page, "Which differences are real")
    for field in ("kernel_size", "epochs"):
        (figure,) = [each for each in verdicts.find_all("figure") if each.figcaption.text.startswith(f"{field}. Left")]
        assert len(figure.find_all("img")) == 1
        assert field in figure.img["alt"]
    maps = section(page, "The map of all settings").find_all("img")
    assert len(maps) == 2
    for image, metric in zip(maps, ("validation_accuracy", "validation_loss"), strict=True):
        settings = [small_b.filter(kernel_size=kernel, epochs=epochs) for kernel in (3, 5) for epochs in (5, 50)]
        means = [statistics.fmean(each.history.rows[-1][metric] for each in runs) for runs in settings]
        low, high = re.search(r"lowest ([\d.]+) at .* highest ([\d.]+) at", image["alt"]).groups()
        assert (float(low), float(high)) == pytest.approx((min(means), max(means)), abs=0.001)
    for key, metric in (("loss", "training"), ("accuracy", "validation")):
        figure = page.find(id=f"question-{key}").find_previous("figure")
        assert metric in figure.figcaption.text
        assert len(figure.find_all("img")) == 1
    assert report.path.stat().st_size < 2_000_000  # four settings; 8 MB is the most for a whole experiment


def test_the_insides_of_the_networks_are_there(page_b):
    _, page = page_b
    inside = section(page, "Inside the networks")
    assert len(inside.find_all("img")) == 7  # activations and weights of two settings, and three others
    keys = ["activations", "pools", "gradients", "weights", "saliency"]
    assert [each["id"] for each in inside.find_all("div", class_="question")] == [f"question-{key}" for key in keys]
    pools = table(page, "What each pool does")
    assert {row["kind"] for row in pools} == {"AvgPool2d"}
    assert len(pools) == 8  # two kernels, two lengths, two pools
    assert section(page, "Numbers from inside").img


def test_her_own_figures_and_settings_stay_as_they_are(tmp_path):
    figure = plt.figure()
    with plt.rc_context({"figure.dpi": 37}):
        report_of([made([0.2, 0.5], epochs=2)], tmp_path)
        assert plt.rcParams["figure.dpi"] == 37
    assert plt.get_fignums() == [figure.number]


# --- Small and odd stores


def words_of(page):
    return " ".join(page.text.split())


def nothing_is_empty(page):
    """Each section has words, a table or a picture besides its heading and its questions."""
    for each in page.find_all("section"):
        shown = each.find_all(["p", "table", "img", "pre", "h3"])
        assert shown, each.h2.text
    assert [each.caption.text for each in page.find_all("table") if not each.tbody.find("tr")] == []


def test_one_run_with_one_seed(tmp_path):
    only = run(TINY, progress=False)
    report, page = report_of([only], tmp_path)
    nothing_is_empty(page)
    words = words_of(page)
    assert "Nothing was varied but the seed" in words
    assert "There is a setting with 1 seed. A verdict needs 3 or more" in words
    assert "No weights were kept: sweep(…, snapshots=(0, 5))" in words
    assert "No numbers from inside were recorded: sweep(…, insides=True)" in words
    assert "The test images were not opened for this report" in words
    assert "1 run, 1 setting, 1 seed" in page.find(class_="byline").text
    assert report.pictures == len(page.find_all("img")) >= 2


def test_one_setting_with_several_seeds_shows_the_noise_floor(tmp_path):
    _, page = report_of([made([0.2, 0.5 + 0.01 * seed], epochs=2, seed=seed) for seed in range(4)], tmp_path)
    assert "There is nothing to compare: the runs differ in the seed alone" in words_of(page)
    assert page.find(id="question-noise")


def test_diverged_interrupted_and_unvalidated_runs(tmp_path):
    diverged = [made([0.3, 0.1], stopped_by="diverged", learning_rate=9.0, seed=seed, epochs=3) for seed in range(3)]
    good = [made([0.3, 0.6, 0.7 + 0.01 * seed], learning_rate=0.1, seed=seed, epochs=3) for seed in range(3)]
    _, page = report_of([*diverged, *good, made([0.5], stopped_by="interrupt", epochs=3)], tmp_path)
    nothing_is_empty(page)
    ended = {row["how"]: row["runs"] for row in table(page, "How the trainings ended")}
    assert ended == {"diverged: the loss was no number any more": "3", "trained all epochs": "3", "interrupted": "1"}
    assert "diverged" in words_of(section(page, "Which differences are real"))
    _, page = report_of([unvalidated(0.5, seed=seed) for seed in range(2)], tmp_path)
    nothing_is_empty(page)
    assert "these runs have no validation images to be judged by" in words_of(page)
    _, page = report_of([made([], stopped_by="diverged")], tmp_path)
    nothing_is_empty(page)
    assert "No run has a finished epoch, so there are no curves." in words_of(page)


def test_runs_that_were_stopped_early(tmp_path):
    runs = quiet(grid(TINY.replace(epochs=6, patience=1), kernel_size=[3, 5], seed=range(3)))
    _, page = report_of(runs, tmp_path)
    nothing_is_empty(page)
    rows = table(page, "Trained with patience")
    for row in rows:
        of_setting = [each for each in runs if f"kernel_size {each.experiment.kernel_size}" == row["setting"]]
        assert value(row["epochs trained"]) == round(statistics.fmean(len(each.history) for each in of_setting), 1)
    assert "All had patience when they were trained" in words_of(page)


def test_fields_that_move_together_are_named_and_unlike_runs_are_taken(tmp_path):
    runs = [
        made(
            [0.2, 0.5 + bonus + 0.01 * seed * (1 + 9 * bonus)], optimizer=name, learning_rate=rate, seed=seed, epochs=2
        )
        for name, rate, bonus in (("sgd", 0.3, 0.0), ("adam", 0.01, 0.1))
        for seed in range(3)
    ]
    _, page = report_of(runs, tmp_path)
    varied = {row["field"]: row["what moved along with it"] for row in table(page, "What was varied")}
    assert varied == {"optimizer": "learning_rate", "seed": "nothing"}
    assert "learning_rate moved along: how could the two be kept apart?" in page.find(id="question-optimizer").text
    unlike = [
        made(0.5, kernel_size=3),
        made(0.6, kernel_size=5, pooling="avg", seed=4),
        made(0.7, channels=(4,), seed=2),
        made(0.4, dropout=0.5),
        made(0.4, dataset="patterns", structure="mark", seed=1),
    ]
    _, page = report_of(unlike, tmp_path)
    nothing_is_empty(page)
    assert "Each data set is judged by itself" in words_of(page)


def test_two_data_sets_are_judged_apart(tmp_path):
    runs = [
        made([0.2, 0.5 + 0.01 * kernel * (sign + seed)], dataset=name, kernel_size=kernel, seed=seed, epochs=2)
        for name, sign in (("mnist", 1), ("fashion_mnist", -3))
        for kernel in (3, 5)
        for seed in range(3)
    ]
    _, page = report_of(runs, tmp_path)
    rows = [row for row in table(page, "kernel_size: the numbers") if row["number"] == "validation_accuracy"]
    assert {row["data"]: value(row["difference"]) for row in rows} == {"mnist": 0.04, "fashion_mnist": -0.04}


def test_names_and_reasons_are_shown_as_text(tmp_path):
    name = "<img src=x onerror=alert(1)> $a$ [x](javascript:alert(1))"
    pictures = {"dataset": "images", "folder": name, "fingerprint": "0" * 16}
    trained = [made([0.2, 0.5], epochs=2, seed=seed, **pictures) for seed in range(3)]
    runs = Runs(trained, [Failure(MISSING_PICTURES, "<script>alert(3)</script>")])
    _, page = report_of(runs, tmp_path, answers={"loss": "[x](javascript:alert(1)) <img src=x onerror=alert(1)>"})
    assert not page.find_all("script")
    assert all(each["src"].startswith("data:image/png;base64,") for each in page.find_all("img"))
    assert {row["field"]: row["value"] for row in table(page, "What was held")}["folder"] == name
    assert table(page, "What could not be trained")[0]["why"] == "<script>alert(3)</script>"


# --- The code, the file, the command


def test_the_code_in_the_page_runs_and_gives_the_same_numbers(tmp_path, monkeypatch):
    runs = quiet(grid(TINY, kernel_size=[3, 5], seed=[4]), snapshots=(0, 2), insides=True)
    _, page = report_of(runs, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CNNLAB_WORKERS", "1")
    space = {}
    exec(page.pre.text.replace("lab_report(runs,", "(lambda runs, path: None)(runs,"), space)
    again = {each.experiment.key: each for each in space["runs"]}
    assert again.keys() == {each.experiment.key for each in runs}
    for each in runs:
        other = again[each.experiment.key]
        assert (other.history["validation_loss"], other.snapshots) == (each.history["validation_loss"], each.snapshots)
        assert other.history["dead_share"] == each.history["dead_share"]


def test_a_form_is_made_filled_in_and_read(tmp_path):
    runs, form = [made([0.2, 0.5], epochs=2)], tmp_path / "answers.md"
    report, _ = report_of(runs, tmp_path, answers=form)
    assert len(report.open) == len(report.questions)
    text = form.read_text(encoding="utf-8")
    assert re.findall(r"(?m)^## (.+)$", text) == list(report.questions)
    form.write_text(text.replace("## loss\n", "## loss\n\nThey *part*.\n"), encoding="utf-8")
    report, page = report_of(runs, tmp_path, answers=form)
    assert "loss" not in report.open
    assert page.find(id="question-loss").em.text == "part"
    assert form.read_text(encoding="utf-8").count("They *part*.") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path": "report.pdf"}, "must end in .html; for a PDF, print the page in a browser"),
        ({"path": ""}, "path wants the name of a page, such as 'report.html', got ''"),
        ({"path": 3}, "path wants the name of a page, such as 'report.html', got 3"),
        ({"title": 3}, "title wants text, got 3"),
        ({"author": None}, "author wants text, got None"),
        ({"exam": 0.9}, "exam wants what take_exam() returned"),
        ({"answers": {"los": "It."}}, "unknown question 'los'; did you mean 'loss'?"),
        ({"runs": []}, "lab_report wants one run or more, got none"),
        ({"runs": [1]}, "wanted runs, such as sweep() or load_runs() returns, got int"),
        ({"runs": None}, "wanted runs, such as sweep() or load_runs() returns, got None"),
    ],
)  # fmt: skip
def test_what_can_be_no_report_is_refused_in_words(options, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=re.escape(words)):
        lab_report(**{"runs": [made(0.5)], "path": "report.html", "progress": False} | options)
    assert not list(tmp_path.glob("*.html"))


def test_from_a_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quiet(grid(TINY, kernel_size=[3, 5], seed=range(2)), store="runs")
    command = ["lab-report", "runs", "--out", "mine.html", "--title", "Mine", "--author", "Ada", "--answers", "mine.md"]
    assert program([*command, "--where", "kernel_size=5"]) == 0
    printed = capsys.readouterr()
    assert re.match(r"mine\.html: \d+ pictures, \d+ questions, 0 answered\n  question: What did you want", printed.out)
    page = BeautifulSoup((tmp_path / "mine.html").read_text(encoding="utf-8"), "html.parser")
    assert (page.h1.text, page.find(class_="byline").text[:6]) == ("Mine", "Ada · ")
    assert {row["field"] for row in table(page, "What was varied")} == {"seed"}
    assert (tmp_path / "mine.md").is_file()
    assert program(["lab-report", "nowhere"]) == 2
    assert capsys.readouterr().err == "nowhere does not exist; python -m cnnlab sweep … --store nowhere makes it\n"
    assert program(["lab-report", "runs", "--out", "mine.pdf"]) == 2
    assert "must end in .html" in capsys.readouterr().err


def test_a_field_that_only_some_data_sets_have_is_written_as_it_is(tmp_path):
    runs = [made([0.2, 0.5], dataset="mnist", epochs=2)]
    runs += [made([0.2, 0.6], dataset="patterns", structure="mark", scale=scale, epochs=2) for scale in (2, 3)]
    _, page = report_of(runs, tmp_path)
    settings = [row["setting"] for row in table(page, "All 3 settings")]
    assert settings[0] == "dataset mnist"
    assert "scale 2 " in settings[1]
    assert not re.search(r"\bnan\b|\d\.0 ·", page.text)


def test_a_negative_mean_has_a_minus_sign():
    """Gaps of −0.1 and −0.2: their mean is −0.15, and their standard deviation 0.1 / √2."""
    runs = [made(0.5, seed=seed) for seed in range(2)]
    for run_, train_loss in zip(runs, (0.6, 0.7), strict=True):
        run_.history.rows[-1]["train_loss"] = train_loss
    ((*_, gap),) = metrics_table(["generalization_gap"], runs, "The gap").rows
    assert gap == "−0.15 ± 0.07"


def test_the_letters_of_the_insides_are_as_large_as_others_of_the_page():
    """plot_maps makes the letters of a wide figure larger, for a notebook, where it is made smaller."""
    ax = plt.subplots(figsize=(8, 2))[1]
    plot_maps(torch.rand(4, 8, 8), ax=ax)
    before = {text.get_fontsize() for text in ax.figure.findobj(Text) if text.get_text()}
    ax.set_title("before the pool", fontsize=8)
    inside_pictures._in_plain_letters(ax)
    ax.figure.canvas.draw()
    after = {text.get_fontsize() for text in ax.figure.findobj(Text) if text.get_text()}
    assert max(before) > LETTERS
    assert after == {8, LETTERS}
