"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  let state = null, shown = null, busy = 0, looked = 0;
  let turn = Promise.resolve(); // changes wait for each other: an older answer must not come last

  function make(tag, given, ...inside) {
    const one = document.createElement(tag);
    for (const [key, value] of Object.entries(given || {})) {
      if (key.startsWith("on")) one.addEventListener(key.slice(2), value);
      else if (key in one) one[key] = value;
      else one.setAttribute(key, value);
    }
    one.append(...inside.filter((part) => part !== null && part !== undefined));
    return one;
  }

  function say(text) {
    $("error").textContent = text || "";
    $("error").hidden = !text;
    if (text) $("error").scrollIntoView({ block: "nearest" });
  }

  async function ask(method, path, body) {
    document.body.classList.toggle("busy", ++busy > 0);
    try {
      const answer = await fetch(path, { method, body, headers: { "x-alliance-stats": "1" } });
      const value = await answer.json();
      if (!answer.ok) throw new Error(value.error || "The page could not be reached.");
      return value;
    } catch (error) {
      throw error instanceof TypeError ? new Error("The program behind this page has ended. Start it again with: alliance-stats app") : error;
    } finally {
      document.body.classList.toggle("busy", --busy > 0);
    }
  }

  const inTurn = (work) => { turn = turn.then(work); return turn; };
  const change = (method, path, body) => inTurn(async () => {
    try {
      const answer = await ask(method, path, body);
      say("");
      show(answer);
    } catch (error) { say(error.message); if (state) show(state); }
  });
  const choose = (what) => change("POST", "/choose", JSON.stringify(what));

  const upload = (files) => inTurn(async () => {
    const wrong = [];
    for (const file of files) {
      try { show(await ask("PUT", "/files/" + encodeURIComponent(file.name), file)); }
      catch (error) { wrong.push(error.message); }
    }
    say(wrong.join(" "));
  });

  // -- files ---------------------------------------------------------------------------------

  function showFiles() {
    const rows = [];
    for (const file of state.files) {
      const what = `${file.file}${file.sheet ? ", sheet " + file.sheet : ""}: ${file.rows.toLocaleString("en")} rows, ${file.groups.reduce((n, one) => n + one.names.length, 0)} columns`;
      rows.push(make("li", {}, make("span", {}, what), make("button", { type: "button", onclick: () => change("DELETE", "/files/" + encodeURIComponent(file.file)) }, "Take away")));
    }
    for (const file of state.broken) {
      rows.push(make("li", { className: "bad" }, make("span", {}, "Cannot be read. ", file.why.includes(file.file) ? "" : file.file + ": ", file.why), make("button", { type: "button", onclick: () => change("DELETE", "/files/" + encodeURIComponent(file.file)) }, "Take away")));
    }
    $("files").replaceChildren(...rows);
  }

  // -- columns ---------------------------------------------------------------------------------

  const options = (pairs, now) => pairs.map(([value, text]) => new Option(text, value, false, value === now));
  const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
  const measureSelect = (now) => make("select", { "aria-label": "Questionnaire" }, ...options(state.measures.map((one) => [one.name, `${one.name}: ${one.title}`]), now));
  const raterSelect = (now) => make("select", { "aria-label": "Who answered" }, ...options(state.raters.map((one) => [one, "answered by " + one]), now));

  function itemsChoice(group) {
    const measure = measureSelect(group.measure), rater = raterSelect(group.rater);
    const again = () => choose({ kind: "measure", source: group.source, entry: group.entry, measure: measure.value, rater: rater.value });
    measure.addEventListener("change", again);
    rater.addEventListener("change", again);
    const what = group.role === "score" ? "Total scores of " : group.names.length > 1 ? "Answers to " : "Answer to ";
    return [make("span", {}, what), measure, rater];
  }

  function scoreChoice(file, group, fresh) {
    const measure = measureSelect(group.measure), rater = raterSelect(group.rater || "client");
    const occasion = make("input", { placeholder: "occasion: pre, post ...", value: group.occasion || "", size: 18, "aria-label": "Occasion" });
    const take = () => choose({ kind: "score", file: file.file, sheet: file.sheet, column: group.names[0], measure: measure.value, rater: rater.value, occasion: occasion.value.trim() });
    if (fresh) {
      measure.prepend(new Option("… which questionnaire", "", true, true));
      rater.addEventListener("change", () => { if (measure.value) take(); });
      measure.addEventListener("change", take);
    } else [measure, rater, occasion].forEach((one) => one.addEventListener("change", take));
    return [make("span", {}, " of "), measure, rater, occasion];
  }

  function wordsChoice(file, group) {
    const box = make("div", { className: "words" });
    for (const one of group.words) {
      const select = make("select", { "aria-label": "What " + one.word + " means" }, ...options([["", "… choose"], ...Object.entries(state.reasons)], one.meaning));
      select.addEventListener("change", () => choose({ kind: "words", file: file.file, sheet: file.sheet, words: { [one.word]: select.value } }));
      box.append(make("span", {}, `“${one.word}” means`), select);
    }
    if (group.more_words) box.append(make("span", {}, `and ${group.more_words} more words: are these reasons?`));
    return box;
  }

  function roleChoice(file, group) {
    const cell = make("td");
    const known = { ...state.roles };
    if (group.role && !(group.role in known) && !["out", "score", "items"].includes(group.role)) known[group.role] = group.role;
    const select = make("select", { "aria-label": "What " + group.names[0] + " holds" }, ...options([["", "Something else: comes along"], ...Object.entries(known), ["score", "Total score of a questionnaire"], ["out", "Leave it out"]], group.role));
    const more = make("span");
    select.addEventListener("change", () => {
      if (select.value === "score") { more.replaceChildren(...scoreChoice(file, group, true).filter(Boolean)); return; }
      choose({ kind: "role", file: file.file, sheet: file.sheet, column: group.names[0], role: select.value });
    });
    cell.append(select, more);
    if (group.role === "score") more.append(...scoreChoice(file, group, false).filter(Boolean));
    if (group.words) cell.append(wordsChoice(file, group));
    return cell;
  }

  // Of many columns those that were understood come first: thousands of choices help nobody.
  const MOST = 60, seen = new Map();
  function seenOf(file) {
    const view = seen.get(file.file + "\n" + file.sheet) || { most: MOST, word: "" };
    const order = [...file.groups.filter((one) => one.role), ...file.groups.filter((one) => !one.role)];
    const word = view.word.toLowerCase();
    const found = new Set(word ? order.filter((one) => one.names.some((name) => name.toLowerCase().includes(word))).slice(0, MOST) : order.slice(0, view.most));
    return { view, found };
  }

  function further(file, { view, found }) {
    const left = file.groups.length - found.size;
    if (file.groups.length <= MOST) return null;
    const again = (change) => { seen.set(file.file + "\n" + file.sheet, { ...view, ...change }); showColumns(); };
    const text = !view.word ? `${left} more are not shown.` : `${found.size} with “${view.word}” shown, ${left} not.`;
    const seek = make("input", { type: "search", value: view.word, placeholder: "part of a name", "aria-label": "Find a column of " + file.file, onchange: () => again({ word: seek.value.trim() }) });
    const next = make("button", { type: "button", onclick: () => again({ most: view.most + MOST }) }, `Show ${Math.min(MOST, left)} more`);
    return make("p", { className: "steps" }, make("span", {}, left ? text : "All columns are shown."), left && !view.word ? next : null, make("label", {}, "Find a column ", seek));
  }

  function showColumns() {
    const parts = [];
    for (const file of state.files) {
      const body = make("tbody"), some = seenOf(file);
      for (const group of file.groups) {
        if (!some.found.has(group)) continue;
        const many = group.names.length > 3;
        const name = many ? `${group.names[0]} … ${group.names[group.names.length - 1]} (${group.names.length})` : group.names.join(", ");
        const open = !group.role || (group.words || []).some((one) => !one.meaning);
        const cell = group.role === "items" || group.names.length > 1 ? make("td", {}, ...itemsChoice(group)) : roleChoice(file, group);
        const why = group.words && open ? "Say what each word means." : group.why;
        body.append(make("tr", { className: open ? "open" : "" }, make("td", {}, name, group.label && !many ? make("small", {}, group.label) : null), make("td", {}, group.examples), cell, make("td", {}, why)));
      }
      const head = make("thead", {}, make("tr", {}, ...["Column", "For example", "What it holds", "Why"].map((text) => make("th", { scope: "col" }, text))));
      parts.push(make("h3", {}, file.file + (file.sheet ? ", sheet " + file.sheet : "")), make("table", {}, head, body), further(file, some) || "");
    }
    $("columns").replaceChildren(...parts);
    $("doubts").replaceChildren(...state.doubts.map((text) => make("li", {}, "Check: " + text)));
    $("yaml").value = state.yaml;
  }

  // -- problems --------------------------------------------------------------------------------

  const plural = (n, one) => n + " " + one + (n === 1 ? "" : "s");
  function showProblems() {
    const c = state.counts || { error: 0, warning: 0, info: 0 };
    const found = [c.error && plural(c.error, "error"), c.warning && plural(c.warning, "warning"), c.info && plural(c.info, "note")].filter(Boolean).join(", ");
    $("verdict").textContent = !state.counts ? "" : c.error ? `There is something to mend first: ${found}. Mend it in the file and drop the file again, or choose something else above.`
      : state.usable ? (found ? `The study can be used. To look at: ${found}.` : "Nothing is wrong. The study can be used.") : "Nothing can be analysed yet: no column holds answers or scores.";
    const rows = state.problems.map((one, at) => make("li", {}, make("button", { type: "button", className: one.level, onclick: () => showSheet(at) },
      make("strong", {}, { error: "Error", warning: "Warning", info: "Note" }[one.level]), one.place ? ` ${one.place}: ` : ": ", one.message, one.hint ? make("small", {}, one.hint) : null),
      one.missing ? make("button", { type: "button", className: "mend", onclick: () => choose({ kind: "missing", ...one.missing }) }, `Take ${one.missing.value} in these columns for a missing answer`) : null));
    if (state.more_problems) rows.push(make("li", {}, `and ${state.more_problems} more`));
    $("problems").replaceChildren(...rows);
    $("split").classList.toggle("alone", true);
    $("sheetbox").hidden = true;
    looked++;
    const names = { table: "Table", rows_in: "Rows read", rows_kept: "Rows used", rows_set_aside: "Set aside", reasons: "Why" };
    const table = $("rows");
    table.replaceChildren(make("thead", {}, make("tr", {}, ...Object.values(names).map((text) => make("th", {}, text)))),
      make("tbody", {}, ...state.rows.map((row) => make("tr", {}, ...Object.keys(names).map((key) => make("td", {}, String(row[key] ?? "")))))));
    const first = state.problems.findIndex((one) => one.file && one.level !== "info");
    if (first >= 0) showSheet(first, true);
  }

  async function showSheet(at, quiet, row, column) {
    const problem = state.problems[at];
    if (!problem.file) return;
    const mine = ++looked;
    try {
      const sheet = await ask("GET", "/sheet?" + new URLSearchParams({ file: problem.file, sheet: problem.sheet, row: String(row || problem.row || 1), column: column || problem.column || "" }));
      if (mine !== looked) return; // something else is looked at by now
      shown = { at, first: sheet.first, row, column, before: sheet.before, after: sheet.after };
      const marks = new Map(sheet.marks.map((one) => [one.row + "\n" + one.column, one]));
      const head = make("tr", {}, make("th", {}, ""), ...sheet.columns.map((name) => {
        const mark = marks.get("0\n" + name);
        return make("th", { scope: "col", className: mark ? mark.level : "", title: mark ? mark.message : "" }, name);
      }));
      const body = sheet.rows.map((line) => {
        const whole = marks.get(line.row + "\n");
        return make("tr", {}, make("th", { scope: "row", className: whole ? whole.level : "", title: whole ? whole.message : "" }, String(line.row)), ...sheet.columns.map((name, place) => {
          const mark = marks.get(line.row + "\n" + name) || whole;
          const here = line.row === problem.row && name === problem.column ? " here" : "";
          return make("td", { className: (mark ? mark.level : "") + here, title: mark ? mark.message : "" }, line.cells[place] ?? "");
        }));
      });
      $("sheet").replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
      const left = sheet.of - sheet.columns.length;
      $("sheetname").textContent = sheet.file + (sheet.sheet ? ", sheet " + sheet.sheet : "") + (left ? `: ${sheet.columns.length} of ${sheet.of} columns` : "");
      ["before", "after"].forEach((id) => { $(id).hidden = !left; $(id).disabled = !sheet[id]; });
      $("sheetbox").hidden = false;
      $("split").classList.remove("alone");
      $("up").disabled = sheet.first <= 1;
      $("down").disabled = !sheet.more;
      document.querySelectorAll("#problems li > button:first-child").forEach((one, n) => n === at ? one.setAttribute("aria-current", "true") : one.removeAttribute("aria-current"));
      const here = $("sheet").querySelector(".here") || [...$("sheet").querySelectorAll("thead th")].find((one) => one.textContent === problem.column);
      if (here) {
        const box = $("sheet");
        box.scrollLeft = Math.max(0, here.offsetLeft - box.clientWidth / 2);
        box.scrollTop = Math.max(0, here.offsetTop - box.clientHeight / 2);
      }
    } catch (error) { if (!quiet) say(error.message); }
  }

  // -- results -----------------------------------------------------------------------------------

  function showResults() {
    $("blocked").textContent = state.usable ? "" : "These come once nothing is wrong any more (step 3).";
    ["report", "explorer"].forEach((id) => { $(id).disabled = !state.usable || Boolean(state.job.what); });
    if (document.activeElement !== $("name")) $("name").value = state.name;
    $("save").hidden = !state.home;
    $("save").textContent = "Save study.yaml and files into " + state.home;
    showJob(state.job);
  }

  function showJob(job) {
    $("progress").hidden = !job.what;
    $("bar").max = job.steps || 1;
    $("bar").value = job.done;
    $("step").textContent = job.what === "explorer" ? "Looking for ruptures by every rule … (up to a minute)" : (job.step || "Opening the study") + " … (a minute or two)";
    ["report", "explorer"].forEach((id) => { $(id).disabled = !state.usable || Boolean(job.what); });
    if (job.error) say(job.error);
    const items = [];
    if (job.ready.includes("report")) items.push(make("li", {}, make("a", { href: "/report/index.html", target: "_blank", id: "open-report" }, "Open the report"), " · ", make("a", { href: "/report/report.docx", download: "report.docx" }, "as a Word document"), " · ", make("a", { href: "/report/methods.md", download: "methods.md" }, "methods paragraph")));
    if (job.ready.includes("explorer")) items.push(make("li", {}, make("a", { href: "/explorer", target: "_blank", id: "open-explorer" }, "Open the courses"), " (single clients are on it where the tick above was set)"));
    $("made").replaceChildren(...items);
  }

  async function begin(what) {
    try {
      const answer = await ask("POST", "/" + what, $("persons").checked ? "persons" : "");
      say("");
      state.job = answer.job;
      showJob(state.job);
      poll();
    } catch (error) { say(error.message); }
  }

  async function poll() {
    try {
      state.job = (await ask("GET", "/state?job=1")).job;
      showJob(state.job);
      if (state.job.what) setTimeout(poll, 500);
    } catch (error) { say(error.message); }
  }

  function show(next) {
    state = next;
    showFiles();
    const some = state.files.length > 0;
    ["s2", "s3", "s4"].forEach((id) => { $(id).hidden = !some; });
    if (!some) return;
    showColumns();
    showProblems();
    showResults();
  }

  $("pick").addEventListener("change", () => { upload([...$("pick").files]); $("pick").value = ""; });
  const drop = document.body;
  ["dragenter", "dragover"].forEach((kind) => drop.addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.add("over"); }));
  ["dragleave", "drop"].forEach((kind) => drop.addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.remove("over"); }));
  drop.addEventListener("drop", (event) => upload([...event.dataTransfer.files]));
  $("drop").addEventListener("keydown", (event) => { if (["Enter", " "].includes(event.key)) { event.preventDefault(); $("pick").click(); } });
  $("name").addEventListener("change", () => choose({ kind: "name", name: $("name").value }));
  $("settext").addEventListener("click", () => choose({ kind: "text", text: $("yaml").value }));
  $("up").addEventListener("click", () => showSheet(shown.at, false, Math.max(1, shown.first - 24), shown.column));
  $("down").addEventListener("click", () => showSheet(shown.at, false, shown.first + 40, shown.column));
  ["before", "after"].forEach((id) => $(id).addEventListener("click", () => showSheet(shown.at, false, shown.row, shown[id])));
  $("report").addEventListener("click", () => begin("report"));
  $("explorer").addEventListener("click", () => begin("explorer"));
  $("save").addEventListener("click", async () => {
    try { $("saved").textContent = "Saved: " + (await ask("POST", "/save")).saved.join(", ") + "."; say(""); } catch (error) { say(error.message); }
  });
  $("leave").addEventListener("click", async () => {
    if (state && state.files.length && !confirm("What was not saved is gone then. Close?")) return;
    try { await ask("POST", "/leave"); } catch { /* it has left */ }
    document.body.replaceChildren(make("p", {}, "The page is closed; this window can be closed too."));
  });
  (async () => { try { show(await ask("GET", "/state")); if (state.job.what) poll(); } catch (error) { say(error.message); } })();
})();
