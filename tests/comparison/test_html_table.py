"""The table that a notebook shows for a comparison: what is in it, and that it is sound HTML."""

from xml.etree import ElementTree

from made_runs import comparison, levels_of, made

from cnnlab.comparison.compare import compare
from cnnlab.comparison.html_table import decimals


def read(compared):
    """Return the table's caption, its rows with the headings first, and the notes below it."""
    page = ElementTree.fromstring(f"<div>{compared._repr_html_()}</div>")  # raises where a tag is not closed
    rows = [[cell.text or "" for cell in row] for row in page.iter("tr")]
    return page.find("table/caption").text, rows, [note.text for note in page.findall("p")]


def test_the_numbers_are_those_of_the_text():
    compared = comparison({3: [0.50, 0.60, 0.70], 5: [0.51, 0.62, 0.73], 7: [0.40, 0.51, 0.59]})
    caption, rows, notes = read(compared)
    assert caption == "validation_accuracy by kernel_size, after the last epoch, against kernel_size=3"
    # 5: differences 0.01, 0.02, 0.03, with the standard error 0.01 / √3. 7: −0.10, −0.09, −0.11, the same error.
    # With two differences Student's t is 6.2053, so that the half width is 0.0358.
    assert rows == [
        ["kernel_size", "seeds", "mean", "difference", "95 % interval", "verdict", "why"],
        ["3", "3", "0.6000", "—", "—", "reference", ""],
        ["5", "3", "0.6200", "+0.0200", "−0.0158 to +0.0558", "cannot tell", "the interval holds 0"],
        ["7", "3", "0.5000", "−0.1000", "−0.1358 to −0.0642", "worse", "the interval excludes 0"],
    ]
    text = repr(compared)
    for number in ("0.6200", "0.0200", "-0.0158", "0.0558", "-0.1358"):
        assert number in text
    assert notes == [
        f"noise floor: two single runs of one setting differ by less than {compared.noise_floor:.4f} 95 times in 100"
    ]


def test_headings_name_their_row_or_column():
    page = ElementTree.fromstring(f"<div>{comparison()._repr_html_()}</div>")
    assert {cell.get("scope") for cell in page.findall("table/thead/tr/th")} == {"col"}
    rows = page.findall("table/tbody/tr")
    assert [[cell.tag for cell in row] for row in rows] == [["th", *["td"] * 6]] * 3
    assert {row[0].get("scope") for row in rows} == {"row"}
    assert "color" not in comparison()._repr_html_()  # the page's own colours, light or dark


def test_what_is_missing_is_a_dash_and_what_is_left_out_is_said():
    runs = levels_of("kernel_size", {3: [0.5], 5: [0.6]})
    _, rows, notes = read(compare([*runs, made(0.9, kernel_size=5, seed=4)], by="kernel_size"))
    assert rows[2] == ["5", "1", "0.6000", "+0.1000", "—", "cannot tell", "1 seed: three or more are needed"]
    assert notes == ["runs left out, no partner at every level: 1"]  # with one seed each there is no noise floor


def test_a_tiny_negative_difference_is_no_minus_zero():
    _, rows, _ = read(comparison({3: [0.5, 0.6, 0.7], 5: [0.49999, 0.6, 0.69999]}))
    assert rows[2][3] == "+0.0000"


def test_tiny_numbers_keep_four_digits():
    runs = levels_of("kernel_size", {3: [0.5] * 3, 5: [0.5] * 3})
    for run, change in zip(runs, [2e-3, 1e-3, 3e-3, 2.5e-3, 1.4e-3, 3.6e-3], strict=True):
        run.history.rows[0]["gradient_noise"] = change
    compared = compare(runs, by="kernel_size", metric="gradient_noise")
    _, rows, notes = read(compared)
    # Differences 0.0005, 0.0004, 0.0006: mean 0.0005, half width 4.302653 · 0.0001 / √3 = 0.000248.
    assert rows[2][2:5] == ["0.002500", "+0.000500", "+0.000252 to +0.000748"]
    assert "0.002500   0.000500  0.000252" in repr(compared)
    assert f"{compared.noise_floor:.6f}" in notes[0]
    assert decimals(compared.levels) == 6
    assert decimals(comparison().levels) == decimals([]) == 4


def test_a_level_is_text_and_no_markup():
    runs = [made(0.5, dataset="images", folder=name, seed=0) for name in ("$a$ <b>", "c & d")]
    html = compare(runs, by="folder")._repr_html_()
    assert "$a$ &lt;b&gt;" in html
    assert '<table class="tex2jax_ignore mathjax_ignore">' in html  # MathJax leaves the $ alone
    assert sorted(row[0] for row in read(compare(runs, by="folder"))[1][1:]) == ["$a$ <b>", "c & d"]
