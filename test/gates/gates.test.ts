import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { type GateOutcome, PlantedProject } from "./planted-project.ts";

const header = "export const planted = 1;\n\n";
const asynchronous = "export async function later(): Promise<number> {\n    return await Promise.resolve(1);\n}\n\n";

/**
 * What is planted, in which file, and the words by which the gate names it beside the file. All violations of a gate
 * are planted at once: each has a file of its own.
 */
type Planted = readonly [violation: string, file: string, text: string, named: string];

const gates: Readonly<Record<string, readonly Planted[]>> = {
    "check:format": [
        ["two spaces instead of four", "src/rooms/bad.ts", "export function a(): number {\n  return 1;\n}\n", ""],
    ],
    "check:lint": [
        ["a floating promise", "src/rooms/floating.ts", `${asynchronous}later();\n`, "no-floating-promises"],
        [
            "a promise where nobody awaits it",
            "src/rooms/misused.ts",
            `${asynchronous}[1].forEach(later);\n`,
            "no-misused-promises",
        ],
        ["any by name", "src/rooms/any.ts", "export const a: any = 1;\n", "no-explicit-any"],
        [
            "any that came from outside",
            "src/rooms/parsed.ts",
            'export const a: string = JSON.parse("1");\n',
            "no-unsafe-assignment",
        ],
        [
            "an assertion that checks nothing",
            "src/rooms/asserted.ts",
            "export const a = (x: unknown): string => x as string;\n",
            "no-unsafe-type-assertion",
        ],
        [
            "a non-null assertion",
            "src/rooms/not-null.ts",
            "export const a = (x?: string): string => x!;\n",
            "no-non-null-assertion",
        ],
        [
            "a silenced compiler",
            "src/rooms/silenced.ts",
            "// @ts-ignore\nexport const a: string = 1;\n",
            "ban-ts-comment",
        ],
        [
            "a switch that forgets a case",
            "src/rooms/switch.ts",
            'export function f(x: "a" | "b"): void {\n    switch (x) {\n        case "a":\n            f("b");\n    }\n}\n',
            "switch-exhaustiveness-check",
        ],
        [
            "the environment outside config",
            "src/rooms/environment.ts",
            'export const a = process.env["HOME"];\n',
            "no-process-env",
        ],
        [
            "a focused test",
            "src/rooms/focused.test.ts",
            'import { test } from "vitest";\n\ntest.only("a", () => {});\n',
            "no-focused-tests",
        ],
    ],
    "check:types": [
        [
            "an index that may be missing",
            "src/rooms/index-missing.ts",
            "export const a = (x: number[]): number => x[0];\n",
            "TS2322",
        ],
        [
            "undefined for an optional property",
            "src/rooms/optional.ts",
            "export const a: { b?: number } = { b: undefined };\n",
            "TS2375",
        ],
        ["syntax that Node cannot strip", "src/rooms/enum.ts", "export enum A {\n    b,\n}\n", "TS1294"],
        ["an unused variable", "src/rooms/unused.ts", `${header}function unused(): void {}\n`, "TS6133"],
        [
            "a way out of a function without a value",
            "src/rooms/way-out.ts",
            "export function a(x: boolean) {\n    if (x) return 1;\n}\n",
            "TS7030",
        ],
    ],
    "check:dead": [
        ["a file that nobody imports", "src/rooms/dead.ts", header, "src/rooms/dead.ts"],
        [
            "an export that nobody imports",
            "src/matrix/index.ts",
            `export const quoted = String;\n${header}`,
            "planted ",
        ],
        [
            "a package that is not in package.json",
            "src/rooms/room-name.ts",
            'export { parse as roomName } from "yaml";\n',
            "yaml ",
        ],
    ],
    "check:imports": [
        [
            "a lower layer that imports a higher one",
            "src/failures/bad.ts",
            'export * from "../rooms/index.ts";\n',
            "direction-failures-matrix",
        ],
        [
            "a peer",
            "src/rooms/peer.ts",
            'export type { Port } from "../crypto/index.ts";\n',
            "direction-rooms-crypto-homeserver",
        ],
        ["what waits, and knows for whom", "src/due/bad.ts", 'export * from "../rooms/index.ts";\n', "direction-due"],
        [
            "a flow of the crypto worker that imports a higher one",
            "src/crypto/machine/entries/bad.ts",
            'export * from "../exchange/deep.ts";\n',
            "machine-direction-entries",
        ],
        [
            "a flow of the crypto worker that imports what puts it together",
            "src/crypto/machine/store/bad.ts",
            'export * from "../open.ts";\n',
            "machine-direction-store",
        ],
        [
            "a flow of the crypto worker without a level",
            "src/crypto/machine/utils/bad.ts",
            'export * from "../exchange/deep.ts";\n',
            "every-flow-has-a-level",
        ],
        [
            "a room of the bot that knows the composition",
            "src/bot/guards/bad.ts",
            'export * from "../run.ts";\n',
            "rooms-of-the-bot-know-no-composition",
        ],
        [
            "past another folder's index",
            "src/rooms/past.ts",
            'export * from "../matrix/deep.ts";\n',
            "folder-only-by-its-index",
        ],
        [
            "past a folder's index, from the top",
            "src/bot.ts",
            'export * from "./matrix/deep.ts";\n',
            "folder-only-by-its-index-from-the-top",
        ],
        ["a cycle between files", "src/matrix/deep.ts", 'export { A } from "./deeper.ts";\n', "no-cycles: "],
        [
            "a cycle between folders that no two files form",
            "src/matrix/bad.ts",
            'export * from "../rooms/deep.ts";\n',
            "no-cycles-between-folders",
        ],
        [
            "a folder without a layer",
            "src/utils/index.ts",
            'export * from "../matrix/index.ts";\n',
            "every-part-has-a-layer",
        ],
        [
            "matrix-bot-sdk outside its adapter",
            "src/rooms/sdk.ts",
            'export { MatrixClient } from "matrix-bot-sdk";\n',
            "one-adapter-for-matrix-bot-sdk",
        ],
        [
            "the OlmMachine outside its folder",
            "src/crypto/bad.ts",
            'export { OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";\n',
            "one-folder-for-the-wasm",
        ],
        [
            "indexeddb that knows the tree",
            "src/indexeddb/bad.ts",
            'export * from "../matrix/index.ts";\n',
            "indexeddb-knows-nothing-of-us",
        ],
        [
            "indexeddb used by others than crypto",
            "src/rooms/indexeddb.ts",
            'export * from "../indexeddb/index.ts";\n',
            "only-crypto-uses-indexeddb",
        ],
        [
            "a story that imports the bot",
            "test/integration/bad.ts",
            'export * from "../../src/rooms/index.ts";\n',
            "stories-use-the-bot-from-outside",
        ],
        [
            "a development package at run time",
            "src/rooms/development.ts",
            'export { test } from "vitest";\n',
            "no-development-package-at-run-time",
        ],
        [
            "sources that import a test",
            "src/rooms/of-test.ts",
            'export * from "../matrix/index.test.ts";\n',
            "sources-know-no-tests",
        ],
        ["a file that is not there", "src/rooms/nowhere.ts", 'export * from "./missing.ts";\n', "unresolvable"],
    ],
};

