"""Make the tables of a lab report that describe its networks: the layers of one, and the sizes of all that differ."""

from __future__ import annotations

from cnnlab.course.lab_report.blocks import Block, Table
from cnnlab.course.lab_report.design import Design, setting_words
from cnnlab.course.sentences import say
from cnnlab.experiments.experiment import NETWORK
from cnnlab.experiments.run import Run
from cnnlab.model.cnn import build_cnn
from cnnlab.model.layer_table import KERNEL_NOTE, LayerTable, layer_table

MOST_NETWORKS = 24


def network_tables(design: Design) -> list[Block]:
    """Return the layer table of the first network, and the sizes of all that differ."""
    values = design.runs.values()
    fields = [name for name in NETWORK if len(values[name]) > 1 and name != "seed"]
    networks = {
        (setting_words(run, fields), run.input_shape, len(run.class_names)): run for run in reversed([*design.runs])
    }
    runs = list(reversed(networks.values()))
    name = setting_words(runs[0], fields)
    shown = layers_of(runs[0])
    rows = [
        [row.name, "×".join(map(str, row.output_shape)), f"{row.parameters:,}", f"{row.multiply_adds:,}",
         say("all") if row.receptive_field is None else f"{row.receptive_field}×{row.receptive_field}",
         say(KERNEL_NOTE, height=entering[1], width=entering[2]) if row.note else ""]
        for row, entering in zip(shown, [runs[0].input_shape, *(row.output_shape for row in shown)], strict=False)
    ]  # fmt: skip
    rows.append(
        [
            say("total"),
            "",
            f"{sum(row.parameters for row in shown):,}",
            f"{sum(row.multiply_adds for row in shown):,}",
            "",
            "",
        ]
    )
    headings = [say("layer"), say("output (C×H×W)"), say("parameters"), say("multiply-adds"), say("sees (pixels)"),
                say("remark")]  # fmt: skip
    caption = say("The network, layer by layer") + (f": {name}" if fields else "")
    blocks: list[Block] = [Table(caption, headings, rows)]
    if len(runs) > 1:
        blocks.append(_sizes(runs[:MOST_NETWORKS], fields, len(runs)))
    return blocks


def _sizes(runs: list[Run], fields: list[str], count: int) -> Table:
    rows = []
    for run in runs:
        layers = layers_of(run)
        sees = max(row.receptive_field or 0 for row in layers)
        name = setting_words(run, fields)
        rows.append([name, "×".join(map(str, run.input_shape)), str(len(run.class_names)),
                     f"{sum(row.parameters for row in layers):,}", f"{sum(row.multiply_adds for row in layers):,}",
                     f"{sees}×{sees}"])  # fmt: skip
    notes = [say("{count} more are left out.", count=count - len(runs))] if count > len(runs) else []
    headings = [say("network"), say("image (C×H×W)"), say("classes"), say("parameters"), say("multiply-adds"),
                say("the last map sees")]  # fmt: skip
    return Table(say("The networks that differ"), headings, rows, notes)


def layers_of(run: Run) -> LayerTable:
    """Return the layer table of a run's network, without its data."""
    of_images = {"input_shape": run.input_shape, "classes": len(run.class_names)}
    return layer_table(build_cnn(**run.experiment.network() | of_images, device="meta"))
