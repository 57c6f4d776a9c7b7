// Text of a page in which a passage is selected. A box of text, since in it the keyboard selects as
// well as the mouse; nothing can be written in it. The page hears the place in characters as Python
// counts them (code points) and the text there, white space at its ends left out.
const SHOWN = 120;

const inCodePoints = (text, place) => Array.from(text.slice(0, place)).length;

export default function ({ parentElement, data, setTriggerValue }) {
  const find = (name) => parentElement.querySelector(`[data-part="${name}"]`);
  const box = find("text");
  const use = find("use");
  const said = find("said");

  const selected = () => {
    const part = box.value.slice(box.selectionStart, box.selectionEnd);
    const start = box.selectionStart + (part.length - part.trimStart().length);
    return { start, text: part.trim() };
  };

  const show = () => {
    const { text } = selected();
    use.disabled = !text;
    const told = text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
    said.textContent = text
      ? `${Array.from(text).length} characters: “${told}”`
      : "Nothing is selected.";
  };

  if (box.dataset.page !== data.page) {
    box.dataset.page = data.page;
    box.value = data.text;
    box.setAttribute("aria-label", data.label);
    box.setSelectionRange(0, 0);
    box.scrollTop = 0;
    show();
  }
  box.onbeforeinput = (event) => event.preventDefault();
  box.ondragstart = (event) => event.preventDefault();
  box.ondrop = (event) => event.preventDefault();
  for (const name of ["onselect", "onkeyup", "onpointerup", "onfocus"]) box[name] = show;
  // A click that ends a selection is told before the selection is gone.
  box.onclick = () => setTimeout(show);
  use.onclick = () => {
    const { start, text } = selected();
    if (!text) return;
    const first = inCodePoints(box.value, start);
    const last = first + Array.from(text).length;
    setTriggerValue("picked", { start: first, end: last, text });
  };
  return undefined;
}
