import { join } from "node:path";
import { expect, test } from "vitest";
import { reasons } from "./reasons.ts";
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

const introduction = `# Share jobs

Every invite that the bot sees, and every \`share\`, is a job. \`backscroll status\` lists them, \`backscroll status --job ID\` tells one
job's whole story. Scripts may rely on the words of the first columns; the sentences may be improved. This file is written by a
test from \`src/sharing/ledger/states.ts\` and \`src/sharing/ledger/reasons.ts\` (\`npx vitest run src/sharing/ledger/reference -u\`).
`;

function reference(): string {
    const open: readonly JobState[] = openStates;
    const stateRows = states.map((state) => {
        const next = moves[state].filter((to) => to !== state).map((to) => `\`${to}\``);
        return `| \`${state}\` | ${open.includes(state) ? "open" : "over"} | ${meanings[state]} | ${next.join(", ")} |`;
    });
    const reasonRows = Object.entries(reasons).map(([code, sentence]) => `| \`${code}\` | ${sentence} |`);
    return [
        introduction,
        `## States\n\n| state | job is | means | may go to |\n|---|---|---|---|\n${stateRows.join("\n")}\n`,
        `## Reasons\n\n| reason | what \`status\` says |\n|---|---|\n${reasonRows.join("\n")}\n`,
    ].join("\n");
}

test("the reference for operators has every state and every reason", async () => {
    await expect(reference()).toMatchFileSnapshot(join(import.meta.dirname, "..", "..", "..", "docs", "jobs.md"));
});
