// DrawingCanvas in the browser: strokes become grey bytes, sent while the pen moves. No mathematics here.

const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const STEP = 4; // pixels a key press

function add(parent, tag, className) {
  const child = parent.appendChild(document.createElement(tag));
  child.className = className;
  return child;
}

function render({ model, el }) {
  const box = add(el, "div", "cnnlab-picture"); // a box of our own: the styles of el belong to ipywidgets
  const title = add(box, "div", "cnnlab-title");
  const frame = add(box, "div", "cnnlab-frame cnnlab-interactive cnnlab-sheet");
  const canvas = add(frame, "canvas", "cnnlab-canvas");
  const nib = add(frame, "div", "cnnlab-nib"); // shows where the arrow keys have moved the pen
  const caption = add(box, "div", "cnnlab-caption");
  const penState = add(box, "div", "cnnlab-caption cnnlab-pen-state");
  const side = model.get("side");
  canvas.width = canvas.height = side;
  frame.style.aspectRatio = "1";
  frame.tabIndex = 0;
  frame.setAttribute("role", "application");
  canvas.ariaHidden = nib.ariaHidden = "true"; // the frame's label says what they are
  penState.setAttribute("aria-live", "polite");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let pointer = null; // the pointer that draws, by its id
  let last = [0, 0];
  let place = [side / 2, side / 2]; // of the pen that the keys move
  let isDown = false;

  function drawInk() {
    const bytes = model.get("ink");
    if (pointer !== null || bytes.byteLength !== side * side) return; // what is being drawn here is newer
    const picture = context.createImageData(side, side);
    for (let at = 0; at < side * side; at++) {
      picture.data.fill(bytes.getUint8(at), 4 * at, 4 * at + 3);
      picture.data[4 * at + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
  }

  function send() {
    const { data } = context.getImageData(0, 0, side, side);
    const ink = new Uint8Array(side * side);
    for (let at = 0; at < ink.length; at++) ink[at] = data[4 * at];
    model.set("ink", new DataView(ink.buffer));
    model.save_changes(); // one message is under way, and only the newest waits behind it
  }

  function stroke(from, to) {
    context.strokeStyle = context.fillStyle = "#fff";
    context.lineWidth = model.get("pen");
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
    context.beginPath(); // a touch that does not move leaves a dot
    context.arc(...to, model.get("pen") / 2, 0, 2 * Math.PI);
    context.fill();
  }

  function clear() {
    context.fillStyle = "#000";
    context.fillRect(0, 0, side, side);
    send();
  }

  function placeOf(event) {
    const { top, left, height, width } = canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * side, ((event.clientY - top) / height) * side];
  }

  function putDown(event) {
    if (pointer !== null || event.button !== 0) return;
    pointer = event.pointerId;
    frame.setPointerCapture(pointer); // a stroke may leave the sheet and come back
    last = placeOf(event);
    stroke(last, last);
    send();
  }

  function move(event) {
    if (event.pointerId !== pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const one of between.length ? between : [event]) {
      stroke(last, placeOf(one));
      last = placeOf(one);
    }
    send();
  }

  function lift(event) {
    if (event.pointerId !== pointer) return;
    pointer = null;
    place = last.map((at) => Math.min(Math.max(at, 0), side));
    showPen();
  }

  function showPen() {
    const size = (100 * model.get("pen")) / side;
    nib.style.width = nib.style.height = `${size}%`;
    nib.style.left = `${(100 * place[0]) / side - size / 2}%`;
    nib.style.top = `${(100 * place[1]) / side - size / 2}%`;
    nib.classList.toggle("cnnlab-down", isDown);
    penState.textContent = isDown ? "the pen is down" : "";
  }

  function setDown(down) {
    isDown = down;
    showPen();
  }

  function pressKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = ARROWS[event.key];
    if (step) {
      const from = place;
      place = place.map((at, axis) => Math.min(Math.max(at + STEP * step[axis], 0), side));
      if (isDown || event.shiftKey) stroke(from, place);
      if (isDown || event.shiftKey) send();
      showPen();
    } else if (event.key === " ") {
      setDown(!isDown);
      if (isDown) stroke(place, place);
      if (isDown) send();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to another cell
  }

  function drawWords() {
    title.textContent = model.get("title");
    caption.textContent = model.get("caption");
    box.style.maxWidth = `${model.get("display_width")}px`;
    frame.setAttribute("aria-label", model.get("label"));
  }

  frame.addEventListener("pointerdown", putDown);
  frame.addEventListener("pointermove", move);
  frame.addEventListener("lostpointercapture", lift); // also when a touch is cancelled
  frame.addEventListener("keydown", pressKey);
  frame.addEventListener("blur", () => setDown(false));
  const drawers = [
    [drawInk, "change:ink"],
    [showPen, "change:pen"],
    [drawWords, "change:title change:caption change:label change:display_width"],
  ];
  for (const [draw, names] of drawers) {
    draw();
    for (const name of names.split(" ")) model.on(name, draw);
  }
  return () => drawers.forEach(([draw, names]) => names.split(" ").forEach((name) => model.off(name, draw)));
}

export default { render };
