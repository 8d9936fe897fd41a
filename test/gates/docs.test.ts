import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { deadLinks, declares, longParagraphs, missingFiles, pages, read, steps, wideLines } from "./documents.ts";

const docs = pages.filter((page) => page.startsWith("docs/"));
const ours = pages.filter((page) => page !== "SECURITY.md" && page !== "CONTRIBUTING.md");

const bytesOf = (page: string): number => Buffer.byteLength(read(page));

test("there are pages", () => {
    expect(docs.length).toBeGreaterThan(50);
});

test.each([...docs, "ARCHITECTURE.md"])("%s has one topic: 8 KB at most", (page) => {
    expect(bytesOf(page)).toBeLessThanOrEqual(8192);
});

test("README.md is read in a minute: 6 KB at most", () => {
    expect(bytesOf("README.md")).toBeLessThanOrEqual(6144);
});

test.each(ours)("%s has lines of 120 columns, but for tables", (page) => {
    expect(wideLines(read(page))).toEqual([]);
});

test.each(ours)("%s has paragraphs of five lines at most", (page) => {
    expect(longParagraphs(read(page))).toEqual([]);
});

test.each(pages)("every link in %s leads somewhere", (page) => {
    expect(deadLinks(page, read(page))).toEqual([]);
});

test.each(ours)("every file that %s names is there", (page) => {
    expect(missingFiles(read(page))).toEqual([]);
});

test.each(docs.filter((page) => page !== "docs/README.md"))("%s is listed where people look for it", (page) => {
    const index =
        page.startsWith("docs/decisions/") && !page.endsWith("/README.md")
            ? "docs/decisions/README.md"
            : "docs/README.md";
    const listed = [...read(index).matchAll(/\]\(([^)#]+)\)/g)].map(([, target = ""]) =>
        normalize(join(dirname(index), target)),
    );
    expect(listed).toContain(page);
});

const lives = ["docs/understand/life-of-an-invite.md", "docs/understand/life-of-a-room-key.md"];

test.each(lives)("%s has steps", (life) => {
    expect(steps(life).length).toBeGreaterThan(20);
});

test.each(docs.flatMap(steps))("$page: there is $name in $file", ({ file, name }) => {
    expect(declares(read(file), name), `${file} declares ${name}`).toBe(true);
});

const contract = [
    { file: "src/control/status-report.ts", until: "export interface StatusFilters" },
    { file: "src/account/identity-status.ts", until: "/** As it was heard" },
    { file: "src/sharing/ledger/status.ts", until: "/** Jobs that pass" },
    { file: "src/sharing/ledger/audit.ts", until: "export interface AuditFilter" },
];

test.each(contract)("status-json.md has every field of $file", ({ file, until }) => {
    const fields = [...(read(file).split(until)[0] ?? "").matchAll(/readonly ([a-z_]+):/g)].map(
        ([, name = ""]) => name,
    );
    expect(fields.length).toBeGreaterThan(3);
    const page = read("docs/operate/status-json.md");
    expect(fields.filter((field) => !new RegExp(`[\`.-]${field}[\`.]`).test(page))).toEqual([]);
});

test("a planted wide line, long paragraph, dead link, missing file or lost function is seen", () => {
    const wide = "w".repeat(121);
    expect(wideLines(["short", wide, `| ${wide} |`].join("\n"))).toEqual([wide]);
    const long = "1\n2\n3\n4\n5\n6";
    expect(
        longParagraphs(`# A\n\n1\n2\n3\n\n${long}\n\n- 1\n  2\n  3\n- 4\n  5\n  6\n\n\`\`\`\n${long}\n\`\`\`\n`),
    ).toEqual([long]);
    const links =
        "[a](overview.md) [b](gone.md) [c](overview.md#the-parts) [d](overview.md#gone) [e](https://matrix.org)";
    expect(deadLinks("docs/understand/sharing.md", links)).toEqual(["gone.md", "overview.md#gone"]);
    expect(missingFiles("`src/main.ts`, `src/gone.ts`, `src/gone.ts:run`")).toEqual(["src/gone.ts", "src/gone.ts"]);
    const source =
        "export async function first() {\n    used();\n}\nclass Second {\n    async third(\n        a: string,\n    ) {}\n}\n";
    expect(["first", "used", "Second", "third", "gone"].filter((name) => declares(source, name))).toEqual([
        "first",
        "Second",
        "third",
    ]);
});
