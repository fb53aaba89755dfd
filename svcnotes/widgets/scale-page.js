// A saved page has no kernel: all answers are in it, and this stands in for the kernel's model.
const saved = JSON.parse(document.getElementById("svcnotes-data").textContent);
const model = { get: (name) => saved[name], set: (name, value) => { saved[name] = value; }, save_changes() {}, on() {} };
render({ model, el: document.getElementById("svcnotes-stage") });
