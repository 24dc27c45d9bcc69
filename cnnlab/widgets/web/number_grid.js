// NumberGrid in the browser: a text field for each number. Tab moves into the grid, the arrow keys move within it.

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Return a number with two decimals, or with none if it is whole; ".11" for "0.11" in a narrow cell. Typed text stays.
function shorten(value, narrow) {
  if (typeof value === "string") return value;
  let text = Number.isInteger(value) ? String(value) : value.toFixed(2).replace("-0.00", "0.00");
  if (narrow) text = text.replace("0.", ".");
  return text.replace("-", "−");
}

// Return a number with six digits, for editing.
function full(value) {
  return typeof value === "string" ? value : String(Number(value.toPrecision(6)));
}

// Return black or white, whichever has more contrast with this colour (weights of ITU-R BT.601).
function inkOn(red, green, blue) {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000" : "#fff";
}

// Return whether an arrow key moves the caret in the text: not at its end, and not while all of it is selected.
function staysInText(input, step) {
  if (step[1] === 0 || input.readOnly) return false;
  const { selectionStart, selectionEnd, value } = input;
  if (selectionStart === 0 && selectionEnd === value.length) return false;
  return step[1] < 0 ? selectionStart > 0 : selectionEnd < value.length;
}

function render({ model, el }) {
  const [box, title, grid] = ["picture", "title", "numbers"].map((name) => {
    const part = document.createElement("div");
    part.className = `cnnlab-${name}`;
    return part;
  });
  el.append(box); // not el itself: ipywidgets sets the styles of el
  box.append(title, grid);
  grid.setAttribute("role", "group");
  let cells = [];
  let active = 0; // the cell that Tab moves to

  function commit(place) {
    const values = [...model.get("values")];
    values[place] = cells[place].value;
    model.set("values", values);
    model.save_changes();
  }

  function focusCell(place) {
    cells[active].tabIndex = -1;
    active = place;
    cells[active].tabIndex = 0;
    cells[active].value = full(model.get("values")[active]);
    cells[active].select();
  }

  function pressKey(event, place) {
    const step = ARROWS[event.key];
    if (!step || staysInText(cells[place], step)) return;
    event.preventDefault();
    event.stopPropagation(); // else JupyterLab selects another cell
    const columns = model.get("columns");
    const row = Math.floor(place / columns) + step[0];
    const column = (place % columns) + step[1];
    if (row < 0 || column < 0 || column >= columns || row * columns + column >= cells.length) return;
    cells[row * columns + column].focus();
  }

  function makeCell(place) {
    const cell = grid.appendChild(document.createElement("input"));
    cell.type = "text";
    cell.maxLength = 40;
    cell.autocomplete = "off";
    cell.spellcheck = false;
    cell.tabIndex = place === 0 ? 0 : -1;
    cell.addEventListener("focus", () => focusCell(place));
    cell.addEventListener("blur", drawNumbers);
    cell.addEventListener("change", () => commit(place));
    cell.addEventListener("keydown", (event) => pressKey(event, place));
    return cell;
  }

  function drawNumbers() {
    const [values, columns, bytes] = ["values", "columns", "pixels"].map((name) => model.get(name));
    if (cells.length !== values.length) {
      grid.replaceChildren();
      active = 0;
      cells = values.map((_, place) => makeCell(place));
    }
    const narrow = columns > 5;
    grid.style.setProperty("--cnnlab-columns", columns);
    grid.classList.toggle("cnnlab-narrow", narrow);
    const hasColours = bytes.byteLength === 4 * values.length;
    values.forEach((value, place) => {
      const cell = cells[place];
      const focused = cell === cell.getRootNode().activeElement;
      cell.value = focused ? full(value) : shorten(value, narrow);
      cell.readOnly = !model.get("editable");
      const where = `row ${Math.floor(place / columns)}, column ${place % columns}`;
      cell.setAttribute("aria-label", `${model.get("label")}, ${where}`);
      cell.setAttribute("aria-invalid", typeof value === "string" && Number.isNaN(Number(value)));
      if (!hasColours) return;
      const [red, green, blue] = [0, 1, 2].map((channel) => bytes.getUint8(4 * place + channel));
      cell.style.backgroundColor = `rgb(${red}, ${green}, ${blue})`;
      cell.style.color = inkOn(red, green, blue);
    });
  }

  function drawWords() {
    title.textContent = model.get("title");
    grid.setAttribute("aria-label", model.get("label"));
    box.style.maxWidth = `${model.get("display_width")}px`;
  }

  const drawers = [
    [drawNumbers, "change:values change:columns change:pixels change:editable change:label"],
    [drawWords, "change:title change:label change:display_width"],
  ];
  for (const [draw, names] of drawers) {
    draw();
    for (const name of names.split(" ")) model.on(name, draw);
  }
  return () => drawers.forEach(([draw, names]) => names.split(" ").forEach((name) => model.off(name, draw)));
}

export default { render };
