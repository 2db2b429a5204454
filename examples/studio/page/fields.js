// One field for each property of a JSON Schema. A field has a `name`, an `element`, `get`, `set`, `focus`, and `tell` for
// what is wrong with it; `changed` is called for what the user does.
import { h, icon } from "./element.js";
import { pictureList } from "./pictures.js";
import { storyboard } from "./storyboard.js";
import { fieldName, valueName } from "./words.js";

let count = 0;
export const freshId = (name) => `${name}-${++count}`;

// What the frame of every field is made of: a label, the control, a hint and the place for errors.
export function frame({ name, label, hint, required, control, group, wide, note }) {
  const id = control.id || freshId(name);
  control.id ||= id;
  const errorId = `${id}-error`, hintId = `${id}-hint`, labelId = `${id}-label`;
  const error = h("p", { class: "error", id: errorId, hidden: true });
  const optional = required ? null : h("span", { class: "optional" }, "optional");
  const text = group
    ? h("span", { class: "field-label", id: labelId }, label, optional)
    : h("label", { class: "field-label", id: labelId, for: id }, label, optional);
  if (group) control.setAttribute("aria-labelledby", labelId);
  const hintElement = hint ? h("p", { class: "hint", id: hintId }, hint) : null;
  control.setAttribute("aria-describedby", [hintElement && hintId, errorId].filter(Boolean).join(" "));
  const element = h("div", { class: `field ${wide ? "wide" : ""}`, "data-field": name },
    h("div", { class: "field-head" }, text, note), control, hintElement, error);
  const tell = (violations) => {
    const errors = violations.filter((one) => one.severity === "error");
    error.replaceChildren(...violations.map((one) =>
      h("span", { class: one.severity }, sentence(one))));
    error.hidden = violations.length === 0;
    element.classList.toggle("wrong", errors.length > 0);
    if (errors.length) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
  };
  return { element, tell };
}

export function sentence({ message, value }) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return value && value !== '""' && value.length < 40 ? `${text} (got ${value}). ` : `${text}. `;
}

export function segments({ name, options, label, onchange }) {
  const group = h("div", { class: "segments", role: "radiogroup", "aria-label": label, id: freshId(name) });
  const radioName = freshId(name);
  for (const { value, text, mark } of options) {
    const input = h("input", { type: "radio", name: radioName, value: String(value), onchange });
    input.given = value;
    group.append(h("label", { class: "segment" }, input, mark, h("span", {}, text)));
  }
  const inputs = () => [...group.querySelectorAll("input")];
  return {
    element: group,
    get: () => inputs().find((one) => one.checked)?.given,
    set: (value) => inputs().forEach((one) => { one.checked = one.given === value; }),
    focus: () => (inputs().find((one) => one.checked) ?? inputs()[0])?.focus(),
  };
}

// "16:9" as a small rectangle of that shape.
function shapeMark(value) {
  const sides = /^(\d+):(\d+)$/.exec(value);
  if (!sides) return null;
  const mark = h("i", { class: "shape" });
  const [width, height] = [Number(sides[1]), Number(sides[2])], longer = Math.max(width, height);
  mark.style.setProperty("width", `${(14 * width) / longer}px`);
  mark.style.setProperty("height", `${(14 * height) / longer}px`);
  return mark;
}

function choice({ name, schema, options, required, changed, unit }) {
  const preset = schema.default ?? (required ? options[0] : undefined);
  const control = segments({
    name,
    options: options.map((value) => ({ value, text: unit ? `${value} ${unit}` : valueName(value), mark: shapeMark(value) })),
    onchange: changed,
  });
  control.set(preset);
  const parts = frame({ name, label: fieldName(name), required: true, control: control.element, group: true, hint: hintOf(schema) });
  return {
    name, ...parts, focus: control.focus,
    // A default need not be said.
    get: () => (control.get() === schema.default ? undefined : control.get()),
    set: (value) => control.set(options.includes(value) ? value : preset),
  };
}

function slider({ name, schema, changed, unit }) {
  const { minimum, maximum } = schema;
  const output = h("output", { class: "amount" });
  const input = h("input", { type: "range", min: minimum, max: maximum, step: 1, oninput: () => (show(), changed()) });
  const show = () => {
    output.textContent = `${input.value}${unit ? ` ${unit}` : ""}`;
    input.style.setProperty("--part", `${((input.value - minimum) / (maximum - minimum)) * 100}%`);
    input.setAttribute("aria-valuetext", unit ? `${input.value} seconds` : input.value);
  };
  const preset = schema.default ?? minimum;
  input.value = preset;
  show();
  const parts = frame({ name, label: fieldName(name), required: true, control: input, note: output,
    hint: `${minimum} to ${maximum}${unit ? ` ${unit}` : ""}` });
  return {
    name, ...parts, focus: () => input.focus(),
    get: () => (Number(input.value) === schema.default ? undefined : Number(input.value)),
    set: (value) => { input.value = Number.isFinite(value) ? value : preset; show(); },
  };
}

