// The stage: draws the message that Python packed (svcnotes/views/pack.py) and steps through it.
// Everything from the message enters the page as text, never as markup. Stepping asks nobody.

const SVG = "http://www.w3.org/2000/svg";
const PLAY_EVERY = 1300; // ms
const PATIENCE = 120; // ms that an answer may take before the stage says that it is awaited
const CHANGED = {
  mark: "marked", dnat: "destination", snat: "source", undo: "put back", drop: "dropped ✕",
  reject: "rejected ✕", closed: "nobody listens ✕", end: "ends here ✕", icmp: "refused",
};
let stages = 0;

// ---- small helpers -------------------------------------------------------------------------------

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// JupyterLab's notebook shortcuts leave a focused element alone that carries this attribute itself.
function focusable(tag, attributes, ...children) {
  return h(tag, { "data-lm-suppress-shortcuts": "true", ...attributes }, ...children);
}

function glyph(marks, role) {
  const span = h("span", { class: `mark mark-${role}`, "aria-hidden": "true" });
  span.textContent = (marks[role] || ["•"])[0] + " ";
  return span;
}

// Runs of a sentence: [text], [text, kind] or [text, kind, role].
function sentence(runs, marks) {
  return runs.map(([text, kind, role]) => {
    if (kind === "address") return h("span", { class: "address" }, glyph(marks, role), text);
    if (kind === "code") return h("code", {}, text);
    if (kind === "strong") return h("strong", {}, text);
    return document.createTextNode(text);
  });
}

const words = (runs) => runs.map((run) => run[0]).join("");

// A group of radio buttons: arrow keys move and choose, one of them is in the tab order.
function radios(name, label, onChoose) {
  const id = `svcnotes-${stages}-${name}`;
  const group = h("div", { role: "radiogroup", class: "segments", "aria-labelledby": id, "data-control": name });
  const box = h("div", { class: "control" }, h("span", { id, class: "label" }, label), group);
  const choose = (value, focus) => {
    update(value);
    if (focus) group.querySelector('[aria-checked="true"]')?.focus();
    onChoose(value);
  };
  group.addEventListener("keydown", (event) => {
    const all = [...group.children];
    const at = all.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    choose(all[(to + all.length) % all.length].dataset.value, true);
  });
  function update(value) {
    for (const button of group.children) {
      const on = button.dataset.value === String(value);
      button.setAttribute("aria-checked", on ? "true" : "false");
      button.tabIndex = on ? 0 : -1;
    }
  }
  function offer(options, value) {
    const key = JSON.stringify(options);
    if (group.dataset.offered !== key) {
      group.dataset.offered = key;
      group.replaceChildren(...options.map(([option, text]) => // a third part: what to say while it is awaited
        focusable("button", {
          type: "button", role: "radio", "data-value": option, onclick: () => choose(option, false),
        }, text)));
    }
    const chosen = group.contains(document.activeElement) && document.activeElement.getAttribute("aria-checked") === "true";
    update(value);
    if (chosen) group.querySelector('[aria-checked="true"]')?.focus(); // a choice that was not to be had
  }
  return { box, offer };
}

// ---- the picture ---------------------------------------------------------------------------------

function towards([x, y], [ox, oy], radius) {
  const length = Math.max(Math.hypot(ox - x, oy - y), 0.01);
  const step = Math.min(radius, length / 2);
  return [x + ((ox - x) / length) * step, y + ((oy - y) / length) * step];
}

function rounded(points) {
  let path = `M${points[0]}`;
  for (let i = 1; i < points.length - 1; i += 1) {
    path += `L${towards(points[i], points[i - 1], 10)}Q${points[i]} ${towards(points[i], points[i + 1], 10)}`;
  }
  return `${path}L${points[points.length - 1]}`;
}

function head(points) {
  const [x, y] = points[points.length - 2];
  const tip = points[points.length - 1];
  const length = Math.max(Math.hypot(tip[0] - x, tip[1] - y), 0.01);
  const [ux, uy] = [(tip[0] - x) / length, (tip[1] - y) / length];
  const [bx, by] = [tip[0] - ux * 11, tip[1] - uy * 11];
  return `${tip} ${bx - uy * 5},${by + ux * 5} ${bx + uy * 5},${by - ux * 5}`;
}

function tspan(marks, role) {
  return s("tspan", { class: `mark-${role}` }, (marks[role] || ["•"])[0]);
}

