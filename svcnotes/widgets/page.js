// A saved page has no kernel: it carries the answer to every setting, and this stands in for the kernel's model.
function savedModel(saved) {
  const state = { ...saved.settings, message: "", path: saved.path };
  const heard = {};
  const key = () => saved.controls.map((control) => state[control.name]).join("|");
  function answer(before) {
    const now = key();
    const controls = saved.controls.map((control) => ({ ...control, value: state[control.name] }));
    const story = unfolded(saved, now);
    const difference = (before && saved.differences[`${before}>${now}`]) || [];
    state.message = JSON.stringify({ question: saved.questions[now], controls, story, difference, error: saved.errors[now] || "" });
    return now;
  }
  let shown = answer("");
  let touched = new Set();
  return {
    get: (name) => state[name],
    set: (name, value) => { state[name] = value; touched.add(name); },
    save_changes() {
      const changed = saved.controls.some((control) => touched.has(control.name)) && key() !== shown;
      touched = new Set();
      if (!changed) return;
      const before = `${shown}|${state.path}`;
      state.path = saved.paths[`${before}>${key()}`] || 0;
      shown = answer(before);
      (heard["change:message"] || []).forEach((call) => call());
    },
    on: (event, call) => { (heard[event] ||= []).push(call); },
    off: () => {},
  };
}

// Pieces that many answers share are stored once.
function unfolded(saved, key) {
  const read = (value) => {
    if (Array.isArray(value)) return value.map(read);
    if (value && typeof value === "object") {
      if (typeof value.$ === "number") return read(saved.pieces[value.$]);
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, read(inner)]));
    }
    return value;
  };
  return read(saved.stories[key]);
}

render({ model: savedModel(JSON.parse(document.getElementById("svcnotes-data").textContent)), el: document.getElementById("svcnotes-stage") });