function number({ name, schema, required, changed }) {
  const input = h("input", { type: "text", inputmode: "numeric", placeholder: "any", oninput: changed });
  const parts = frame({ name, label: fieldName(name), required, control: input, hint: hintOf(schema) });
  return {
    name, ...parts, focus: () => input.focus(),
    // What is no number goes as it is, and is told from there.
    get: () => (input.value.trim() === "" ? undefined : /^-?\d{1,15}$/.test(input.value.trim()) ? Number(input.value) : input.value.trim()),
    set: (value) => { input.value = value ?? ""; },
  };
}

function toggle({ name, schema, changed, wrapped }) {
  let touched = false;
  const input = h("input", { type: "checkbox", role: "switch", id: freshId(name), onchange: () => { touched = true; changed(); } });
  input.checked = schema.default === true;
  const parts = frame({ name, label: fieldName(name), required: true, control: input, hint: hintOf(schema) });
  parts.element.classList.add("toggle");
  return {
    name, ...parts, focus: () => input.focus(),
    get: () => {
      if (!touched || (schema.default !== undefined && input.checked === schema.default)) return undefined;
      return wrapped ? { enabled: input.checked } : input.checked;
    },
    set: (value) => {
      const given = wrapped ? value?.enabled : value;
      touched = typeof given === "boolean";
      input.checked = touched ? given : schema.default === true;
    },
  };
}

function text({ name, schema, required, changed }) {
  const isLong = name === "prompt" || name === "negative_prompt";
  const advised = /Should be at most (\d+) characters/.exec(schema.description ?? "")?.[1];
  const counter = h("span", { class: "counter", "aria-live": "off" });
  const input = isLong
    ? h("textarea", { rows: name === "prompt" ? 5 : 2, placeholder: name === "prompt" ? "Describe the shot: who, where, light, movement of the camera…" : "" })
    : h("input", { type: "text" });
  const show = () => {
    const length = [...input.value].length;
    const limit = schema.maxLength ?? 0;
    counter.textContent = limit ? `${length} of ${limit}` : length ? `${length}` : "";
    counter.title = advised ? `Best with at most ${advised} characters` : "";
    counter.classList.toggle("over", limit > 0 && length > limit);
  };
  input.addEventListener("input", () => { show(); changed(); });
  if (name === "prompt") input.setAttribute("aria-keyshortcuts", "N");
  show();
  const parts = frame({ name, label: fieldName(name), required, control: input, wide: isLong, note: counter,
    hint: name === "prompt" ? null : hintOf(schema) });
  return {
    name, ...parts, focus: () => input.focus(),
    get: () => (input.value.trim() === "" ? undefined : input.value),
    set: (value) => { input.value = typeof value === "string" ? value : ""; show(); },
    // Puts a reference where the caret is.
    insert: (words) => {
      const before = input.value.slice(0, input.selectionStart), after = input.value.slice(input.selectionEnd);
      input.value = `${before}${before && !/\s$/.test(before) ? " " : ""}${words}${/^\s/.test(after) ? "" : " "}${after}`;
      input.focus();
      input.selectionStart = input.selectionEnd = input.value.length - after.length;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    },
  };
}

function link({ name, schema, required, changed }) {
  const input = h("input", { type: "url", placeholder: "https://…", oninput: changed });
  const parts = frame({ name, label: fieldName(name), required, control: input, wide: true, hint: hintOf(schema) });
  return {
    name, ...parts, focus: () => input.focus(),
    get: () => input.value.trim() || undefined,
    set: (value) => { input.value = value ?? ""; },
  };
}

function pictures({ name, schema, required, changed, single, insert }) {
  const most = single ? 1 : schema.maxItems ?? Infinity;
  const list = pictureList({ name, most, changed, insert });
  const parts = frame({ name, label: fieldName(name), required, control: list.element, group: true, wide: true, hint: hintOf(schema, most) });
  return {
    name, element: parts.element, focus: list.focus,
    tell: (violations) => {
      parts.tell(violations.map((one) => ({ ...one, message: single || !one.rest ? one.message : `picture ${Number(one.rest.split("/")[1]) + 1} ${one.message}` })));
    },
    get: () => (list.get().length === 0 ? undefined : single ? list.get()[0] : list.get()),
    set: (value) => list.set(value === undefined ? [] : single ? [value].flat().slice(0, 1) : [value].flat()),
  };
}

