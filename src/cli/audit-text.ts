import type { AuditedDelivery, AuditReport } from "../sharing/index.ts";
import { table } from "./layout.ts";

/** Who was given what, as people read it. */
export function auditText({ deliveries }: AuditReport): string {
    if (deliveries.length === 0) return "Nobody was given anything.";
    const header = [
        "WHEN",
        "SENT",
        "USER",
        "ROOM",
        "DEVICES",
        "SESSIONS",
        "IDENTITY",
        "INVITED BY",
        "ALLOWED BY",
        "JOB",
        "FILE",
    ];
    const rows = deliveries.map((given) => [
        given.at,
        wasSent(given),
        given.user_id,
        given.room_id,
        given.devices.join(", "),
        String(given.sessions),
        given.identity,
        given.inviter,
        allowedBy(given.policy),
        given.job_id,
        given.file,
    ]);
    return `Deliveries: ${deliveries.length}, newest first\n${table(header, rows)}`;
}

function allowedBy({ mode, visibility, origin, approved }: AuditedDelivery["policy"]): string {
    const command = approved ? "`approve`" : origin === "command" ? "by command" : undefined;
    return [`mode ${mode}`, ...(command === undefined ? [] : [command]), `visibility ${visibility}`].join(", ");
}

/** Nobody is told whether a client took the keys; sometimes not even whether the homeserver did. */
export function wasSent({ sent }: Pick<AuditedDelivery, "sent">): string {
    switch (sent) {
        case "yes":
            return "yes";
        case "unknown":
            return "sent or not, unknown";
    }
}
