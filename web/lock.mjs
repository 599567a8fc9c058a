// npm run lock: the lock file after a change of package.json, without addresses (npm writes those of sponsors).
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

execFileSync("npm", ["install", "--ignore-scripts"], { stdio: "inherit" });
const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
for (const row of Object.values(lock.packages)) delete row.funding;
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
