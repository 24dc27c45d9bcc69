"""DrawDigit: draw a digit, and watch how several networks classify it while you draw."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets
import torch
from torch import Tensor, nn

from cnnlab.data.dataset import Data, Split
from cnnlab.data.digits import as_mnist, describe_readings, read_picture, turn_and_shift
from cnnlab.interpret.capture import capture
from cnnlab.interpret.saliency import saliency
from cnnlab.model.convolution import format_number
from cnnlab.model.evaluation import predict
from cnnlab.model.pooling import describe_shift
from cnnlab.plots.evaluation import plot_probabilities, set_probabilities
from cnnlab.plots.images import montage
from cnnlab.plots.style import PAGE
from cnnlab.widgets.base import Panel, control_row, flowing_row, in_columns, picture_row
from cnnlab.widgets.examples import own_copy
from cnnlab.widgets.kept_drawing import KeptDrawing
from cnnlab.widgets.networks_for_drawings import bank_networks, check_networks, layers_with_maps
from cnnlab.widgets.panel_picture import plain_words
from cnnlab.widgets.web.canvas import PixelCanvas, diverging_pixels, grey_pixels, sequential_pixels
from cnnlab.widgets.web.drawing_canvas import DrawingCanvas
from cnnlab.widgets.web.live_plot import LivePlot

FARTHEST = 8  # pixels of a shift
LONGEST_NAME = 26  # letters of a name above the bars
SHEET, LOOK = 300, 190  # CSS pixels, the side of the sheet, and of the two pictures beside it
BARS = 1.7  # inches, the height of a row of bars
SCALE = 4  # pixels of the sheet for a pixel of MNIST
HOW_TO_DRAW = (
    "mouse, finger or pen; or keys: arrows move the pen, Shift + arrow draws, Space puts it down, Delete clears"
)


class DrawDigit(Panel):
    """Show a sheet to draw on, the image that the networks see, their probabilities, feature maps and saliency.

    `as_mnist`, `turn_and_shift`, `predict`, `capture` and `saliency` compute the same. The panel uses copies of the
    networks, which later training does not change. The last drawing is kept in the course folder, and every new panel
    begins with it.

    Parameters
    ----------
    models : dict of name: nn.Module
        One to six networks for one-channel images of 28×28, all normalized alike. None for models and data takes three
        networks of the results bank.
    data : Data or Split
        The data that the networks were trained with; its first image of each class is a sample. Raises ConfigError if
        networks and data do not fit.

    Attributes
    ----------
    canvas : DrawingCanvas
        The sheet; `canvas.show(ink)` draws on it.
    clear, samples, upload
        The buttons; `samples` is a list.
    right, down, degrees, model, layer
        The other controls.
    seen, bars, saliency, maps
        The pictures.
    status : StatusLine
        The answers in words.

    >>> panel = DrawDigit()
    >>> panel.samples[7].click()
    """

    explained = ("feature map", "ReLU", "saliency map")

    def __init__(self, models: Mapping[str, nn.Module] | None = None, data: Data | Split | None = None) -> None:
        networks, images = bank_networks() if models is None and data is None else check_networks(models, data)
        super().__init__()
        self.models, self.images = {name: own_copy(model) for name, model in networks.items()}, images
        self._layers = {name: layers_with_maps(model, self.images) for name, model in self.models.items()}
        self._make_controls()
        self._make_pictures()
        self._kept = KeptDrawing()
        self._begun_with = self._kept.read()
        if self._begun_with is not None:
            self.canvas.ink = self._begun_with
        self._draw()
        self._watch(self.right, self.down, self.degrees, self.model, self.layer)
        self._watch(self.canvas, trait="ink", then=self._draw_and_keep)
        self._watch(self.upload, then=self._take_upload)
        self.clear.on_click(lambda _: self._guarded(self._clear))
        for place, button in enumerate(self.samples):
            button.on_click(lambda _, place=place: self._guarded(lambda: self._take(self.images[place].pixels[0, 0])))
        self.children = self._rows()

    def _make_controls(self) -> None:
        words = {"title": "Draw a digit", "label": f"drawing: {HOW_TO_DRAW}", "caption": HOW_TO_DRAW}
        self.canvas = DrawingCanvas(display_width=SHEET, **words)
        self.clear = ipywidgets.Button(description="Clear", icon="eraser", layout=_fitting())
        names = [self.images.classes[label] for label in self.images.labels]
        look = {"layout": _fitting(), "style": ipywidgets.ButtonStyle()}  # one for all, so that the page makes it once
        self.samples = [ipywidgets.Button(description=name, **look) for name in names]
        self.upload = ipywidgets.FileUpload(
            accept="image/png,image/jpeg", multiple=False, description="Upload a picture", layout=_fitting()
        )
        slider = ipywidgets.IntSlider
        self.right = slider(0, -FARTHEST, FARTHEST, description="shift right")
        self.down = slider(0, -FARTHEST, FARTHEST, description="shift down")
        self.degrees = slider(0, -180, 180, 5, description="turn (degrees)")
        self.model = ipywidgets.Dropdown(options=list(self.models), description="look inside")
        layers = self._layers[self.model.value]
        first = next((name for name in layers if name.startswith("relu")), next(iter(layers), None))
        self.layer = ipywidgets.Dropdown(options=layers, value=first, description="layer")

    def _make_pictures(self) -> None:
        centred = "28×28 pixels, centred as in MNIST"
        self.seen = PixelCanvas(title="What the networks see", caption=centred, display_width=LOOK)
        self.status.layout.min_height = "3em"  # two lines of a narrow page, so that the rows below do not move
        score = "red: more ink here, a higher score\nblue: a lower one"
        self.saliency = PixelCanvas(caption=score, display_width=LOOK)
        self.maps = PixelCanvas(display_width=820)
        columns = min(3, len(self.models))
        rows = -(-len(self.models) // columns)
        width = 8.2 if columns > 1 else PAGE  # inches; a narrow page shows wide bars one below the other
        self.bars = LivePlot(width, BARS * rows, label="")
        classes = list(self.images.classes)
        short_names = max(map(len, classes)) <= 2  # not rotated: every font needs the same room
        places = _places(width, rows) if short_names else None
        axes = [*self.bars.figure.subplots(rows, columns, squeeze=False, sharey=True, gridspec_kw=places).flat]
        self._axes = dict(zip(self.models, axes, strict=False))
        for place, (name, ax) in enumerate(self._axes.items()):
            short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
            plot_probabilities(torch.zeros(len(classes)), classes=classes, title=short, ax=ax)
            if place % columns:
                ax.set_ylabel("")
        for ax in axes[len(self.models) :]:
            ax.set_axis_off()
        moving = [artist for ax in self._axes.values() for artist in (*ax.patches, *ax.lines)]
        self.bars.freeze(moving, solve=not short_names)
        self.bars.cuts = self.bars.between(axes[:columns])  # one network below the other

    def _rows(self) -> list[ipywidgets.Widget]:
        wrapping = ipywidgets.Layout(flex_flow="row wrap", align_items="center", max_width="820px")
        looks = picture_row([self.seen, self.saliency], "repeat(2, minmax(0, 1fr))")
        moves = in_columns([self.right, self.down, self.degrees], "minmax(0, 1fr)")
        looks.layout.padding = moves.layout.padding = "0"
        for slider in moves.children:
            slider.style.description_width = "8em"  # one width, so that the sliders are aligned
        beside = ipywidgets.VBox([looks, moves])
        self.canvas.layout.flex, beside.layout.flex = f"0 1 {SHEET}px", "1 1 340px"
        beside.layout.overflow = "visible"  # the frame of a picture at the edge
        beside.layout.min_width = "min(340px, 100%)"  # on a narrow page it is below the sheet
        samples = [ipywidgets.Label("or take a sample:"), *self.samples]
        return [
            ipywidgets.HBox([self.clear, *samples, self.upload], layout=wrapping),
            flowing_row(self.canvas, beside),
            self.status,
            self.bars,
            control_row(self.model, self.layer),
            picture_row([self.maps], "minmax(0, 1fr)"),
            self.glossary,
        ]

    def _clear(self) -> None:
        """Clear the sheet, and draw."""
        self.canvas.clear()
        self._draw_and_keep()

    def _take(self, ink: Tensor) -> None:
        """Replace the drawing by this ink, scaled to the size of a drawing."""
        self.canvas.show(as_mnist(ink, scale=SCALE))
        self._draw_and_keep()

    def _take_upload(self) -> None:
        """Replace the drawing by the uploaded picture."""
        file = uploaded_bytes(self.upload.value)
        if isinstance(self.upload.value, tuple):
            self.upload.value = ()  # so that the same file can be uploaded again
        if file is not None:
            self._take(read_picture(file))

    def _draw_and_keep(self) -> None:
        """Draw, and then keep the drawing; if that can't be, say so."""
        self._begun_with = None
        self._draw()
        try:
            self._kept.keep(self.canvas.ink)
        except OSError as error:
            self.status.say(f"{plain_words(self.status.value)}. The drawing is not kept: {error}")

    def _draw(self) -> None:
        ink = self.canvas.read()
        is_empty = not ink.any()
        turned = turn_and_shift(as_mnist(ink), degrees=self.degrees.value, right=self.right.value, down=self.down.value)
        # First, because it needs no network: a person who draws looks here.
        self.seen.show(grey_pixels(turned), label=f"what the networks see, {_size(turned)}")
        image = (turned[None, None] - self.images.mean) / self.images.std  # (1, 1, 28, 28)
        readings = {name: predict(model, image)[0] for name, model in self.models.items()}
        name, layer = self.model.value, self._chosen_layer()
        model, answer = self.models[name], int(readings[name].argmax())
        if is_empty:  # an answer to an empty picture means nothing
            readings = {other: torch.zeros_like(values) for other, values in readings.items()}
            words = "nothing drawn yet: draw a digit, or take a sample"
        else:
            words = describe_readings(readings, self.images.classes) + self._moved_in_words()
            if self._begun_with is not None:
                words += ". This is your last drawing"
        for other, ax in self._axes.items():
            set_probabilities(ax, readings[other].nan_to_num())
        self.bars.show(label=f"probability of each class; {words}")  # the answers first, then the reasons

        gradient = saliency(model, image, answer)[0, 0].nan_to_num()
        maps = self._maps(model, layer, image)
        if is_empty:
            gradient, maps = torch.zeros_like(gradient), torch.zeros_like(maps)
        self._show_layers(name, layer)
        self._show_saliency(gradient, None if is_empty else self.images.classes[answer], name)
        self._show_maps(maps, layer)
        self.status.say(words)

    def _moved_in_words(self) -> str:
        """Describe how the sliders have moved the drawing: with the next sample a person may have forgotten it."""
        moves = [f"turned {self.degrees.value}°"] if self.degrees.value else []
        right, down = self.right.value, self.down.value
        moves += [f"moved {describe_shift(right, down)}"] if right or down else []
        return f". The drawing is {' and '.join(moves)}" if moves else ""

    def _chosen_layer(self) -> str | None:
        """Return the chosen layer, or the first layer of a network that lacks it; None if no layer has maps."""
        layers = self._layers[self.model.value]
        return self.layer.value if self.layer.value in layers else next(iter(layers), None)

    def _maps(self, model: nn.Module, layer: str | None, image: Tensor) -> Tensor:
        """Return the layer's feature maps (C, H, W); one black pixel if layer is None."""
        if layer is None:
            return torch.zeros(1, 1, 1)
        with torch.no_grad(), capture(model, layer) as seen:
            predict(model, image)
        return seen[layer][0].float().cpu().nan_to_num()

    def _show_layers(self, name: str, layer: str | None) -> None:
        """Offer the layers of the network of this name."""
        if list(self.layer.options) != self._layers[name]:
            self.layer.options = self._layers[name]
            self.layer.value = layer

    def _show_saliency(self, gradient: Tensor, answer: str | None, name: str) -> None:
        """Show the gradient (H, W) of the answer's logit; answer is None if nothing is drawn."""
        self.saliency.show(
            diverging_pixels(gradient, float(gradient.abs().max())),
            title="Saliency" if answer is None else f"Saliency for {answer:.12}",
            label="saliency, nothing drawn yet" if answer is None else f"saliency for the {answer} that {name} reads",
        )

    def _show_maps(self, maps: Tensor, layer: str | None) -> None:
        """Show the feature maps (C, H, W) in one picture, on one scale."""
        limit = float(maps.max().clamp_min(0))
        tiles, _ = montage(maps.numpy()[..., None], 8 if len(maps) <= 32 else 16, gap=1, above=1)
        count = f"{len(maps)} maps of {_size(maps[0])}"
        self.maps.show(
            sequential_pixels(torch.from_numpy(tiles[1:, :, 0]), limit),
            title=f"Feature maps of {layer}" if layer else "This network has no feature maps",
            caption=f"{count}, dark 0 or less, yellow {format_number(limit)}" if layer else "",
            label=f"feature maps of {layer}: {count}" if layer else "no feature maps",
        )


