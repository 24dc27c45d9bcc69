"""Write the sections of a lab report that judge: verdicts, the map, the curves' numbers, early stopping, the best."""

from __future__ import annotations

from collections.abc import Iterable

from cnnlab.course.lab_report import charts, judgements, replayed_stops, tables
from cnnlab.course.lab_report.blocks import Block, Section, Words
from cnnlab.course.lab_report.design import Design, is_crossed, setting_words
from cnnlab.course.lab_report.questions import ask, ask_of_field
from cnnlab.course.sentences import say
from cnnlab.experiments.run import Run
from cnnlab.experiments.runs import longest_runs

ACCURACY, LOSS = "validation_accuracy", "validation_loss"


def verdicts_section(design: Design) -> Section:
    """Write the verdict on each compared field, by accuracy and by loss."""
    title = say("Which differences are real")
    if not design.is_validated:
        return Section(
            title, [Words(say("There are no verdicts: these runs have no validation images to be judged by."))]
        )
    blocks = [block for by in design.compared for block in _verdicts(design, by)]
    if not design.compared:
        why = say("the data set") if len(design.groups) > 1 else say("the seed")
        blocks.append(Words(say("There is nothing to compare: the runs differ in {why} alone.", why=why)))
        if len(design.seeds) > 1:
            blocks += [charts.noise(design, design.at), ask("noise")]
    if len(design.groups) > 1:
        words = say("Each data set is judged by itself: the images of another one are not equally hard.")
        blocks.append(Words(words))
    return Section(title, blocks)


def _verdicts(design: Design, by: str) -> list[Block]:
    """Return the picture, the table and the question of one field."""
    judged, notes = judgements.judge(design, [by], [ACCURACY, LOSS], design.at)
    if not judged:
        return [Words(f"{say('No verdict on {by}.', by=by)} {' '.join(notes)}")]
    picture = charts.estimation(
        say(
            "{by}. Left, each value: a dot for each seed, averaged over all other settings, and their mean. Right, the "
            "differences from the first value, and the interval of their mean: where it crosses zero, the runs can't "
            "tell.",
            by=by,
        ),
        judged,
    )
    picture.notes += notes
    numbers = judgements.verdict_table(say("{by}: the numbers of the picture", by=by), judged)
    return [picture, numbers, ask_of_field(by, design.along.get(by, ()))]


def map_section(design: Design) -> Section:
    """Write the heat maps of all settings."""
    title = say("The map of all settings")
    if len(design.compared) < 2:
        return Section(title, [Words(say("A map needs two varied fields or more; here there are fewer."))])
    if not design.is_validated:
        return Section(title, [Words(say("There is no map: these runs have no validation images."))])
    if not is_crossed(design.runs, design.compared):
        words = say("There is no map: most combinations of the varied fields were not trained.")
        return Section(title, [Words(words)])
    return Section(title, [charts.heat_maps(design, design.at), ask("map")])


def speed_section(design: Design) -> Section:
    """Write convergence, fluctuation and the gap between the losses."""
    title = say("Convergence, fluctuation and the gap")
    longest = longest_runs(design.runs)
    target = judgements.target_of(longest)
    fields = [name for name in design.compared if name != "epochs"]
    blocks: list[Block] = []
    if target is None:
        blocks.append(Words(say(
            "Convergence is not shown: there is no round accuracy that nine in ten runs reach on the validation images."
        )))  # fmt: skip
    else:
        blocks += _curve_blocks(
            design, fields, [f"epochs_to_reach:{target:g}"], longest, "speed",
            say(
                "Convergence: the first epoch with a validation accuracy of {target:g} or more; fewer is faster. Of "
                "runs that differ in epochs alone, the longest counts.",
                target=target,
            ),
        )  # fmt: skip
    blocks += _curve_blocks(
        design, fields, ["fluctuation", "fluctuation_validation"], longest, "fluctuation",
        say(
            "Fluctuation: the typical change of a loss from one epoch to the next, as a share of it, in the second "
            "half of the training."
        ),
    )  # fmt: skip
    blocks += _curve_blocks(
        design, list(design.compared), ["generalization_gap"], list(design.runs), "gap",
        say(
            "The gap: the validation loss minus the training loss, after the last epoch. A wide gap says that a "
            "network knows its training images much better than new ones."
        ),
    )  # fmt: skip
    return Section(title, blocks)


def _curve_blocks(
    design: Design, fields: list[str], metrics: list[str], runs: Iterable[Run], key: str, caption: str
) -> list[Block]:
    """Return the picture, the table and the question on metrics of the curves; the means alone without a comparison."""
    judged, notes = judgements.judge(design, fields, metrics, "last", runs)
    if not judged:
        blocks: list[Block] = [tables.metrics_table(metrics, runs, caption)]
        return [*blocks, *([Words(" ".join(notes))] if notes else []), ask(key)]
    picture = charts.estimation(caption, judged)
    picture.notes += notes
    return [picture, judgements.verdict_table(say("{by}: the numbers of the picture", by=say(key)), judged), ask(key)]


def stopping_section(design: Design) -> Section:
    """Write what early stopping did, or would have done to the recorded trainings."""
    title = say("Early stopping")
    early = [run for run in design.runs if run.experiment.patience is not None]
    blocks: list[Block] = [tables.patience_table(early, design)] if early else []
    patience = replayed_stops.patience_for(design)
    recordings, stopped = replayed_stops.replayed(design, patience)
    if not recordings:
        why = say("There is no finished training with a validation loss in every epoch.")
        if early:
            why = say("All had patience when they were trained, so nothing is known of the epochs after the stop.")
        blocks.append(Words(f"{say('Nothing is replayed.')} {why}"))
        return Section(title, [*blocks, *([ask("stopping")] if early else [])])
    example = replayed_stops.example_of(recordings, patience)
    fields = [name for name in design.compared if name != "epochs"]
    blocks += [
        charts.stopped_example(example, patience, setting_words(example, fields)),
        replayed_stops.stopping_table(recordings, patience, design),
        ask("stopping"),
    ]
    judged, notes = replayed_stops.price(design, recordings, stopped)
    if judged:
        picture = charts.estimation(
            say("What early stopping costs: the networks at the weights that patience keeps, against those after the "
                "last epoch. A dot is a seed, averaged over the settings."), judged,
        )  # fmt: skip
        picture.notes += notes
        numbers = judgements.verdict_table(say("The price of early stopping"), judged)
        blocks += [picture, numbers, ask("stopping-price")]
    else:
        words = say("What that costs can't be compared.")
        blocks.append(Words(f"{words} {' '.join(notes)}"))
    return Section(title, blocks)


def best_section(design: Design) -> Section:
    """Write the best settings by training loss and by validation loss."""
    title = say("The best setting, by training loss and by validation loss")
    if len({run.experiment.setting for run in design.runs}) < 2:
        return Section(title, [Words(say("There is one setting, so there is nothing to choose."))])
    explained = Words(say(
        "Mean: of the loss over the seeds. Wins: how often the setting comes first when the seeds are drawn anew, with "
        "replacement. Wins alone: in which share of the single seeds it comes first."
    ))  # fmt: skip
    return Section(title, [explained, *judgements.best_tables(design, design.at), ask("best")])
