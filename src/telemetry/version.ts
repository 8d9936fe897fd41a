import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The program's version as its package.json has it. */
export function programVersion(): string {
    const text = readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
    const version: unknown = Object.entries(JSON.parse(text) as object).find(([key]) => key === "version")?.[1];
    return String(version);
}
