// StatusLine in the browser. It also looks after the panel that it stands in, for people who use the keyboard.

// ipywidgets gives a slider's parts no name that a screen reader could say. The label beside them becomes their name.
function nameSliders(panel) {
  for (const slider of panel.querySelectorAll(".widget-slider")) {
    const name = slider.querySelector(".widget-label")?.textContent ?? "";
    slider.querySelectorAll(".noUi-handle").forEach((handle) => handle.setAttribute("aria-label", name));
    const readout = slider.querySelector(".widget-readout");
    readout?.setAttribute("role", "textbox");
    readout?.setAttribute("aria-label", `${name}, as a number`);
  }
}

// JupyterLab's short commands (b adds a cell, d d deletes one) must not hear a key that is meant for a control.
function keepKey(event) {
  const isCommand = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
  if (!isCommand) event.stopPropagation();
}

function render({ model, el }) {
  el.classList.add("cnnlab-status");
  el.setAttribute("role", "status"); // the element stays, its content changes: a screen reader announces only that
  el.setAttribute("aria-live", "polite");

  function draw() {
    el.innerHTML = model.get("value"); // Python has escaped it
  }

  function lookAfterPanel() {
    const panel = el.closest(".widget-vbox");
    if (!panel) return;
    nameSliders(panel);
    panel.addEventListener("keydown", keepKey);
  }

  draw();
  model.on("change:value", draw);
  const whenSeen = new IntersectionObserver(lookAfterPanel);
  whenSeen.observe(el);
  return () => {
    model.off("change:value", draw);
    whenSeen.disconnect();
  };
}

export default { render };