function drawShape(shape, marks) {
  const kind = shape.s.split(" ").map((word) => `is-${word}`).join(" ");
  const at = { "data-moment": shape.m || 0 };
  if (shape.k === "rect") {
    return s("rect", { class: kind, x: shape.x || 0, y: shape.y || 0, width: shape.w, height: shape.h, rx: 9 });
  }
  if (shape.k === "line") {
    const group = s("g", { class: `line ${kind}` }, s("path", { d: rounded(shape.p) }));
    if (shape.e) group.append(s("polygon", { points: head(shape.p) }));
    return group;
  }
  if (shape.k === "badge") {
    const text = s("text", { x: shape.x + shape.w / 2, y: shape.y + shape.h / 2 + 4, "text-anchor": "middle" }, shape.t);
    if (shape.g) text.append(" ", tspan(marks, shape.g[0]), "→", tspan(marks, shape.g[1]));
    return s("g", { class: `badge ${kind}`, ...at },
      s("rect", { x: shape.x, y: shape.y, width: shape.w, height: shape.h, rx: shape.h / 2 }), text);
  }
  const text = s("text", { class: kind, x: shape.x || 0, y: shape.y || 0, "text-anchor": shape.a || "start", ...at });
  for (const role of shape.g || []) text.append(tspan(marks, role), " ");
  text.append(shape.t);
  return text;
}

function drawPicture(picture, path, marks) {
  const svg = s("svg", { viewBox: `0 0 ${picture.width} ${picture.height}`, role: "img", "aria-label": path.alt });
  for (const shape of picture.shapes) svg.append(drawShape(shape, marks));
  const bead = s("g", { class: "bead" }, s("circle", { r: 8 }), s("text", { "text-anchor": "middle", y: 4 }));
  svg.append(bead);
  return { svg, bead };
}

// ---- the stage -----------------------------------------------------------------------------------

