// Turns TeX into HTML with MathJax: one JSON object a line in, one a line out, until standard input ends.
// in   {"tex": "...", "display": true}
// out  {"html": "<mjx-container ...>", "rules": ["mjx-c... { ... }", ...]}   or   {"error": "MathJax's own message"}
// `rules` are the style rules this equation needs beyond those every equation needs; the empty equation's are the latter.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(import.meta.url);
const { mathjax } = require("mathjax-full/js/mathjax.js");
const { TeX } = require("mathjax-full/js/input/tex.js");
const { CHTML } = require("mathjax-full/js/output/chtml.js");
const { liteAdaptor } = require("mathjax-full/js/adaptors/liteAdaptor.js");
const { RegisterHTMLHandler } = require("mathjax-full/js/handlers/html.js");
const { AssistiveMmlHandler } = require("mathjax-full/js/a11y/assistive-mml.js");
// `noerrors` and `noundefined` are left out, so that a mistake is an error. So is `newcommand`: a macro that one equation
// defines must not change the next one, since equations are cached one by one.
const packages = ["Base", "Ams", "Boldsymbol", "Braket", "Cancel", "Color", "Mathtools", "TextMacros"];
for (const name of packages) require(`mathjax-full/js/input/tex/${name.toLowerCase()}/${name}Configuration.js`);
const input = new TeX({
  packages: packages.map((name) => name.toLowerCase()),
  formatError: (_, error) => {
    throw error;
  },
});
const output = new CHTML({ fontURL: "fonts", adaptiveCSS: true });
const adaptor = liteAdaptor();
AssistiveMmlHandler(RegisterHTMLHandler(adaptor));
const page = mathjax.document("", { InputJax: input, OutputJax: output });
const common = new Set();

function convert(tex, display) {
  const reference = /\\(label|ref|eqref|tag)\b/.exec(tex);
  if (reference) throw new Error(`${reference[0]} is not available: give the equation an id, which numbers it, and link to that`);
  input.reset();
  output.clearCache();
  const html = adaptor.outerHTML(page.convert(tex, { display, em: 16, ex: 8, containerWidth: 1280 }));
  if (html.includes("data-mjx-error")) throw new Error("MathJax could not typeset this");
  const rules = [...adaptor.textContent(output.styleSheet(page)).matchAll(/[^{}]+\{[^}]*\}/g)];
  return { html, rules: rules.map(([rule]) => rule.trim().replace(/\s+/g, " ")).filter((rule) => !common.has(rule)) };
}

const lines = createInterface({ input: process.stdin, terminal: false });
convert("", false).rules.forEach((rule) => common.add(rule));
for await (const line of lines) {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    answer = tex === "" ? { html: "", rules: [...common] } : convert(tex, display);
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
