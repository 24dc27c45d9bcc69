// NumberGrid in the browser: one small text field a number. Tab reaches the grid, the arrow keys move in it.

const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Two decimals to look at, in a narrow cell ".11" for "0.11"; a whole number has none. What was typed stays as typed.
function shorten(value, narrow) {
  if (typeof value === "string") return value;
  let text = Number.isInteger(value) ? String(value) : value.toFixed(2).replace("-0.00", "0.00");
  if (narrow) text = text.replace("0.", ".");
  return text.replace("-", "−");
}

// Six digits to edit.
function full(value) {
  return typeof value === "string" ? value : String(Number(value.toPrecision(6)));
}

// Black or white, whichever stands out more (weights of ITU-R BT.601).
function inkOn(red, green, blue) {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#000" : "#fff";
}

// Left and right move the caret inside a text, and leave the cell only at the text's end, or while all of it is selected.
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
  el.append(box); // a box of our own: the styles of el belong to ipywidgets
  box.append(title, grid);
  grid.setAttribute("role", "group");
  let cells = [];
  let active = 0; // the one cell that Tab reaches

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
    event.stopPropagation(); // JupyterLab would go to another cell
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
      cell.setAttribute("aria-label", `row ${Math.floor(place / columns)}, column ${place % columns}`);
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
    [drawNumbers, "change:values change:columns change:pixels change:editable"],
    [drawWords, "change:title change:label change:display_width"],
  ];
  for (const [draw, names] of drawers) {
    draw();
    for (const name of names.split(" ")) model.on(name, draw);
  }
  return () => drawers.forEach(([draw, names]) => names.split(" ").forEach((name) => model.off(name, draw)));
}

export default { render };