function render({ model, el }) {
  stages += 1;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  let shown = model.get("message"); // the text that is painted
  let message = JSON.parse(shown);
  let shownPath = -1;
  let asked = ""; // the change that the kernel was asked about last
  const known = new Map(); // its answers, by change: a setting seen before repaints without waiting
  let step = 0; // 1-based; 0 before anything is drawn
  let timer = null;
  let awaited = null; // the timer that says so
  let picture = null;
  let drawnWidth = 0;
  let room = 0; // the picture's width, told by the observer: to ask for it in the middle of a repaint costs a layout

  const question = h("h3", { class: "question" });
  const bar = h("div", { class: "bar" });
  const verdict = h("p", { class: "verdict" });
  const difference = h("p", { class: "difference" });
  const figure = h("div", { class: "picture" });
  const legend = h("p", { class: "legend", "aria-hidden": "true" });
  const steps = h("div", { class: "steps", role: "group", "aria-label": "Steps of the packet" });
  const strip = h("p", { class: "strip", "aria-live": "polite" });
  const hops = h("div", { class: "hops" });
  const rules = h("div", { class: "rules-box" });
  const twin = h("details", { class: "twin" });
  const announce = h("p", { class: "aside", role: "status", "aria-live": "polite" });
  const note = h("p", { class: "note" });
  const root = h("section", { class: "svcnotes-stage" }, question, bar, note, verdict, announce, difference,
    h("div", { class: "board" }, figure, legend, steps, strip, rules, hops), twin);
  root.setAttribute("aria-label", message.question || "Stage");
  el.append(root);

  const controls = new Map();
  const paths = radios("path", "endpoint", (value) => {
    if (shownPath !== Number(value)) difference.hidden = true; // it compared the way to the endpoint before
    model.set("path", Number(value));
    if (shownPath !== Number(value)) pathChanged();
    model.save_changes();
  });

  const current = () => message.story.paths[Math.min(model.get("path") || 0, message.story.paths.length - 1)];

  function play(on) {
    if (timer) clearInterval(timer);
    timer = null;
    if (on) {
      if (step >= current().moments.length) go(1);
      timer = setInterval(() => {
        if (step >= current().moments.length) play(false);
        else go(step + 1);
      }, PLAY_EVERY);
    }
    const button = steps.querySelector(".play");
    if (button) {
      button.textContent = on ? "Pause" : "Play";
      button.setAttribute("aria-pressed", on ? "true" : "false");
    }
  }

  function nudge(to) {
    play(false);
    go(to);
  }

  // ---- asking and hearing ----

  const setting = () => message.controls.map((control) => model.get(control.name)).join("|");

  function change(name, value) {
    if (model.get(name) === value) return;
    const before = `${setting()}|${model.get("path")}`;
    model.set(name, value);
    asked = `${before}>${setting()}`;
    const answer = known.get(asked);
    model.save_changes(); // first, so that the kernel is not told of the path that it will choose itself
    if (answer && answer.text !== shown) show(answer.text, answer.path);
    else wait();
  }

  // Real packets take their time: the picture of the setting before is no answer meanwhile.
  function wait() {
    clearTimeout(awaited);
    const saying = message.controls.map((control) => control.options.find(([option]) => option === model.get(control.name))?.[2]).find(Boolean);
    if (!saying) return;
    awaited = setTimeout(() => {
      verdict.style.minHeight = `${verdict.offsetHeight}px`; // what stands below keeps its place
      root.classList.add("waiting");
      root.setAttribute("aria-busy", "true");
      verdict.textContent = saying;
      announce.textContent = saying;
    }, PATIENCE);
  }

  function waited() {
    clearTimeout(awaited);
    const said = root.classList.contains("waiting");
    root.classList.remove("waiting");
    verdict.style.minHeight = "";
    root.removeAttribute("aria-busy");
    return said;
  }

  function hear() {
    const text = model.get("message");
    if (text === shown) {
      if (waited()) paint();
      return;
    }
    const answer = JSON.parse(text);
    // An answer to a setting that was changed again meanwhile: the next one is on its way.
    if (answer.controls.some((control) => control.value !== model.get(control.name))) return;
    // Real packets are sent anew each time, and a note tells of a setting that was not to be had.
    if (asked && !answer.note && !answer.story?.packets) known.set(asked, { text, path: model.get("path") });
    asked = "";
    show(text, model.get("path"));
  }

  function show(text, path) {
    waited();
    shown = text;
    message = JSON.parse(text);
    shownPath = path;
    if (model.get("path") !== path) model.set("path", path);
    paint();
  }

  // ---- what a change of the message redraws ----

  function paint() {
    question.textContent = message.question;
    for (const control of message.controls) {
      if (!controls.has(control.name)) {
        const group = radios(control.name, control.label, (value) => change(control.name, value));
        controls.set(control.name, group);
        bar.append(group.box);
      }
      controls.get(control.name).offer(control.options, control.value);
    }
    if (!bar.contains(paths.box)) bar.append(paths.box);
    note.textContent = message.note || "";
    note.hidden = !message.note;
    if (message.error) {
      verdict.textContent = message.error;
      announce.textContent = message.error;
      root.classList.add("failed");
      for (const part of [difference, figure, legend, steps, strip, hops, rules, twin]) part.replaceChildren();
      return;
    }
    root.classList.remove("failed");
    const many = message.story.paths.length > 1;
    paths.box.hidden = !many;
    paths.offer(message.story.paths.map((path, index) => [String(index), `${path.label} · ${path.share}`]),
      String(message.story.paths.indexOf(current())));
    difference.hidden = !message.difference.length;
    difference.replaceChildren(h("strong", {}, "Against the setting before: "), ...sentence(message.difference, message.story.marks));
    pathChanged();
  }

  function pathChanged() {
    play(false);
    shownPath = model.get("path");
    step = 0; // the old step's number may not exist on this path
    const path = current();
    const { marks } = message.story;
    const good = path.outcome === "connected";
    verdict.className = good ? "verdict" : "verdict bad";
    verdict.replaceChildren(...sentence(path.headline, marks), path.choice ? h("span", { class: "choice" }, ` ${path.choice}.`) : "");
    // A live region speaks when its words change: it repeats the answer, and the difference.
    announce.textContent = [message.note, words(path.headline), words(message.difference)].filter(Boolean).join(" ");
    drawnWidth = 0;
    fit();
    const roles = new Set(path.moments.flatMap((m) => [...m.src, ...m.dst].map((end) => end[1])));
    roles.add("node");
    legend.replaceChildren(...Object.entries(marks).filter(([role]) => roles.has(role))
      .map(([role, mark]) => h("span", {}, glyph(marks, role), mark[2])));
    drawSteps(path);
    drawHops(path);
    twin.replaceChildren(focusable("summary", {}, "The same in words"), h("p", {}, ...sentence(path.headline, marks)),
      h("ol", {}, ...path.moments.map((m) => h("li", {}, ...sentence(m.say, marks)))));
    go(path.deciding);
  }

  function fit() {
    const path = current();
    if (!room) room = figure.clientWidth;
    const choices = path.pictures;
    const fitting = choices.filter((candidate) => candidate.width <= room);
    const chosen = fitting.length ? fitting[fitting.length - 1] : choices[0];
    if (chosen.width === drawnWidth) return;
    drawnWidth = chosen.width;
    picture = { data: chosen, ...drawPicture(chosen, path, message.story.marks) };
    figure.replaceChildren(picture.svg);
    if (step) showMoment(step, step);
  }

  function drawSteps(path) {
    const hadFocus = steps.contains(document.activeElement);
    const button = (text, label, action, kind = "") =>
      focusable("button", { type: "button", class: kind, "aria-label": label, onclick: action }, text);
    const numbered = (moment, index) => {
      const b = button(String(index + 1), `Step ${index + 1}: ${moment.title}`, () => nudge(index + 1), moment.back ? "step back" : "step");
      b.title = moment.title;
      return b;
    };
    const there = path.moments.filter((m) => !m.back).length;
    const all = path.moments.map(numbered);
    const playing = button("Play", "Play the steps", () => play(!timer), "play");
    playing.setAttribute("aria-pressed", "false");
    steps.replaceChildren(
      button("◀", "Step back", () => nudge(step - 1), "turn"), button("▶", "Step on", () => nudge(step + 1), "turn"), playing,
      h("em", {}, "there"), ...all.slice(0, there),
      ...(all.length > there ? [h("em", {}, "and back"), ...all.slice(there)] : []),
      h("em", { class: "keys" }, "keys: ← → Home End"));
    if (hadFocus) steps.querySelector("button")?.focus();
  }

  function ends([now, before], marks) {
    const text = h("span", { class: "address" }, glyph(marks, now[1]), now[0]);
    if (!before) return [text];
    return [h("mark", {}, text)];
  }

  function drawHops(path) {
    const { marks } = message.story;
    const rows = path.moments.map((m, index) =>
      h("tr", { onclick: () => nudge(index + 1) },
        h("td", {}, String(index + 1)), h("td", {}, m.host, m.hook ? h("small", {}, ` ${m.hook}`) : ""),
        h("td", {}, ...ends(m.src, marks)), h("td", {}, ...ends(m.dst, marks)),
        h("td", {}, CHANGED[m.kind] || (m.kind === "pass" ? "nothing" : ""))));
    hops.replaceChildren(h("h4", {}, "Every step of the packet"),
      h("table", {}, h("thead", {}, h("tr", {}, ...["#", "where", "source", "destination", "changed"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, ...rows)));
  }

  function marked(text) {
    const { marks, names } = message.story;
    const parts = text.split(/((?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*)/);
    return parts.flatMap((part) => (names[part] ? [glyph(marks, names[part]), part] : [part]));
  }

  function drawRules(path, number) {
    const moment = path.moments[number - 1];
    const key = `${moment.hop} ${moment.hook}`;
    const lines = path.listings[key];
    if (moment.step === undefined || !lines) {
        rules.replaceChildren(h("h4", {}, `Rules · step ${number}, ${moment.host}`),
        h("p", { class: "none" }, "No rule decides anything at this step. ", h("span", {}, words(moment.say))));
      return;
    }
    const ruled = lines.some(([, kind]) => kind !== "kernel"); // a bridge or a routing table decides without one
    const real = message.story.packets; // then the kernel itself has told which rules matched
    const tools = new Set(lines.filter(([, kind]) => kind === "table").map(([text]) => (text.startsWith("*") ? "iptables-save" : text.startsWith("# ") ? text.slice(2) : "nft")));
    const printed = `as ${[...tools].join(" and ")} print${tools.size > 1 ? "" : "s"} ${tools.size > 1 ? "them" : "it"}`;
    const title = h("h4", {}, ruled
      ? `Rules of ${moment.host}${moment.hook ? `, ${moment.hook}` : ""} · ▶ the one that fired at step ${number}, ${real ? "as Linux itself traced it" : printed}`
      : `No rule decides at step ${number}: the kernel of ${moment.host} does`);
    let decider = null;
    const list = lines.map(([text, kind, matched]) => {
      const now = matched.includes(moment.step);
      const past = matched.some((index) => index < moment.step);
      const state = now ? "now" : past ? "walked" : kind === "rule" ? "unmet" : kind;
      const sign = now ? "▶" : past ? "✓" : "";
      const line = h("li", { class: state, "aria-current": now ? "true" : null }, h("span", { class: "sign", "aria-hidden": "true" }, sign), h("span", {}, ...marked(text)));
      if (now) decider = line;
      return line;
    });
    const listed = focusable("ol", { class: "rules", tabindex: "0", "aria-label": ruled ? `Rules of ${moment.host}` : `The kernel of ${moment.host}` }, ...list);
    rules.replaceChildren(title, listed, ...(ruled ? [h("p", { class: "key" }, `▶ decided this step   ✓ matched on the way${real ? " (the kernel's own trace)" : ""}   unmarked: did not match, or not reached`)] : []));
    if (!decider) return;
    requestAnimationFrame(() => {
      if (listed.scrollHeight > listed.clientHeight) {
        listed.scrollTop = decider.offsetTop - listed.clientHeight / 2 + decider.offsetHeight / 2;
      }
    });
  }

  // ---- what a step redraws ----

  function go(to) {
    if (message.error) return;
    const path = current();
    const next = Math.max(1, Math.min(path.moments.length, to));
    if (next === step) return;
    const from = step;
    step = next;
    showMoment(from, step);
    const { marks } = message.story;
    const moment = path.moments[step - 1];
    const each = (label, [now, before]) => h("span", { class: "end" }, h("b", {}, label), " ",
      ...(before ? [h("del", { class: "address" }, glyph(marks, before[1]), before[0]), " → "] : []),
      h("span", { class: before ? "address new" : "address" }, glyph(marks, now[1]), now[0]));
    strip.replaceChildren(h("span", { class: "say" }, h("b", {}, `Step ${step} of ${path.moments.length}. `), ...sentence(moment.say, marks)),
      h("span", { class: "ends", "aria-hidden": "true" }, each("source", moment.src), each("destination", moment.dst)));
    steps.querySelectorAll(".step").forEach((button, index) => {
      button.classList.toggle("done", index + 1 < step);
      button.classList.toggle("now", index + 1 === step);
      button.tabIndex = index + 1 === step ? 0 : -1; // one of them is in the tab order, as with radio buttons
      if (index + 1 === step) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    hops.querySelectorAll("tbody tr").forEach((row, index) => {
      row.classList.toggle("now", index + 1 === step);
      if (index + 1 === step) row.setAttribute("aria-current", "step");
      else row.removeAttribute("aria-current");
    });
    drawRules(path, step);
  }

  function showMoment(from, to) {
    const { marks } = message.story;
    const moment = current().moments[to - 1];
    picture.svg.querySelectorAll(".badge").forEach((badge) => {
      const number = Number(badge.dataset.moment);
      badge.classList.toggle("done", number < to);
      badge.classList.toggle("now", number === to);
    });
    const label = picture.bead.querySelector("text");
    label.replaceChildren(tspan(marks, moment.src[0][1]));
    const { routes } = picture.data;
    const route = to === from + 1 ? routes[to - 1] : to === from - 1 ? [...routes[from - 1]].reverse() : null;
    const end = routes[to - 1][routes[to - 1].length - 1];
    const spot = ([x, y]) => `translate(${x}px, ${y}px)`;
    picture.bead.style.transform = spot(end);
    if (calm.matches || !picture.bead.animate) return;
    const frames = (route && route.length > 1 ? [...route.slice(0, -1), end] : []).map((point) => ({ transform: spot(point) }));
    if (frames.length > 1) picture.bead.animate(frames, { duration: 420, easing: "ease-in-out" });
  }

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 1, End: Infinity }[event.key];
    if (to !== undefined && !event.target.closest('[role="radiogroup"], .rules')) {
      event.preventDefault();
      nudge(to);
      if (steps.contains(event.target)) steps.querySelector(".step.now")?.focus(); // the focus goes with the step
    }
    event.stopPropagation();
  });

  model.on("change:message", hear);
  model.on("change:path", () => {
    if (model.get("message") !== shown) hear();
    if (model.get("path") === shownPath || message.error) return;
    paths.offer(message.story.paths.map((path, index) => [String(index), `${path.label} · ${path.share}`]), String(model.get("path")));
    pathChanged();
  });
  const watcher = new ResizeObserver(([entry]) => {
    room = entry.contentRect.width;
    if (!message.error) fit();
  });
  watcher.observe(figure);
  paint();
  return () => {
    play(false);
    clearTimeout(awaited);
    watcher.disconnect();
  };
}

export default { render };
