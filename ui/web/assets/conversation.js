// What the page Ask does at the reader's hands: the number of a citation opens its source, and
// the box for questions takes the focus when it opens for one, if nothing else has the focus. Where
// the keyboard is on the screen, sending puts it away.
const BOX = '[data-testid="stChatInputTextArea"]';
const MESSAGE = '[data-testid="stChatMessage"]';
const HAS_MOUSE = "(pointer: fine)"; // elsewhere a keyboard would come up over the answer
const runs = new Map(); // what runs for an element on the page, until that goes

// A number links to the key of its chip, which stands in the same message.
const openSource = (event) => {
  const link = event.target.closest(`${MESSAGE} a[href^="#"]`);
  if (!link) return;
  const key = link.getAttribute("href").slice(1);
  const chip = link.closest(MESSAGE).querySelector(`.st-key-${CSS.escape(key)} button`);
  if (!chip) return;
  event.preventDefault();
  chip.click();
};

// An answer that comes at once never takes the focus from the box, and the keyboard would stay.
const putKeyboardAway = (event) => {
  const isSent = event.key === "Enter" && !event.shiftKey && !event.isComposing;
  if (!isSent || !event.target.matches(BOX) || matchMedia(HAS_MOUSE).matches) return;
  setTimeout(() => event.target.blur()); // after the box has taken the key
};

const watchBox = (signal) => {
  let isOpen = false;
  let isOffered = false;
  const look = () => {
    const box = document.querySelector(BOX);
    const wasOpen = isOpen;
    isOpen = Boolean(box) && !box.disabled;
    if (isOpen !== wasOpen) isOffered = isOpen;
    // What was clicked last may have the focus for a moment yet, and then vanish.
    if (!isOffered || document.activeElement !== document.body) return;
    isOffered = false;
    const isReading = !document.getSelection().isCollapsed;
    if (matchMedia(HAS_MOUSE).matches && !isReading) box.focus({ preventScroll: true });
  };
  const withdraw = () => {
    isOffered = false;
  };
  for (const act of ["pointerdown", "keydown"])
    document.addEventListener(act, withdraw, { signal, capture: true });
  const observer = new MutationObserver(look);
  observer.observe(document.body, {
    attributeFilter: ["disabled"],
    childList: true,
    subtree: true,
  });
  signal.addEventListener("abort", () => observer.disconnect());
  look();
};

export default function ({ parentElement }) {
  // Called again whenever the page's colours change; what runs goes on.
  if (!runs.has(parentElement)) {
    const run = new AbortController();
    runs.set(parentElement, run);
    document.addEventListener("click", openSource, { signal: run.signal });
    document.addEventListener("keydown", putKeyboardAway, { signal: run.signal, capture: true });
    watchBox(run.signal);
  }
  return () => {
    runs.get(parentElement)?.abort();
    runs.delete(parentElement);
  };
}
