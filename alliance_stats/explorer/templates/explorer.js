"use strict";
// Choosing and drawing. What is a rupture was decided before: the page looks up positions that the
// package's own rules found, and holds no rule.
(async () => {
  const $ = (id) => document.getElementById(id);
  const packed = Uint8Array.from(atob($("content").textContent.trim()), (c) => c.charCodeAt(0));
  const unzipped = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const data = await new Response(unzipped).json();
  const OUTCOMES = ["repaired", "not repaired", "not followed long enough to know"];
  const PER_PAGE = 24;
  let page = 0, view = null, turn = 0, waiting = 0;

  // Rows of one score: where each client's begin.
  for (const score of data.scores) {
    score.of = new Map();
    score.client.forEach((who, at) => {
      if (!score.of.has(who)) score.of.set(who, []);
      score.of.get(who).push(at);
    });
  }
  const scales = [];
  data.scores.forEach((score) => {
    const key = score.measure + "/" + score.scale;
    let scale = scales.find((one) => one.key === key);
    if (!scale) scales.push((scale = { key, title: score.title, range: score.range, scores: [] }));
    scale.scores.push(score);
  });
  const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
  const digits = (value) => typeof value !== "number" || Number.isInteger(value) ? value : value.toFixed(2);
  const plural = (n, one) => n + " " + one + (n === 1 ? "" : "s");

  function fill(select, options, keep) {
    const before = keep ? select.value : null;
    select.replaceChildren(...options.map(([value, text, off, why]) => {
      const option = new Option(text, value);
      option.disabled = Boolean(off);
      option.title = why || "";
      return option;
    }));
    if (before !== null && options.some(([value, , off]) => value === before && !off)) select.value = before;
  }

  const scaleNow = () => scales.find((one) => one.key === $("measure").value);
  const scoreNow = () => scaleNow().scores.find((one) => one.rater === $("rater").value);
  const searched = () => {
    const at = data.scores.indexOf(scoreNow());
    return data.looked.find((one) => one.rule === $("rule").value && (one.score === at || one.score === -1));
  };

  function shownScores() {
    const scale = scaleNow(), own = scoreNow();
    if (!$("gap").checked) return [own];
    return scale.scores.filter((one) => one === own || ["client", "therapist"].includes(one.rater));
  }

  function chooseRaters() {
    fill($("rater"), scaleNow().scores.map((one) => [one.rater, capital(one.rater)]), true);
    const two = ["client", "therapist"].every((rater) => scaleNow().scores.some((one) => one.rater === rater));
    $("gap").closest("label").hidden = !two;
  }

  function chooseRules() {
    const at = data.scores.indexOf(scoreNow());
    const options = data.rules.map((rule) => {
      const seen = data.looked.find((one) => one.rule === rule.name && (one.score === at || one.score === -1));
      return [rule.name, rule.title, !seen || seen.reason, seen ? seen.reason : ""];
    });
    const before = $("rule").value;
    fill($("rule"), [["", "None"], ...options], true);
    $("rule").closest("fieldset").hidden = options.every(([, , off]) => off); // a score that is no alliance
    if (!before && options.length && !$("rule").dataset.asked) {
      const first = options.find(([, , off]) => !off);
      if (first) $("rule").value = first[0];
    }
    chooseParameters();
  }

  const word = (value) => value === true ? "yes" : value === false ? "no" : String(value);
  function parameterWord(name, value) {
    if (name !== "repair_level") return word(value);
    return value === "threshold" ? "up to the rule's limit" : value === 1 ? "all of the fall" : Math.round(value * 100) + "% of the fall";
  }

  function chooseParameters() {
    const seen = searched(), box = $("parameters");
    box.replaceChildren();
    if (!seen || seen.reason) return;
    for (const one of seen.parameters) {
      const label = document.createElement("label"), numbers = one.values.every((v) => typeof v === "number");
      if (numbers && one.values.length > 3 && one.name !== "repair_level") {
        const input = document.createElement("input"), output = document.createElement("output");
        Object.assign(input, { type: "range", min: 0, max: one.values.length - 1, step: 1, value: one.usual });
        const tell = () => { output.textContent = parameterWord(one.name, one.values[input.value]); };
        input.addEventListener("input", () => { tell(); draw(); });
        const head = document.createElement("span");
        head.append(one.label + ": ", output);
        label.append(head, input);
        tell();
        input.dataset.parameter = one.name;
      } else {
        const select = document.createElement("select");
        fill(select, one.values.map((value, at) => [String(at), parameterWord(one.name, value)]));
        select.value = String(one.usual);
        select.addEventListener("change", () => draw());
        select.dataset.parameter = one.name;
        label.append(one.label, select);
      }
      box.append(label);
    }
  }

  // What the rule found with the parameters chosen: flags and episodes by client.
  function found() {
    const seen = searched();
    if (!seen || seen.reason) return { reason: seen ? seen.reason : "" };
    let at = 0;
    for (const one of seen.parameters) {
      const chosen = Number(document.querySelector(`[data-parameter="${one.name}"]`).value);
      at = at * one.values.length + chosen;
    }
    const result = seen.results[at];
    if (typeof result === "string") return { reason: result };
    const flags = new Map(), episodes = new Map();
    const add = (map, who, what) => map.has(who) ? map.get(who).push(what) : map.set(who, [what]);
    let row = 0;
    for (const step of data.lists[result[0]]) {
      row += step;
      add(flags, seen.client[row], seen.session[row]);
    }
    const list = data.lists[result[1]];
    row = 0;
    for (let n = 0; n < list.length; n += 3) {
      row += list[n];
      const last = row + list[n + 1];
      add(episodes, seen.client[row], {
        start: seen.session[row], last: seen.session[last], outcome: list[n + 2],
      });
    }
    return { flags, episodes, judged: new Set(seen.client) };
  }

  function clientsNow(what) {
    const own = scoreNow(), therapist = $("therapist").value, arm = $("arm").value, which = $("which").value;
    return data.clients.map((client, at) => ({ ...client, at })).filter((client) =>
      own.of.has(client.at) && (!therapist || client.therapist === therapist) && (!arm || client.arm === arm) &&
      (which === "" || (!what.episodes && !which.startsWith("end:")) || (which === "rupture" && what.episodes && what.episodes.has(client.at)) ||
       (which === "none" && what.episodes && !what.episodes.has(client.at)) ||
       (client.end && which === "end:" + client.end.reason)));
  }

  function rowsOf(client, what) {
    const rows = [], unit = client.label, by = new Map();
    for (const score of shownScores()) {
      let run = 0, before = null;
      for (const at of score.of.get(client.at) || []) {
        const session = score.session[at], value = score.score[at];
        if (before !== null && session - before > 1) run += 1;
        before = session;
        rows.push({ unit, type: "score", rater: capital(score.rater), session, score: value, run: score.rater + run,
          low: score.low ? score.low[at] : null, high: score.high ? score.high[at] : null });
        if (!by.has(session)) by.set(session, {});
        by.get(session)[score.rater] = value;
      }
    }
    const both = [...by].filter(([, one]) => "client" in one && "therapist" in one).sort((a, b) => a[0] - b[0]);
    let run = 0, before = null;
    for (const [session, one] of both) {
      if (before !== null && session - before > 1) run += 1;
      before = session;
      rows.push({ unit, type: "gap", session, score: one.client, other: one.therapist, run: "gap" + run,
        gap: Math.round((one.therapist - one.client) * 1000) / 1000 });
    }
    const own = scoreNow().rater, bottom = domain()[0];
    const level = (session) => by.has(session) && own in by.get(session) ? by.get(session)[own] : bottom;
    const begun = new Set();
    for (const one of (what.episodes && what.episodes.get(client.at)) || []) {
      begun.add(one.start);
      const words = OUTCOMES[one.outcome];
      rows.push({ unit, type: "span", session: one.start - 0.4, until: one.last + 0.4 });
      rows.push({ unit, type: "mark", kind: "rupture", session: one.start, score: level(one.start), words });
      if (one.outcome === 0) rows.push({ unit, type: "mark", kind: "repair", session: one.last, score: level(one.last), words: "rupture of session " + one.start });
    }
    for (const session of (what.flags && what.flags.get(client.at)) || []) {
      if (!begun.has(session)) rows.push({ unit, type: "mark", kind: "still down", session, score: level(session), words: "flagged within a rupture" });
    }
    const runs = new Map();
    rows.forEach((row) => { if (row.type === "gap") runs.set(row.run, (runs.get(row.run) || 0) + 1); });
    rows.forEach((row) => { if (row.type === "gap") row.alone = runs.get(row.run) === 1; });
    if (client.end) rows.push({ unit, type: "end", session: client.end.session, reason: client.end.reason });
    return rows;
  }

  function domain() {
    const scale = scaleNow();
    if (scale.range) return scale.range;
    const all = scale.scores.flatMap((one) => one.score);
    return [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
  }

  function lastSession(clients) {
    let last = 1, first = 1;
    for (const client of clients) {
      for (const score of shownScores()) for (const at of score.of.get(client.at) || []) {
        last = Math.max(last, score.session[at]);
        first = Math.min(first, score.session[at]);
      }
      if (client.end) last = Math.max(last, client.end.session);
    }
    return [first, last];
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

  function specOf(clients, rows, width) {
    const single = clients.length === 1, ink = colour("ink"), soft = colour("soft");
    const columns = single ? 1 : Math.max(1, Math.floor(width / 260));
    const [first, last] = lastSession(clients);
    rows.forEach((row) => { if (row.type === "end") row.early = row.session < (first + last) / 2; });
    const [low, high] = domain(), room = (high - low) * 0.05;
    const x = { field: "session", type: "quantitative", title: single ? data.time.title : null,
      scale: { domain: [first - 0.6, last + 0.6], nice: false, zero: false }, axis: {
        tickMinStep: 1, tickCount: single ? 12 : 5, grid: false, format: "d",
        ...(data.time.words.length ? { values: data.time.words.map((_, n) => n + 1), labelAngle: 0,
          labelExpr: JSON.stringify(data.time.words) + "[datum.value - 1]" } : {}) } };
    const y = { field: "score", type: "quantitative", title: single ? scaleNow().title : null,
      scale: { domain: [low - room, high + room], zero: false, nice: false }, axis: { tickCount: single ? 6 : 4 } };
    const raters = ["Client", "Therapist", ...new Set(rows.filter((r) => r.rater).map((r) => r.rater).filter((r) => !["Client", "Therapist"].includes(r)))];
    const paint = { field: "rater", type: "nominal", legend: null, scale: { domain: raters, range: [colour("client"), colour("therapist"), colour("other"), soft] } };
    const only = (type, extra) => [{ filter: `datum.type === '${type}'` + (extra || "") }];
    const tip = (...fields) => fields.map(([field, title]) => ({ field, title, type: typeof field === "string" ? "nominal" : undefined }));
    const mark = (kind, shape, fill, filled, size) => ({
      transform: only("mark", ` && datum.kind === '${kind}'`),
      mark: { type: "point", shape, size: (single ? 1.6 : 1) * size, filled, fill: filled ? fill : colour("paper"), stroke: filled ? colour("paper") : fill, strokeWidth: filled ? 0.8 : 1.4, opacity: 1 },
      encoding: { x, y, tooltip: tip(["kind", "Mark"], ["session", data.time.title], ["words", "Which"]) } });
    const layer = [
      { transform: only("span"), mark: { type: "rect", color: colour("span"), opacity: 0.8 }, encoding: { x, x2: { field: "until" } } },
      { transform: only("gap"), mark: { type: "area", color: colour("band"), opacity: 0.75 }, encoding: { x, y, y2: { field: "other" }, detail: { field: "run" } } },
      { transform: only("gap"), mark: { type: "rule", color: colour("band"), strokeWidth: single ? 8 : 2 },
        encoding: { opacity: { condition: { test: "datum.alone", value: 1 }, value: 0 }, x, y, y2: { field: "other" }, tooltip: tip(["session", data.time.title], ["score", "Client"], ["other", "Therapist"], ["gap", "Therapist minus client"]) } },
      { transform: only("score", " && isValid(datum.low)"), mark: { type: "area", opacity: 0.16 }, encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color: paint, detail: { field: "run" } } },
      { transform: only("end"), mark: { type: "rule", strokeDash: [3, 3], color: soft }, encoding: { x, tooltip: tip(["reason", "Ended"], ["session", "After session"]) } },
      ...[true, false].map((early) => ({ transform: only("end", ` && datum.early === ${early}`), mark: { type: "text", align: early ? "left" : "right", dx: early ? 4 : -4, baseline: "bottom", fontSize: single ? 12 : 10, color: soft },
        encoding: { x, y: { datum: low - room, type: "quantitative", scale: y.scale }, text: { field: "reason" } } })),
      { transform: only("score"), mark: { type: "line", strokeWidth: single ? 2 : 1.4 }, encoding: { x, y, color: paint, detail: { field: "run" },
          strokeDash: { field: "rater", legend: null, scale: { domain: raters, range: [[1, 0], [5, 2], [2, 2], [6, 2, 2, 2]] } } } },
      { transform: only("score"), mark: { type: "point", filled: true, size: single ? 36 : 12, opacity: 1 }, encoding: { x, y, color: paint,
          tooltip: tip(["unit", "Who"], ["rater", "Rated by"], ["session", data.time.title], ["score", scaleNow().title]) } },
      mark("still down", "triangle-down", colour("fall"), false, 45),
      mark("rupture", "triangle-down", colour("fall"), true, 80),
      mark("repair", "triangle-up", colour("repair"), true, 80),
    ];
    const config = { background: "transparent", font: "sans-serif", view: { stroke: colour("line") },
      axis: { labelColor: soft, titleColor: ink, gridColor: colour("grid"), domainColor: colour("line"), tickColor: colour("line"), labelFontSize: single ? 12 : 10, titleFontWeight: "normal" },
      header: { labelColor: ink, labelFontSize: 11, labelFontWeight: 600, labelAnchor: "start", title: null } };
    const base = { config, data: { values: rows } };
    if (single) return { ...base, width: Math.max(220, Math.min(width, 980) - 70), height: 340, layer };
    const each = Math.floor(width / columns) - 48;
    return { ...base, columns, spacing: 14,
      facet: { field: "unit", type: "nominal", sort: clients.map((one) => one.label), header: { labelExpr: "datum.value" } },
      spec: { width: each, height: Math.round(Math.max(90, Math.min(150, each * 0.6))), layer } };
  }

  function tellKey(single) {
    const line = (name, dash) => `<svg width="26" height="12" aria-hidden="true"><line x1="0" y1="6" x2="26" y2="6" stroke="${colour(name)}" stroke-width="2" stroke-dasharray="${dash}"/></svg>`;
    const tri = (name, up, full) => `<svg width="12" height="12" aria-hidden="true"><path d="${up ? "M6 1L11 11H1Z" : "M1 1H11L6 11Z"}" fill="${full ? colour(name) : "none"}" stroke="${colour(name)}"/></svg>`;
    const block = (name) => `<svg width="18" height="12" aria-hidden="true"><rect width="18" height="12" fill="${colour(name)}"/></svg>`;
    const shown = shownScores().map((one) => one.rater), parts = [];
    for (const rater of shown) {
      const known = { client: ["client", "none"], therapist: ["therapist", "5 2"] }[rater] || ["other", "2 2"];
      parts.push(line(...known) + capital(rater));
    }
    if (shown.includes("client") && shown.includes("therapist")) parts.push(block("band") + "gap between them");
    if (data.persons && $("rule").value) parts.push(tri("fall", false, true) + "rupture", tri("fall", false, false) + "flagged again", tri("repair", true, true) + "repair", block("span") + "from rupture to repair");
    if (data.clients.some((one) => one.end)) parts.push(line("soft", "3 3") + "therapy ended");
    if (!data.persons) parts.push("shaded: 95% confidence interval of the mean");
    $("key").innerHTML = parts.map((part) => `<span>${part}</span>`).join("");
  }

  function tell(clients, what) {
    const rule = data.rules.find((one) => one.name === $("rule").value);
    $("definition").textContent = rule ? rule.definition + "  (" + rule.source + ")" : "";
    if (!data.persons) {
      $("told").textContent = data.clients[0].label + " at each " + data.time.title.toLowerCase();
      return;
    }
    if (what.reason) { $("told").textContent = "This rule cannot be used here: " + what.reason; return; }
    if (!rule) { $("told").textContent = plural(clients.length, "client"); return; }
    let ruptured = 0, all = 0;
    const count = [0, 0, 0];
    for (const client of clients) {
      const own = what.episodes.get(client.at) || [];
      ruptured += own.length > 0;
      all += own.length;
      own.forEach((one) => { count[one.outcome] += 1; });
    }
    const alone = clients.length === 1 && clients[0], end = alone && alone.end;
    const who = alone ? [alone.label, alone.therapist, alone.arm, end && `ended after ${data.time.title.toLowerCase()} ${end.session} (${end.reason})`].filter(Boolean).join(", ") + ": " : "";
    $("told").textContent = who + `${plural(all, "rupture")}${alone ? "" : ` in ${ruptured} of ${plural(clients.length, "client")}`}` +
      (all ? ": " + count.map((n, at) => n ? n + " " + OUTCOMES[at] : "").filter(Boolean).join(", ") : "") + ".";
  }

  function tellNumbers(client, rows) {
    const one = Boolean(client);
    $("numbers").hidden = !one;
    if (!one) return;
    $("numbers").firstElementChild.textContent = "Numbers: " + client.label;
    const raters = shownScores().map((score) => score.rater), by = new Map();
    const at = (session) => by.has(session) ? by.get(session) : by.set(session, { marks: [] }).get(session);
    for (const row of rows) {
      if (row.type === "score") at(row.session)[row.rater.toLowerCase()] = row.score;
      if (row.type === "gap") at(row.session).gap = row.gap;
      if (row.type === "mark") at(row.session).marks.push(row.kind === "rupture" ? "rupture, " + row.words : row.kind);
      if (row.type === "end") at(row.session).marks.push("ended: " + row.reason);
    }
    const heads = [data.time.title, ...raters.map(capital), ...(raters.length > 1 ? ["Therapist minus client"] : []), "What happened"];
    const table = $("table");
    table.replaceChildren();
    const head = table.createTHead().insertRow();
    heads.forEach((text) => { const cell = document.createElement("th"); cell.scope = "col"; cell.textContent = text; head.append(cell); });
    const body = table.createTBody();
    const words = data.time.words, named = (session) => words.length ? words[session - 1] : session;
    for (const [session, row] of [...by].sort((a, b) => a[0] - b[0])) {
      const tr = body.insertRow();
      const cells = [named(session), ...raters.map((rater) => digits(row[rater] ?? "")), ...(raters.length > 1 ? [digits(row.gap ?? "")] : []), row.marks.join("; ")];
      cells.forEach((text) => { tr.insertCell().textContent = text; });
    }
  }

  async function draw() {
    const mine = ++turn, what = found(), chosen = clientsNow(what);
    fill($("client"), [["", "all of them"], ...chosen.map((one) => [String(one.at), one.label])], true);
    const one = $("client").value;
    const clients = one ? chosen.filter((client) => String(client.at) === one) : chosen;
    const pages = Math.max(1, Math.ceil(clients.length / PER_PAGE));
    page = Math.min(page, pages - 1);
    const now = clients.slice(page * PER_PAGE, (page + 1) * PER_PAGE);
    const rows = now.flatMap((client) => rowsOf(client, what)), single = now.length === 1;
    tell(clients, what);
    tellKey(single);
    tellNumbers(data.persons && single ? now[0] : null, rows);
    $("pages").hidden = pages < 2;
    $("page").textContent = `page ${page + 1} of ${pages}`;
    $("back").disabled = page === 0;
    $("forth").disabled = page === pages - 1;
    $("before").disabled = $("after").disabled = chosen.length < 2;
    $("drawn").classList.toggle("single", single);
    $("drawn").setAttribute("aria-label", $("told").textContent);
    if (!now.length) { if (view) view.finalize(); view = null; $("drawn").textContent = "No client is left by these choices."; return; }
    const made = await vegaEmbed($("drawn"), specOf(now, rows, $("drawn").clientWidth), { mode: "vega-lite", actions: false, renderer: "svg", ast: true, tooltip: { theme: matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light" } });
    if (mine !== turn) { made.finalize(); return; }
    view = made;
    document.body.dataset.drawn = String(turn);
  }

  function step(by) {
    const options = [...$("client").options].slice(1).map((one) => one.value);
    const at = options.indexOf($("client").value);
    $("client").value = options[at < 0 ? (by > 0 ? 0 : options.length - 1) : (at + by + options.length) % options.length];
    page = 0;
    draw();
  }

  fill($("measure"), scales.map((one) => [one.key, one.title]));
  fill($("therapist"), [["", "all"], ...data.therapists.map((one) => [one, one])]);
  fill($("arm"), [["", "all"], ...data.arms.map((one) => [one, one])]);
  const reasons = [...new Set(data.clients.filter((one) => one.end).map((one) => one.end.reason))].sort();
  fill($("which"), [["", "all"], ["rupture", "with a rupture"], ["none", "without a rupture"], ...reasons.map((one) => ["end:" + one, "ended: " + one])]);
  chooseRaters();
  chooseRules();
  if (!data.persons) document.querySelectorAll("#choices fieldset").forEach((box) => { box.hidden = !box.querySelector("#measure"); });
  if (!data.therapists.length) $("therapist").closest("label").hidden = true;
  if (data.arms.length < 2) $("arm").closest("label").hidden = true;
  const again = (...before) => () => { before.forEach((one) => one()); page = 0; draw(); };
  $("measure").addEventListener("change", again(chooseRaters, chooseRules));
  $("rater").addEventListener("change", again(chooseRules));
  $("rule").addEventListener("change", again(() => { $("rule").dataset.asked = "1"; }, chooseParameters));
  ["therapist", "arm", "which"].forEach((id) => $(id).addEventListener("change", again(() => { $("client").value = ""; })));
  ["client", "gap"].forEach((id) => $(id).addEventListener("change", again()));
  $("before").addEventListener("click", () => step(-1));
  $("after").addEventListener("click", () => step(1));
  $("back").addEventListener("click", () => { page -= 1; draw(); });
  $("forth").addEventListener("click", () => { page += 1; draw(); });
  let wide = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === wide) return;
    wide = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(draw, 200);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
