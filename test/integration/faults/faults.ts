import type { Fault } from "../../proxy/index.ts";

const matrixError = (status: number, errcode: string, more: object = {}) => ({
    status,
    body: { errcode, error: "a fault of the test", ...more },
});

/** What can go wrong with a request, once; its name is the table's column. */
export const faults = {
    "429": { kind: "answer_instead", answer: matrixError(429, "M_LIMIT_EXCEEDED", { retry_after_ms: 300 }) },
    "500": { kind: "answer_instead", answer: matrixError(500, "M_UNKNOWN") },
    "403": { kind: "answer_instead", answer: matrixError(403, "M_FORBIDDEN") },
    "404": { kind: "answer_instead", answer: matrixError(404, "M_NOT_FOUND") },
    "gateway page": { kind: "answer_instead", answer: { status: 502, body: "<html><h1>502 Bad Gateway</h1></html>" } },
    truncated: { kind: "truncate_after" },
    "reset before": { kind: "break_before" },
    "reset after": { kind: "break_after" },
    delay: { kind: "delay", ms: 1_500 },
    repeat: { kind: "repeat" },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof faults;

export const faultNames = Object.keys(faults) as readonly FaultName[];
