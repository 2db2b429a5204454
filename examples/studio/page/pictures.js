// Pictures of a request: dropped, pasted, chosen, or named by a link. A local one goes to the studio at once, which looks at
// it; it leaves this machine when the clip is ordered.
import { h, icon } from "./element.js";
import { server, pictureAddress } from "./server.js";

let count = 0;

export function pictureList({ name, most, changed, insert }) {
  let references = [];
  const id = `${name}-pictures-${++count}`;
  const list = h("ul", { class: "thumbs" });
  const fault = h("p", { class: "error", role: "alert", hidden: true });
  const file = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp,image/gif", multiple: most > 1, hidden: true, tabindex: "-1",
    onchange: () => { take([...file.files]); file.value = ""; } });
  const browse = h("button", { type: "button", class: "browse", onclick: () => file.click() }, icon("picture"),
    h("span", {}, h("b", {}, "Drop"), " or ", h("b", {}, "choose"), most > 1 ? " pictures" : ""));
  const link = h("input", { type: "url", placeholder: "or paste a link", "aria-label": "Link to a picture",
    onkeydown: (event) => { if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); addLink(); } },
    onchange: () => addLink() });
  const drop = h("div", { class: "drop" }, browse, link, file);
  const element = h("div", { class: "pictures", id, role: "group" }, list, drop, fault);

  function addLink() {
    const given = link.value.trim();
    if (!given) return;
    link.value = "";
    references.push(given);
    show();
    changed();
  }

  async function take(files) {
    fault.hidden = true;
    for (const one of files.slice(0, most - references.length)) {
      drop.classList.add("busy");
      try {
        references.push((await server.keepPicture(one)).reference);
      } catch (refused) {
        const why = refused.violations?.[0]?.message;
        fault.textContent = why ? `${one.name}: the picture ${why}.` : refused.message;
        fault.hidden = false;
      }
      drop.classList.remove("busy");
      show();
      changed();
    }
    if (files.length > 0 && references.length >= most) list.querySelector("button")?.focus();
  }

  function show() {
    list.replaceChildren(...references.map((reference, index) => {
      const address = pictureAddress(reference);
      const remove = h("button", { type: "button", class: "remove", "aria-label": `Remove picture ${index + 1}`, title: "Remove",
        onclick: () => { references.splice(index, 1); show(); changed(); browse.focus(); } }, icon("close"));
      const use = insert && most > 1
        ? h("button", { type: "button", class: "use", title: "Put into the prompt", onclick: () => insert(`<<<image_${index + 1}>>>`) }, `image_${index + 1}`)
        : most > 1 ? h("span", { class: "use" }, String(index + 1)) : null;
      return address
        ? h("li", { class: "thumb" }, h("img", { src: address, alt: `Picture ${index + 1}` }), use, remove)
        : h("li", { class: "thumb linked", title: reference }, icon("picture"), h("span", {}, reference.replace(/^https?:\/\//, "")), use, remove);
    }));
    drop.hidden = references.length >= most;
    list.hidden = references.length === 0;
  }

  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  element.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    element.classList.add("over");
  });
  element.addEventListener("dragleave", (event) => { if (!element.contains(event.relatedTarget)) element.classList.remove("over"); });
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  element.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) {
      event.preventDefault();
      take(files);
    }
  });
  show();
  return {
    element,
    get: () => [...references],
    set: (given) => { references = given.filter((one) => typeof one === "string").slice(0, most); fault.hidden = true; show(); },
    focus: () => (drop.hidden ? list.querySelector("button") : browse)?.focus(),
    take,
  };
}
