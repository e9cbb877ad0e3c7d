// Make static/vendor/d3.js: the few names of d3 the pages use, in one ES module without bare imports.
//
// One file instead of one per package, since an import map would have to be an inline script, which the
// pages' Content-Security-Policy forbids; with relative imports the same file loads in node as well.

import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const entry = join(root, "static/vendor/d3-entry.js");
const output = join(root, "static/vendor/d3.js");

/** Name the packages whose files went into the bundle. */
function bundledPackages(inputs) {
  const names = Object.keys(inputs).map((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)\//)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

/** Quote each package's licence, which asks to go where the code goes. */
function notices(packages) {
  const texts = packages.map((name) => {
    const folder = join(root, "node_modules", name);
    const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    return `${name} ${version}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}`;
  });
  return `/*!\nMade by tools/vendor_d3.mjs. It holds:\n\n${texts.join("\n\n----\n\n")}\n*/`;
}

const options = {
  absWorkingDir: root,
  entryPoints: [entry],
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
};
const { metafile } = await build({ ...options, metafile: true, write: false });
const packages = bundledPackages(metafile.inputs);
await build({ ...options, outfile: output, banner: { js: notices(packages) } });
console.log(`${relative(root, output)}: ${packages.join(", ")}`);
