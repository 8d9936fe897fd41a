import { type Coverage, type Timelines, uncoveredBefore } from "../../timeline/index.ts";
import type { SharingEvidence } from "../evidence/evidence.ts";
import { weigh } from "../evidence/weigh.ts";
import { compare, type Counted } from "../policy/compare.ts";
import type { BotInvitees } from "./bot-invitees.ts";
import type { SharedHistory } from "./reinvite-facts.ts";

interface HistorySources {
    readonly timelines: Pick<Timelines, "coverage">;
    readonly botInvitees: Pick<BotInvitees, "joinedAt">;
    readonly evidence: Pick<SharingEvidence, "of" | "specSpellingShares">;
    readonly now: () => number;
}

/** Compares by what is on record: the room's last count, and what is known of the inviter's client. */
export function sharedHistory({ timelines, botInvitees, evidence, now }: HistorySources): SharedHistory {
    return {
        compare: (roomId, inviter, policy, { usable, inviterHasSignedDevice }) => {
            const weighed = weigh(evidence.of(inviter), {
                now: now(),
                specSpellingShares: evidence.specSpellingShares(),
                hasSignedDevice: inviterHasSignedDevice,
            });
            const counted = countedOf(timelines.coverage(roomId), botInvitees.joinedAt(roomId, inviter));
            return compare({
                setting: policy.reinvite === "when_complete" ? "when_complete" : "when_better",
                thresholds: policy.reinvite_thresholds,
                inviter,
                weighed,
                usable: usable === undefined ? usableOf(counted) : usable ? "yes" : "no",
                counted,
            });
        },
    };
}

/** @param joinedAt when the inviter joined on the bot's own invite, if they did */
function countedOf(coverage: Coverage | undefined, joinedAt: number | undefined): Counted | undefined {
    // What an earlier version counted is counted anew in a moment.
    if (coverage?.comparable === undefined) return undefined;
    const { reach, complete, events, covered, comparable } = coverage;
    const notTheirs = joinedAt === undefined ? 0 : uncoveredBefore(comparable.uncovered, joinedAt);
    return { reach, complete, events, covered, withheld: comparable.withheld, notTheirs };
}

function usableOf(counted: Counted | undefined): "yes" | "no" | "unknown" {
    if (counted === undefined) return "unknown";
    return counted.covered > counted.withheld ? "yes" : "no";
}
