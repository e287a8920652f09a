/* The explorable map of the report: controls, answers in words, the plot and its table. */
"use strict";

const AnodePage = (() => {
  const payload = JSON.parse(document.getElementById("payload").textContent);
  const model = { ...payload, draws: {}, noise: {}, cells: {}, own: {} };
  const byId = (id) => document.getElementById(id);
  const POINTS = 61;
  const CURRENT = "mA/cm²";
  const UNITS = { um: "µm", degC: "°C", 1: "" };
  const state = { cell: payload.cells_order[0], designs: {}, risk: 5, current: null, axis: {} };
  let job = 0;
  let curve = null;
  let plot = null;

  function unpack({ type, data }) {
    const text = atob(data);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    const view = new DataView(bytes.buffer);
    const size = type === "float32" ? 4 : 8;
    const values = new Float64Array(bytes.length / size);
    for (let i = 0; i < values.length; i++) {
      values[i] = size === 4 ? view.getFloat32(4 * i, true) : view.getFloat64(8 * i, true);
    }
    return values;
  }

  for (const group of ["draws", "noise", "cells"]) {
    for (const [name, packed] of Object.entries(payload.packed[group])) {
      model[group][name] = unpack(packed);
    }
  }
  model.bands = unpack(payload.packed.bands);
  for (const laws of Object.values(model.tails)) {
    for (const changed of Object.values(laws)) {
      for (const name of Object.keys(changed.draws)) changed.draws[name] = unpack(changed.draws[name]);
    }
  }
  const drawCount = Object.values(model.draws)[0].length;
  for (const { name, draws } of payload.separators) {
    model.own[name] = Object.fromEntries(Object.entries(draws).map(([axis, packed]) => {
      const values = unpack(packed);
      return [axis, values.length === drawCount ? values : new Float64Array(drawCount).fill(values[0])];
    }));
  }

  const copy = (value) => JSON.parse(JSON.stringify(value));
  for (const [cell, design] of Object.entries(payload.designs)) state.designs[cell] = copy(design);

  function unitOf(unit) {
    return unit in UNITS ? UNITS[unit] : unit.replace("^2", "²");
  }

  /** A number with some digits, plain where that is short. */
  function shown(value, count = 3) {
    if (!Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
      return value.toExponential(count - 1).replace("e+", "e").replace("-", "−");
    }
    return String(Number(value.toPrecision(count))).replace("-", "−");
  }

  /** An end of what is legal, in full. */
  const bound = (value) => String(Number(value.toPrecision(6)));

  const withUnit = (text, unit) => `${text} ${unitOf(unit)}`.trimEnd();
  const quantity = (value, unit, count = 3) => withUnit(shown(value, count), unit);

  /** The words of a condition or a choice at the beginning of a line. */
  const capital = (text) => text[0].toUpperCase() + text.slice(1);
  const label = (name, cell = state.cell) => capital(payload.axes[cell][name].words);

  const percent = (share) => `${Math.round(100 * share)} %`;

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) {
        made.setAttribute(name, value);
      }
    }
    made.append(...children);
    return made;
  }

  const BELONGS = new Set(["pore_radius", "porosity", "thickness", "macmullin_number",
    "pore_type", "pore_size_spread"]);

  // Controls -----------------------------------------------------------------------------------

  function field(id, text, unit, value, hint = null) {
    const input = element("input", {
      id, type: "number", step: "any", inputmode: "decimal", value: value ?? "",
      "aria-describedby": hint ? `${id}-hint` : null,
    });
    const row = element("div", { class: "field" },
      element("label", { for: id }, text), input, element("span", { class: "of" }, unit));
    if (hint) row.append(element("p", { class: "hint", id: `${id}-hint` }, hint));
    return row;
  }

  function choice(id, text, options, chosen) {
    const select = element("select", { id });
    for (const [value, label] of options) {
      select.append(element("option", { value, selected: value === chosen }, label));
    }
    return element("div", { class: "field wide" }, element("label", { for: id }, text), select);
  }

  function radios(name, text, options, chosen) {
    const set = element("fieldset", {}, element("legend", {}, text));
    const row = element("div", { class: "choices" });
    for (const [value, label] of options) {
      row.append(element("label", {},
        element("input", { type: "radio", name, value, id: `${name}-${value}`,
          checked: value === chosen }), label));
    }
    set.append(row);
    return set;
  }

  const HINTS = {
    macmullin_number: "Blank: estimated from the porosity.",
    area_ratio: "Blank: a cell as large as those measured. Larger: the weakest patch decides.",
    pore_size_spread: "Blank: that of the fitted separators.",
  };

  function build() {
    const { cell } = state;
    const design = state.designs[cell];
    const axes = payload.axes[cell];
    const parts = [];
    if (payload.cells_order.length > 1) {
      parts.push(radios("cell", "Kind of cell", payload.cells_order.map((each) =>
        [each, each === "liquid" ? "liquid, charging" : "solid, stripping"]), cell));
    }
    parts.push(element("fieldset", {}, element("legend", {}, "Question"),
      field("risk", "Risk that a new cell fails", "%", state.risk),
      field("current", "Is this current safe?", CURRENT, state.current, "Leave blank if you do not ask.")));
    const conditions = element("fieldset", {}, element("legend", {}, "Design"));
    if (cell === "liquid" && payload.separators.length) {
      const index = payload.separators.findIndex((each) => each.name === design.separator);
      const select = choice("separator", "Separator", [["", "a new one"],
        ...payload.separators.map((each, i) => [String(i), each.name])],
      index < 0 ? "" : String(index));
      select.append(element("p", { class: "hint" }, "One of the campaign is taken as it was fitted, "
        + "with its own pores and offset; with a property changed here it is a new one."
        + (payload.separators_left_out ? ` ${payload.separators_left_out} more have no room on this `
          + "page: anodebayes ask knows them." : "")));
      conditions.append(select);
    }
    if (cell === "liquid") {
      conditions.append(choice("pore_type", "Kind of pores", design.pore_types.map((each) =>
        [each, payload.words.variants[each]]), design.pore_type));
    } else {
      conditions.append(choice("protocol", "Protocol", design.protocols.map((each) =>
        [each, payload.words.variants[each]]), design.protocol));
    }
    for (const [name, kind] of Object.entries(axes)) {
      if (cell === "liquid" && name === "charge") {
        const steady = design.conditions.charge === undefined;
        conditions.append(radios("until", "Salt must last", [
          ["steady", "for ever (steady state)"], ["charge", "for one half-cycle of"]],
        steady ? "steady" : "charge"));
      }
      conditions.append(field(name, label(name), unitOf(kind.unit), design.conditions[name],
        kind.optional ? HINTS[name] : null));
    }
    parts.push(conditions);
    const spread = element("details", { open: Object.keys(design.tolerances).length > 0 },
      element("summary", {}, "Tolerances of built cells"),
      element("p", { class: "hint quiet" },
        "Standard deviation from one built cell to the next; blank: none."));
    for (const [name, kind] of Object.entries(axes)) {
      if (name === "area_ratio") continue;
      const tolerance = design.tolerances[name];
      const row = field(`${name}_sd`, label(name), "",
        tolerance ? (tolerance.relative ? 100 * tolerance.sd : tolerance.sd) : "");
      const own = kind.spread === "normal" ? "K" : unitOf(kind.unit) || "abs.";
      if (kind.spread === "lognormal") {
        const units = element("select", { id: `${name}_sd_unit`,
          "aria-label": `Unit of the tolerance of the ${kind.words}` },
        element("option", { value: "own" }, own),
        element("option", { value: "%", selected: !tolerance || tolerance.relative }, "%"));
        row.lastChild.replaceWith(units);
      } else {
        row.lastChild.textContent = own;
      }
      spread.append(row);
    }
    parts.push(spread);
    byId("controls").replaceChildren(...parts);
    enable();
    buildAxis();
    const words = payload.words;
    byId("covers").textContent =
      `The map speaks of ${words.covers[cell]} It does not speak of ${words.does_not_cover[cell]}`;
  }

  function enable() {
    const until = document.querySelector("input[name=until]:checked");
    if (until) byId("charge").disabled = until.value === "steady";
  }

  function buildAxis() {
    const { cell } = state;
    const axes = payload.axes[cell];
    const { design } = read();
    const names = Object.keys(axes).filter((name) => !byId(name).disabled
      && !(design.separator && BELONGS.has(name)) && (!axes[name].optional || byId(name).value.trim() !== ""));
    const ends = payload.designs[cell].ends;
    let axis = state.axis[cell];
    if (!names.includes(axis)) axis = Object.keys(ends).find((name) => names.includes(name)) ?? names[0];
    state.axis[cell] = axis;
    const [from, to] = span(cell, axis, design.conditions[axis]);
    const pick = element("select", { id: "over" });
    for (const name of names) {
      pick.append(element("option", { value: name, selected: name === axis }, label(name)));
    }
    const unit = unitOf(axes[axis].unit);
    const end = (id, text, value) => element("div", {},
      element("label", { for: id }, unit ? `${text} [${unit}]` : text),
      element("input", { id, type: "number", step: "any", inputmode: "decimal", value }));
    byId("axis").replaceChildren(
      element("div", {}, element("label", { for: "over" }, "Draw the map over"), pick),
      end("from", "from", from), end("to", "to", to));
  }

  /** Ends of an axis to draw, round numbers about the chosen value. */
  function span(cell, name, value) {
    const kind = payload.axes[cell][name];
    const own = payload.designs[cell].ends[name];
    if (own) return own;
    if (name === "pressure") return [0, kind.upper];
    if (name === "porosity") return [0.05, 0.9];
    if (name === "temperature") return [Math.max(kind.lower, -20), Math.min(kind.upper, 60)];
    if (value === undefined) return [kind.lower, kind.upper];
    const round = (x) => Number(x.toPrecision(2));
    return [Math.max(kind.lower, round(value / 10)), Math.min(kind.upper, round(value * 10))];
  }

  function numberIn(id) {
    const input = byId(id);
    if (!input || input.value.trim() === "") return input && input.validity.badInput ? NaN : null;
    return Number(input.value);
  }

  function invalid(id, reason) {
    byId(id).setAttribute("aria-invalid", "true");
    byId(id).setAttribute("aria-errormessage", reason);
  }

  function legalEnds(kind) {
    return withUnit(`${bound(kind.lower)} to ${bound(kind.upper)}`, kind.unit);
  }

  /** Read the controls: the design, the question, and every mistake in them. */
  function read() {
    const { cell } = state;
    const axes = payload.axes[cell];
    const mistakes = [];
    const wrong = (id, text) => {
      mistakes.push(text);
      invalid(id, "refused");
    };
    for (const input of document.querySelectorAll("#explorer [aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-errormessage");
    }
    const design = { cell, conditions: {}, tolerances: {}, separator: "" };
    if (cell === "liquid" && byId("separator") && byId("separator").value !== "") {
      design.separator = payload.separators[Number(byId("separator").value)].name;
    }
    design.pore_type = cell === "liquid" ? byId("pore_type").value : "polymer";
    design.protocol = cell === "solid" ? byId("protocol").value : "step";
    for (const [name, kind] of Object.entries(axes)) {
      if (byId(name).disabled) continue;
      const value = numberIn(name);
      if (value === null && kind.optional && !(cell === "liquid" && name === "charge")) continue;
      const legal = `legal are ${legalEnds(kind)}`;
      if (value === null || !(value >= kind.lower && value <= kind.upper)) {
        wrong(name, `${label(name)}: ${legal}.`);
        continue;
      }
      design.conditions[name] = value;
      const sd = numberIn(`${name}_sd`);
      if (sd === null || sd === 0) continue;
      const unit = byId(`${name}_sd_unit`);
      const relative = Boolean(unit) && unit.value === "%";
      const tolerance = { sd: relative ? sd / 100 : sd, relative };
      if (!(sd > 0)) {
        wrong(`${name}_sd`, `Tolerance of the ${kind.words}: legal are numbers above 0.`);
        continue;
      }
      design.tolerances[name] = tolerance;
      const reach = [-1, 1].map((sign) =>
        AnodePhysics.spreadValue(kind, tolerance, value, sign * payload.tolerance_reach));
      if (!(reach[0] >= kind.lower && reach[1] <= kind.upper)) {
        wrong(`${name}_sd`, `With its tolerance the ${kind.words} reaches from `
          + `${shown(reach[0])} to ${shown(reach[1])} (${payload.tolerance_reach} standard `
          + `deviations): ${legal}.`);
      }
    }
    const risk = numberIn("risk") / 100;
    const least = payload.least_risk;
    if (!(risk >= least && risk <= 0.5)) {
      wrong("risk", `Risk: legal are ${shown(100 * least)} to 50 %.`);
    }
    const current = numberIn("current");
    if (current !== null && !(current > 0)) wrong("current", "Current: legal are numbers above 0.");
    return { design, risk, current, mistakes };
  }

  // Answers ------------------------------------------------------------------------------------

  /** What the rows span that tell of each limit of a design. */
  function supportsOf(design) {
    if (design.cell === "solid") return payload.supports[`solid ${design.protocol}`];
    return separatorOf(design)?.supports ?? payload.supports.liquid;
  }

  const onScale = (cell, name, value) => (payload.axes[cell][name].log ? Math.log(value) : value);

  /** A region of two conditions on their scales, with the margins by which it is widened. */
  function region(cell, { axes, hull }) {
    const corners = hull.map((corner) => corner.map((value, i) => onScale(cell, axes[i], value)));
    const ends = [0, 1].map((i) => {
      const values = corners.map((corner) => corner[i]);
      return [Math.min(...values), Math.max(...values)];
    });
    const { wider } = payload.constants;
    const margins = axes.map((name, i) => (name === "temperature" ? payload.temperature_window
      : payload.axes[cell][name].log ? Math.log1p(wider) : wider * (ends[i][1] - ends[i][0])));
    const edges = corners.map((corner, i) => [corner, corners[(i + 1) % corners.length]]);
    return { edges, ends, margins };
  }

  /** Whether two conditions together lie outside what rows span in them. */
  function apart(cell, hull, point) {
    const { edges, ends, margins } = region(cell, hull);
    const [x, y] = point.map((value, i) => onScale(cell, hull.axes[i], value));
    return [x, y].some((value, i) =>
      value < ends[i][0] - margins[i] || value > ends[i][1] + margins[i])
      || edges.some(([[x0, y0], [x1, y1]]) => {
        const [dx, dy] = [x1 - x0, y1 - y0];
        const margin = Math.abs(dy) * margins[0] + Math.abs(dx) * margins[1];
        return dx * (y - y0) - dy * (x - x0) < -margin * (1 + 1e-9);
      });
  }

  /** The range of the second condition of a region at a value of the first; or nothing. */
  function rangeThere(cell, hull, value) {
    const { edges, ends, margins } = region(cell, hull);
    const x = onScale(cell, hull.axes[0], value);
    const at = Math.min(Math.max(x, ends[0][0]), ends[0][1]);
    if (Math.abs(at - x) > margins[0]) return [];
    const met = edges.filter(([[x0], [x1]]) => at >= Math.min(x0, x1) && at <= Math.max(x0, x1))
      .flatMap(([[x0, y0], [x1, y1]]) =>
        (x0 === x1 ? [y0, y1] : [y0 + (y1 - y0) * (at - x0) / (x1 - x0)]));
    const { log } = payload.axes[cell][hull.axes[1]];
    return [Math.min(...met), Math.max(...met)].map((each) => (log ? Math.exp(each) : each));
  }

  /** Conditions that the rows do not support, in words. */
  function outside(design, current) {
    const { cell, conditions } = design;
    const every = supportsOf(design);
    const kinds = payload.axes[cell];
    const told = new Map();
    const alone = new Set();
    const tell = (what, data, span, own, support, axes) => {
      const key = JSON.stringify([what, data, span, own]);
      if (!told.has(key)) told.set(key, { what, data, span, own, axes, limits: [] });
      if (support) told.get(key).limits.push(support.limit);
    };
    for (const [name, value] of Object.entries(conditions)) {
      if (name === "pore_size_spread") continue;
      const { unit, words } = kinds[name];
      const known = every.filter((each) => each.ranges[name]);
      for (const support of known) {
        const range = support.ranges[name];
        const margin = name === "temperature" ? payload.temperature_window : 1e-9 * Math.abs(range[1]);
        const lowest = name === "charge" && support.own.includes(name) ? 0 : range[0];
        if (value >= lowest - margin && value <= range[1] + margin) continue;
        alone.add(`${name} ${support.limit}`);
        const count = [3, 4, 5, 6, 7, 8, 9, 10].find((each) =>
          range.every((end) => shown(end, each) !== shown(value, each))) || 3;
        const data = name === "temperature" ? `more than ${margin} K from the data` : "data";
        tell(`${words} ${quantity(value, unit, count)}`, data,
          withUnit(endsOf(range, count), unit), support.own.includes(name), support, [name]);
      }
      const same = name === "area_ratio" && Math.abs(value - 1) <= 1e-9;
      if (!known.length && name !== "metal_thickness" && !same) {
        tell(`${words} ${quantity(value, unit)}`, "on it", "", false, null, [name]);
      }
    }
    if (cell === "liquid" && conditions.charge === undefined) {
      for (const support of every.filter((each) => each.ranges.steady_state)) {
        tell("steady state", "data", withUnit(endsOf(support.ranges.steady_state), kinds.charge.unit),
          support.own.includes("steady_state"), support, ["steady_state"]);
      }
    }
    for (const support of every) {
      for (const hull of support.hulls) {
        const { axes } = hull;
        const values = axes.map((name) => conditions[name]);
        if (values.includes(undefined) || !apart(cell, hull, values)
          || axes.some((name) => alone.has(`${name} ${support.limit}`))) continue;
        const [there, what] = axes.map((name, i) =>
          `${kinds[name].words} ${quantity(values[i], kinds[name].unit)}`);
        const range = rangeThere(cell, hull, values[0]);
        tell(`${what} at ${there}`, range.length ? "data there" : "there",
          range.length ? withUnit(endsOf(range), kinds[axes[1]].unit) : "", false, support, axes);
      }
    }
    const words = [...told.values()].map(({ what, data, span, own, axes, limits }) => {
      if (!span) return `${what} (no data ${data})`;
      const all = every.filter(({ ranges, hulls }) => (axes.length === 1 ? ranges[axes[0]]
        : hulls.some((hull) => hull.axes.join() === axes.join()))).map(({ limit }) => limit);
      const which = limits.join() === all.join() ? "" : ` on ${limits.join(" and ")}`;
      return `${what} (${data}${which}${own ? " of this separator" : ""}: ${span})`;
    });
    return [...words, ...clockOf(design, current).beyond];
  }

  function inTime(seconds) {
    if (seconds >= 3600) return `${shown(seconds / 3600)} h`;
    return seconds >= 60 ? `${shown(seconds / 60)} min` : `${shown(seconds)} s`;
  }

  /** What the clock of an answer is of that no cell was tested for. */
  function clockOf(design, current) {
    const found = { warnings: [], beyond: [], laws: [] };
    const { charge } = design.conditions;
    if (!(current > 0) || charge === undefined) return found;
    const time = 3600 * charge / current;
    const inCurrent = (value) => quantity(value, CURRENT);
    const endsWith = (values, words) => [...new Set(values.map(words))].join(" to ");
    for (const { limit, held, gaps } of supportsOf(design).filter((each) => each.held?.length)) {
      const tests = testsOf(limit, held, time, current);
      const { low, high, long, least, most } = tests;
      const between = (name, value, words) => {
        const gap = (gaps?.[name] ?? []).find(({ far }) => far[0] < value && value < far[1]);
        return gap ? `No cell was tested between ${gap.between.map(words).join(" and ")}: at `
          + `${words(value)} the law alone speaks.` : "";
      };
      if (tests.short || long) {
        const end = long ? high : low;
        const every = end === (long ? most : least);
        found.warnings.push(`${long ? "LONGER" : "SHORTER"} THAN EVERY TEST: no cell`
          + `${limit ? " that survived" : ""} was ${long ? "held" : "tested"}`
          + `${every ? "" : ` at ${inCurrent(current)} or more`} `
          + `${long ? "longer than" : "for less than"} ${inTime(end)}; the answer is of `
          + `${inTime(time)}, the charge over its current. `
          + (limit ? "What holds a current is taken to hold it as long as asked: no cell shows it."
            : "There only the law speaks, not the data."));
        found.beyond.push(`a half-cycle of ${inTime(time)} (data${limit ? ` on ${limit}` : ""}`
          + `${every ? "" : " at such currents"}: `
          + `${limit ? `up to ${inTime(high)}` : endsWith([low, high], inTime)})`);
      } else {
        found.laws.push(between("time", time, inTime), tests.alone());
      }
      if (design.protocol === "one_way" && design.cell === "solid") {
        const { like_tested: like } = payload.constants;
        const currents = held.map((row) => row[1]);
        const ends = [Math.min(...currents), Math.max(...currents)];
        if (current * like < ends[0] || current > ends[1] * like) {
          found.beyond.push(`current ${inCurrent(current)} (data: ${endsOf(ends)} ${CURRENT})`);
        }
        found.laws.push(between("current_density", current, inCurrent));
      }
    }
    found.laws = found.laws.filter(Boolean);
    return found;
  }

  /** The tests that tell of a time at a current: failed ones, and what survived as much. */
  function testsOf(limit, held, time, current) {
    const like = payload.constants.like_tested;
    const survived = held.filter(([, , failed]) => !failed);
    const compared = survived.length < held.length ? current
      : Math.min(current, Math.max(...survived.map((row) => row[1])));
    const counted = held.filter(([, own, failed]) => failed || own * like >= compared);
    const times = counted.map(([own]) => own);
    const [low, high] = [Math.min(...times), Math.max(...times)];
    const passed = survived.filter(([own, at]) => own * at * like >= time * current);
    const between = passed.some(([, at]) => at <= current * like)
      && passed.some(([, at]) => at * like >= current);
    const every = held.map(([own]) => own);
    const count = (rows) => rows.reduce((sum, row) => sum + row[3], 0);
    const alone = () => {
      if (limit && between) return "";
      const sides = [["long", ([own]) => own * like ** 2 >= time, "at most"]];
      if (!limit) sides.push(["short", ([own]) => own <= time * like ** 2, "at least"]);
      for (const [side, there, ends] of sides) {
        const rest = counted.filter((row) => !there(row)).map(([own]) => own);
        if (count(counted.filter(there)) === 1 && rest.length) {
          const last = side === "long" ? Math.max(...rest) : Math.min(...rest);
          return `Of ${count(counted)} cells that tell of times one alone tells of one as ${side} `
            + `as the answer's ${inTime(time)} (the others of ${inTime(last)} ${ends}): it and the `
            + "law speak there.";
        }
      }
      return "";
    };
    return {
      low,
      high,
      short: !limit && time * like ** 2 < low,
      long: time > high * like ** 2 && !between,
      least: Math.min(...every),
      most: Math.max(...every),
      alone,
    };
  }

  const endsOf = (range, count = 3) =>
    [...new Set(range.map((end) => shown(end, count)))].join(" to ");

  /** What a tested separator bears that a new one is nearly like. */
  function besideInWords(design, risk) {
    const { conditions, tolerances } = design;
    const away = ({ conditions: own }) => Math.max(...["pore_radius", "porosity"].map((name) =>
      Math.abs(Math.log(conditions[name] / own[name]))));
    const tested = payload.separators.filter((each) => each.tested && away(each) >= 0);
    if (!tested.length) return "";
    const nearest = tested.reduce((a, b) => (away(b) < away(a) ? b : a));
    if (away(nearest) > Math.log(payload.constants.near) + 1e-9) return "";
    const others = (of) =>
      Object.fromEntries(Object.entries(of).filter(([name]) => !BELONGS.has(name)));
    const [safe] = AnodePhysics.evaluate(model, {
      ...design,
      separator: nearest.name,
      pore_type: nearest.pore_type,
      conditions: { ...nearest.conditions, ...others(conditions) },
      tolerances: { ...nearest.tolerances, ...others(tolerances) },
    }, { risks: [risk] }).safe;
    return `Nearly like it is '${nearest.name}' of the campaign (${nearest.tested}): a new cell of `
      + `that one, as fitted, bears ${shown(safe)} ${CURRENT} at ${bound(100 * risk)} % risk.`;
  }

  /** Where the answer lies far from every level tested, and where no row states a charge. */
  function betweenInWords(design) {
    const { cell, conditions } = design;
    const own = Boolean(separatorOf(design));
    const every = supportsOf(design);
    const told = [];
    for (const [name, value] of Object.entries(conditions)) {
      if (own && BELONGS.has(name)) continue;
      const { unit, words } = payload.axes[cell][name];
      const known = every.filter((each) => each.gaps?.[name]);
      const behind = new Map();
      for (const { limit, gaps } of known) {
        for (const { between, far: [low, high] } of gaps[name]) {
          if (value <= low || value >= high) continue;
          const key = between.map((end) => shown(end)).join(" and ");
          behind.set(key, [...(behind.get(key) ?? []), limit]);
        }
      }
      for (const [ends, limits] of behind) {
        const which = limits.length === known.length || !limits[0] ? ""
          : ` that tells of ${limits[0]}`;
        told.push(`No cell${which} was tested between ${withUnit(ends, unit)}: at ${words} `
          + `${quantity(value, unit)} the law alone speaks.`);
      }
    }
    if (every.some(({ limit, gaps }) => limit === "penetration" && gaps && !gaps.charge)) {
      told.push(`No row${own ? " of this separator" : ""} that tells of penetration states a charge `
        + "that its cell survived: the answer takes it that cells which held a current would have "
        + `held it ${conditions.charge === undefined ? "for good, in the steady state"
          : "up to the charge asked"}.`);
    }
    return told;
  }

  /** Where the answer rests on a law that tests have hardly tried. */
  function lawInWords(asked, found, first) {
    const { design, risk } = asked;
    const laws = first === "penetration" && !separatorOf(design)
      ? [payload.separator_law, besideInWords(design, risk)] : [oneConditionInWords(asked, found)];
    const clock = clockOf(design, found.safe[0]).laws;
    return [...laws, ...betweenInWords(design), ...clock].filter(Boolean).join(" ");
  }

  /** What all tests of a protocol were made with, where the answer is of something else. */
  function oneConditionInWords({ design }, { safe: [current] }) {
    if (design.cell !== "solid" || !(current > 0)) return "";
    const [name, power, words, unit] = payload.tested[design.protocol];
    const range = supportsOf(design)[0].ranges[name];
    if (!range) return "";
    const [low, high] = range;
    const value = design.protocol === "step" ? 3600 * design.conditions.charge / current : current;
    const { decides, like_tested: like } = payload.constants;
    if (high > decides ** power * low) return "";
    if (value >= low / like ** power && value <= high * like ** power) return "";
    return `All cells were tested ${words} (${endsOf(range)} ${unitOf(unit)}): how the limit goes with `
      + "the charge is the equation's, not the data's. The answer is of "
      + `${quantity(value, unit)}.`;
  }

  /** How rare a kind of weak cells may be that none of those behind the answer shows. */
  function rareInWords(risk, first) {
    const { cells: all, show } = payload.behind[first];
    const others = show.others.filter(([survived, failed]) => risk <= survived || risk >= failed);
    const count = Math.min(show.always + others.length, show.most ?? Infinity);
    const { unseen } = payload.constants;
    if (all === 0 || (1 - risk) ** count < unseen) return "";
    const rarest = Math.ceil(1 / (1 - unseen ** (1 / count)));
    if (count < all) {
      return ` ${count || "None"} of the ${all} cells that tell how cells scatter would show a kind `
        + "too weak for this answer: one that failed in a harder test may be of any kind, and so may "
        + `one that survived a milder one. ${count === 0
          ? "How many are of such a kind no cell says."
          : `One rarer than one in ${rarest} may be missing among them by chance.`}`;
    }
    return ` ${count === 1 ? "1 cell tells" : `${count} cells tell`} how cells scatter: a kind of `
      + `weak cells rarer than one in ${rarest} may be missing among them by chance.`;
  }

  const variant = (design) => (design.cell === "liquid" ? design.pore_type : design.protocol);

  const separatorOf = (design) =>
    payload.separators.find((each) => each.name === design.separator);

  /** A design with what the fit found of its separator in place of what was stated. */
  function asFitted(design) {
    const separator = separatorOf(design);
    if (!separator) return design;
    const conditions = {};
    const tolerances = { ...design.tolerances };
    for (const name of Object.keys(payload.axes[design.cell])) {
      const own = separator.fitted[name];
      if (own) conditions[name] = own.median;
      else if (name in design.conditions) conditions[name] = design.conditions[name];
      if (own) delete tolerances[name];
    }
    return { ...design, conditions, tolerances };
  }

  function toleranceUnit(cell, name) {
    const { spread, unit } = payload.axes[cell][name];
    return spread === "normal" ? "K" : unit;
  }

  function inWords(asked) {
    const design = asFitted(asked);
    const parts = Object.entries(design.conditions).map(([name, value]) => {
      const { unit, words } = payload.axes[design.cell][name];
      const tolerance = design.tolerances[name];
      const own = unitOf(toleranceUnit(design.cell, name));
      const sd = !tolerance ? "" : tolerance.relative ? ` ± ${bound(100 * tolerance.sd)} %`
        : ` ± ${bound(tolerance.sd)} ${own}`.trimEnd();
      return `${words} ${quantity(value, unit)}${sd}`;
    });
    parts.unshift(payload.words.variants[variant(design)]);
    if (design.cell === "liquid" && design.conditions.charge === undefined) parts.push("steady state");
    return parts.join(", ");
  }

  function put(list, rows) {
    byId(list).replaceChildren(...rows.map(([term, text, id, values]) => element("div", {},
      element("dt", {}, term),
      element("dd", { id, "data-values": JSON.stringify(values) }, text))));
  }

  /** Why no current is safe: the metal does not hold the charge. */
  function whyNone(design, found) {
    const { charge, metal_thickness: metal } = design.conditions;
    const kinds = payload.axes[design.cell];
    const holds = AnodePhysics.metalCapacity(model, metal * kinds.metal_thickness.scale)
      / kinds.charge.scale;
    if (holds < charge) {
      return `metal of ${quantity(metal, kinds.metal_thickness.unit)} holds `
        + `${quantity(holds, kinds.charge.unit)}, less than the charge of a half-cycle.`;
    }
    return `in ${percent(found.empty)} of new cells the metal does not hold the charge.`;
  }

  /** The answer and what limits the cell, in the words of `anodebayes ask`. */
  function answerInWords({ design, risk }, found, first) {
    const at = `${bound(100 * risk)} %`;
    const { belonging } = separatorOf(design) ?? { belonging: payload.words.belonging[design.cell] };
    const cell = `At ${at} risk a new ${design.cell} cell${belonging} (${inWords(design)}) bears`;
    const [safe] = found.safe;
    const text = safe === 0 ? `${cell} no current: ${whyNone(design, found)}`
      : `${cell} ${shown(safe)} ${CURRENT}: with all that is not known counted in, it fails at `
        + `that current with a probability of ${at}.`;
    if (found.median[2] === 0) return text;
    return `${text} What limits it is ${first}: ${payload.words.mechanisms[first]} `
      + `(${percent(found.limiting[first])} of new cells).`;
  }

  function sureInWords({ risk }, { safe: [safe], drawn: [least, most] }, sure, first) {
    if (safe === 0) return "";
    if (!sure) return "How sure: computing …";
    const outside = " The value lies outside this interval, on the cautious side: it allows for "
      + "the least favourable parameters that the data leave possible.";
    const drawn = `The value is from ${drawCount} draws: more of them would put it between `
      + `${shown(least)} and ${shown(most)} ${CURRENT}.`;
    if (Number.isNaN(sure.lower)) {
      return `How sure: not told. At risks below ${shown(100 * sure.least, 2)} % the cells that `
        + `stand for all new ones hold none so weak. ${drawn}`;
    }
    return `How sure: the current at which ${bound(100 * risk)} % of new cells fail lies between `
      + `${shown(sure.lower, 2)} and ${shown(sure.upper, 2)} ${CURRENT} with 90 % probability; more `
      + `data narrow this interval.${safe < sure.lower ? outside : ""} ${drawn}`
      + rareInWords(risk, first);
  }

  /** How far the answer rests on the tail of the cells' scatter, where that is to be said. */
  function tailInWords({ design, risk }, { safe: [value], tails }) {
    const others = Object.entries(tails);
    const moves = others.some(([, each]) =>
      Math.abs(each - value) > payload.constants.tail_moves * value);
    if (value === 0 || !(moves || risk < payload.constants.default_risk)) return "";
    const instead = others.map(([law, each]) =>
      `${shown(each)} ${CURRENT} with ${payload.words.cells[law]}`).join(" and ");
    return `${moves ? "THE TAIL DECIDES: at" : "At"} ${bound(100 * risk)} % risk the tail of the `
      + `cells' scatter is assumed (${payload.words.own_cells[design.cell]}); few cells show it. The `
      + `same middle half of the cells would bear ${instead}, against ${shown(value)} ${CURRENT}`
      + `${moves ? ": more than a fifth apart" : ""}.`;
  }

  /** That no cell was tested by the protocol of a design, and what the tested one gives. */
  function untested(design, risk) {
    const words = design.cell === "solid" ? payload.untested[design.protocol] : "";
    if (!words) return [];
    const own = { ...design, protocol: payload.tested_protocol };
    const [safe] = AnodePhysics.evaluate(model, own, { risks: [risk] }).safe;
    return [`${words} ${payload.as_tested.replace("{current}", `${shown(safe)} ${CURRENT}`)
      .replace("{risk}", bound(100 * risk))}`];
  }

  /** Why no number of the fit is to be relied on: told before the answer. */
  function warnings({ design, risk }, [safe], first) {
    const { currents_tested: currents } = payload;
    const tested = (currents[`${first} ${design.protocol}`] ?? currents[first] ?? [])
      .filter(([, low, high]) => safe > 0 && !(low <= safe && safe <= high));
    return [
      ...untested(design, risk),
      ...(payload.not_converged ? ["NOT CONVERGED: do not use."] : []),
      ...(payload.synthetic ? ["SYNTHETIC DATA: nobody measured what this rests on."] : []),
      ...payload.caveats[design.cell],
      ...tested.map(([words]) => words),
      ...clockOf(design, safe).warnings,
    ].map((words) => words.replaceAll("/cm^2", "/cm²"));
  }

  function show(asked, found, sure) {
    const { design, risk, current } = asked;
    const [safe] = found.safe;
    const first = Object.keys(found.limiting).reduce((a, b) =>
      (found.limiting[b] > found.limiting[a] ? b : a));
    const beyond = outside(design, safe);
    byId("safe").textContent = shown(safe);
    byId("safe").dataset.value = safe;
    byId("at").textContent = `safe at ${bound(100 * risk)} % risk`
      + (beyond.length ? ", extrapolated" : "") + (safe > 0 ? `, limited by ${first}` : "")
      + (payload.synthetic ? ", SYNTHETIC DATA" : "") + (payload.not_converged ? ", NOT CONVERGED" : "");
    byId("warnings").replaceChildren(...warnings(asked, found.safe, first).map((text) => element("li", {}, text)));
    byId("sentence").textContent = answerInWords(asked, found, first);
    byId("sentence").dataset.mechanism = first;
    byId("sure").textContent = sureInWords(asked, found, sure, first);
    if (sure) {
      byId("sure").dataset.lower = sure.lower;
      byId("sure").dataset.upper = sure.upper;
    } else {
      delete byId("sure").dataset.lower;
      delete byId("sure").dataset.upper;
    }
    const rows = found.median[2] === 0 ? [] : [
      ["Nine of ten new cells fail between",
        `${shown(found.fresh[0])} and ${shown(found.fresh[4])} ${CURRENT}`, "new", found.fresh],
      ["The median cell fails at", `${shown(found.median[2])} ${CURRENT} (90 % interval `
        + `${shown(found.median[0])} to ${shown(found.median[4])} ${CURRENT})`, "median",
      found.median],
      ["What limits new cells", Object.entries(found.limiting).map(([name, share]) =>
        `${name} ${percent(share)}`).join(", "), "limiting", found.limiting],
    ];
    if (current !== null) {
      rows.push([`A new cell bears ${shown(current)} ${CURRENT}`,
        `with a probability of ${shown(100 * found.bears)} %`, "bears", found.bears]);
    }
    put("numbers", rows);
    const separator = separatorOf(design);
    const cautions = separator ? [separator.offset] : [];
    const tail = tailInWords(asked, found);
    if (tail) cautions.push(tail);
    const law = lawInWords(asked, found, first);
    if (law) cautions.push(law);
    if (beyond.length) cautions.push(`Extrapolated, no data there: ${beyond.join("; ")}.`);
    cautions.push(...(separator ? separator.scatter : payload.scatter[design.cell]));
    byId("cautions").replaceChildren(...cautions.map((text) => element("li", {}, text)));
    byId("cautions").dataset.extrapolated = String(beyond.length > 0);
  }

  function working(text) {
    byId("working").textContent = text;
    byId("explorer").dataset.state = text ? "working" : "ready";
  }

  /** Take the drawn map away, its numbers and its file; say why where a mistake is the reason. */
  function undraw(reason = "", live = "polite") {
    curve = null;
    byId("csv").disabled = true;
    byId("points").replaceChildren();
    for (const { curve: drawn, point } of Object.values(plot ?? {})) {
      for (const source of [drawn, point]) {
        source.data = Object.fromEntries(Object.keys(source.data).map((name) => [name, []]));
      }
    }
    say(reason, live);
  }

  /** Say why there is no map, without repeating what an alert has said. */
  function say(reason, live = "polite") {
    const text = byId("undrawn");
    text.setAttribute("aria-live", live);
    text.textContent = reason;
    text.hidden = reason === "";
    byId("plot").classList.toggle("empty", reason !== "");
  }

  function update() {
    const mine = ++job;
    const asked = read();
    const refused = byId("refused");
    const { mistakes } = asked;
    refused.hidden = mistakes.length === 0;
    refused.textContent = mistakes.length ? `No answer. ${mistakes.join(" ")}` : "";
    byId("csv").disabled = true;
    if (mistakes.length) {
      for (const id of ["safe", "sentence", "sure"]) {
        byId(id).textContent = id === "safe" ? "–" : "";
        for (const key of Object.keys(byId(id).dataset)) delete byId(id).dataset[key];
      }
      byId("at").textContent = `no answer. ${mistakes[0]}`;
      byId("numbers").replaceChildren();
      byId("cautions").replaceChildren();
      byId("warnings").replaceChildren();
      undraw(`No map. ${mistakes.join(" ")}`, "off");
      working("");
      return;
    }
    const found = AnodePhysics.evaluate(model, asked.design,
      { risks: [asked.risk], current: asked.current, deviate: payload.constants.interval_deviate });
    found.tails = AnodePhysics.tails(model, asked.design, asked.risk);
    show(asked, found, null);
    working("computing …");
    AnodePhysics.interval(model, asked.design, asked.risk, (sure) => {
      show(asked, found, sure);
      drawCurve(asked, () => job !== mine);
    }, () => job !== mine);
  }

  // The curve ----------------------------------------------------------------------------------

  /** What is wrong with the ends of the drawn axis, marked there. */
  function axisMistake(kind, from, to) {
    const outside = [["from", from], ["to", to]].filter(([, end]) =>
      end === null || !(end >= kind.lower && end <= kind.upper));
    for (const [id] of outside) invalid(id, "undrawn");
    if (outside.length) {
      return `${outside.map(([id]) => `“${id}”`).join(" and ")} of the map: legal are `
        + `${legalEnds(kind)}.`;
    }
    if (from < to) return "";
    for (const id of ["from", "to"]) invalid(id, "undrawn");
    const unit = unitOf(kind.unit);
    return `It would run from ${bound(from)} to ${bound(to)} ${unit}`.trimEnd()
      + ": “from” must be below “to”.";
  }

  function drawCurve(asked, stopped) {
    const { cell } = asked.design;
    const axis = state.axis[cell];
    const kind = payload.axes[cell][axis];
    const [from, to] = [numberIn("from"), numberIn("to")];
    const mistake = axisMistake(kind, from, to);
    if (mistake) {
      undraw(`No map. ${mistake}`);
      working("");
      return;
    }
    const log = kind.log && from > 0;
    const rows = [];
    const slice = () => {
      if (stopped()) return;
      const until = performance.now() + 15;
      while (rows.length < POINTS && performance.now() < until) {
        const w = rows.length / (POINTS - 1);
        const x = w === 1 ? to : log ? from * Math.pow(to / from, w) : from + w * (to - from);
        const design = { ...asked.design, conditions: { ...asked.design.conditions, [axis]: x } };
        const found = AnodePhysics.evaluate(model, design, { risks: [asked.risk] });
        rows.push({ x, ...found, outside: outside(design, found.safe[0]).length > 0 });
      }
      if (rows.length < POINTS) {
        setTimeout(slice, 0);
        return;
      }
      curve = { asked, axis, kind, log, rows };
      say("");
      byId("csv").disabled = false;
      paintCurve();
      fillTable();
      working("");
    };
    slice();
  }

  /** Round numbers between the ends of a logarithmic axis: the densest steps that fit. */
  function logTicks(from, to, most) {
    let ticks = [];
    for (const steps of [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
      ticks = [];
      for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power++) {
        ticks.push(...steps.map((step) => Number(`${step}e${power}`)));
      }
      ticks = ticks.filter((tick) => tick >= from * 0.999 && tick <= to * 1.001);
      if (ticks.length <= most) break;
    }
    const stride = Math.ceil(ticks.length / most);
    return ticks.filter((_, i) => i % stride === 0);
  }

  function paintCurve() {
    if (!plot || !curve) return;
    const { rows, log, kind, axis, asked } = curve;
    const positive = (value) => (value > 0 ? value : NaN);
    const column = (pick) => rows.map((row) => positive(pick(row)));
    const near = (i) => rows[i].outside
      || (i > 0 && rows[i - 1].outside) || (i + 1 < rows.length && rows[i + 1].outside);
    const scale = log ? "log" : "linear";
    const shownFigure = plot[scale].figure;
    plot[log ? "linear" : "log"].figure.visible = false;
    shownFigure.visible = true;
    const unit = unitOf(kind.unit);
    shownFigure.below[0].axis_label = label(axis, asked.design.cell) + (unit ? ` [${unit}]` : "");
    const every = rows.flatMap((row) => [row.median[0], row.median[4], row.fresh[0], row.fresh[4],
      row.safe[0]]).filter((value) => value > 0);
    const low = every.length ? Math.min(...every) : 0.1;
    const high = every.length ? Math.max(...every) : 10;
    shownFigure.x_range.setv({ start: rows[0].x, end: rows[rows.length - 1].x });
    shownFigure.y_range.setv({ start: low / 1.25, end: high * 1.25 });
    shownFigure.left[0].ticker.ticks = logTicks(low / 1.25, high * 1.25, 9);
    if (log) {
      const most = byId("plot").clientWidth > 600 ? 12 : 6;
      shownFigure.below[0].ticker.ticks = logTicks(rows[0].x, rows[rows.length - 1].x, most);
    }
    plot[scale].curve.data = {
      x: rows.map((row) => row.x),
      median_low: column((row) => row.median[0]),
      median: column((row) => row.median[2]),
      median_high: column((row) => row.median[4]),
      new_low: column((row) => row.fresh[0]),
      new_high: column((row) => row.fresh[4]),
      safe: column((row) => row.safe[0]),
      safe_inside: rows.map((row) => (row.outside ? NaN : positive(row.safe[0]))),
      // The dashes reach to the next point inside, so that the line has no gap.
      safe_outside: rows.map((row, i) => (near(i) ? positive(row.safe[0]) : NaN)),
    };
    const here = asked.design.conditions[axis];
    const [first, last] = [rows[0].x, rows[rows.length - 1].x];
    const inside = here >= first && here <= last;
    const safe = Number(byId("safe").dataset.value);
    plot[scale].point.data = inside && safe > 0 ? { x: [here], safe: [safe] } : { x: [], safe: [] };
  }

  function fillTable() {
    const { rows, kind, axis, asked } = curve;
    const unit = unitOf(kind.unit);
    const names = Object.keys(rows[0].limiting);
    const head = [label(axis, asked.design.cell) + (unit ? ` [${unit}]` : ""), "safe",
      "median cell fails at", "its 90 % interval", "nine of ten new cells fail at", "limited by",
      "outside the data"];
    const body = rows.filter((_, i) => i % 5 === 0).map((row) => {
      const first = names.reduce((a, b) => (row.limiting[b] > row.limiting[a] ? b : a));
      return [shown(row.x), shown(row.safe[0]), shown(row.median[2]),
        `${shown(row.median[0])} to ${shown(row.median[4])}`,
        `${shown(row.fresh[0])} to ${shown(row.fresh[4])}`,
        `${first} (${percent(row.limiting[first])})`, row.outside ? "yes" : "no"];
    });
    byId("points").replaceChildren(
      element("caption", { class: "quiet" }, `Current densities in ${CURRENT}`),
      element("thead", {}, element("tr", {},
        ...head.map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...body.map((cells) => element("tr", {},
        ...cells.map((text) => element("td", {}, text))))));
  }

  /** The map as a table for a spreadsheet, headed as the program's own. */
  function csv() {
    const { rows, axis, asked } = curve;
    const { design, risk } = asked;
    const axes = payload.axes[design.cell];
    const separator = separatorOf(design);
    const { conditions } = asFitted(design);
    const tolerances = { ...design.tolerances };
    for (const [name, { sd }] of Object.entries(separator?.fitted ?? {})) {
      if (sd > 0) tolerances[name] = { sd, relative: false };
      else delete tolerances[name];
    }
    const belonging = separator ? separator.belonging : payload.words.belonging[design.cell];
    const others = Object.keys(conditions).filter((name) => name !== axis);
    const levels = AnodePhysics.LEVELS.map((level) => `q${String(100 * level).padStart(2, "0")}`);
    const names = Object.keys(rows[0].limiting);
    const per = "[mA/cm^2]";
    const digits = (value) => String(Number(value.toPrecision(6)));
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const heads = (name) => [`${name} [${axes[name].unit}]`,
      ...(name in tolerances ? [`${name}_sd [${toleranceUnit(design.cell, name)}]`] : [])];
    const cells = (name, value) => {
      const tolerance = tolerances[name];
      if (!tolerance) return [digits(value)];
      return [digits(value),
        digits(tolerance.relative ? tolerance.sd * Math.abs(value) : tolerance.sd)];
    };
    const head = ["data_kind", "cell", ...heads(axis), ...others.flatMap(heads),
      design.cell === "liquid" ? "pore_type" : "protocol", "new_cell", "risk [1]",
      `safe_current_density ${per}`,
      ...levels.map((level) => `median_cell_critical_current_density_${level} ${per}`),
      ...levels.map((level) => `predictive_critical_current_density_${level} ${per}`),
      ...names.map((name) => `probability_limiting_${name} [1]`), "extrapolation"];
    const lines = rows.map((row) => [payload.data_kind, design.cell, ...cells(axis, row.x),
      ...others.flatMap((name) => cells(name, conditions[name])), variant(design),
      quoted(`a new cell${belonging}`), digits(risk),
      digits(row.safe[0]), ...row.median.map(digits), ...row.fresh.map(digits),
      ...names.map((name) => digits(row.limiting[name])), row.outside ? "yes" : "no"]);
    return [head, ...lines].map((line) => line.join(",")).join("\n") + "\n";
  }

  function download() {
    if (!curve) return;
    const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    const name = payload.synthetic ? "synthetic_map" : "map";
    const link = element("a", { href: address, download: `${name}_${state.cell}.csv` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  // The plot -----------------------------------------------------------------------------------

  const LIGHT = { ink: "#000000", soft: "#3d444c", line: "#c3c9d0", ground: "#ffffff",
    safe: "#b34700", median: "#00588c", new: "#0072b2" };
  const DARK = { ink: "#e9ecef", soft: "#b3bcc6", line: "#48525c", ground: "#14171a",
    safe: "#ffa45c", median: "#7cc4ff", new: "#56b4e9" };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function paint(colours) {
    if (!plot) return;
    for (const scale of ["log", "linear"]) {
      const { figure } = plot[scale];
      figure.setv({ background_fill_color: null, border_fill_color: null,
        outline_line_color: colours.line });
      if (figure.title) figure.title.text_color = colours.safe;
      for (const axis of [...figure.below, ...figure.left]) {
        axis.setv({ axis_line_color: colours.soft, major_tick_line_color: colours.soft,
          minor_tick_line_color: colours.line, major_label_text_color: colours.ink,
          axis_label_text_color: colours.ink, major_label_text_font_size: "13px",
          axis_label_text_font_size: "14px", axis_label_text_font_style: "normal" });
      }
      for (const grid of figure.center) {
        if ("grid_line_color" in grid) grid.grid_line_color = colours.line;
      }
      for (const renderer of figure.renderers) {
        const { glyph, name } = renderer;
        if (name === "new" || name === "median_band") glyph.fill_color = colours.new;
        if (name === "median") glyph.line_color = colours.median;
        if (name === "inside" || name === "outside") glyph.line_color = colours.safe;
        if (name === "chosen") glyph.setv({ line_color: colours.safe, fill_color: colours.ground });
      }
    }
  }

  const palette = () => (dark.matches ? DARK : LIGHT);

  async function embed() {
    Bokeh.set_log_level("warn");
    await Bokeh.embed.embed_item(payload.plot, "plot");
    const [sheet] = Bokeh.documents.slice(-1);
    const named = (name) => sheet.get_model_by_name(name);
    plot = Object.fromEntries(["log", "linear"].map((scale) => [scale, {
      figure: named(`map_${scale}`), curve: named(`curve_${scale}`), point: named(`point_${scale}`),
    }]));
    paint(palette());
    paintCurve();
  }

  // What happens when --------------------------------------------------------------------------

  let timer = null;
  function later() {
    byId("explorer").dataset.state = "working";
    clearTimeout(timer);
    timer = setTimeout(update, 80);
  }

  function takeSeparator(index) {
    const separator = payload.separators[Number(index)];
    byId("pore_type").value = separator.pore_type;
    for (const name of ["pore_radius", "porosity", "thickness", "macmullin_number",
      "pore_size_spread"]) {
      if (!byId(name)) continue;
      if (name in separator.conditions || name === "macmullin_number") {
        byId(name).value = separator.conditions[name] ?? "";
      }
      const tolerance = separator.tolerances[name];
      byId(`${name}_sd`).value = tolerance
        ? (tolerance.relative ? 100 * tolerance.sd : tolerance.sd) : "";
      if (tolerance && byId(`${name}_sd_unit`)) {
        byId(`${name}_sd_unit`).value = tolerance.relative ? "%" : "own";
      }
    }
  }

  /** Keep what the controls say, for when this kind of cell is chosen again. */
  function keep() {
    const { design, risk, current } = read();
    const kept = state.designs[state.cell];
    kept.conditions = design.conditions;
    kept.tolerances = design.tolerances;
    kept.separator = design.separator;
    kept.pore_type = design.pore_type;
    kept.protocol = design.protocol;
    if (risk > 0) state.risk = Number((100 * risk).toPrecision(12));
    state.current = current;
  }

  /** Call back once for whatever a reader changes: texts as they are typed, choices when made. */
  function onChoice(id, act) {
    const chosen = ({ target }) => target.tagName === "SELECT" || target.type === "radio";
    byId(id).addEventListener("change", (event) => chosen(event) && act(event.target));
    byId(id).addEventListener("input", (event) => !chosen(event) && act(event.target));
  }

  onChoice("design", (target) => {
    if (target.name === "cell") {
      keep();
      state.cell = target.value;
      build();
      byId(`cell-${state.cell}`).focus();
    } else if (target.id === "separator") {
      if (target.value !== "") takeSeparator(target.value);
      else for (const name of BELONGS) if (byId(`${name}_sd`)) byId(`${name}_sd`).value = "";
      buildAxis();
    } else if (target.name === "until") {
      enable();
      if (target.value === "charge" && byId("charge").value === "") byId("charge").value = "1";
      buildAxis();
    } else {
      if (BELONGS.has(target.id.replace(/_sd(_unit)?$/, "")) && byId("separator")) {
        if (byId("separator").value !== "") {
          byId("separator").value = "";
          buildAxis();
        }
      }
      const { optional } = payload.axes[state.cell][target.id] || {};
      if (optional) buildAxis();
    }
    later();
  });
  byId("design").addEventListener("submit", (event) => event.preventDefault());
  onChoice("axis", (target) => {
    if (target.id === "over") {
      state.axis[state.cell] = target.value;
      buildAxis();
      byId("over").focus();
    }
    later();
  });
  byId("csv").addEventListener("click", download);
  byId("reset").addEventListener("click", () => {
    for (const [cell, design] of Object.entries(payload.designs)) state.designs[cell] = copy(design);
    Object.assign(state, { cell: payload.cells_order[0], risk: 5, current: null, axis: {} });
    build();
    later();
  });
  dark.addEventListener("change", () => paint(palette()));
  window.addEventListener("beforeprint", () => {
    paint(LIGHT);
    // Bokeh draws in the next frame, which comes after the page was printed.
    for (const scale of plot ? ["log", "linear"] : []) {
      const view = Bokeh.index.find_one(plot[scale].figure);
      if (view && plot[scale].figure.visible) view.paint();
    }
  });
  window.addEventListener("afterprint", () => paint(palette()));

  // What is wider than the screen says so. Observed as long as the page lives.
  const wide = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const box = target.closest(".scroll");
      box.classList.toggle("wide", box.scrollWidth > box.clientWidth + 1);
    }
  });
  for (const box of document.querySelectorAll(".scroll")) {
    wide.observe(box);
    for (const child of box.children) wide.observe(child);
  }

  byId("count").textContent = String(payload.count);
  byId("explorer").hidden = false;
  build();
  embed();
  update();

  return { csv, model, payload, read };
})();