def uploaded_bytes(value: Mapping | tuple) -> bytes | None:
    """Return the content of the newest file in a FileUpload's value; None if there is no file.

    value: a tuple in ipywidgets 8, a dict in ipywidgets 7.

    >>> uploaded_bytes(({"name": "7.png", "content": memoryview(b"…")},))
    """
    files = list(value.values() if isinstance(value, Mapping) else value)
    return bytes(files[-1]["content"]) if files else None


def _size(plane: Tensor) -> str:
    """Return the size of a plane (H, W) in words."""
    return f"{plane.shape[0]}×{plane.shape[1]}"


def _places(width: float, rows: int) -> dict[str, float]:
    """Return the position of the axes of the bars; to let matplotlib find it takes as long as drawing them.

    width: of the figure, in inches.
    """
    above, below, before = 0.27, 0.26, 0.57  # inches for the title, the names of the classes, and the axis's label
    axes = BARS - above - below
    height = BARS * rows
    return {
        "left": before / width, "right": 0.99, "wspace": 0.07,
        "bottom": below / height, "top": 1 - above / height, "hspace": (above + below) / axes,
    }  # fmt: skip


def _fitting() -> ipywidgets.Layout:
    """Return the layout of a button that is as wide as its words."""
    return ipywidgets.Layout(width="auto", max_width="200px")
