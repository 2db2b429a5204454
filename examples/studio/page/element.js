// Makes an element: h("button", {class: "primary", onclick: run}, "Text", other). A property that begins with "on" listens.
export function h(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const paths = {
  play: "M8 5.5v13l11-6.5z",
  down: "M12 4v11m0 0-4.5-4.5M12 15l4.5-4.5M5 20h14",
  again: "M5 12a7 7 0 1 1 2.2 5.1M5 19v-4.5h4.5",
  remove: "M5 7h14M10 7V5h4v2m-7 0 1 12h8l1-12",
  copy: "M9 9h10v10H9zM5 15V5h10",
  look: "M4 12a8 8 0 1 1 8 8M12 8v4l3 2",
  up: "M12 19V6m0 0-5 5m5-5 5 5",
  below: "M12 5v13m0 0-5-5m5 5 5-5",
  plus: "M12 5v14M5 12h14",
  picture: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9h.01",
  alert: "M12 4 2.8 20h18.4zM12 10v4m0 3h.01",
  question: "M9 9.2a3 3 0 1 1 4.2 2.8c-.8.4-1.2 1-1.2 2M12 17.5h.01",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  close: "M6 6l12 12M18 6 6 18",
  auto: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v1.5m0 15V21m9-9h-1.5m-15 0H3m15.4-6.4-1.1 1.1M6.7 17.3l-1.1 1.1m12.8 0-1.1-1.1M6.7 6.7 5.6 5.6",
  dark: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  loop: "M5 11V9.5A2.5 2.5 0 0 1 7.5 7H18m0 0-2.5-2.5M18 7l-2.5 2.5M19 13v1.5a2.5 2.5 0 0 1-2.5 2.5H6m0 0 2.5 2.5M6 17l2.5-2.5",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", name === "play" ? "icon filled" : "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

let hideToast;
export function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  place.classList.add("shown");
  clearTimeout(hideToast);
  hideToast = setTimeout(() => place.classList.remove("shown"), 4000);
}
