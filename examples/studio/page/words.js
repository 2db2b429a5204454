// How models, kinds, amounts and times are said.

const models = {
  "kling-3.0-turbo": "Kling 3.0 Turbo",
  "kling-v3-omni": "Kling v3 Omni",
  "kling-v3": "Kling v3",
  "kling-v2-6-motion-control": "Kling v2.6 Motion Control",
  "kling-v3-motion-control": "Kling v3 Motion Control",
  "veo3.1-fast-official": "Veo 3.1 Fast",
  "veo3.1-quality-official": "Veo 3.1 Quality",
};
const kinds = {
  text_to_video: "Text",
  image_to_video: "Picture",
  image_reference: "References",
  storyboard: "Storyboard",
  intelligent_storyboard: "Auto storyboard",
  motion_control: "Motion",
};
const fields = {
  image_url: "Character picture",
  video_url: "Motion video",
  image_urls: "Pictures",
  first_frame_image: "First frame",
  last_frame_image: "Last frame",
  element_list: "Elements",
  element_input_urls: "Pictures",
  audio: "Sound",
  generate_audio: "Sound",
  keep_original_sound: "Keep original sound",
  sample_count: "Videos",
  person_generation: "People",
  character_orientation: "Character faces as in",
  watermark_info: "Watermark",
  negative_prompt: "Avoid",
  nsfw_check: "Check the input first",
  resize_mode: "Fit the picture by",
  aspect_ratio: "Shape",
  mode: "Quality",
};
const values = {
  std: "Standard", pro: "Pro", "4k": "4K", image: "Picture", video: "Video", yes: "Yes", no: "No",
  allow_adult: "Adults", disallow: "None", pad: "Padding", crop: "Cropping",
};

const said = (text) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");
export const modelName = (id) => models[id] ?? id;
// The plainest first.
export const kindRank = (id) => (id in kinds ? Object.keys(kinds).indexOf(id) : Infinity);
export const kindName = (id) => kinds[id] ?? said(id);
export const fieldName = (id) => fields[id] ?? said(id);
export const valueName = (value) => values[value] ?? String(value);

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
export function priceText(low, high) {
  if (!high) return "";
  const [from, to] = [low / 1e6, high / 1e6].map((usd) => dollars.format(usd));
  return from === to ? `about ${from}` : `about ${from}–${to}`;
}
export const monthText = (month) => new Date(`${month.replace(/-(\d)$/, "-0$1")}-02`).toLocaleDateString("en-US", { month: "long", year: "numeric" });
export const costText = (usd) => dollars.format(usd);

export function durationText(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const rest = String(seconds % 60).padStart(2, "0");
  return seconds < 3600
    ? `${Math.floor(seconds / 60)}:${rest}`
    : `${Math.floor(seconds / 3600)}:${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}:${rest}`;
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
export function agoText(ms, now = Date.now()) {
  const seconds = (ms - now) / 1000;
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]])
    if (-seconds >= size) return relative.format(Math.round(seconds / size), unit);
  return "just now";
}

// What a clip is about, in one line: its prompt, or its shots.
export function titleOf(clip) {
  const request = clip.request;
  const shots = (request.multi_prompt ?? []).map((shot) => shot.prompt);
  const text = clip.kind === "storyboard" && !shots.length ? scriptTexts(request.prompt ?? "") : [request.prompt, ...shots];
  return text.filter(Boolean).join(" · ") || `${modelName(clip.model)}, ${kindName(clip.kind)}`;
}
const scriptTexts = (script) => script.split(";").map((shot) => shot.replace(/^\s*Shot\s*\d+\s*,\s*\d+\s*,/, "").trim());

export function fileName(clip, index) {
  const words = titleOf(clip).toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? ["clip"];
  return `${words.slice(0, 8).join("-").slice(0, 60)}-${clip.id}${clip.files.length > 1 ? `-${index + 1}` : ""}.mp4`;
}
