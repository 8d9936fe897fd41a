import { expect, test } from "vitest";
import type { Reason } from "../ledger/reasons.ts";
import { decide, go, hold, refuse, type ShareFacts, wait } from "./decide.ts";

const open: ShareFacts = {
    origin: "invite",
    approved: [],
    paused: false,
    crossSigned: true,
    mode: "automatic",
    room: { joined: true, encryption: "encrypted", visibility: "shared", crowded: false },
    invitee: {
        membership: "invite",
        awaited: "invite",
        account: "there",
        identity: "as_pinned",
        resembles: undefined,
        reordered: false,
        redeemed: false,
    },
    inviter: { trusted: true, isAnotherBot: false, standing: "joined", mayInvite: true },
    reinvite: "possible",
};
const room = (changes: Partial<ShareFacts["room"]>): ShareFacts => ({ ...open, room: { ...open.room, ...changes } });
const invitee = (changes: Partial<ShareFacts["invitee"]>): ShareFacts => ({
    ...open,
    invitee: { ...open.invitee, ...changes },
});
const inviter = (changes: Partial<ShareFacts["inviter"]>): ShareFacts => ({
    ...open,
    inviter: { ...open.inviter, ...changes },
});
/** A person approved what holds the job as things are. */
const released = (facts: ShareFacts): ShareFacts => {
    const held = decide(facts);
    return held.verdict === "hold" ? approved(facts, held.reason, held.detail) : approved(facts, "paused");
};
const approved = (facts: ShareFacts, reason: Reason, detail?: string): ShareFacts => ({
    ...facts,
    approved: [{ reason, detail }],
});
const alike = invitee({ resembles: "@alice:home" });
const commanded = (facts: ShareFacts): ShareFacts => ({ ...facts, origin: "command" });

