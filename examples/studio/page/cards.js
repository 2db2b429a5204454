// The gallery: one card for each clip, the newest first.
import { h, icon, toast } from "./element.js";
import { posterOf } from "./posters.js";
import { server } from "./server.js";
import { agoText, costText, durationText, fileName, kindName, modelName, priceText, titleOf, valueName } from "./words.js";

const isUnderWay = (clip) => ["preparing", "sending", "waiting", "fetching"].includes(clip.state);
const groups = {
  all: ["All", () => true],
  working: ["In progress", isUnderWay],
  ready: ["Ready", (clip) => clip.state === "ready"],
  trouble: ["Trouble", (clip) => ["failed", "unknown", "interrupted"].includes(clip.state)],
};

export function stepOf(clip) {
  if (clip.state === "preparing") return "Preparing";
  if (clip.state === "sending") return "Sending";
  if (clip.state === "fetching") return "Fetching the video";
  return clip.percent > 0 ? `Generating · ${clip.percent} %` : clip.status ? "Queued" : "Accepted";
}

// Why there is no video, as a headline and what follows from it.
export function troubleOf(clip) {
  const why = clip.reason ?? {};
  const said = why.said || why.what || "";
  if (clip.state === "interrupted")
    return { title: "Lost sight of it", text: `${sentenceOf(said)} The task may go on at the service.`, tone: "warn" };
  if (clip.state === "unknown")
    return { title: "Perhaps bought", text: "Nobody can tell whether the service accepted it. It is not sent again by itself: look it up at the service first.", tone: "warn" };
  if (why.proof === "not_sent")
    return { title: "Not sent", text: `${sentenceOf(said)} Nothing was bought.`, tone: "bad" };
  if (why.proof === "rejected")
    return { title: "Refused", text: `${sentenceOf(said)} Nothing was bought.`, tone: "bad" };
  return { title: "Failed", text: `${sentenceOf(said) || "The service gave no reason."} Failed clips are not charged.`, tone: "bad" };
}
const sentenceOf = (text) => (text ? `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.` : "");

export function settingsOf(clip) {
  const r = clip.request;
  const chips = [modelName(clip.model), kindName(clip.kind)];
  if (r.duration) chips.push(`${r.duration} s`);
  for (const name of ["resolution", "mode", "aspect_ratio"]) if (r[name]) chips.push(valueName(r[name]));
  if (r.audio || r.generate_audio) chips.push("Sound");
  return chips;
}

