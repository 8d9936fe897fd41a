import { join } from "node:path";
import { expect, test } from "vitest";
import { chapters } from "./reasons.ts";
import { moves, openStates, states, type JobState } from "./states.ts";

const meanings: Readonly<Record<JobState, string>> = {
    held: "Waits for a human, or for what a human has to give.",
    queued: "Waits for its turn, or for its next try.",
    delivering: "The bundle is being uploaded and sent.",
    delivered: "Every device that could be addressed was sent its copy.",
    reinvited: "The bot is the inviter of record: the invitee's client will open the keys.",
    joined: "The invitee has joined; further devices of theirs are served for a day.",
    done: "Nothing is left to do.",
    refused: "Not right as things are.",
    cancelled: "What it was for is over.",
    expired: "Its time is over.",
    failed: "It cannot be done.",
};

const writtenBy = `This page is written by a test from \`src/sharing/ledger/states.ts\` and
\`src/sharing/ledger/reasons.ts\` (\`npx vitest run src/sharing/ledger/reference -u\`).`;

interface Section {
    readonly title: string;
    /** The chapters of `reasons.ts` that stand in it. */
    readonly of: readonly (keyof typeof chapters)[];
}

const sections: readonly Section[] = [
    { title: "Waiting: the bot goes on by itself", of: ["begun", "released", "delivering", "triedAgain"] },
    { title: "Held: a person decides", of: ["held"] },
    { title: "The keys were sent, or the bot has invited", of: ["sent", "told", "untilInvited", "placed", "joined"] },
    { title: "The invitee joined, and the job is over", of: ["over"] },
    { title: "Refused: not right as things are", of: ["refused"] },
    { title: "Said by earlier versions", of: ["earlier"] },
    { title: "Cancelled: what it was for is over", of: ["cancelled", "takenBack"] },
    { title: "Expired", of: ["expired"] },
    { title: "Failed", of: ["failed"] },
];

const pages = [
    {
        name: "jobs.md",
        sections: sections.slice(0, 2),
        introduction: `# Share jobs

Every invite that the bot sees, and every \`share\`, \`invite\` or \`accept\`, is a job. \`backscroll status\` lists them.
\`backscroll status --job ID\` tells one job's whole story: all that happened, each device, how many sessions were sent,
and what you can do next. A year after its end a job is forgotten, unless it is the newest of that person in that room.

Scripts may rely on the words in the first columns; the sentences may be improved.
${writtenBy}

Each job has a state and a reason. Reasons of jobs that wait stand on this page, the others in
[jobs-sent.md](jobs-sent.md) and [jobs-over.md](jobs-over.md). What to do about the most frequent ones:
[cannot-read.md](cannot-read.md).

${statesTable()}`,
    },
    {
        name: "jobs-sent.md",
        sections: sections.slice(2, 3),
        introduction: `# Share jobs whose keys were sent

Reasons of jobs that go well, or as well as they can. States, and how to read this: [jobs.md](jobs.md).
${writtenBy}
`,
    },
    {
        name: "jobs-over.md",
        sections: sections.slice(3),
        introduction: `# Share jobs that are over

Reasons with which jobs end. States, and how to read this: [jobs.md](jobs.md).
${writtenBy}
`,
    },
];

function statesTable(): string {
    const open: readonly JobState[] = openStates;
    const rows = states.map((state) => {
        const next = moves[state].filter((to) => to !== state).map((to) => `\`${to}\``);
        return `| \`${state}\` | ${open.includes(state) ? "open" : "over"} | ${meanings[state]} | ${next.join(", ")} |`;
    });
    return `## States\n\n| state | job is | means | may go to |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function section({ title, of }: Section): string {
    const rows = of
        .flatMap((name) => Object.entries(chapters[name]))
        .map(([code, sentence]) => `| \`${code}\` | ${sentence} |`);
    return `## ${title}\n\n| reason | what \`status\` says |\n|---|---|\n${rows.join("\n")}\n`;
}

test.each(pages)(
    "the reference for operators has every state and every reason: $name",
    async ({ name, introduction, ...page }) => {
        const folder = join(import.meta.dirname, "..", "..", "..", "docs", "operate");
        const text = [introduction, ...page.sections.map(section)].join("\n");
        await expect(text).toMatchFileSnapshot(join(folder, name));
    },
);

test("no chapter of the reasons is left out", () => {
    expect(sections.flatMap(({ of }) => of).toSorted()).toEqual(Object.keys(chapters).toSorted());
});
