// Drop zone of the page Documents. Files go straight to the server's own route, two at a time,
// streamed from disk; the page hears of a batch when its first file has arrived and when all have.
const GUARD = { "X-Plinth-Upload": "1" };
const AT_ONCE = 2;

export default function ({ parentElement, data, setTriggerValue }) {
  const find = (name) => parentElement.querySelector(`[data-part="${name}"]`);
  const zone = find("zone");
  if (zone.dataset.ready) {
    zone.dataset.collection = data.collection;
    return undefined;
  }
  zone.dataset.ready = "yes";
  zone.dataset.collection = data.collection;
  const state = { waiting: [], active: new Map(), sent: 0, total: 0, errors: [], job: null };

  const show = () => {
    const bar = find("bar");
    const busy = state.active.size + state.waiting.length > 0;
    find("progress").hidden = !busy;
    const partly = [...state.active.values()].reduce((sum, one) => sum + one.fraction, 0);
    bar.value = state.total ? (state.sent + partly) / state.total : 0;
    find("said").textContent = busy
      ? `Sending ${state.sent + 1} of ${state.total}…`
      : state.errors.length
        ? `${state.total - state.errors.length} of ${state.total} files were sent.`
        : state.total
          ? `${state.total} ${state.total === 1 ? "file was" : "files were"} sent.`
          : "";
    find("errors").replaceChildren(
      ...state.errors.map((text) => {
        const item = document.createElement("li");
        item.textContent = text;
        return item;
      }),
    );
  };

  const open = async (collection, files) => {
    const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
    const size = `files=${files.length}&bytes=${bytes}`;
    const address = `${data.path}?collection=${encodeURIComponent(collection)}&${size}`;
    const answer = await fetch(address, { method: "POST", headers: GUARD });
    const value = await answer.json();
    if (!answer.ok) throw new Error(value.error);
    return value.job;
  };

  const send = (job, name, file, entry) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      entry.request = request;
      request.open("PUT", `${data.path}/${job}?name=${encodeURIComponent(name)}`);
      request.setRequestHeader("X-Plinth-Upload", "1");
      request.upload.onprogress = (event) => {
        entry.fraction = event.total ? event.loaded / event.total : 0;
        show();
      };
      request.onload = () => {
        if (request.status === 201) return resolve(null);
        let said = "the server refused it";
        try {
          said = JSON.parse(request.responseText).error || said;
        } catch {
          /* not JSON: keep the sentence above */
        }
        return resolve(`${name}: ${said}`);
      };
      request.onerror = () => resolve(`${name}: the connection was lost; send it again`);
      request.onabort = () => resolve(`${name}: not sent`);
      request.send(file);
    });

  const work = async (job) => {
    while (state.waiting.length) {
      const { name, file } = state.waiting.shift();
      const entry = { fraction: 0, request: null };
      state.active.set(name, entry);
      show();
      const error = await send(job, name, file, entry);
      state.active.delete(name);
      state.sent += 1;
      if (error) state.errors.push(error);
      else if (state.job !== job) {
        state.job = job;
        setTriggerValue("sent", { job, complete: false });
      }
      show();
    }
  };

  const start = async (chosenFiles) => {
    if (!chosenFiles.length || state.active.size) return;
    const files = chosenFiles.filter(({ file }) => file.size <= data.largest);
    const errors = chosenFiles
      .filter(({ file }) => file.size > data.largest)
      .map(({ name }) => `${name}: larger than a file may be (ingest.max_file_bytes); divide it`);
    const total = chosenFiles.length;
    Object.assign(state, { waiting: files, sent: errors.length, total, errors, job: null });
    show();
    if (!files.length) return;
    try {
      const job = await open(zone.dataset.collection, files);
      await Promise.all(Array.from({ length: AT_ONCE }, () => work(job)));
      if (state.job === job) setTriggerValue("sent", { job, complete: true });
    } catch (error) {
      state.errors = [`${error.message || "the server did not answer"}; nothing was sent`];
      state.sent = state.total;
      state.waiting = [];
    }
    show();
  };

  const chosen = (input) => {
    const files = [...input.files].map((file) => ({
      name: file.webkitRelativePath || file.name,
      file,
    }));
    input.value = "";
    start(files);
  };

  const walk = async (entry, into) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      into.push({ name: entry.fullPath.replace(/^\/+/, ""), file });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!entries.length) return;
      for (const one of entries) await walk(one, into);
    }
  };

  const drop = async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const entries = [...event.dataTransfer.items]
      .map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry())
      .filter(Boolean);
    const files = [];
    for (const entry of entries) await walk(entry, files);
    start(files.filter(({ name }) => !name.split("/").some((part) => part.startsWith("."))));
  };

  const files = find("files");
  const folder = find("folder");
  files.onchange = () => chosen(files);
  folder.onchange = () => chosen(folder);
  find("choose").onclick = () => files.click();
  find("choose-folder").onclick = () => folder.click();
  find("stop").onclick = () => {
    state.errors.push(...state.waiting.map(({ name }) => `${name}: not sent`));
    state.sent += state.waiting.length;
    state.waiting = [];
    for (const { request } of state.active.values()) if (request) request.abort();
    show();
  };
  zone.ondragover = (event) => {
    event.preventDefault();
    zone.classList.add("over");
  };
  zone.ondragleave = () => zone.classList.remove("over");
  zone.ondrop = drop;
  show();
  return undefined;
}
