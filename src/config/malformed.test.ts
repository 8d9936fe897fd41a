import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { ConfigurationError, loadDataDir, loadSettings } from "./index.ts";
import { settingPaths } from "./schema.ts";
import { variableOf } from "./environment-source.ts";
import { withValue, type Tree } from "./source.ts";

let workingDirectory: string;
beforeEach(() => {
    workingDirectory = mkdtempSync(join(tmpdir(), "bs-"));
});
afterEach(() => rmSync(workingDirectory, { recursive: true }));

/** Everything that loading says. Anything but a `ConfigurationError` fails the test. */
function said(yaml: string, environment: Record<string, string>): string {
    writeFileSync(join(workingDirectory, "c.yaml"), yaml);
    const options = { configFile: "c.yaml", environment, workingDirectory };
    return [() => loadSettings(options).warnings.join("\n"), () => loadDataDir(options)].map(attempt).join("\n");
}

function attempt(load: () => string): string {
    try {
        return load();
    } catch (error) {
        if (error instanceof ConfigurationError) return error.message;
        throw error;
    }
}

const names = [
    ...new Set(settingPaths().flatMap(({ path }) => path)),
    "rooms",
    "__proto__",
    "constructor",
    "!a:b",
    "toString",
];
const line = fc
    .tuple(
        fc.nat(3),
        fc.constantFrom(...names),
        fc.oneof(fc.string(), fc.constantFrom("", "[", "{", "*a", "&a", "!!x y", "null", "|", "1e999", "- ")),
    )
    .map(([depth, name, value]) => `${"  ".repeat(depth)}${name}: ${value}`);

test("no text is too odd to be answered with a mistake", () => {
    fc.assert(
        fc.property(
            fc.oneof(
                fc.string(),
                fc.array(line).map((lines) => lines.join("\n")),
            ),
            (yaml) => {
                expect(typeof said(yaml, {})).toBe("string");
            },
        ),
    );
});

test("no value of any kind, in any place, is too odd", () => {
    const place = fc.constantFrom(...settingPaths().map(({ path }) => path), ["rooms"], ["rooms", "!a:b", "mode"]);
    fc.assert(
        fc.property(fc.array(fc.tuple(place, fc.jsonValue({ maxDepth: 3 }))), (settings) => {
            const tree = settings.reduce<Tree>((tree, [path, value]) => withValue(tree, path, value), {});
            expect(typeof said(JSON.stringify(tree), {})).toBe("string");
        }),
    );
});

test("no environment is too odd", () => {
    const variable = fc.constantFrom(
        ...settingPaths().flatMap(({ path }) => [variableOf(path), `${variableOf(path)}_FILE`]),
        "BACKSCROLL_CONFIG",
    );
    fc.assert(
        fc.property(
            fc.dictionary(
                fc.oneof(
                    variable,
                    fc.string().map((name) => `BACKSCROLL_${name}`),
                ),
                fc.string(),
            ),
            (environment) => {
                expect(typeof said("{}", environment)).toBe("string");
            },
        ),
    );
});

test("a secret is in no message, wherever its value is of a wrong kind", () => {
    const marker = "hunter2-4711";
    const secret = fc.constantFrom(
        ["homeserver", "password"],
        ["homeserver", "access_token"],
        ["store_key"],
        ["recovery_key"],
    );
    const shape = fc.constantFrom<(marker: string) => unknown>(
        (text) => text,
        (text) => [text],
        (text) => ({ [text]: text }),
        (text) => ({ a: [text] }),
        (text) => `<${text}>`,
        (text) => `${text}\n${text}`,
    );
    fc.assert(
        fc.property(secret, shape, fc.string({ maxLength: 5 }), fc.boolean(), (path, shape, noise, inYaml) => {
            const value = shape(`${marker}${noise}`);
            const yaml = inYaml ? stringify(withValue({ log: { level: "loud" } }, path, value)) : "{}";
            const text = typeof value === "string" ? value.replaceAll("\0", "") : marker;
            const environment: Record<string, string> = inYaml
                ? {}
                : { [variableOf(path)]: text, BACKSCROLL_LOG_LEVEL: "loud" };
            const asFile: Record<string, string> = inYaml ? {} : { [`${variableOf(path)}_FILE`]: text };
            expect(said(yaml, environment)).toContain("loud");
            expect(said(yaml, environment)).not.toContain(marker);
            expect(said(yaml, asFile)).not.toContain(marker);
        }),
    );
});

test.each([
    ["a password without its name", "homeserver:\n  hunter2-4711\n"],
    ["a password that begins with a mark of YAML", "homeserver:\n  password: *hunter2-4711\n"],
    ["another", "homeserver:\n  password: !hunter2-4711 x\n"],
    ["another", "homeserver:\n  password: @hunter2-4711\n"],
    ["another", "homeserver:\n  password: 'hunter2-4711\n"],
    ["another", "homeserver:\n  password: hunter2-4711: x\n"],
    ["another", "homeserver:\n  password: %hunter2-4711\n"],
    ["another", "homeserver: [password, hunter2-4711\n"],
    ["a URL with a password", "homeserver: { url: 'https://bot:hunter2-4711@hs.test' }\n"],
])("a mistake that holds a secret does not quote it: %s", (_, yaml) => {
    expect(said(yaml, {})).toMatch("The configuration has");
    expect(said(yaml, {})).not.toContain("hunter2-4711");
});