export function gallery({ onopen, onuse, onempty, onchange }) {
  const clips = new Map(), cards = new Map();
  const list = document.getElementById("cards"), empty = document.getElementById("empty"), search = document.getElementById("search");
  let group = "all";
  const filters = document.getElementById("filters");
  for (const [key, [text]] of Object.entries(groups)) {
    const input = h("input", { type: "radio", name: "filter", value: key, onchange: () => { group = key; arrange(); } });
    input.checked = key === group;
    filters.append(h("label", { class: "segment" }, input, h("span", {}, text), h("b", { class: "count", "data-count": key })));
  }
  search.addEventListener("input", () => arrange());

  const sorted = () => [...clips.values()].sort((a, b) => b.id - a.id);
  const shown = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    return sorted().filter((clip) => groups[group][1](clip) && words.every((word) => `${titleOf(clip)} ${settingsOf(clip).join(" ")}`.toLowerCase().includes(word)));
  };

  function arrange() {
    const wanted = shown();
    const ids = new Set(wanted.map((clip) => clip.id));
    for (const [id, card] of cards) card.element.hidden = !ids.has(id);
    for (const key of Object.keys(groups)) {
      const count = [...clips.values()].filter(groups[key][1]).length;
      filters.querySelector(`[data-count=${key}]`).textContent = key !== "all" && count ? count : "";
    }
    empty.hidden = wanted.length > 0;
    if (!wanted.length) empty.replaceChildren(clips.size ? h("p", { class: "quiet" }, "No clip is like that.") : onempty());
    onchange([...clips.values()].filter(isUnderWay).length);
  }

  function put(clip, isQuiet) {
    const before = clips.get(clip.id);
    if (before && before.revision > clip.revision) return;
    clips.set(clip.id, clip);
    let card = cards.get(clip.id);
    if (!card) {
      card = makeCard();
      cards.set(clip.id, card);
      // Newer ones stand before older ones.
      const next = [...cards.keys()].filter((id) => id < clip.id).sort((a, b) => b - a)[0];
      list.insertBefore(card.element, next === undefined ? null : cards.get(next).element);
    }
    card.update(clip);
    if (isQuiet) return;
    if (before && isUnderWay(before) && clip.state === "ready") toast(`Ready: ${titleOf(clip)}`);
    if (before && isUnderWay(before) && groups.trouble[1](clip)) toast(`${troubleOf(clip).title}: ${titleOf(clip)}`);
    arrange();
  }

  function removed(id) {
    clips.delete(id);
    cards.get(id)?.element.remove();
    cards.delete(id);
    arrange();
  }

  function makeCard() {
    const media = h("div", { class: "media" }), body = h("div", { class: "about" });
    const element = h("li", { class: "card" }, media, body);
    let drawn = "", clip;
    const time = h("time", { class: "elapsed" }), step = h("span", {}), bar = h("progress", { max: 100 });
    const tick = () => { if (isUnderWay(clip)) time.textContent = durationText(Date.now() - clip.created_ms); };

    function update(given) {
      clip = given;
      const signature = JSON.stringify([clip.state, clip.task_id, clip.has_poster, clip.files, clip.reason]);
      if (signature !== drawn) {
        const focused = element.contains(document.activeElement) ? document.activeElement.dataset.do : null;
        drawn = signature;
        draw();
        if (focused) (element.querySelector(`[data-do=${focused}]`) ?? element.querySelector("button"))?.focus();
      }
      if (isUnderWay(clip)) {
        step.textContent = stepOf(clip);
        if (clip.percent > 0) bar.value = clip.percent;
        else bar.removeAttribute("value");
        bar.setAttribute("aria-label", `${stepOf(clip)}: ${titleOf(clip)}`);
        tick();
      }
    }

    function draw() {
      element.dataset.state = clip.state;
      element.dataset.id = clip.id;
      element.setAttribute("aria-label", titleOf(clip));
      media.replaceChildren(...drawMedia());
      body.replaceChildren(...drawBody());
    }

    function drawMedia() {
      if (isUnderWay(clip))
        return [h("div", { class: "making" }, h("div", { class: "making-line" }, step, time), bar)];
      if (clip.state === "ready") {
        const open = h("button", { type: "button", class: "poster", "data-do": "open", "aria-label": `Play ${titleOf(clip)}`, onclick: () => onopen(clip.id) },
          posterOf(clip), h("span", { class: "play" }, icon("play")), clip.files.length > 1 ? h("span", { class: "several" }, `${clip.files.length} videos`) : null);
        preview(open);
        return [open];
      }
      const trouble = troubleOf(clip);
      return [h("div", { class: `trouble ${trouble.tone}` }, icon("alert"), h("b", {}, trouble.title), h("p", {}, trouble.text))];
    }

    // A short look while the pointer rests on it.
    function preview(open) {
      let video, timer;
      const calm = matchMedia("(prefers-reduced-motion: reduce)");
      open.addEventListener("pointerenter", (event) => {
        if (event.pointerType !== "mouse" || calm.matches) return;
        timer = setTimeout(() => {
          video = h("video", { src: `/videos/${clip.files[0]}`, loop: true, "aria-hidden": "true" });
          video.muted = true;
          open.append(video);
          video.play().catch(() => {});
        }, 180);
      });
      open.addEventListener("pointerleave", () => {
        clearTimeout(timer);
        if (!video) return;
        video.removeAttribute("src");
        video.load();
        video.remove();
        video = null;
      });
    }

    function drawBody() {
      const button = (what, label, picture, run) => h("button", { type: "button", class: "plain", "data-do": what, onclick: run }, icon(picture), label);
      const only = (what, label, picture, run) => h("button", { type: "button", class: "plain icon-only", "data-do": what, "aria-label": label, title: label, onclick: run }, icon(picture));
      const actions = [];
      if (clip.state === "ready")
        actions.push(h("a", { class: "plain", "data-do": "download", href: `/videos/${clip.files[0]}`, download: fileName(clip, 0) }, icon("down"), "Download"));
      if (clip.state === "interrupted") actions.push(button("follow", "Look again", "look", () => attempt(server.follow(clip.id))));
      actions.push(button("use", "Use again", "again", () => onuse(clip)));
      if (clip.task_id && clip.state !== "ready") actions.push(only("copy", "Copy the task's id", "copy", () => navigator.clipboard.writeText(clip.task_id).then(() => toast("The task's id is copied."))));
      if (!isUnderWay(clip)) actions.push(only("remove", "Remove", "remove", () => askToRemove()));
      const money = clip.cost_usd ? costText(clip.cost_usd) : clip.state === "failed" ? "" : priceText(clip.low_micro_usd, clip.high_micro_usd);
      return [
        h("p", { class: "title" }, titleOf(clip)),
        h("p", { class: "chips" }, settingsOf(clip).map((text) => h("span", {}, text))),
        clip.state === "unknown" ? adoption() : null,
        groups.trouble[1](clip) ? evidence() : null,
        h("p", { class: "when" }, h("time", { datetime: new Date(clip.created_ms).toISOString(), title: new Date(clip.created_ms).toLocaleString() }, agoText(clip.created_ms)),
          clip.ended_ms && clip.state === "ready" ? h("span", { title: "From Generate to the file" }, durationText(clip.ended_ms - clip.created_ms)) : null,
          money ? h("span", {}, money) : null),
        h("div", { class: "actions" }, actions),
      ].filter(Boolean);
    }

    // What somebody needs who asks the service about it.
    function evidence() {
      const why = clip.reason ?? {};
      const rows = [["What happened", why.what], ["In detail", why.detail], ["HTTP status", why.http_status], ["Request id", why.request_id], ["Task", clip.task_id], ["Key", clip.key]]
        .filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]);
      return h("details", { class: "evidence" }, h("summary", {}, "What is known"), h("dl", { class: "facts" }, rows));
    }

    function adoption() {
      const input = h("input", { type: "text", placeholder: "task_…", "aria-label": "The task's id at the service", "data-do": "task" });
      return h("form", { class: "adopt", onsubmit: (event) => { event.preventDefault(); attempt(server.adopt(clip.id, input.value.trim())); } },
        h("p", { class: "quiet" }, "If you find its task there:"),
        h("div", {}, input, h("button", { class: "soft" }, "Follow it")));
    }

    function askToRemove() {
      const actions = body.querySelector(".actions");
      const back = () => { actions.replaceWith(drawBody().at(-1)); body.querySelector("[data-do=remove]")?.focus(); };
      actions.replaceChildren(
        h("span", { class: "ask" }, clip.files.length ? "Remove it and its file?" : "Remove it?"),
        h("button", { type: "button", class: "plain danger", "data-do": "yes", onclick: () => attempt(server.remove(clip.id)) }, "Remove"),
        h("button", { type: "button", class: "plain", "data-do": "no", onclick: back }, "Keep"));
      actions.addEventListener("keydown", (event) => { if (event.key === "Escape") back(); });
      actions.querySelector("[data-do=yes]").focus();
    }

    return { element, update, tick, refreshTime: () => { const at = body.querySelector(".when time"); if (at) at.textContent = agoText(clip.created_ms); } };
  }

  async function attempt(work) {
    try {
      await work;
    } catch (failure) {
      toast(failure.status ? failure.message : "The studio did not answer.");
    }
  }

  setInterval(() => cards.forEach((card) => card.tick()), 500);
  setInterval(() => cards.forEach((card) => card.refreshTime()), 30_000);

  return {
    put, removed,
    // Everything there is, after a connection was made anew.
    replace: (all) => {
      const ids = new Set(all.map((clip) => clip.id));
      for (const id of [...clips.keys()]) if (!ids.has(id)) removed(id);
      all.forEach((clip) => put(clip, true));
      arrange();
    },
    find: (id) => clips.get(id),
    // The ready clip before (-1) or after (1) one, as they are shown.
    beside: (id, by) => {
      const ready = shown().filter((clip) => clip.state === "ready");
      return ready[ready.findIndex((clip) => clip.id === id) + by];
    },
    search,
  };
}
