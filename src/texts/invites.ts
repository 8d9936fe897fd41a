/** What stands as the reason of what the bot does to memberships: people read it in the room, or with an invite. */
export const inviteTexts = {
    /** To whoever invites the bot and may not. */
    notAllowed: "This bot only joins rooms at the invitation of the people who run it.",
    /** In a room that the bot was led into by a tombstone and that does not name the room of that tombstone. */
    falseSuccessor: "This room does not say that it replaces the one whose tombstone names it.",
    /** With an invite of the bot's own. */
    ownInvite: "The bot was asked to invite you, so that you can read the room's earlier messages.",
    /** With the bot's repeat of an invite by somebody else. */
    repeated: (inviter: string) =>
        `${inviter} invited you; this repeats the invite so that you can read the room's earlier messages.`,
    /** Of an invite of the bot's own that it takes back. */
    takenBack: "The invite that this one repeated was withdrawn or declined at the same moment.",
} as const;
