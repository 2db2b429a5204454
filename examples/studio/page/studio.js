// Puts the page together: the form, the gallery, the player, and what the studio tells.
import { gallery } from "./cards.js";
import { composer } from "./compose.js";
import { h, icon, toast } from "./element.js";
import { player } from "./player.js";
import { server } from "./server.js";
import { costText } from "./words.js";

const byId = (id) => document.getElementById(id);
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// ---- light and dark: as the system has it, or as chosen here

const themes = { auto: "Auto", light: "Light", dark: "Dark" };
let theme = "auto";
try {
  theme = themes[localStorage.getItem("studio-theme")] ? localStorage.getItem("studio-theme") : "auto";
} catch { /* a browser that keeps nothing */ }
function showTheme() {
  document.documentElement.dataset.theme = theme;
  byId("theme").replaceChildren(icon(theme));
  byId("theme").setAttribute("aria-label", `Colours: ${themes[theme]}`);
  byId("theme").title = "Colours: as the system has it, light or dark";
}
byId("theme").addEventListener("click", () => {
  const all = Object.keys(themes);
  theme = all[(all.indexOf(theme) + 1) % all.length];
  try {
    localStorage.setItem("studio-theme", theme);
  } catch { /* until it is closed */ }
  showTheme();
});
showTheme();

// ---- one of two views where there is no room for both

function view(name) {
  byId("desk").dataset.view = name;
  for (const tab of document.querySelectorAll(".tabs button"))
    if (tab.dataset.view === name) tab.setAttribute("aria-current", "true");
    else tab.removeAttribute("aria-current");
  window.scrollTo({ top: 0 });
}
for (const tab of document.querySelectorAll(".tabs button")) tab.addEventListener("click", () => view(tab.dataset.view));

// ---- what is wrong, above everything

const trouble = { lost: false, refused: false, why: "" };
function showBanner() {
  const banner = byId("banner");
  banner.hidden = !trouble.lost && !trouble.why;
  banner.textContent = trouble.refused
    ? "The link of this page is no longer good. Open the one that the studio printed when it was started."
    : trouble.lost
    ? "The studio is not running. Start it again, and this page goes on by itself."
    : `The service cannot be reached: ${trouble.why}. Clips go on there, and the studio keeps asking.`;
}

async function showBalance() {
  try {
    const left = await server.balance();
    byId("balance").textContent = left.unlimited ? "" : `${costText(left.usd)} left`;
  } catch {
    byId("balance").textContent = "";
  }
}

const examples = [
  ["Rain on a neon street", "A narrow Tokyo street at night, rain on the asphalt mirrors pink and blue neon signs, slow dolly forward, shallow depth of field"],
  ["A fox at dawn", "A red fox walks through tall grass at dawn, backlit by low sun, mist, handheld camera at eye level, cinematic"],
  ["Coffee in close-up", "Macro shot of coffee pouring into a glass cup, swirling cream, warm window light, slow motion, dark background"],
];
function emptiness() {
  return h("div", { class: "welcome" },
    h("div", { class: "frames", "aria-hidden": "true" }, h("i"), h("i"), h("i", {}, icon("play"))),
    h("h2", {}, "Your clips will be here"),
    h("p", {}, "Describe a shot, see what it costs, and press Generate. Or begin with one of these:"),
    h("div", { class: "ideas" }, examples.map(([title, prompt]) => h("button", { type: "button", class: "idea", onclick: () => {
      compose.fill({ model: byId("model").value, prompt }, "text_to_video");
      view("compose");
      compose.focusPrompt();
    } }, h("b", {}, title), h("span", {}, prompt)))));
}

// ---- start

const about = await server.about();
byId("service").textContent = about.emulated ? "Emulator, free of charge" : about.service;
byId("service").title = about.emulated ? "A built-in copy of the service: its videos are test pictures, and cost nothing" : "Videos cost money here";
byId("service").classList.toggle("free", about.emulated);

const clips = gallery({
  onopen: (id) => show.open(id),
  onuse: (clip) => {
    compose.fill(clip.request, clip.kind);
    view("compose");
    compose.focusPrompt();
    toast("The form has the settings of that clip.");
  },
  onempty: emptiness,
  onchange: (working) => {
    document.title = working ? `(${working}) Studio` : "Studio";
    byId("tab-count").textContent = working;
    byId("tab-count").hidden = !working;
  },
});
const show = player({ find: clips.find, beside: clips.beside, onuse: (clip) => { compose.fill(clip.request, clip.kind); view("compose"); compose.focusPrompt(); } });
const compose = composer({ models: about.models, onordered: (clip) => {
  clips.put(clip);
  view("gallery");
  toast("Ordered. You can go on with the next one.");
  document.querySelector(`.card[data-id="${clip.id}"]`)?.scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
} });

let connections = 0;
server.listen({
  hello: async (health) => {
    const turn = ++connections;
    trouble.lost = trouble.refused = false;
    trouble.why = health.reachable ? "" : health.why;
    showBanner();
    const all = await server.clips();
    if (turn !== connections) return;
    clips.replace(all);
    compose.judge();
    showBalance();
  },
  clip: (clip) => {
    clips.put(clip);
    if (clip.state === "ready" || clip.state === "failed") showBalance();
  },
  removed: ({ id }) => clips.removed(id),
  service: (health) => {
    trouble.why = health.reachable ? "" : health.why;
    showBanner();
  },
  refused: () => {
    trouble.refused = true;
    showBanner();
  },
  lost: () => {
    trouble.lost = true;
    showBanner();
  },
});

// ---- keyboard

byId("shortcuts-button").addEventListener("click", () => byId("shortcuts").showModal());
byId("shortcuts").addEventListener("click", (event) => { if (event.target === event.currentTarget) event.currentTarget.close(); });
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    compose.submit();
    return;
  }
  const writes = event.target.matches("input:not([type=radio], [type=checkbox], [type=range]), textarea, select");
  if (writes || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const run = { "/": () => { view("gallery"); clips.search.focus(); }, n: () => { view("compose"); compose.focusPrompt(); }, "?": () => byId("shortcuts").showModal() }[event.key];
  if (!run) return;
  event.preventDefault();
  run();
});
document.documentElement.dataset.ready = "true";
