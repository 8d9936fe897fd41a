import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { settingPaths, settingsSchema } from "./schema.ts";
import { completeSettings } from "./settings.ts";
import { valueAt } from "./source.ts";

const root = join(import.meta.dirname, "..", "..");
const example = readFileSync(join(root, "config", "backscroll.example.yaml"), "utf8").split("\n");

const writtenBy = `This page is written by a test from \`src/config/schema.ts\`, the defaults in \`src/config/settings.ts\`, and the comments
of \`config/backscroll.example.yaml\` (\`npx vitest run src/config/reference -u\`).`;

const introduction = `# Configure

[\`config/backscroll.example.yaml\`](../../config/backscroll.example.yaml) has every setting with its default. Copy it to
\`config/backscroll.yaml\` and change the values that are not commented out.

1. The file is the one of \`--config\`, else of \`BACKSCROLL_CONFIG\`, else \`config/backscroll.yaml\`, else \`config.yaml\` in
   the data folder.
2. Every setting but \`rooms\` is also an environment variable: \`BACKSCROLL_\` and its path in capitals, like
   \`BACKSCROLL_HOMESERVER_USER_ID\`. Lists are separated by commas. With \`_FILE\` at its end
   (\`BACKSCROLL_HOMESERVER_PASSWORD_FILE\`) the variable names a file that holds the value.
3. The environment counts before a \`.env\` file in the working directory, that before the YAML file, and that before the
   default. The bot warns when a \`.env\` file changes what the YAML file sets.
4. IDs begin with @ or !, so they have to stand in quotes in YAML. Durations read 90s, 15m, 12h, 30d, 2w.
5. Mistakes are all reported at once, with file, line and column, and end with exit code 78.

The settings of \`sharing\` and \`rooms\` have a page of their own: [configure-sharing.md](configure-sharing.md).

${writtenBy}
`;

const introductionOfSharing = `# Configure sharing

Whether, when and what the bot shares. How settings are given, and all others: [configure.md](configure.md).

Under \`rooms\`, each of these settings can stand again for a single room, by its room ID. What is not set there counts as
for all rooms:

\`\`\`yaml
rooms:
  "!abcdefghijkl:example.org":
    mode: approval
    max_age: 30d
\`\`\`

${writtenBy}
`;

const isOfSharing = ({ path: [first] }: { readonly path: readonly string[] }): boolean => first === "sharing";

const pages = [
    { name: "configure.md", begin: introduction, settings: settingPaths().filter((setting) => !isOfSharing(setting)) },
    { name: "configure-sharing.md", begin: introductionOfSharing, settings: settingPaths().filter(isOfSharing) },
];

test.each(pages)("the reference for operators has every setting: $name", async ({ name, begin, settings }) => {
    const text = [begin, ...settings.map(({ path }) => chapter(path))].join("\n");
    await expect(text).toMatchFileSnapshot(join(root, "docs", "operate", name));
});

function chapter(path: readonly string[]): string {
    const own = comment(path);
    // The first of a group without comments of its own says what is said of the group.
    const said = own.length === 0 && lineOf(path) === lineOf(path.slice(0, -1)) + 1 ? comment(path.slice(0, -1)) : own;
    const unset = said.some((line) => line.includes("Default: ")) ? [] : defaultOf(path);
    const facts = [...expected(path), ...unset];
    return [`## \`${path.join(".")}\`\n`, ...said, ...(said.length > 0 ? [""] : []), ...facts, ""].join("\n");
}

/** What the schema says that it expects, of the setting and of what is in its list. */
function expected(path: readonly string[]): readonly string[] {
    const messages = (wrong: unknown): readonly string[] => {
        const given = path.reduceRight((inner: unknown, key) => ({ [key]: inner }), wrong);
        return settingsSchema.safeParse(given).error?.issues.map(({ message }) => message) ?? [];
    };
    const [ofAll, ...ofItems] = new Set([...messages({}), ...messages([{}])]);
    return [`Takes ${ofAll}.`, ...ofItems.map((item) => `Each is ${item}.`)];
}

function defaultOf(path: readonly string[]): readonly string[] {
    const least = { homeserver: { url: "https://matrix.home.test", user_id: "@backscroll:home.test" } };
    if (path[0] === "homeserver") return [];
    const value: unknown = valueAt({ ...completeSettings(settingsSchema.parse(least), "/") }, path);
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return ["Not set by default."];
    if (Array.isArray(value)) return [];
    return [`Default: \`${path.join() === "data_dir" ? "./data" : JSON.stringify(value).replaceAll('"', "")}\`.`];
}

/** What the example says above the setting, with its list of values as one. */
function comment(path: readonly string[]): readonly string[] {
    const lines: string[] = [];
    for (let at = lineOf(path) - 1; /^ *# +[^"!]/.test(example[at] ?? "") && !isSetting(example[at] ?? ""); at--)
        lines.unshift((example[at] ?? "").trim().slice(2));
    const text = lines.map((line) => line.replace(/^ {2}(\w+) {2,}/, "- `$1`: ").replace(/^ {5,}/, "  "));
    return text.flatMap((line, at) =>
        at > 0 && isIndented(line) !== isIndented(text[at - 1] ?? "") ? ["", line] : [line],
    );
}

const isIndented = (line: string): boolean => /^(- `| )/.test(line);
const isSetting = (line: string): boolean => /^ *(# +)?[a-z_]+:( |$)/.test(line);

function lineOf(path: readonly string[]): number {
    return path.reduce((from, key, depth) => {
        const named = new RegExp(`^ *(# +)?${key}:( |$)`);
        const isUnder = (line: string): boolean => depth > 0 || !line.startsWith(" ");
        return example.findIndex((line, at) => at > from && named.test(line) && isUnder(line));
    }, -1);
}
