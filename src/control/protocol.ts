/**
 * The control socket's operations: what a command may ask of the running bot. One JSON object a line, in both directions.
 * `control/` carries them; `bot.ts` gives the handlers; a command that finds no bot calls the same handlers under the lock.
 */
export interface ControlOperations {
    health(): Promise<{ readonly healthy: boolean; readonly problems: readonly string[] }>;
    share(roomId: string, userId: string): Promise<CommandOutcome & { readonly jobId?: string }>;
    /** Delivers first, and then makes the invite itself. */
    invite(roomId: string, userId: string): Promise<CommandOutcome & { readonly jobId?: string }>;
    /** The same for somebody who knocks, and for nobody else. */
    accept(roomId: string, userId: string): Promise<CommandOutcome & { readonly jobId?: string }>;
    approve(jobId: string): Promise<CommandOutcome>;
    /** Every held job of the room, but for those that each need a look of their own. */
    approveAll(roomId: string): Promise<CommandOutcome>;
    cancel(jobId: string): Promise<CommandOutcome>;
    pause(roomId: string | undefined): Promise<CommandOutcome>;
    resume(roomId: string | undefined): Promise<CommandOutcome>;
    trust(userId: string, fingerprint: string): Promise<CommandOutcome>;
    /** A chunk of about 100 entries in key export format. After one that has `more` behind it the rooms' counts may be old for a while. */
    importRoomKeys(
        entries: readonly unknown[],
        options: { readonly more: boolean },
    ): Promise<{ readonly imported: number; readonly refused: readonly { readonly index: number; readonly reason: string }[] }>;
    /** Some of a room's sessions in key export format, those behind `after` (0 at first); `next` is the following `after`, undefined after the last. */
    exportRoomKeys(roomId: string, after: number): Promise<{ readonly sessions: readonly object[]; readonly next: number | undefined }>;
    /** A snapshot of the data folder, in pieces; whoever stops taking them ends it. */
    snapshot(): AsyncIterable<Uint8Array>;
}

/** `ok: false` is the answer no (exit code 1): `message` says why and what to do. */
export interface CommandOutcome {
    readonly ok: boolean;
    readonly message: string;
}
