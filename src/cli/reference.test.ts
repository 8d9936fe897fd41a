import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backscroll } from "./testing/command-line.ts";

interface Page {
    readonly name: string;
    readonly title: string;
    readonly about: string;
    readonly commands: readonly string[];
}

const pages: readonly Page[] = [
    {
        name: "commands.md",
        title: "Commands",
        about: `\`backscroll\` is the command in the image; without Docker it is \`node dist/main.js\`.

| to | see |
|---|---|
| run the bot, log in, look at what it does | this page |
| deliver, release, stop and go | [commands-deliveries.md](commands-deliveries.md) |
| bring keys in and out, copy and restore | [commands-copies.md](commands-copies.md) |
| know what an exit code means | [failures.md](failures.md), [failures-account.md](failures-account.md) |
| read \`--json\` in a script | [status-json.md](status-json.md) |`,
        commands: ["run", "login", "status", "audit", "health"],
    },
    {
        name: "commands-deliveries.md",
        title: "Commands for deliveries",
        about: `They work with and without a running bot; without one, what they ask for waits for its next start. Why a job
is held or refused: [jobs.md](jobs.md). The other commands: [commands.md](commands.md).`,
        commands: ["share", "invite", "accept", "approve", "cancel", "pause", "resume", "trust"],
    },
    {
        name: "commands-copies.md",
        title: "Commands for keys and copies",
        about: `Key exports of Matrix clients may have any size; the bot goes on meanwhile. How to make copies and come back from
a loss, step by step: [backup-and-restore.md](backup-and-restore.md). The other commands: [commands.md](commands.md).`,
        commands: ["import-keys", "export-keys", "snapshot", "restore"],
    },
];

let folder: string;
beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bs-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test.each(pages)(
    "the reference for operators says what --help says: $name",
    async ({ name, title, about, commands }) => {
        const chapters = await Promise.all(
            commands.map(async (command) => `## ${command}\n\n\`\`\`\n${await helpOf([command])}\n\`\`\`\n`),
        );
        const writtenBy =
            "This page is written by a test from what `--help` says (`npx vitest run src/cli/reference -u`).";
        const text = [`# ${title}\n\n${about}\n\n${writtenBy}\n`, ...chapters].join("\n");
        await expect(text).toMatchFileSnapshot(join(import.meta.dirname, "..", "..", "docs", "operate", name));
    },
);

test("every command is on one of the pages", async () => {
    const listed = (await helpOf([])).split(/^(?:Commands|First steps):$/m)[1] ?? "";
    const commands = [...listed.matchAll(/^ {2}([a-z][a-z-]*)/gm)].map(([, command]) => command);
    expect(new Set(pages.flatMap((page) => page.commands))).toEqual(new Set(commands));
});

/** Without the two options that every command has. */
async function helpOf(command: readonly string[]): Promise<string> {
    const { out } = await backscroll([...command, "--help"], folder);
    return out
        .replaceAll(/^ {2}--(config <FILE>|help) {2,}.*\n/gm, "")
        .replace(/^Options:\n\n/m, "")
        .trim();
}
