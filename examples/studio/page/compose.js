// The form of one model and kind, made from the model's JSON Schema. What the user writes is judged by the studio as it is
// written; faults show at fields that were touched, and all of them once Generate was pressed.
import { h, toast } from "./element.js";
import { fieldOf, segments, sentence } from "./fields.js";
import { Refused, server } from "./server.js";
import { kindName, kindRank, modelName, monthText, priceText } from "./words.js";

const byId = (id) => document.getElementById(id);
const draftKey = "studio-draft";
// What one reads first stands first; what is rarely wanted stands behind "More options".
const rare = ["negative_prompt", "seed", "watermark", "watermark_info", "nsfw_check", "person_generation", "enhance_prompt", "element_list", "resize_mode"];
const early = ["first_frame_image", "last_frame_image", "image_url", "video_url", "image_urls"];

export function composer({ models, onordered }) {
  let model, kind, fields = [], own = {};
  let values = {}; // of all fields, also those that this kind does not have
  let touched = new Set(), showsAll = false, judged = null, asked = 0, timer, sending = false;
  let order = null; // the key of an order whose answer was not heard, and what it was for

  const chooseModel = byId("model"), kinds = byId("kinds");
  chooseModel.append(...models.map((one) => h("option", { value: one.id }, modelName(one.id))));
  chooseModel.addEventListener("change", () => { remember(); choose(chooseModel.value, kind); });

  function choose(id, wanted) {
    model = models.find((one) => one.id === id) ?? models[0];
    chooseModel.value = model.id;
    const offered = [...model.kinds].sort((a, b) => kindRank(a) - kindRank(b));
    kind = offered.includes(wanted) ? wanted : offered[0];
    const control = segments({ name: "kind", label: "Made from", options: offered.map((value) => ({ value, text: kindName(value) })),
      onchange: () => { remember(); kind = control.get(); build(); } });
    control.set(kind);
    kinds.replaceChildren(control.element);
    kinds.hidden = offered.length < 2;
    build();
  }

  function build() {
    const definition = model.schema.$defs[kind];
    const required = new Set(definition.required);
    const length = definition.properties.duration ?? {};
    own = Object.fromEntries(Object.entries(definition.properties).filter(([name, one]) => "const" in one && required.has(name)).map(([name, one]) => [name, one.const]));
    const insert = (words) => fields.find((one) => one.insert)?.insert(words);
    fields = [];
    const areas = { prompt: [], early: [], plain: [], rare: [] };
    const shots = Object.entries(definition.properties).find(([, one]) => one.prefixItems || /Shot /.test(one.pattern ?? ""))?.[0];
    for (const [name, schema] of Object.entries(definition.properties)) {
      if (shots && name === "duration") continue; // the sum of the shots
      const field = fieldOf(name, schema, model.schema, {
        required: required.has(name), length, insert: name === "element_list" || kind === "image_reference" ? insert : undefined,
        changed: () => change(name),
      });
      if (!field) continue;
      if (name in values) field.set(values[name]);
      fields.push(field);
      const isRare = rare.includes(name) || /Not said to work/.test(schema.description) || (shots && name === "prompt" && name !== shots);
      (name === shots || (name === "prompt" && !isRare) ? areas.prompt : isRare ? areas.rare : early.includes(name) ? areas.early : areas.plain).push(field.element);
    }
    // The storyboard is the prompt of a storyboard.
    byId("prompt-area").replaceChildren(...areas.prompt);
    byId("fields").replaceChildren(h("div", { class: "early" }, areas.early), h("div", { class: "grid" }, areas.plain));
    byId("more-fields").replaceChildren(...areas.rare);
    byId("more").hidden = areas.rare.length === 0;
    touched = new Set();
    showsAll = false;
    showFaults();
    keepDraft();
    judge();
  }

  const storyboardField = () => fields.find((one) => one.seconds);

  function request() {
    const out = { model: model.id };
    for (const field of fields) {
      const value = field.get();
      if (value !== undefined) out[field.name] = value;
    }
    if (storyboardField()) out.duration = storyboardField().seconds();
    return { ...out, ...own };
  }

  function remember() {
    for (const field of fields) {
      const value = field.get();
      // A script and a prompt are not the same text.
      if (field.seconds && field.name === "prompt") continue;
      if (value === undefined) delete values[field.name];
      else values[field.name] = value;
    }
  }

  function keepDraft() {
    try {
      localStorage.setItem(draftKey, JSON.stringify({ model: model.id, kind, request: request() }));
    } catch { /* a browser that keeps nothing */ }
  }

  function change(name) {
    touched.add(name);
    order = null;
    keepDraft();
    clearTimeout(timer);
    timer = setTimeout(judge, 200);
  }

  async function judge() {
    clearTimeout(timer);
    const turn = ++asked;
    try {
      const answer = await server.validate(request(), kind);
      if (turn !== asked) return;
      judged = answer;
      showFaults();
      showPrice();
    } catch { /* the banner says that the studio is away */ }
  }

  const nameOf = (pointer) => pointer.split("/")[1] ?? "";

  function showFaults() {
    const violations = judged?.violations ?? [];
    const known = new Set(fields.map((one) => one.name));
    const rest = [];
    const belongs = (one) => {
      const name = nameOf(one.pointer);
      return known.has(name) ? name : storyboardField() && name === "duration" ? storyboardField().name : null;
    };
    for (const field of fields) {
      const about = violations.filter((one) => belongs(one) === field.name && (showsAll || touched.has(field.name)))
        .map((one) => ({ ...one, rest: nameOf(one.pointer) === field.name ? one.pointer.slice(field.name.length + 1) : "" }));
      field.tell(about);
    }
    if (showsAll) rest.push(...violations.filter((one) => belongs(one) === null));
    const place = byId("form-errors");
    place.replaceChildren(...rest.map((one) => h("span", {}, `${nameOf(one.pointer)} ${sentence(one)}`)));
    place.hidden = rest.length === 0;
    const hidden = byId("more-fields").querySelectorAll(".wrong").length;
    byId("more-count").textContent = hidden ? `· ${hidden} to fix` : "";
  }

  function showPrice() {
    const price = judged?.price;
    const text = price ? priceText(price.low_micro_usd, price.high_micro_usd) : "";
    byId("generate-text").textContent = sending ? "Sending…" : text ? `Generate · ${text}` : "Generate";
    const faults = new Set((judged?.violations ?? []).filter((one) => one.severity === "error").map((one) => one.pointer)).size;
    const note = byId("price-note");
    note.classList.toggle("bad", showsAll && faults > 0);
    note.textContent = faults
      ? (showsAll ? `${faults} ${faults === 1 ? "thing" : "things"} to fix before it can be sent` : "The price shows when nothing is missing")
      : price ? `By the prices of ${monthText(price.as_of)}; charged when the video is done`
        : judged ? "There is no price for this in the list" : "";
  }

  async function submit() {
    if (sending) return;
    const wanted = request();
    const text = JSON.stringify([wanted, kind]);
    if (order?.text !== text) order = { text, key: crypto.randomUUID() };
    sending = true;
    byId("generate").disabled = true;
    showPrice();
    try {
      const clip = await server.order(wanted, kind, order.key);
      order = null;
      showsAll = false;
      touched = new Set();
      showFaults();
      onordered(clip);
    } catch (failure) {
      if (failure instanceof Refused && failure.status === 422) {
        judged = { violations: failure.violations };
        showsAll = true;
        showFaults();
        for (const wrong of document.querySelectorAll("#more-fields .wrong")) wrong.closest("details").open = true;
        // The first one as one reads.
        const first = document.querySelector("#form .field.wrong, #form .shot.wrong");
        fields.find((one) => one.element.contains(first))?.focus();
        first?.scrollIntoView({ block: "center" });
        toast("Nothing was sent: some fields need a change.");
      } else {
        toast(failure instanceof Refused ? failure.message : "The studio did not answer. Press again when it is back: it will not be ordered twice.");
      }
    }
    sending = false;
    byId("generate").disabled = false;
    showPrice();
  }

  // Fills the form with a request that was made before.
  function fill(request, wanted) {
    values = { ...request };
    const isScript = typeof request.prompt === "string" && wanted === "storyboard" && !request.multi_prompt;
    choose(request.model, wanted);
    for (const field of fields) field.set(request[field.name]);
    if (isScript) delete values.prompt;
    byId("more").open = [...byId("more-fields").children].some((one) => one.dataset.field in request);
    keepDraft();
    judge();
  }

  byId("form").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  // A picture that misses its field does not replace the page.
  for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => { if ([...event.dataTransfer.types].includes("Files")) event.preventDefault(); });

  let draft = null;
  try {
    draft = JSON.parse(localStorage.getItem(draftKey));
  } catch { /* none */ }
  if (draft?.request) fill(draft.request, draft.kind);
  else choose(models[0].id, "text_to_video");

  return { fill, submit, judge, focusPrompt: () => (fields.find((one) => one.name === "prompt" || one.seconds) ?? fields[0])?.focus() };
}
