import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const repository = join(import.meta.dirname, "../..");
const configurations = [
    ".oxfmtrc.json",
    ".oxlintrc.json",
    ".dependency-cruiser.mjs",
    ".editorconfig",
    "tsconfig.json",
    "knip.ts",
    "vitest.config.ts",
    "test/slowest-tests.ts",
];

/** The tools that the scripts name. */
const devDependencies = Object.fromEntries(
    ["dependency-cruiser", "knip", "oxfmt", "oxlint", "typescript", "vitest"].map((name) => [name, "*"]),
);

/** The smallest project that passes every gate: two folders of src/, one above the other. */
const clean: Readonly<Record<string, string>> = {
    // vitest.config.ts names it.
    "test/synapse/before-tests.ts": "export function setup(): void {}\n",
    "src/main.ts": 'import { roomName } from "./rooms/index.ts";\n\nprocess.stdout.write(roomName("a"));\n',
    "src/rooms/index.ts": 'export { roomName } from "./room-name.ts";\n',
    "src/rooms/room-name.ts":
        'import { quoted } from "../matrix/index.ts";\n\nexport function roomName(name: string): string {\n    return quoted(name);\n}\n',
    "src/matrix/index.ts": "export function quoted(text: string): string {\n    return `<${text}>`;\n}\n",
    "src/matrix/index.test.ts":
        'import { expect, test } from "vitest";\nimport { quoted } from "./index.ts";\n\ntest("quotes", () => {\n    expect(quoted("a")).toBe("<a>");\n});\n',
};

export interface GateOutcome {
    readonly passed: boolean;
    readonly output: string;
}

/** A throw-away project with this repository's own configuration, scripts and tools, for planting violations in. */
export class PlantedProject {
    readonly directory = mkdtempSync(join(tmpdir(), "backscroll-gate-"));

    constructor(planted: Readonly<Record<string, string>> = {}) {
        mkdirSync(join(this.directory, "test"));
        for (const file of configurations) copyFileSync(join(repository, file), join(this.directory, file));
        symlinkSync(join(repository, "node_modules"), join(this.directory, "node_modules"));
        for (const folder of ["demo", "bench"]) mkdirSync(join(this.directory, folder));
        this.#write(
            "package.json",
            `${JSON.stringify({ name: "planted", type: "module", scripts: scripts(), devDependencies }, undefined, 4)}\n`,
        );
        for (const [file, text] of Object.entries({ ...clean, ...planted })) this.#write(file, text);
    }

    /** Runs the package.json script of that name, as `npm run` would. */
    run(script: string): GateOutcome {
        const path = `${join(repository, "node_modules/.bin")}${delimiter}${process.env["PATH"] ?? ""}`;
        const command = scripts()[script];
        if (command === undefined) throw new Error(`package.json has no script ${script}`);
        const { status, stdout, stderr } = spawnSync("sh", ["-c", command], {
            cwd: this.directory,
            env: { ...process.env, PATH: path, NO_COLOR: "1" },
            encoding: "utf8",
        });
        return { passed: status === 0, output: stdout + stderr };
    }

    [Symbol.dispose](): void {
        rmSync(this.directory, { recursive: true, force: true });
    }

    #write(file: string, text: string): void {
        const path = join(this.directory, file);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, text);
    }
}

function scripts(): Readonly<Record<string, string>> {
    const { scripts } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8")) as {
        scripts: Record<string, string>;
    };
    return scripts;
}