// Things that the prompt refers to by @name.
function elements({ name, schema, changed, insert }) {
  const most = schema.maxItems ?? Infinity;
  const rows = h("div", { class: "elements", id: freshId(name) });
  let entries = [];
  const add = h("button", { type: "button", class: "soft", onclick: () => { append({}); entries.at(-1).fields[0].focus(); } }, icon("plus"), "Add an element");
  const inner = schema.items.properties;
  const refresh = () => {
    add.hidden = entries.length >= most;
    entries.forEach((entry, index) => { entry.title.textContent = `Element ${index + 1}`; });
  };
  function append(value) {
    const title = h("span", { class: "field-label" });
    const fields = ["name", "description"].map((key) => {
      const input = h("input", { type: "text", oninput: changed, placeholder: key === "name" ? "element_dog" : "a brown corgi", "aria-label": fieldName(key) });
      const parts = frame({ name: key, label: fieldName(key), required: true, control: input });
      return { ...parts, key, focus: () => input.focus(), get: () => input.value || "", set: (text) => { input.value = text ?? ""; } };
    });
    const list = inner.element_input_urls;
    const of = pictures({ name: "element_input_urls", schema: list, required: true, changed });
    fields.push({ ...of, key: "element_input_urls", get: () => of.get() ?? [] });
    const entry = { title, fields };
    entry.element = h("div", { class: "entry" },
      h("div", { class: "entry-head" }, title,
        h("button", { type: "button", class: "plain small", onclick: () => fields[0].get() && insert(`@${fields[0].get()}`) }, "Use in prompt"),
        h("button", { type: "button", class: "plain icon-only", "aria-label": "Remove this element", onclick: () => { entries = entries.filter((one) => one !== entry); entry.element.remove(); refresh(); changed(); } }, icon("remove"))),
      fields.map((one) => one.element));
    fields.forEach((one) => one.set(value[one.key]));
    entries.push(entry);
    rows.append(entry.element);
    refresh();
  }
  const parts = frame({ name, label: fieldName(name), control: h("div", { id: freshId(name), role: "group" }, rows, add), group: true, wide: true, hint: hintOf(schema) });
  return {
    name, element: parts.element, focus: () => add.focus(),
    tell: (violations) => {
      parts.tell(violations.filter((one) => !one.rest));
      entries.forEach((entry, index) => entry.fields.forEach((field) => field.tell(violations
        .filter((one) => one.rest.startsWith(`/${index}/${field.key}`))
        .map((one) => ({ ...one, rest: one.rest.slice(`/${index}/${field.key}`.length) })))));
    },
    get: () => (entries.length ? entries.map((entry) => Object.fromEntries(entry.fields.map((field) => [field.key, field.get()]))) : undefined),
    set: (value) => {
      entries = [];
      rows.replaceChildren();
      (Array.isArray(value) ? value : []).forEach(append);
      refresh();
    },
  };
}

// Names that say it all.
const plain = ["aspect_ratio", "resolution", "mode", "duration", "sample_count", "audio", "generate_audio", "keep_original_sound"];

function hintOf(schema, most) {
  const parts = [plain.includes(schema.name) ? "" : (schema.description ?? "").replace(/\. Should be one of the examples/, "")];
  if (most && most !== 1 && most !== Infinity) parts.push(schema.minItems > 1 ? `${schema.minItems} to ${most}` : `at most ${most}`);
  if (!schema.enum && schema.type === "integer" && schema.maximum !== undefined && !schema.examples && schema.maximum > 60)
    parts.push(`${schema.minimum} to ${schema.maximum}`);
  return parts.filter(Boolean).join(", ");
}

const isLink = (schema) => schema?.format === "uri";
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// Null for what nobody chooses: words that the kind writes itself, and what has no effect.
export function fieldOf(name, schema, all, context) {
  const resolved = (one) => (one?.$ref ? { ...all.$defs[one.$ref.split("/").at(-1)], ...one } : one);
  const described = schema.description;
  schema = { ...resolved(schema), description: described, name };
  const given = { name, schema, ...context };
  const unit = name === "duration" ? "s" : "";
  if ("const" in schema || /Has no effect/.test(described ?? "") || ["webhook", "language", "metadata", "model"].includes(name)) return null;
  if (schema.enum) return choice({ ...given, options: schema.enum, unit });
  if (schema.type === "integer") {
    if (schema.examples) return choice({ ...given, options: schema.examples, unit });
    const width = schema.maximum - schema.minimum;
    if (width <= 4) return choice({ ...given, options: range(schema.minimum, schema.maximum), unit });
    return width <= 60 ? slider({ ...given, unit }) : number(given);
  }
  if (schema.type === "boolean") return toggle(given);
  if (schema.properties?.enabled) return toggle({ ...given, wrapped: true });
  if (schema.prefixItems) return storyboard({ ...given, shot: resolved(all.$defs.shot), length: context.length });
  if (schema.type === "string" && /Shot /.test(schema.pattern ?? "")) return storyboard({ ...given, asScript: true, length: context.length });
  if (isLink(schema) || schema.anyOf?.some((one) => isLink(resolved(one))))
    return /video/.test(name) ? link(given) : pictures({ ...given, single: true });
  if (schema.type === "array")
    return schema.items?.properties ? elements(given) : pictures(given);
  return text(given);
}
