"""Write the sections of a lab report; what cannot be shown is said in words, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from cnnlab.course.lab_report import charts, insides, judgements, tables
from cnnlab.course.lab_report.blocks import Block, Code, Question, Section, Words
from cnnlab.course.lab_report.code import repeating_code
from cnnlab.course.lab_report.design import Design, is_crossed, longest_runs, setting_words
from cnnlab.experiments.exam import Exam
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import Runs
from cnnlab.training.history import INSIDES

ACCURACY, LOSS = "validation_accuracy", "validation_loss"
FEWEST_SEEDS = 3  # for a verdict
Writer = Callable[[Design, Mapping[str, Exam]], Section]


def writers() -> list[Writer]:
    """Return the functions that write the sections, in the order of the report."""
    return [
        design_section, network_section, settings_section, curves_section, verdicts_section, map_section, speed_section,
        stopping_section, best_section, exam_section, recorded_section, weights_section, repeat_section,
        conclusion_section,
    ]  # fmt: skip


def at_of(design: Design) -> str:
    """Return the epoch at which runs are judged: the one whose weights patience kept, if all had patience."""
    return "stopped" if all(run.experiment.patience is not None for run in design.runs) else "last"


def design_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write what was varied, what was held, and what failed."""
    blocks: list[Block] = [tables.fields_table(design), tables.held_table(design)]
    if not design.compared and len(design.groups) == 1:
        blocks.insert(0, Words("Nothing was varied but the seed: this report describes one setting."))
    if design.fewest_seeds < FEWEST_SEEDS:
        blocks.append(Words(
            f"There is a setting with {design.fewest_seeds} seed{'s' * (design.fewest_seeds != 1)}. A verdict needs "
            f"{FEWEST_SEEDS} or more: with fewer, chance can't be judged."
        ))  # fmt: skip
    if design.runs.failures:
        blocks.append(tables.failures_table(design.runs))
    asked = "What did you want to find out, and what did you expect before the first run?"
    return Section("The experiment", [*blocks, Question("question", asked)])


def network_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the layers of the network, and the sizes of those that differ."""
    asked = "Which layer has most of the parameters, which most of the work, and how much of an image does the last map see?"
    return Section("The network", [*tables.network_tables(design), Question("network", asked)])


def settings_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the table of all settings, and how the trainings ended."""
    asked = "Which numbers in the table surprise you, and could they be chance?"
    blocks = [tables.settings_table(design), tables.ended_table(design.runs)]
    return Section("All settings", [*blocks, Question("settings", asked)])


def curves_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the curves of the loss and of the accuracy."""
    if not any(len(run.history) for run in design.runs):
        return Section("Curves", [Words("No run has a finished epoch, so there are no curves.")])
    blocks: list[Block] = [
        charts.gallery(design, "loss"),
        Question("loss", "Where do the training loss and the validation loss part, and what does that say about the number "
                         "of epochs?"),
        charts.gallery(design, "accuracy"),
        Question("accuracy", "Does the validation accuracy follow the validation loss? Where does it not, and why?"),
    ]  # fmt: skip
    if not _validated(design):
        blocks.insert(0, Words("There were no validation images, so the curves are those of the training alone."))
    return Section("Curves", blocks)


def _validated(design: Design) -> bool:
    return any(run.history[LOSS] for run in design.runs)


def verdicts_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the verdict on each compared field, by accuracy and by loss."""
    title = "Which differences are real"
    if not _validated(design):
        return Section(title, [Words("There are no verdicts: these runs have no validation images to be judged by.")])
    blocks = [block for by in design.compared for block in _verdicts(design, by)]
    if not design.compared:
        why = "the data set" if len(design.groups) > 1 else "the seed"
        blocks.append(Words(f"There is nothing to compare: the runs differ in {why} alone."))
        if len(design.seeds) > 1:
            asked = "How far apart would two runs have to be before you believe that they differ?"
            blocks += [charts.noise(design, at_of(design)), Question("noise", asked)]
    if len(design.groups) > 1:
        blocks.append(Words("Each data set is judged by itself. They are not compared with each other: their images are "
                            "not equally hard."))  # fmt: skip
    return Section(title, blocks)


