/*
 * The physics of safe-current maps, for the report's page: a second implementation of what
 * models/physics, inference/designs/limits.py and mechanisms.py compute, tested against them number by number.
 *
 * Everything is in SI except energies of reorganization (eV). A `model` holds
 *   constants  gas_constant, faraday, reference_temperature, reference_strain_rate, ...
 *   setting    molar_volume, kinetics, creep_current, pores
 *   axes       by kind of cell and name: scale and offset to SI, spread of a tolerance
 *   scatters   by kind of cell: [mechanism, [names of its scatters, between cells first]]
 *   draws      posterior draws by name, arrays of one length
 *   own        by name of a separator as fitted: draws of its properties by axis, and of its
 *              `separator_offset`, of the same length
 *   noise      standard normal numbers by source, of the same length
 *   cells      standard normal numbers by source: evenly spread cells, for the interval
 *   bands      draws over which the interval runs
 *   tails      by kind of cell and law of cells: draws that differ, and names of those to leave out
 */
"use strict";

const AnodePhysics = (() => {
  const SQRT_PI = Math.sqrt(Math.PI);
  const SQRT_2 = Math.SQRT2;
  const LN_2 = Math.LN2;

  // Error functions: W. J. Cody, Math. Comp. 23 (1969) 631, doi:10.1090/S0025-5718-1969-0247736-4.
  const A = [3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
    3.20937758913846947e3, 1.85777706184603153e-1];
  const B = [2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
    2.84423683343917062e3];
  const C = [5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
    2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
    1.23033935479799725e3, 2.15311535474403846e-8];
  const D = [1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
    1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3,
    1.23033935480374942e3];
  const P = [3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
    1.60837851487422766e-2, 6.58749161529837803e-4, 1.63153871373020978e-2];
  const Q = [2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1,
    6.05183413124413191e-2, 2.33520497626869185e-3];

  /** erf of |x| <= 0.46875. */
  function erfNear(x) {
    const z = x * x;
    let top = A[4] * z;
    let bottom = z;
    for (let i = 0; i < 3; i++) {
      top = (top + A[i]) * z;
      bottom = (bottom + B[i]) * z;
    }
    return x * (top + A[3]) / (bottom + B[3]);
  }

  /** exp(x^2) erfc(x) of x > 0.46875. */
  function scaledTail(x) {
    if (x <= 4.0) {
      let top = C[8] * x;
      let bottom = x;
      for (let i = 0; i < 7; i++) {
        top = (top + C[i]) * x;
        bottom = (bottom + D[i]) * x;
      }
      return (top + C[7]) / (bottom + D[7]);
    }
    if (x > 1e8) return 1.0 / (SQRT_PI * x);
    const z = 1.0 / (x * x);
    let top = P[5] * z;
    let bottom = z;
    for (let i = 0; i < 4; i++) {
      top = (top + P[i]) * z;
      bottom = (bottom + Q[i]) * z;
    }
    return (1.0 / SQRT_PI - z * (top + P[4]) / (bottom + Q[4])) / x;
  }

  /** exp(-x^2) without the rounding of x^2. */
  function gauss(x) {
    const coarse = Math.trunc(x * 16.0) / 16.0;
    return Math.exp(-coarse * coarse) * Math.exp(-(x - coarse) * (x + coarse));
  }

  /** exp(x^2) erfc(x) of x >= 0. */
  function erfcx(x) {
    return x > 0.46875 ? scaledTail(x) : Math.exp(x * x) * (1.0 - erfNear(x));
  }

  function erfc(x) {
    if (Math.abs(x) <= 0.46875) return 1.0 - erfNear(x);
    if (x < 0.0) return 2.0 - erfc(-x);
    return x > 27.3 ? 0.0 : gauss(x) * scaledTail(x);
  }

  function erf(x) {
    if (Math.abs(x) <= 0.46875) return erfNear(x);
    return x > 0.0 ? 1.0 - erfc(x) : erfc(-x) - 1.0;
  }

  /** Logarithm of the normal distribution function. */
  function logNormal(x) {
    if (x < 0.0) return Math.log(erfcx(-x / SQRT_2) / 2.0) - x * x / 2.0;
    return Math.log1p(-erfc(x / SQRT_2) / 2.0);
  }

  /** The y <= 0 with logNormal(y) = level, of level <= -ln 2: Newton's method from the left. */
  function normalQuantileOfLog(level) {
    let y = -Math.sqrt(-2.0 * level);
    for (let step = 0; step < 60; step++) {
      // d logNormal/dy = exp(-y^2/2)/sqrt(2 pi)/Phi(y)
      const slope = Math.sqrt(2.0 / Math.PI) / erfcx(-y / SQRT_2);
      const move = (level - logNormal(y)) / slope;
      y += move;
      if (Math.abs(move) <= 1e-15 * Math.abs(y) + 1e-300) break;
    }
    return Math.min(y, 0.0);
  }

  /** The smallest of several standard normal numbers at the probability of one. */
  function weakestDeviate(deviate, patches) {
    if (patches === 1.0) return deviate;
    const logSurvival = logNormal(-deviate) / patches;
    if (logSurvival < -LN_2) return -normalQuantileOfLog(logSurvival);
    return normalQuantileOfLog(Math.log(-Math.expm1(logSurvival)));
  }

  // Cells: scale mixtures of normals, as models/cells.py has them.
  const NODES = 32;
  const LEFT = 16.0 * SQRT_2;
  const RIGHT = 14.0;
  const CELL_LAWS = {
    student_t: {
      parameter: "degrees_of_freedom",
      smooth: true,
      components(degrees) {
        const fall = 2.0 * RIGHT / degrees;
        const left = -LEFT / Math.sqrt(degrees);
        const right = Math.log(1.0 + fall + Math.sqrt(2.0 * fall));
        const weights = new Float64Array(NODES);
        const multipliers = new Float64Array(NODES);
        let sum = 0.0;
        for (let n = 0; n < NODES; n++) {
          const logW = left + (right - left) * (n / (NODES - 1));
          weights[n] = Math.exp(0.5 * degrees * (logW - Math.exp(logW) + 1.0));
          multipliers[n] = Math.exp(-0.5 * logW);
          sum += weights[n];
        }
        return { weights: weights.map((weight) => weight / sum), multipliers };
      },
    },
    contaminated: {
      parameter: "contamination",
      components: (share) => ({ weights: [1.0 - share, share], multipliers: [1.0, 4.0] }),
    },
  };

  /** The deviate of a cell at the probability of a standard normal number: Newton's method. */
  function cellDeviate({ weights, multipliers }, normal, patches) {
    const z = weakestDeviate(normal, patches);
    if (z === 0.0) return 0.0;
    const below = normal <= 0.0;
    const target = logNormal(-Math.abs(normal));
    const rising = below === z > 0.0;
    let low = Math.log(Math.min(...multipliers));
    let high = Math.log(Math.max(...multipliers));
    let q = 0.0;
    for (let step = 0; step < 60; step++) {
      const x = z * Math.exp(q);
      let probability = 0.0;
      let density = 0.0;
      for (let n = 0; n < weights.length; n++) {
        const each = x / multipliers[n];
        let share = 0.0;
        let exponent = -each * each / 2.0;
        if (patches === 1.0) {
          share = erfc((below ? -each : each) / SQRT_2) / 2.0;
        } else {
          const logSurvival = logNormal(-each);
          share = below ? -Math.expm1(patches * logSurvival) : Math.exp(patches * logSurvival);
          exponent += (patches - 1.0) * logSurvival;
        }
        probability += weights[n] * share;
        density += weights[n] * patches * Math.exp(exponent) / (SQRT_2 * SQRT_PI * multipliers[n]);
      }
      const excess = Math.log(probability) - target;
      if (excess > 0.0 === rising) high = q;
      else low = q;
      const trial = q - excess * probability / (density * x * (below ? 1.0 : -1.0));
      const next = trial >= low && trial <= high ? trial : (low + high) / 2.0;
      const moved = Math.abs(next - q);
      q = next;
      if (moved <= 1e-12 || Math.abs(x) <= 1e-12) break;
    }
    return z * Math.exp(q);
  }

  /** Radius of the largest of `pores` lognormal pores, the median of the maximum. */
  function largestPoreRadius(radius, spread, pores) {
    const logBelow = -LN_2 / pores;
    const logTail = Math.log(-Math.expm1(logBelow));
    const z = logTail <= -LN_2 ? -normalQuantileOfLog(logTail) : normalQuantileOfLog(logBelow);
    return radius * Math.exp(spread * z);
  }

  // Marcus-Hush-Chidsey: the alternating series of scaled error functions, summed with Chebyshev
  // weights (Cohen, Rodriguez Villegas, Zagier).
  const TERMS = 15;
  const WEIGHTS = (() => {
    let d = Math.pow(3.0 + Math.sqrt(8.0), TERMS);
    d = (d + 1.0 / d) / 2.0;
    let b = -1.0;
    let c = -d;
    const weights = new Float64Array(TERMS);
    for (let k = 0; k < TERMS; k++) {
      c = b - c;
      weights[k] = c / d;
      b *= (k + TERMS) * (k - TERMS) / ((k + 0.5) * (k + 1.0));
    }
    return weights;
  })();

  function chidseyAtZero(L) {
    const root = Math.sqrt(L);
    let sum = 0.0;
    for (let k = 0; k < TERMS; k++) sum += 2.0 * WEIGHTS[k] * erfcx(root * (k + 0.5));
    return sum;
  }

  /** Net current over the exchange current, of reduced overpotential h >= 0. */
  function chidsey(h, L, atZero) {
    const root = Math.sqrt(L);
    const shift = h / (2.0 * root);
    const gaussian = h / 2.0 - h * h / (4.0 * L);
    const outer = Math.exp(gaussian);
    let sum = 0.0;
    for (let k = 0; k < TERMS; k++) {
      const order = k + 0.5;
      const near = root * order - shift;
      const one = near < 0.0
        ? Math.exp(h / 2.0 + order * (L * order - h)) * erfc(near)
        : outer * erfcx(near);
      sum += WEIGHTS[k] * (one + outer * erfcx(root * order + shift));
    }
    return -Math.expm1(-h) * sum / atZero;
  }

  const KINETICS = {
    marcus_hush_chidsey: (h, L, atZero) => chidsey(h, L, atZero),
    butler_volmer: (h) => 2.0 * Math.sinh(h / 2.0),
    marcus_hush: (h, L) => -Math.expm1(-h) * Math.exp(h / 2.0 - h * h / (4.0 * L)),
  };

  // The depletion clock.
  const SWITCH = 0.15;
  const NO_IMAGE = 5e-4;

  function depletion(time) {
    if (time < SWITCH) {
      const reach = 0.5 / Math.sqrt(Math.max(time, NO_IMAGE));
      let images = 1.0;
      for (const [weight, order] of [[-2.0, 1.0], [2.0, 2.0], [-2.0, 3.0]]) {
        const z = order * reach;
        images += weight * (gauss(z) - SQRT_PI * z * erfc(z));
      }
      return 2.0 * Math.sqrt(time / Math.PI) * images;
    }
    const x = Math.PI * Math.PI * time;
    const rest = Math.exp(-8.0 * x) / 9.0 + Math.exp(-24.0 * x) / 25.0;
    return 0.5 - 4.0 / (Math.PI * Math.PI) * Math.exp(-x) * (1.0 + rest);
  }

  function depletionRate(time) {
    if (time < SWITCH) {
      const exponent = -0.25 / Math.max(time, NO_IMAGE);
      const images = 1.0 - 2.0 * Math.exp(exponent) + 2.0 * Math.exp(4.0 * exponent)
        - 2.0 * Math.exp(9.0 * exponent);
      return images / Math.sqrt(Math.PI * time);
    }
    const x = Math.PI * Math.PI * time;
    return 4.0 * Math.exp(-x) * (1.0 + Math.exp(-8.0 * x) + Math.exp(-24.0 * x));
  }

  const FIRST = -4.0;
  const LAST = 2.5;
  const STEP = 0.004;
  const CHARGE = (() => {
    const count = Math.round((LAST - FIRST) / STEP) + 1;
    const values = new Float64Array(count);
    const slopes = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const logCharge = FIRST + STEP * i;
      let logTime = Math.min(2.0 * logCharge + Math.log(4.0 / Math.PI), logCharge - LN_2);
      let slope = 0.0;
      for (let step = 0; step < 8; step++) {
        const time = Math.exp(logTime);
        const value = depletion(time);
        slope = time * depletionRate(time) / value;
        logTime -= (logTime - Math.log(value) - logCharge) / (1.0 - slope);
      }
      values[i] = logTime - logCharge;
      slopes[i] = slope / (1.0 - slope);
    }
    return { values, slopes };
  })();

  /** G(T) where T/G(T) is the reduced charge: cubic Hermite interpolation. */
  function depletionAtCharge(charge) {
    const logCharge = Math.log(charge);
    const place = (Math.min(Math.max(logCharge, FIRST), LAST) - FIRST) / STEP;
    const node = Math.min(Math.floor(place), CHARGE.values.length - 2);
    const w = place - node;
    const left = CHARGE.values[node];
    const right = CHARGE.values[node + 1];
    const curved = CHARGE.slopes[node] * STEP * (1.0 - w) - CHARGE.slopes[node + 1] * STEP * w;
    const smooth = left + w * w * (3.0 - 2.0 * w) * (right - left) + w * (1.0 - w) * curved;
    return Math.exp(smooth + Math.min(logCharge - FIRST, 0.0));
  }

  // Voids: self-diffusion against the creep flow.
  function hOverX(x) {
    let erfOverX;
    if (x > 0.03) {
      erfOverX = erf(x) / x;
    } else {
      const s = x * x;
      const series = 1.0 - s / 3.0 + s * s / 10.0 - s * s * s / 42.0 + s * s * s * s / 216.0;
      erfOverX = 2.0 / SQRT_PI * series;
    }
    return x + (x * x + 0.5) * erfOverX + Math.exp(-x * x) / SQRT_PI;
  }

  /** (x + x/(2 H)) x/H where x^2 (1 + 1/(2 H)) is the target. */
  function diffusionAtCharge(target) {
    if (target > 1e12) return 0.5;
    const slope = SQRT_PI / 4.0;
    let x = 2.0 * target / (slope + Math.sqrt(slope * slope + 4.0 * target));
    let h = hOverX(x);
    for (let step = 0; step < 60 && x > 0.0; step++) {
      const value = x * (x + 0.5 / h);
      const rise = 2.0 * x * (1.0 + erf(x)) + 2.0 / SQRT_PI * Math.exp(-x * x);
      const derivative = 2.0 * x + (1.0 - rise / (2.0 * h)) / h;
      const next = Math.max(x - (value - target) / derivative, x / 4.0);
      const moved = Math.abs(next - x) > 1e-14 * next;
      x = next;
      h = hOverX(x);
      if (!moved) break;
    }
    return (x + 0.5 / h) / h;
  }

  /** Charge [C/m^2] that a layer of metal [m] holds. */
  function metalCapacity(model, thickness) {
    return model.constants.faraday * thickness / model.setting.molar_volume;
  }

  function arrhenius(constants, value, energy, temperature) {
    const inverse = 1.0 / temperature - 1.0 / constants.reference_temperature;
    return value * Math.exp(-energy / constants.gas_constant * inverse);
  }

  function positivePower(base, exponent) {
    return base > 0.0 ? Math.exp(exponent * Math.log(base)) : 0.0;
  }

  function macmullin(porosity, poreType) {
    return poreType === "straight" ? 1.0 / porosity : 1.4 * Math.pow(porosity, -1.5);
  }

  /** A value of a built cell, in the unit of its axis. */
  function spreadValue(kind, tolerance, value, z) {
    const sd = tolerance.relative ? tolerance.sd * Math.abs(value) : tolerance.sd;
    if (kind.spread === "normal") return value + sd * z;
    if (kind.spread === "logit_normal") {
      const logit = Math.log(value) - Math.log1p(-value);
      return 1.0 / (1.0 + Math.exp(-(logit + sd / (value * (1.0 - value)) * z)));
    }
    const ratio = value > 0.0 ? sd / value : 0.0;
    return value * Math.exp(Math.sqrt(Math.log1p(ratio * ratio)) * z);
  }

  /**
   * Conditions of cells in SI, arrays over them. A design is
   * { cell, pore_type, protocol, separator, conditions: {axis: value},
   *   tolerances: {axis: {sd, relative}} },
   * values in the units of the axes; a condition that is left blank is missing. What belongs to a
   * separator as fitted, which the design may name, is not among them: see conditionsAt.
   */
  function conditionsOf(model, design, noise, count) {
    const found = {};
    const own = ownOf(model, design);
    for (const [name, value] of Object.entries(design.conditions)) {
      if (name in own) continue;
      const kind = model.axes[design.cell][name];
      const tolerance = noise && design.tolerances ? design.tolerances[name] : undefined;
      const values = new Float64Array(count);
      if (tolerance && tolerance.sd > 0.0) {
        const z = noise[`${name} of the design`];
        for (let k = 0; k < count; k++) {
          values[k] = spreadValue(kind, tolerance, value, z[k]) * kind.scale + kind.offset;
        }
      } else {
        values.fill(value * kind.scale + kind.offset);
      }
      found[name] = values;
    }
    if (design.cell === "liquid" && !("macmullin_number" in found || "macmullin_number" in own)) {
      const scatter = model.constants.macmullin_scatter[design.pore_type];
      const z = noise ? noise["macmullin_number of the design"] : null;
      found.macmullin_number = found.porosity.map((porosity, k) =>
        macmullin(porosity, design.pore_type) * (z ? Math.exp(scatter * z[k]) : 1.0));
    }
    return found;
  }

  /** Draws of the separator that a design names, as fitted. */
  function ownOf(model, design) {
    return (design.separator && model.own[design.separator]) || {};
  }

  /** Conditions as functions (i, k) of draw and cell: a separator's own ones change by the draw. */
  function conditionsAt(model, design, noise, count) {
    const found = {};
    for (const [name, values] of Object.entries(conditionsOf(model, design, noise, count))) {
      found[name] = (i, k) => values[k];
    }
    for (const [name, values] of Object.entries(ownOf(model, design))) found[name] = (i) => values[i];
    return found;
  }

  /** Logarithm of the factor of cell k on the threshold of a mechanism, from draw i. */
  function logFactor(model, mechanism, scatters, noise, deviates, offset, i, k) {
    const draws = model.draws;
    let sum = draws[scatters[0]][i] * deviates(i, k);
    for (let s = 1; s < scatters.length; s++) {
      if (offset && scatters[s] === "separator_scatter") sum += offset[i];
      else if (noise) sum += draws[scatters[s]][i] * noise[scatters[s]][k];
    }
    if (noise) {
      const lab = `lab_scatter of ${mechanism}`;
      if (lab in draws) sum += draws[lab][i] * noise[lab][k];
    }
    return sum;
  }

  /** Deviates of all cells for any parameter, from those at Chebyshev nodes of its logarithm. */
  function tableOf(law, parameter, normals, patches) {
    let low = Infinity;
    let high = -Infinity;
    for (const value of parameter) {
      low = Math.min(low, Math.log(value));
      high = Math.max(high, Math.log(value));
    }
    const centre = (low + high) / 2.0;
    const half = Math.max((high - low) / 2.0, 1e-12);
    const angles = Array.from({ length: NODES }, (_, n) => Math.PI * (n + 0.5) / NODES);
    const known = angles.map((angle) => {
      const mixture = law.components(Math.exp(centre + half * Math.cos(angle)));
      return Float64Array.from(normals, (normal) => cellDeviate(mixture, normal, patches));
    });
    return (value) => {
      const x = (Math.log(value) - centre) / half;
      const found = new Float64Array(normals.length);
      const near = angles.findIndex((angle) => Math.abs(x - Math.cos(angle)) < 1e-14);
      if (near >= 0) return known[near];
      let total = 0.0;
      angles.forEach((angle, n) => {  // barycentric interpolation
        const weight = (n % 2 ? -1.0 : 1.0) * Math.sin(angle) / (x - Math.cos(angle));
        total += weight;
        for (let k = 0; k < found.length; k++) found[k] += weight * known[n][k];
      });
      return found.map((sum) => sum / total);
    };
  }

  /** Deviates of cells as functions (i, k) of draw and cell; kept where they change by the draw. */
  function deviatesOf(model, design, scatter, noise, count) {
    const patches = design.conditions.area_ratio ?? 1.0;
    const normals = noise ? noise[scatter] : new Float64Array(count);
    const block = scatter.replace(/_scatter$/, "");
    const law = Object.values(CELL_LAWS).find((each) => `${block}_${each.parameter}` in model.draws);
    if (!law) {
      const found = patches === 1.0 ? normals
        : Float64Array.from(normals, (normal) => weakestDeviate(normal, patches));
      return (i, k) => found[k];
    }
    const parameter = model.draws[`${block}_${law.parameter}`];
    const spread = noise === model.cells;
    model.deviates = model.deviates || {};
    const key = `${block} ${spread ? "cells" : noise ? "noise" : "median"}`;
    if (model.deviates[key]?.patches !== patches) model.deviates[key] = { patches, rows: [] };
    const kept = model.deviates[key];
    const { rows } = kept;
    return (i, k) => {
      if (rows[i] === undefined && spread && law.smooth) {
        kept.table = kept.table || tableOf(law, parameter, normals, patches);
        rows[i] = kept.table(parameter[i]);
      } else if (rows[i] === undefined) {
        const mixture = law.components(parameter[i]);
        // Either every cell is of every draw, or each is of its own.
        rows[i] = spread
          ? Float64Array.from(normals, (normal) => cellDeviate(mixture, normal, patches))
          : cellDeviate(mixture, normals[k], patches);
      }
      return spread ? rows[i][k] : rows[i];
    };
  }

  /** Functions (i, k) => threshold current density [A/m^2] of cell k by draw i, by mechanism. */
  function thresholdsOf(model, design, noise, count) {
    const { constants, setting, draws } = model;
    const conditions = conditionsAt(model, design, noise, count);
    const { separator_offset: offset } = ownOf(model, design);
    const found = {};
    for (const [mechanism, scatters] of model.scatters[design.cell]) {
      const deviates = deviatesOf(model, design, scatters[0], noise, count);
      const factor = (i, k) =>
        Math.exp(logFactor(model, mechanism, scatters, noise, deviates, offset, i, k));
      const law = LAWS[mechanism](model, constants, setting, draws, conditions, design, noise);
      found[mechanism] = (i, k) => law(i, k, factor(i, k));
    }
    return found;
  }

  function atTemperature(constants, draws, name, i, temperature) {
    const energy = draws[`${name}_activation_energy`];
    const value = draws[name][i];
    return energy === undefined ? value : arrhenius(constants, value, energy[i], temperature);
  }

  const LAWS = {
    penetration(model, constants, setting, draws, conditions, design, noise) {
      const rate = KINETICS[setting.kinetics];
      const chidseys = setting.kinetics === "marcus_hush_chidsey";
      const widest = setting.pores === "weakest_link";
      const tolerances = (noise && design.tolerances) || {};
      const own = ownOf(model, design);
      const varies = ["pore_radius", "temperature", "pore_size_spread"].some(
        (name) => !(name in own) && tolerances[name] && tolerances[name].sd > 0.0);
      const core = (i, k) => {
        const temperature = conditions.temperature(i, k);
        let radius = conditions.pore_radius(i, k);
        if (widest) {
          const stated = conditions.pore_size_spread;
          const spread = stated ? stated(i, k) : draws.pore_size_spread[i];
          radius = largestPoreRadius(radius, spread, draws.wetted_pores[i]);
        }
        const eta = 2.0 * draws.wetting_product[i] * setting.molar_volume
          / (constants.faraday * radius);
        const kT = constants.gas_constant * temperature / constants.faraday;
        const L = draws.reorganization_energy[i] / kT;
        const atZero = chidseys ? chidseyAtZero(L) : 1.0;
        return atTemperature(constants, draws, "exchange_current_density", i, temperature)
          * rate(eta / kT, L, atZero);
      };
      const { porosity } = conditions;
      if (varies) return (i, k, factor) => factor * (porosity(i, k) * core(i, k));
      const known = cores(model, setting, design, core);
      return (i, k, factor) => factor * (porosity(i, k) * known(i));
    },

    depletion(model, constants, setting, draws, conditions) {
      const { thickness, porosity, concentration, temperature, charge } = conditions;
      const number = conditions.macmullin_number;
      return (i, k, factor) => {
        const D = atTemperature(constants, draws, "ambipolar_diffusivity", i, temperature(i, k));
        const resistance = number(i, k) * thickness(i, k);
        const half = constants.faraday * concentration(i, k) * D
          / ((1.0 - draws.transference_number[i]) * resistance);
        if (!charge) return factor * 2.0 * half;
        const time = porosity(i, k) * resistance * thickness(i, k) / D;
        const strength = factor * half;
        return strength / depletionAtCharge(charge(i, k) / (time * strength));
      };
    },

    voids(model, constants, setting, draws, conditions, design) {
      const { charge, pressure, temperature } = conditions;
      const thickness = conditions.metal_thickness;
      const supply = draws[`supply_factor[${design.protocol}]`];
      const density = constants.faraday / setting.molar_volume;
      const norton = setting.creep_current === "norton";
      return (i, k, factor) => {
        if (charge(i, k) > metalCapacity(model, thickness(i, k))) return 0.0;
        const T = temperature(i, k);
        const energy = draws.creep_activation_energy[i];
        let creep;
        if (norton) {
          const stress = pressure(i, k) / draws.constraint_factor[i];
          const rate = arrhenius(constants, constants.reference_strain_rate, energy, T);
          creep = density * thickness(i, k) * rate
            * positivePower(stress / draws.creep_reference_stress[i], draws.creep_exponent[i]);
        } else {
          const at = draws.creep_current_at_9_MPa[i]
            * positivePower(pressure(i, k) / 9e6, draws.creep_pressure_exponent[i]);
          creep = arrhenius(constants, at * thickness(i, k) / 500e-6, energy, T);
        }
        const D = arrhenius(
          constants, draws.self_diffusivity[i], draws.self_diffusion_activation_energy[i], T);
        const strength = supply[i] * factor;
        const scale = 2.0 * D * density * density * strength;
        const share = diffusionAtCharge(charge(i, k) * (creep / (2.0 * scale)));
        return strength * creep + strength * scale / charge(i, k) * share;
      };
    },
  };

  /** Currents at which metal enters the pores, kept for the last few designs. */
  function cores(model, setting, design, core) {
    const { pore_radius, temperature, pore_size_spread } = design.conditions;
    const key = [pore_radius, temperature, pore_size_spread, setting.kinetics,
      design.separator ?? ""].join(" ");
    model.kept = model.kept || new Map();
    let values = model.kept.get(key);
    if (!values) {
      values = new Float64Array(model.draws.wetting_product.length).fill(NaN);
      if (model.kept.size > 300) model.kept.clear();
      model.kept.set(key, values);
    }
    return (i) => {
      if (Number.isNaN(values[i])) values[i] = core(i, 0);
      return values[i];
    };
  }

  /** A quantile of sorted numbers, by linear interpolation. */
  function quantile(sorted, level) {
    const place = level * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    const weight = place - below;
    return sorted[below] * (1.0 - weight) + sorted[above] * weight;
  }

  /** How many independent draws a share of draws is worth: by the variance of means of batches. */
  function drawsWorth(values, limit, share, batches) {
    const each = Math.floor(values.length / batches);
    if (each === 0) return values.length;
    const means = Array.from({ length: batches }, (_, batch) => {
      let below = 0;
      for (let i = batch * each; i < (batch + 1) * each; i++) below += values[i] <= limit;
      return below / each;
    });
    const mean = means.reduce((sum, value) => sum + value, 0.0) / batches;
    const squares = means.reduce((sum, value) => sum + (value - mean) ** 2, 0.0);
    const variance = squares / (batches - 1) / batches;
    return Math.min((share * (1.0 - share)) / variance, values.length);
  }

  const LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95];

  /**
   * What a map says of one design, current densities in mA/cm^2.
   *
   * Returns { median, fresh: quantiles of the critical current of the median cell and of a new
   * cell; safe: [current of each risk]; limiting: {mechanism: share}; bears: share of new cells
   * that bear `current`; empty: share of new cells whose metal does not hold the charge; drawn: the
   * currents between which more draws would put the first risk's, where `deviate` is given }.
   */
  function evaluate(model, design, { risks = [0.05], current = null, deviate = null } = {}) {
    const count = Object.values(model.draws)[0].length;
    const names = model.scatters[design.cell].map(([name]) => name);
    const limits = [null, model.noise].map((noise) => {
      const each = thresholdsOf(model, design, noise, count);
      const lowest = new Float64Array(count).fill(Infinity);
      const which = new Int32Array(names.length);
      for (let i = 0; i < count; i++) {
        let first = 0;
        for (let m = 0; m < names.length; m++) {
          const value = each[names[m]](i, i);
          if (m === 0 || value < lowest[i]) {
            lowest[i] = value;
            first = m;
          }
        }
        which[first] += 1;
      }
      return { inOrder: lowest, lowest: lowest.slice().sort(), which };
    });
    const [median, fresh] = limits;
    const unit = model.constants.current_factor;
    const held = fresh.lowest.findIndex((value) => value > 0.0);
    const levels = (sorted) => LEVELS.map((level) => quantile(sorted, level) / unit);
    let bears = null;
    if (current !== null) {
      let failed = 0;
      while (failed < count && fresh.lowest[failed] <= current * unit) failed++;
      bears = 1.0 - failed / count;
    }
    const at = (risk) => quantile(fresh.lowest, risk) / unit;
    let drawn = null;
    if (deviate !== null) {
      const [risk] = risks;
      const worth = drawsWorth(
        fresh.inOrder, quantile(fresh.lowest, risk), risk, model.constants.batches);
      const half = deviate * Math.sqrt((risk * (1.0 - risk)) / worth);
      drawn = [at(Math.max(risk - half, 0.0)), at(Math.min(risk + half, 1.0))];
    }
    return {
      drawn,
      median: levels(median.lowest),
      fresh: levels(fresh.lowest),
      safe: risks.map(at),
      limiting: Object.fromEntries(names.map((name, m) => [name, fresh.which[m] / count])),
      bears,
      empty: held === -1 ? 1.0 : held / count,
    };
  }

  /** Safe currents with cells of other laws, by law: what model.tails changes of the draws. */
  function tails(model, design, risk) {
    return Object.fromEntries(Object.entries(model.tails[design.cell]).map(([law, changed]) => {
      if (!changed.model) {
        const draws = { ...model.draws, ...changed.draws };
        for (const name of changed.without) delete draws[name];
        changed.model = { ...model, draws, deviates: {} };
      }
      return [law, evaluate(changed.model, design, { risks: [risk] }).safe[0]];
    }));
  }

  /**
   * How sure a safe current is: the currents that the risk stands for in single draws of the
   * posterior, over evenly spread cells. Calls `done` with { lower, upper, least }: the least risk
   * of which such cells tell; below it there is no interval. Works in slices of some milliseconds,
   * and stops when `stopped` says so.
   */
  function interval(model, design, risk, done, stopped = () => false) {
    const noise = model.cells;
    const count = Object.values(noise)[0].length;
    const least = 1.0 / count;
    if (risk < least) {
      done({ lower: NaN, upper: NaN, least });
      return;
    }
    const each = Object.values(thresholdsOf(model, design, noise, count));
    const place = Math.min((risk * count - 0.5) / (count - 1), 1.0);
    const byDraw = new Float64Array(model.bands.length);
    const lowest = new Float64Array(count);
    let next = 0;
    const slice = () => {
      if (stopped()) return;
      const until = performance.now() + 12.0;
      while (next < byDraw.length && performance.now() < until) {
        const i = model.bands[next];
        for (let k = 0; k < count; k++) {
          let value = each[0](i, k);
          for (let m = 1; m < each.length; m++) value = Math.min(value, each[m](i, k));
          lowest[k] = value;
        }
        lowest.sort();
        byDraw[next] = quantile(lowest, place) / model.constants.current_factor;
        next += 1;
      }
      if (next < byDraw.length) {
        setTimeout(slice, 0);
        return;
      }
      byDraw.sort();
      done({ lower: quantile(byDraw, 0.05), upper: quantile(byDraw, 0.95), least });
    };
    slice();
  }

  return {
    LEVELS, cellDeviate, CELL_LAWS, interval, tails, chidsey, chidseyAtZero, conditionsOf, depletionAtCharge, diffusionAtCharge, erf, erfc,
    erfcx, evaluate, largestPoreRadius, logNormal, metalCapacity, quantile, spreadValue, thresholdsOf,
    weakestDeviate,
  };
})();
