// Words in the browser: a fold with words of the glossary, and a link to all of it.

function render({ model, el }) {
  el.classList.add("cnnlab-words");
  el.innerHTML = model.get("value"); // escaped by Python
  const link = el.querySelector("a");
  if (!link) return;
  // JupyterLab's manager knows the notebook's path; its handler opens a file in JupyterLab itself.
  const manager = model.widget_manager;
  const path = manager?.context?.path;
  const handler = manager?.rendermime?.linkHandler;
  const isOnTheWeb = link.getAttribute("href").startsWith("http");
  if (model.get("beside") && path && handler) {
    const steps = path.split("/").slice(0, -1);
    for (const step of model.get("beside").split("/")) {
      if (step === "..") steps.pop();
      else steps.push(step);
    }
    handler.handleLink(link, steps.join("/"));
  } else if (!isOnTheWeb) {
    link.remove(); // it would lead nowhere
  }
}

export default { render };