/** What some of the planted files need beside them. */
const company: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "check:imports": {
        "src/crypto/index.ts": "export interface Port {\n    readonly a: number;\n}\n",
        "src/bot/run.ts": header,
        "src/crypto/machine/exchange/deep.ts": header,
        "src/crypto/machine/open.ts": header,
        "src/rooms/deep.ts": "export const deep = 1;\n",
        "src/indexeddb/index.ts": header,
        "src/matrix/deeper.ts": 'export { planted as A } from "./deep.ts";\n',
    },
};

/** Every gate at once, as `npm run check` runs them. */
const cleanCheck = once(() => outcomeOf("check", {}));

/** What each gate says of a project with all its violations. */
const violated = new Map(
    Object.entries(gates).map(([gate, violations]) => [gate, once(() => outcomeOf(gate, plantedIn(gate, violations)))]),
);

describe.each(Object.entries(gates))("npm run %s", (gate, violations) => {
    test("passes a clean project", () => {
        expect(cleanCheck()).toMatchObject({ passed: true });
    });

    test.each(violations)("catches %s", (_, file, __, named) => {
        const { passed, output } = violated.get(gate)?.() ?? { passed: true, output: "" };
        expect(passed).toBe(false);
        const place = named === "no-cycles-between-folders" ? dirname(file) : file;
        expect(findings(output).filter((finding) => finding.includes(place))).toContainEqual(
            expect.stringContaining(named),
        );
    });
});

test("npm run check runs every gate", () => {
    const { passed, output } = cleanCheck();
    expect(passed).toBe(true);
    expect(output).toContain("All matched files use the correct format");
    expect(output).toContain("no dependency violations found");
});

test("the tests refuse syntax that Node cannot strip, as Node does", () => {
    const enumeration = "enum A {\n    b,\n}\n";
    const { passed, output } = outcomeOf("test:unit", {
        "src/rooms/bad.test.ts": `import { test } from "vitest";\n\n${enumeration}\ntest("a", () => A.b);\n`,
    });
    expect(passed).toBe(false);
    expect(output).toContain("src/rooms/bad.test.ts");
    expect(output).toContain("enum");
});

function plantedIn(gate: string, violations: readonly Planted[]): Readonly<Record<string, string>> {
    const files = violations.map(([, file, text]): readonly [string, string] => [file, text]);
    return { ...company[gate], ...Object.fromEntries(files) };
}

function outcomeOf(script: string, planted: Readonly<Record<string, string>>): GateOutcome {
    using project = new PlantedProject(planted);
    return project.run(script);
}

/** A finding begins a line with none or two spaces; what belongs to it is set otherwise. */
function findings(output: string): readonly string[] {
    return output.split(/\n(?=(?: {2})?\S)/);
}

function once<T>(make: () => T): () => T {
    let made: { readonly value: T } | undefined;
    return () => (made ??= { value: make() }).value;
}
