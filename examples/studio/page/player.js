// One clip at large: the video, all there is to know about it, and its neighbours.
import { h, icon } from "./element.js";
import { settingsOf } from "./cards.js";
import { costText, durationText, fieldName, fileName, titleOf, valueName } from "./words.js";

export function player({ find, beside, onuse }) {
  const dialog = document.getElementById("player");
  let id, index, loops = false;

  function open(wanted, which = 0) {
    id = wanted;
    index = which;
    const clip = find(id);
    if (!clip) return close();
    stop();
    const video = h("video", { src: `/videos/${clip.files[index]}`, controls: true, autoplay: true, loop: loops, playsinline: true,
      poster: clip.has_poster && index === 0 ? `/videos/clip-${clip.id}.jpg?${clip.ended_ms}` : null });
    const step = (by, name, label) => {
      const next = beside(id, by);
      return h("button", { type: "button", class: `step ${name}`, "aria-label": label, title: label, disabled: !next, onclick: () => open(next.id) }, icon(name));
    };
    const loop = h("button", { type: "button", class: "plain", "aria-pressed": String(loops), onclick: () => {
      loops = !loops;
      video.loop = loops;
      loop.setAttribute("aria-pressed", String(loops));
    } }, icon("loop"), "Loop");
    const rows = Object.entries(clip.request).filter(([name]) => !["model", "prompt", "multi_prompt", "multi_shot", "shot_type"].includes(name))
      .map(([name, value]) => [h("dt", {}, fieldName(name)), h("dd", {}, told(value))]);
    const facts = [["Cost", clip.cost_usd ? costText(clip.cost_usd) : "not told"], ["Made in", durationText(clip.ended_ms - clip.created_ms)],
      ["Ordered", new Date(clip.created_ms).toLocaleString()], ["Task", clip.task_id]].map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
    dialog.replaceChildren(
      h("div", { class: "stage" }, video, step(-1, "left", "Newer clip"), step(1, "right", "Older clip")),
      h("div", { class: "sheet" },
        h("button", { type: "button", class: "plain icon-only close", "aria-label": "Close", onclick: close }, icon("close")),
        clip.files.length > 1 ? h("div", { class: "takes", role: "group", "aria-label": "Videos" }, clip.files.map((_, i) =>
          h("button", { type: "button", class: "soft", "aria-pressed": String(i === index), onclick: () => open(id, i) }, `${i + 1}`))) : null,
        h("p", { class: "words" }, titleOf(clip)),
        h("p", { class: "chips" }, settingsOf(clip).map((text) => h("span", {}, text))),
        h("div", { class: "actions" },
          h("a", { class: "primary", href: `/videos/${clip.files[index]}`, download: fileName(clip, index) }, icon("down"), "Download"),
          h("button", { type: "button", class: "plain", onclick: () => { close(); onuse(clip); } }, icon("again"), "Use again"), loop),
        h("dl", { class: "facts" }, facts, rows)));
    if (!dialog.open) dialog.showModal();
    video.focus();
  }

  const told = (value) => (Array.isArray(value) ? value.map((one) => one.name ?? nameOfPicture(one)).join(", ")
    : typeof value === "object" ? (value.enabled ? "Yes" : "No") : value === true ? "Yes" : value === false ? "No" : nameOfPicture(valueName(value)));
  const nameOfPicture = (text) => (String(text).startsWith("picture:") ? "a picture from here" : String(text));

  // A player that is taken away still loads.
  function stop() {
    const video = dialog.querySelector("video");
    if (!video) return;
    video.removeAttribute("src");
    video.load();
  }
  function close() {
    dialog.close();
  }
  dialog.addEventListener("close", () => { stop(); document.querySelector(`.card[data-id="${id}"] button`)?.focus(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) close(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.target.tagName === "VIDEO" || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const next = beside(id, event.key === "ArrowLeft" ? -1 : 1);
    if (next) open(next.id);
  });
  return { open };
}
