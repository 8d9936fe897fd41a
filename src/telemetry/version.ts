import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The program's version as its package.json has it. */
export function programVersion(): string {
    const text = readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
    const description: unknown = JSON.parse(text);
    return typeof description === "object" && description !== null && "version" in description
        ? String(description.version)
        : "unknown";
}
