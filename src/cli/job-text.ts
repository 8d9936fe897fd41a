import type { JobStory } from "../sharing/index.ts";
import { wasSent } from "./audit-text.ts";
import { ago, facts, span, table } from "./layout.ts";

const deviceSentences: Readonly<Record<string, string>> = {
    sent: "the keys were sent to it; whether it took them, nobody is told",
    no_session: "no encrypted channel to it could be opened",
    not_cross_signed: "not signed by the user's identity, so it is given nothing",
    server_unreachable: "the user's homeserver did not answer for it",
    error: "the message to it could not be encrypted, or the homeserver refused it",
};

/** One share job with its whole story, as people read it. @param now milliseconds since the epoch */
export function jobText(job: JobStory, now: number): string {
    const wait = job.next_attempt_at === null ? 0 : Date.parse(job.next_attempt_at) - now;
    const head = facts([
        ["Job", `${job.id}, ${job.state}`],
        ["Room", job.room_id],
        ["Invitee", job.user_id],
        ["Inviter", job.inviter],
        [
            "Asked for by",
            `${job.origin === "invite" ? "the invite" : job.makes_invite ? "`backscroll invite`" : "`backscroll share`"}${job.approved ? ", approved by a person" : ""}`,
        ],
        ["Why", job.message],
        ["What to do", job.next_step],
        ["Next try", wait > 0 ? `in ${span(wait)}` : ""],
        ["Failed tries", job.attempts === 0 ? "" : String(job.attempts)],
    ]);
    const story = table(
        ["WHEN", "STATE", "WHY"],
        job.story.map(({ at, state, message }) => [at, state, message]),
    );
    return [head, `Story:\n${story}`, devices(job, now), ...gifts(job)].join("\n\n");
}

function gifts({ given }: JobStory): readonly string[] {
    if (given.length === 0) return [];
    const rows = given.map((gift) => [
        gift.at,
        wasSent(gift),
        String(gift.sessions),
        gift.devices.join(", "),
        gift.file,
    ]);
    return [
        `Keys sent: ${given.length === 1 ? "once" : `${given.length} times`}\n${table(["WHEN", "SENT", "SESSIONS", "TO", "FILE"], rows)}`,
    ];
}

function devices({ devices }: JobStory, now: number): string {
    if (devices.length === 0) return "Devices: none was addressed.";
    const rows = devices.map(({ device_id, state, updated_at }) => [
        device_id,
        state,
        ago(updated_at, now) ?? "?",
        deviceSentences[state] ?? state,
    ]);
    return `Devices: ${devices.length}\n${table(["DEVICE", "STATE", "SINCE", "THAT MEANS"], rows)}`;
}
