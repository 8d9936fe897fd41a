import type { Api } from "./api.ts";

export interface SeenInvite {
    readonly roomId: string;
    readonly userId: string;
    readonly sender: string;
}

interface Sync {
    readonly next_batch: string;
    readonly rooms?: {
        readonly join?: Record<string, { readonly timeline?: { readonly events: readonly MemberEvent[] } }>;
    };
}

interface MemberEvent {
    readonly type: string;
    readonly sender: string;
    readonly state_key?: string;
    readonly content: { readonly membership?: string };
}

const filter = JSON.stringify({
    presence: { types: [] },
    account_data: { types: [] },
    room: {
        timeline: { types: ["m.room.member"] },
        state: { types: [] },
        ephemeral: { types: [] },
        account_data: { types: [] },
    },
});

/**
 * Calls `seen` with every invite that is made in the user's rooms from now on: one long poll after the other, until the
 * signal aborts. Answers once it watches.
 */
export async function watchInvites(
    api: Api,
    signal: AbortSignal,
    seen: (invite: SeenInvite) => void | Promise<void>,
): Promise<void> {
    const { next_batch: since } = await sync(api, undefined, signal);
    void poll(api, since, signal, seen);
}

async function poll(
    api: Api,
    since: string,
    signal: AbortSignal,
    seen: (invite: SeenInvite) => void | Promise<void>,
): Promise<void> {
    try {
        for (let token = since; ;) {
            const answer = await sync(api, token, signal);
            token = answer.next_batch;
            for (const invite of invitesIn(answer)) await seen(invite);
        }
    } catch (cause) {
        if (!signal.aborted) throw cause;
    }
}

async function sync(api: Api, since: string | undefined, signal: AbortSignal): Promise<Sync> {
    const query = new URLSearchParams({
        filter,
        timeout: since === undefined ? "0" : "30000",
        ...(since === undefined ? {} : { since }),
    });
    return await api.call<Sync>("GET", `/client/v3/sync?${query.toString()}`, undefined, signal);
}

function invitesIn({ rooms }: Sync): readonly SeenInvite[] {
    return Object.entries(rooms?.join ?? {}).flatMap(([roomId, { timeline }]) =>
        (timeline?.events ?? [])
            .filter(({ type, content }) => type === "m.room.member" && content.membership === "invite")
            .map(({ sender, state_key: userId = "" }) => ({ roomId, userId, sender })),
    );
}