def _verdicts(design: Design, by: str) -> list[Block]:
    """Return the picture, the table and the question of one field."""
    judged, notes = judgements.judge(design, [by], [ACCURACY, LOSS], at_of(design))
    if not judged:
        return [Words(f"No verdict on {by}. {' '.join(notes)}")]
    picture = charts.estimation(
        f"{by}. Left, each value: a dot for each seed, averaged over all other settings, and their mean. Right, the "
        "differences from the first value, and the interval of their mean: a bar that crosses the zero line can't tell.",
        judged,
    )
    picture.notes += notes
    moved = design.along.get(by, ())
    also = f" {' and '.join(moved)} moved along: how could the two be kept apart?" if moved else ""
    asked = f"What do the verdicts say about {by}, how large is the difference, and what else changed together with it?"
    return [picture, judgements.verdict_table(f"{by}: the numbers of the picture", judged), Question(by, asked + also)]


def map_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the heat maps of all settings."""
    title = "The map of all settings"
    if len(design.compared) < 2:
        return Section(title, [Words("A map needs two varied fields or more; here there are fewer.")])
    if not _validated(design):
        return Section(title, [Words("There is no map: these runs have no validation images.")])
    if not is_crossed(design.runs, design.compared):
        return Section(title, [Words("There is no map: most combinations of the varied fields were not trained, so most "
                                     "cells would be empty. The table of all settings has what there is.")])  # fmt: skip
    asked = "Does the best value of one field depend on another field? Which cells differ by more than the noise floor?"
    return Section(title, [charts.heat_maps(design, at_of(design)), Question("map", asked)])


def speed_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write convergence, fluctuation and the gap between the losses."""
    title = "Convergence, fluctuation and the gap"
    longest = longest_runs(design.runs)
    target = judgements.target_of(longest)
    fields = [name for name in design.compared if name != "epochs"]
    blocks: list[Block] = []
    if target is None:
        blocks.append(Words("Convergence is not shown: there is no round accuracy that nine in ten runs reach on the "
                            "validation images."))  # fmt: skip
    else:
        blocks += _curve_blocks(
            design, fields, [f"epochs_to_reach:{target:g}"], longest, "speed",
            f"Convergence: the first epoch with a validation accuracy of {target:g} or more; fewer is faster. Of runs that "
            "differ in epochs alone, the longest counts.", "Which setting learns fastest, and is it also the best in the end?",
        )  # fmt: skip
    blocks += _curve_blocks(
        design, fields, ["fluctuation", "fluctuation_validation"], longest, "fluctuation",
        "Fluctuation: the typical change of a loss from one epoch to the next, as a share of it, in the second half of the "
        "training.", "Which training is restless, and which setting makes it so?",
    )  # fmt: skip
    blocks += _curve_blocks(
        design, list(design.compared), ["generalization_gap"], list(design.runs), "gap",
        "The gap: the validation loss minus the training loss, after the last epoch. A wide gap says that a network knows "
        "its training images much better than new ones.", "Which settings overfit, and which underfit? How do you know?",
    )  # fmt: skip
    return Section(title, blocks)


def _curve_blocks(
    design: Design, fields: list[str], metrics: list[str], runs: Iterable[Run], key: str, caption: str, asked: str
) -> list[Block]:
    """Return the picture, the table and the question on metrics of the curves; the means alone without a comparison."""
    judged, notes = judgements.judge(design, fields, metrics, "last", runs)
    if not judged:
        blocks: list[Block] = [tables.metrics_table(metrics, runs, caption)]
        return [*blocks, *([Words(" ".join(notes))] if notes else []), Question(key, asked)]
    picture = charts.estimation(caption, judged)
    picture.notes += notes
    return [picture, judgements.verdict_table(f"{key}: the numbers of the picture", judged), Question(key, asked)]