test.each<[string, ShareFacts, ReturnType<typeof decide>]>([
    ["a shared room and a trusted inviter", open, go],
    ["a world readable room", room({ visibility: "world_readable" }), go],
    ["history is closed now, whatever it was before", room({ visibility: "joined" }), refuse("visibility_not_shared")],
    ["history begins with the invite", room({ visibility: "invited" }), refuse("visibility_not_shared")],
    [
        "a closed history stays closed when a person asks",
        commanded(room({ visibility: "joined" })),
        refuse("visibility_not_shared"),
    ],
    [
        "a closed history stays closed when a person approves",
        released(room({ visibility: "invited" })),
        refuse("visibility_not_shared"),
    ],
    ["a visibility that nobody understands", room({ visibility: "unknown" }), wait("room_state_unknown")],
    ["a room whose encryption is not known blocks", room({ encryption: "unknown" }), wait("room_state_unknown")],
    [
        "an invitee of whom nobody can tell whether they are banned",
        invitee({ membership: "unknown" }),
        wait("room_state_unknown"),
    ],
    ["a plain room", room({ encryption: "plain" }), refuse("room_not_encrypted")],
    ["the bot was thrown out", room({ joined: false }), refuse("not_in_room")],
    ["the invitee has declined meanwhile", invitee({ membership: "leave" }), refuse("not_invited")],
    ["the invitee has joined meanwhile", invitee({ membership: "join" }), refuse("not_invited")],
    [
        "they joined on the bot's own invite, and a device gets its copy",
        invitee({ membership: "join", awaited: "join" }),
        go,
    ],
    ["they left again after that", invitee({ membership: "leave", awaited: "join" }), refuse("not_invited")],
    [
        "the bot is to invite somebody who never was here",
        commanded(invitee({ membership: "none", awaited: "any" })),
        go,
    ],
    ["the bot is to invite somebody who knocks", commanded(invitee({ membership: "knock", awaited: "any" })), go],
    [
        "the bot is to invite somebody who is here, and leaves first",
        commanded(invitee({ membership: "join", awaited: "any" })),
        go,
    ],
    [
        "the bot is to invite somebody who is banned",
        commanded(invitee({ membership: "ban", awaited: "any" })),
        refuse("invitee_banned"),
    ],
    ["their name was nobody's when they were invited", invitee({ account: "late" }), hold("account_appeared_late")],
    ["the same, approved", released(invitee({ account: "late" })), go],
    [
        "the same, asked for by command: never past a hold",
        commanded(invitee({ account: "late" })),
        hold("account_appeared_late"),
    ],
    ["nobody ever invited them", commanded(invitee({ membership: "none" })), refuse("not_invited")],
    ["before the server was asked for the invitee's identity", invitee({ identity: "not_asked" }), go],
    ["an invitee without cross-signing", invitee({ identity: "none" }), refuse("no_identity")],
    ["the master key is not the first seen", invitee({ identity: "changed" }), hold("identity_changed")],
    [
        "an approval does not accept a changed identity",
        released(invitee({ identity: "changed" })),
        hold("identity_changed"),
    ],
    [
        "a command does not accept a changed identity",
        commanded(invitee({ identity: "changed" })),
        hold("identity_changed"),
    ],
    ["somebody else's server says that Bob invited", inviter({ trusted: false }), hold("inviter_server_not_trusted")],
    ["the same, approved", released(inviter({ trusted: false })), go],
    [
        "the same, asked for by command: never past a hold",
        commanded(inviter({ trusted: false })),
        hold("inviter_server_not_trusted"),
    ],
    ["the invitee looks like Alice", invitee({ resembles: "@alice:home" }), hold("looks_like_member", "@alice:home")],
    ["the same, approved", released(alike), go],
    [
        "an approval as long as the invitee looked like nobody",
        approved(alike, "waits_for_approval"),
        hold("looks_like_member", "@alice:home"),
    ],
    [
        "an approval of another likeness",
        approved(alike, "looks_like_member", "@dora:home"),
        hold("looks_like_member", "@alice:home"),
    ],
    [
        "a likeness approved, and the inviter's server is foreign",
        released({ ...alike, inviter: { ...open.inviter, trusted: false } }),
        hold("inviter_server_not_trusted"),
    ],
    [
        "a likeness approved, and then too many were invited",
        released({ ...alike, room: { ...open.room, crowded: true } }),
        hold("too_many_invitees"),
    ],
    [
        "the invitee's name is shown in another order than it is written in",
        invitee({ reordered: true }),
        hold("name_reordered"),
    ],
    ["the same, approved", released(invitee({ reordered: true })), go],
    [
        "the same, asked for by command: never past a hold",
        commanded(invitee({ reordered: true })),
        hold("name_reordered"),
    ],
    [
        "a likeness says so before the order",
        { ...alike, invitee: { ...alike.invitee, reordered: true } },
        hold("looks_like_member", "@alice:home"),
    ],
    ["whatever was approved: in mode approval a person has looked", { ...released(alike), mode: "approval" }, go],
    [
        "in mode approval a person says how many",
        { ...released({ ...open, mode: "approval" }), room: { ...open.room, crowded: true } },
        go,
    ],
    [
        "the same, asked for by command: never past a hold",
        commanded(invitee({ resembles: "@alice:home" })),
        hold("looks_like_member", "@alice:home"),
    ],
    [
        "a look-alike says so where every invite waits for approval: many are approved at once",
        { ...invitee({ resembles: "@alice:home" }), mode: "approval" },
        hold("looks_like_member", "@alice:home"),
    ],
    [
        "a changed identity says so before the likeness",
        invitee({ identity: "changed", resembles: "@a:home" }),
        hold("identity_changed"),
    ],
    ["more invitees within an hour than are allowed", room({ crowded: true }), hold("too_many_invitees")],
    ["the same, approved", released(room({ crowded: true })), go],
    [
        "the same, asked for by command: never past a hold",
        commanded(room({ crowded: true })),
        hold("too_many_invitees"),
    ],
    ["another bot re-invites in this room", inviter({ isAnotherBot: true }), refuse("reinvited_by_another_bot")],
    ["the inviter has been kicked or banned since", inviter({ standing: "removed" }), hold("inviter_removed")],
    ["the same, approved", released(inviter({ standing: "removed" })), go],
    [
        "the same, approved after keys had gone out",
        approved(inviter({ standing: "removed" }), "inviter_removed", "the invitee has been sent keys"),
        go,
    ],
    [
        "the same, asked for by command: never past a hold",
        commanded(inviter({ standing: "removed" })),
        hold("inviter_removed"),
    ],
    [
        "an approval from before the inviter was removed",
        approved(inviter({ standing: "removed" }), "waits_for_approval"),
        hold("inviter_removed"),
    ],
    [
        "the same, in mode approval",
        { ...approved(inviter({ standing: "removed" }), "waits_for_approval"), mode: "approval" },
        hold("inviter_removed"),
    ],
    [
        "the inviter was removed after the invitee joined on the bot's own invite",
        { ...inviter({ standing: "removed" }), invitee: { ...open.invitee, membership: "join", awaited: "join" } },
        hold("inviter_removed"),
    ],
    ["the inviter has left since: they had the right", inviter({ standing: "left" }), go],
    ["the inviter has lost the power since: they had the right", inviter({ mayInvite: false }), go],
    [
        "mode approval says that the inviter has left",
        { ...inviter({ standing: "left" }), mode: "approval" },
        hold("waits_for_approval", "the inviter has left the room"),
    ],
    [
        "mode approval says that the inviter may not invite any more",
        { ...inviter({ mayInvite: false }), mode: "approval" },
        hold("waits_for_approval", "the inviter may not invite any more"),
    ],
    [
        "the inviter of whom the room's state does not tell",
        inviter({ standing: "unknown" }),
        wait("room_state_unknown"),
    ],
    ["an invite for an e-mail address, redeemed", invitee({ redeemed: true }), hold("invited_by_third_party")],
    ["the same, approved", released(invitee({ redeemed: true })), go],
    [
        "the same, asked for by command: never past a hold",
        commanded(invitee({ redeemed: true })),
        hold("invited_by_third_party"),
    ],
    ["paused", { ...open, paused: true }, hold("paused")],
    [
        "the bot's device is not signed by its own identity",
        { ...open, crossSigned: false },
        wait("bot_not_cross_signed"),
    ],
    [
        "the same, when a person asks or approves",
        released(commanded({ ...open, crossSigned: false })),
        wait("bot_not_cross_signed"),
    ],
    [
        "what is refused does not wait for that",
        { ...room({ visibility: "joined" }), crossSigned: false },
        refuse("visibility_not_shared"),
    ],
    ["an approval does not end a pause", released({ ...open, paused: true }), hold("paused")],
    ["a command does not end a pause", commanded({ ...open, paused: true }), hold("paused")],
    ["the bot may not invite", { ...open, reinvite: "no_power" }, hold("no_power_to_invite")],
    ["the bot need not invite", { ...open, reinvite: "not_needed" }, go],
    ["mode approval waits", { ...open, mode: "approval" }, hold("waits_for_approval")],
    ["mode approval, approved", released({ ...open, mode: "approval" }), go],
    ["mode approval, asked for by command", commanded({ ...open, mode: "approval" }), hold("waits_for_approval")],
    ["mode command does nothing by itself", { ...open, mode: "command" }, refuse("only_by_command")],
    ["mode command, asked", commanded({ ...open, mode: "command" }), go],
    ["mode off, whoever asks", commanded({ ...open, mode: "off" }), refuse("sharing_off")],
    [
        "what is refused is not held: closed history in a paused room",
        { ...room({ visibility: "joined" }), paused: true },
        refuse("visibility_not_shared"),
    ],
])("%s", (_, facts, decision) => {
    expect(decide(facts)).toEqual(decision);
});
