"""Write the sections of a lab report; what cannot be shown is said in words, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cnnlab.course.lab_report import charts, inside_pictures, judgements, network_tables, tables
from cnnlab.course.lab_report.blocks import Block, Code, Section, Words
from cnnlab.course.lab_report.code import repeating_code
from cnnlab.course.lab_report.design import Design
from cnnlab.course.lab_report.insides import MOST_LENGTHS, MOST_SETTINGS, find_insides
from cnnlab.course.lab_report.judged_sections import (
    best_section,
    map_section,
    speed_section,
    stopping_section,
    verdicts_section,
)
from cnnlab.course.lab_report.questions import ask
from cnnlab.course.sentences import say
from cnnlab.experiments.exam import Exam
from cnnlab.experiments.runs import Runs
from cnnlab.training.history import INSIDES

FEWEST_SEEDS = 3  # for a verdict
MOST_FIELDS = 3  # by which numbers from inside are drawn


class Step(NamedTuple):
    """A section to write: its name in English, about how long it takes in any unit, and the function that writes it."""

    words: str
    cost: float
    write: Callable[[Design], Section]


def steps(design: Design, exams: Mapping[str, Exam]) -> list[Step]:
    """Return the sections, in the order of the report. Their costs are what the reports of notebooks 06 and 07 took."""
    with_weights = {run.experiment.setting for run in design.runs if run.snapshots and run.snapshots[-1]}
    is_recorded = any(metric in row for run in design.runs for row in run.history.rows[:1] for metric in INSIDES)
    return [
        Step("the experiment", 0, design_section),
        Step("the network", 0, network_section),
        Step("all settings", 0, settings_section),
        Step("curves", 25, curves_section),
        Step("which differences are real", 20, verdicts_section),
        Step("the map", 12, map_section),
        Step("convergence, fluctuation and the gap", 30, speed_section),
        Step("early stopping", 10, stopping_section),
        Step("the best setting", 3, best_section),
        Step("the exam", 0, lambda _: exam_section(exams)),
        Step("numbers from inside", 60 * is_recorded, recorded_section),
        Step("inside the networks", 35 * min(len(with_weights), MOST_SETTINGS * MOST_LENGTHS), weights_section),
        Step("the code", 0, repeat_section),
        Step("the conclusion", 0, lambda _: Section(say("Conclusion"), [ask("conclusion")])),
    ]


def design_section(design: Design) -> Section:
    """Write what was varied, what was held, and what failed."""
    blocks: list[Block] = [tables.fields_table(design), tables.held_table(design)]
    if not design.compared and len(design.groups) == 1:
        blocks.insert(0, Words(say("Nothing was varied but the seed: this report describes one setting.")))
    if design.fewest_seeds < FEWEST_SEEDS:
        few = say("There is a setting with 1 seed.")
        if design.fewest_seeds != 1:
            few = say("There is a setting with {count} seeds.", count=design.fewest_seeds)
        needs = say("A verdict needs {count} or more: with fewer, chance can't be judged.", count=FEWEST_SEEDS)
        blocks.append(Words(f"{few} {needs}"))
    if design.runs.failures:
        blocks.append(tables.failures_table(design.runs))
    return Section(say("The experiment"), [*blocks, ask("question")])


def network_section(design: Design) -> Section:
    """Write the layers of the network, and the sizes of those that differ."""
    return Section(say("The network"), [*network_tables.network_tables(design), ask("network")])


def settings_section(design: Design) -> Section:
    """Write the table of all settings, and how the trainings ended."""
    blocks = [tables.settings_table(design), tables.ended_table(design.runs)]
    return Section(say("All settings"), [*blocks, ask("settings")])


def curves_section(design: Design) -> Section:
    """Write the curves of the loss and of the accuracy."""
    if not any(len(run.history) for run in design.runs):
        return Section(say("Curves"), [Words(say("No run has a finished epoch, so there are no curves."))])
    blocks: list[Block] = [
        charts.gallery(design, "loss"),
        ask("loss"),
        charts.gallery(design, "accuracy"),
        ask("accuracy"),
    ]  # fmt: skip
    if not design.is_validated:
        blocks.insert(0, Words(say("There were no validation images, so the curves are those of the training alone.")))
    return Section(say("Curves"), blocks)


def exam_section(exams: Mapping[str, Exam]) -> Section:
    """Write the scores on the test images, if the exam was taken."""
    if not exams:
        return Section(say("The exam"), [Words(say(
            "The test images were not opened for this report. After the choice is made, take_exam(…) opens them once, "
            "and lab_report(…, exam=…) puts the scores here."
        ))])  # fmt: skip
    return Section(say("The exam"), [tables.exam_table(exams), ask("exam")])


def recorded_section(design: Design) -> Section:
    """Write the numbers that were recorded inside the networks."""
    title = say("Numbers from inside")
    runs = Runs(run for run in design.runs if any(metric in row for row in run.history.rows for metric in INSIDES))
    if not len(runs):
        words = say("No numbers from inside were recorded: sweep(…, insides=True) records them.")
        return Section(title, [Words(words)])
    metrics = [metric for metric in INSIDES if any(metric in row for run in runs for row in run.history.rows)]
    fields = [name for name in design.compared if name != "epochs"]
    shown = [name for name in fields if len(runs.values()[name]) > 1] or ["kernel_size"]
    picture = charts.inside_curves(runs, shown[:MOST_FIELDS], metrics)
    blocks: list[Block] = [picture, ask("inside")]
    judged, notes = judgements.judge(design, design.compared, metrics, "last", runs)
    if judged:
        blocks[1:1] = [judgements.verdict_table(say("Numbers from inside, compared"), judged), *map(Words, notes)]
    return Section(title, blocks)


def weights_section(design: Design) -> Section:
    """Write what the networks look like inside, where their weights are there."""
    title = say("Inside the networks")
    seen = find_insides(design.runs)
    if isinstance(seen, str):
        return Section(title, [Words(seen)])
    return Section(title, [
        Words(" ".join(seen.notes)),
        inside_pictures.activations(seen),
        ask("activations"),
        inside_pictures.pools(seen),
        inside_pictures.pools_table(seen),
        ask("pools"),
        inside_pictures.flow(seen),
        ask("gradients"),
        inside_pictures.weights(seen),
        ask("weights"),
        inside_pictures.saliency_maps(seen),
        ask("saliency"),
    ])  # fmt: skip


def repeat_section(design: Design) -> Section:
    """Write where the networks were trained, and the code that repeats it."""
    snapshots = sorted({epoch for run in design.runs for epoch in run.snapshots})
    recorded = any(metric in row for run in design.runs for row in run.history.rows for metric in INSIDES)
    code = repeating_code((run.experiment for run in design.runs), snapshots=snapshots, insides=recorded)
    words = say(
        "This code trains all of it again. On the same processor, with the same versions, the numbers are the same."
    )
    return Section(say("Do it again"), [tables.environment_table(design.runs), Words(words), Code(code)])