def stopping_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write what early stopping did, or would have done to the recorded trainings."""
    title = "Early stopping"
    early = [run for run in design.runs if run.experiment.patience is not None]
    blocks: list[Block] = [tables.patience_table(early, design)] if early else []
    patience = judgements.patience_for(design)
    recordings, stopped = judgements.replayed(design, patience)
    if not recordings:
        why = "All had patience when they were trained, so nothing is known of the epochs after the stop" if early else (
            "There is no finished training with a validation loss in every epoch"
        )  # fmt: skip
        blocks.append(Words(f"Nothing is replayed. {why}."))
        return Section(title, [*blocks, *([Question("stopping", STOPPING)] if early else [])])
    example = judgements.example_of(recordings, patience)
    fields = [name for name in design.compared if name != "epochs"]
    blocks += [
        charts.stopped_example(example, patience, setting_words(example, fields)),
        judgements.stopping_table(recordings, patience, design),
        Question("stopping", STOPPING),
    ]
    judged, notes = judgements.price(design, recordings, stopped)
    if judged:
        picture = charts.estimation(
            "What early stopping costs: the networks at the weights that patience keeps, against those after the last "
            "epoch. A dot is a seed, averaged over the settings.", judged,
        )  # fmt: skip
        picture.notes += notes
        asked = "Does early stopping cost accuracy, by verdict? Is that worth the epochs that it saves?"
        numbers = judgements.verdict_table("The price of early stopping", judged)
        blocks += [picture, numbers, Question("stopping-price", asked)]
    else:
        blocks.append(Words(f"What that costs can't be compared. {' '.join(notes)}"))
    return Section(title, blocks)


STOPPING = "Was the training stopped at the right epoch? How could you know that without training on?"


def best_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the best settings by training loss and by validation loss."""
    title = "The best setting, by training loss and by validation loss"
    if len({run.experiment.replace(seed=0).key for run in design.runs}) < 2:
        return Section(title, [Words("There is one setting, so there is nothing to choose.")])
    asked = "Which setting do you choose, by which loss, and how sure are you that it is the best one?"
    explained = Words(
        "Mean: of the loss over the seeds. Wins: how often the setting comes first when the seeds are drawn anew, with "
        "replacement. Wins alone: in which share of the single seeds it comes first."
    )
    return Section(title, [explained, *judgements.best_tables(design, at_of(design)), Question("best", asked)])


def exam_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the scores on the test images, if the exam was taken."""
    if not exams:
        return Section("The exam", [Words(
            "The test images were not opened for this report. After the choice is made, take_exam(…) opens them once, and "
            "lab_report(…, exam=…) puts the scores here."
        )])  # fmt: skip
    asked = "Is the score on the test images that which the validation images promised? Why could it be worse?"
    return Section("The exam", [tables.exam_table(exams), Question("exam", asked)])


def recorded_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the numbers that were recorded inside the networks."""
    title = "Numbers from inside"
    runs = Runs(run for run in design.runs if any(metric in row for row in run.history.rows for metric in INSIDES))
    if not len(runs):
        return Section(title, [Words("No numbers from inside were recorded: sweep(…, insides=True) records them.")])
    metrics = [metric for metric in INSIDES if any(metric in row for run in runs for row in run.history.rows)]
    fields = [name for name in design.compared if name != "epochs"]
    shown = next((name for name in fields if len(runs.values()[name]) > 1), "kernel_size")
    picture = charts.inside_curves(runs, shown, metrics)
    asked = "What changes inside while the network trains, and what differs between the settings?"
    blocks: list[Block] = [picture, Question("inside", asked)]
    judged, notes = judgements.judge(design, design.compared, metrics, "last", runs)
    if judged:
        blocks[1:1] = [judgements.verdict_table("Numbers from inside, compared", judged), *map(Words, notes)]
    return Section(title, blocks)


def weights_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write what the networks look like inside, where their weights are there."""
    title = "Inside the networks"
    seen = insides.find_insides(design.runs)
    if isinstance(seen, str):
        return Section(title, [Words(seen)])
    return Section(title, [
        Words(" ".join(seen.notes)),
        insides.activations(seen),
        Question("activations", "Which layers have many zeros or dead units, and what differs between the networks?"),
        insides.pools(seen), insides.pools_table(seen),
        Question("pools", "What does the pool do to the maps, to their scale and to their zeros? What gets lost?"),
        insides.flow(seen),
        Question("gradients", "Do the first layers get a gradient? What does a small gradient mean here: sick, or done?"),
        insides.weights(seen),
        Question("weights", "Which layer has moved most since the start? How would you see a layer that learnt nothing?"),
        insides.saliency_maps(seen),
        Question("saliency", "Do the networks look at the same pixels? What would a network with random weights show?"),
    ])  # fmt: skip


def repeat_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write where the networks were trained, and the code that repeats it."""
    snapshots = sorted({epoch for run in design.runs for epoch in run.snapshots})
    recorded = any(metric in row for run in design.runs for row in run.history.rows for metric in INSIDES)
    code = repeating_code((run.experiment for run in design.runs), snapshots=snapshots, insides=recorded)
    words = "This code trains all of it again. On the same processor, with the same versions, the numbers are the same."
    return Section("Do it again", [tables.environment_table(design.runs), Words(words), Code(code)])


def conclusion_section(design: Design, exams: Mapping[str, Exam]) -> Section:  # noqa: ARG001 (a Writer)
    """Write the last question."""
    asked = "What is your conclusion? For which data, which task and which settings does it hold, and what is still open?"
    return Section("Conclusion", [Question("conclusion", asked)])
