// Bundles src/ into dist/, which is committed: nobody needs Node to run Footfall. `--tests` bundles test/ into
// .build/ for node:test, `--out FOLDER` writes the bundles elsewhere, to compare.
import { build } from "esbuild";
import { readdirSync } from "node:fs";

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const outdir = process.argv.includes("--out") ? argument("--out") : "dist";
const common = { bundle: true, target: "es2021", charset: "utf8", logLevel: "warning", legalComments: "none" };
const shipped = { ...common, minify: true, outdir };

if (process.argv.includes("--tests")) {
  const entries = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
  await build({
    ...common,
    entryPoints: entries.map((name) => `test/${name}`),
    outdir: ".build",
    outExtension: { ".js": ".mjs" },
    format: "esm",
    platform: "node",
    target: "node20",
  });
} else {
  // Members with a trailing underscore are between our own modules: short names, fewer bytes.
  await build({ ...shipped, entryPoints: { t: "src/tracker/main.ts" }, format: "iife", mangleProps: /_$/ });
  await build({ ...shipped, entryPoints: { slots: "src/slots/main.ts" }, format: "iife" });
  await build({
    ...shipped,
    entryPoints: { react: "src/hooks/react.ts", vue: "src/hooks/vue.ts" },
    format: "esm",
    external: ["react", "vue"],
  });
}
