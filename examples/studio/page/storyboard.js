// Shots in a row, each with its text and seconds, on a strip that shows how they share the video's length. For models that
// take shots as a list, and for those that take them as a script within the prompt.
import { h, icon } from "./element.js";
import { freshId, frame, sentence } from "./fields.js";

const script = {
  write: (shots) => shots.map((one, i) => `Shot ${i + 1},${one.duration},${one.prompt};`).join(""),
  read: (text) => [...text.matchAll(/\s*Shot\s*\d+\s*,\s*(\d+)\s*,\s*([^;]*)(?:;|$)/g)].map((found) => ({ duration: Number(found[1]), prompt: found[2].trim() })),
};

export function storyboard({ name, schema, shot, asScript, length, changed, insert }) {
  const most = schema.prefixItems?.length ?? schema.maxItems ?? 12;
  const longest = shot?.properties.prompt.maxLength;
  let shots = [];
  const strip = h("div", { class: "strip", "aria-hidden": "true" });
  const total = h("span", { class: "counter" });
  const list = h("ol", { class: "shots", id: freshId(name) });
  const add = h("button", { type: "button", class: "soft", onclick: () => {
    append({ prompt: "", duration: Math.max(1, Math.min(5, length.maximum - sum())) });
    refresh();
    changed();
    shots.at(-1).text.focus();
  } }, icon("plus"), "Add a shot");

  const sum = () => shots.reduce((seconds, one) => seconds + Number(one.seconds.value), 0);

  function append(given) {
    const one = {};
    one.text = h("textarea", { rows: 2, placeholder: "What happens in this shot?", oninput: () => { refresh(); changed(); }, onkeydown: (event) => {
      if (!event.altKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
      event.preventDefault();
      move(one, event.key === "ArrowUp" ? -1 : 1);
      one.text.focus();
    } });
    one.text.value = given.prompt ?? "";
    one.seconds = h("input", { type: "number", min: 1, max: length.maximum, step: 1, value: String(given.duration ?? 3), oninput: () => { refresh(); changed(); } });
    one.label = h("span", { class: "shot-number" });
    one.error = h("p", { class: "error", id: freshId("shot-error"), hidden: true });
    one.text.setAttribute("aria-describedby", one.error.id);
    const button = (label, picture, run) => h("button", { type: "button", class: "plain icon-only", "aria-label": label, title: label, onclick: run }, icon(picture));
    one.up = button("Move up", "up", () => { move(one, -1); (one.up.disabled ? one.below : one.up).focus(); });
    one.below = button("Move down", "below", () => { move(one, 1); (one.below.disabled ? one.up : one.below).focus(); });
    one.remove = button("Remove this shot", "remove", () => {
      const at = shots.indexOf(one);
      shots.splice(at, 1);
      one.element.remove();
      refresh();
      changed();
      (shots[Math.min(at, shots.length - 1)]?.text ?? add).focus();
    });
    one.element = h("li", { class: "shot" },
      h("div", { class: "shot-side" }, one.label, h("label", { class: "seconds" }, one.seconds, " s")),
      h("div", { class: "shot-body" }, one.text, one.error),
      h("div", { class: "shot-tools" }, one.up, one.below, one.remove));
    shots.push(one);
    list.append(one.element);
  }

  function move(one, by) {
    const at = shots.indexOf(one), to = at + by;
    if (to < 0 || to >= shots.length) return;
    shots.splice(at, 1);
    shots.splice(to, 0, one);
    list.replaceChildren(...shots.map((each) => each.element));
    refresh();
    changed();
  }

  function refresh() {
    const seconds = sum();
    strip.replaceChildren(...shots.map((one, i) => {
      const piece = h("i", {}, `${i + 1}`);
      piece.style.setProperty("flex-grow", String(Math.max(0.5, Number(one.seconds.value))));
      return piece;
    }));
    const rest = length.maximum - seconds;
    if (rest > 0) {
      const piece = h("i", { class: "rest" });
      piece.style.setProperty("flex-grow", String(rest));
      strip.append(piece);
    }
    total.textContent = `${seconds} of ${length.maximum} s`;
    total.classList.toggle("over", seconds > length.maximum || seconds < length.minimum);
    add.hidden = shots.length >= most;
    shots.forEach((one, i) => {
      one.label.textContent = String(i + 1);
      one.text.setAttribute("aria-label", `Shot ${i + 1}`);
      one.seconds.setAttribute("aria-label", `Seconds of shot ${i + 1}`);
      one.up.disabled = i === 0;
      one.below.disabled = i === shots.length - 1;
      one.remove.disabled = shots.length === 1;
    });
  }

  const control = h("div", { class: "storyboard", role: "group", id: freshId(name) }, strip, list, add);
  const limits = [`${length.minimum} to ${length.maximum} s together`, `at most ${most} shots`];
  if (longest) limits.push(`${longest} characters each`);
  if (asScript) limits.push("no semicolons");
  const parts = frame({ name, label: "Shots", required: true, control, group: true, wide: true, note: total, hint: limits.join(" · ") });

  const read = () => shots.map((one) => ({ prompt: one.text.value.trim(), duration: Number(one.seconds.value) || 0 }));
  const field = {
    name, element: parts.element,
    focus: () => (shots.find((one) => !one.error.hidden) ?? shots[0])?.text.focus(),
    seconds: sum,
    get: () => (asScript ? script.write(read()) : read().map((one, i) => ({ index: i + 1, ...one }))),
    set: (value) => {
      shots = [];
      list.replaceChildren();
      const given = typeof value === "string" ? script.read(value) : Array.isArray(value) ? value : [];
      (given.length ? given : [{ duration: 3 }, { duration: 3 }]).slice(0, most).forEach(append);
      refresh();
    },
    // The words of the caller go to the shot they are about; a script is one text, and we look ourselves.
    tell: (violations) => {
      const own = violations.filter((one) => !/^\/\d+/.test(one.rest ?? ""));
      let left = own;
      shots.forEach((one, i) => {
        const about = violations.filter((each) => new RegExp(`^/${i}(/|$)`).test(each.rest ?? ""));
        if (asScript && own.length && !one.text.value.trim()) about.push({ message: "is required" });
        if (asScript && own.length && one.text.value.includes(";")) about.push({ message: "must hold no semicolon" });
        if (asScript && about.length) left = own.filter((each) => !/shots/.test(each.message));
        one.error.textContent = about.map((each) => (each.rest?.endsWith("/duration") ? `Seconds: ${sentence(each)}` : sentence(each))).join("");
        one.error.hidden = about.length === 0;
        one.element.classList.toggle("wrong", about.length > 0);
      });
      parts.tell(left);
    },
    insert: (words) => {
      const place = shots.find((one) => one.text === document.activeElement) ?? shots[0];
      place.text.value = `${place.text.value} ${words}`.trim();
      place.text.dispatchEvent(new Event("input", { bubbles: true }));
      place.text.focus();
    },
  };
  field.set();
  return field;
}
