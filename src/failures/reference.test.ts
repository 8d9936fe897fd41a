import { join } from "node:path";
import { expect, test } from "vitest";
import { type FailureCode, failures } from "./index.ts";

const chapters: Readonly<Record<number, string>> = {
    64: "The command line is wrong",
    65: "The store is damaged, of another key, or of a newer version",
    69: "The homeserver cannot be reached, or not worked with",
    70: "A fault of Backscroll",
    73: "The disk is full",
    74: "The disk or the data folder is not usable",
    75: "Another process uses the data folder",
    77: "Credentials or device are refused",
    78: "The configuration is wrong",
};

const writtenBy = "This page is written by a test from `src/failures/table.ts` (`npx vitest run src/failures -u`).";

const introduction = `# Failures

What Backscroll says when it cannot go on, and what helps. \`{name}\` stands for what it is about. The number is the
exit code of the process; scripts may rely on it, and on the code in front of each row.
${writtenBy}

Exit code 0 is success, and a stop by SIGTERM or SIGINT. 1 is the answer no: \`health\`, or a \`share\` that is refused
or held. Mistakes in the configuration are told all at once, each with its place, and end with 78.

Exit codes 77 and 78, credentials, device, identity and configuration: [failures-account.md](failures-account.md).
`;

const ofTheAccount = `# Failures of the account and the configuration

What Backscroll says when its account, device, identity or configuration keeps it from going on. The other exit
codes, and how to read these tables: [failures.md](failures.md). A Node that is too old ends with 78, too, and says so.
${writtenBy}
`;

/** Exit codes whose failures have a page of their own. */
const accountExits = [77, 78];

function reference(begin: string, isHere: (exit: number) => boolean): string {
    const codes = Object.keys(failures).filter((code): code is FailureCode => code in failures);
    const exits = [...new Set(codes.map((code) => failures[code].exit))].filter(isHere);
    const sections = exits.map((exit) => {
        const rows = codes
            .filter((code) => failures[code].exit === exit)
            .map((code) => `| \`${code}\` | ${failures[code].message} | ${failures[code].cure} |`);
        return `## ${exit}: ${chapters[exit] ?? ""}\n\n| code | what happened | what helps |\n|---|---|---|\n${rows.join("\n")}\n`;
    });
    return [begin, ...sections].join("\n");
}

test("the reference for operators has every failure of the table", async () => {
    const page = (name: string): string => join(import.meta.dirname, "..", "..", "docs", "operate", name);
    const isOfAccount = (exit: number): boolean => accountExits.includes(exit);
    await expect(reference(introduction, (exit) => !isOfAccount(exit))).toMatchFileSnapshot(page("failures.md"));
    await expect(reference(ofTheAccount, isOfAccount)).toMatchFileSnapshot(page("failures-account.md"));
});

test("every exit code that a failure has is explained", () => {
    const exits = new Set(Object.values(failures).map(({ exit }) => String(exit)));
    expect(Object.keys(chapters)).toEqual(expect.arrayContaining([...exits]));
});
