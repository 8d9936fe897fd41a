import { retryAfterOf } from "../homeserver/index.ts";
import { Invitations } from "../rooms/index.ts";
import type { ServicesOptions } from "./services.ts";

/** What answers the invites that the bot itself gets. */
export function ownInvitations({ settings, store, ledger, online, log, releases }: ServicesOptions): Invitations {
    const { homeserver } = online;
    const invitations = new Invitations({
        database: store.database,
        policy: settings.invites,
        join: (roomId, via) => homeserver.join(roomId, via),
        leave: (roomId, reason) => homeserver.leave(roomId, reason),
        retryAfterOf,
        logger: log,
        now: () => ledger.clock.now(),
    });
    releases.add("invitations", () => invitations.stop());
    return invitations;
}
