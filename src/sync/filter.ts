const stateTypes = [
    "m.room.create",
    "m.room.encryption",
    "m.room.history_visibility",
    "m.room.member",
    "m.room.power_levels",
    "m.room.tombstone",
];

const nothing = { not_types: ["*"] };

/**
 * What we ask of `/sync`: the state that the rooms tables keep, every member of it, and encrypted messages. Plain ones,
 * too: matrix-js-sdk asks to verify somebody by a plain message, in encrypted rooms as well (measured), and a filter
 * cannot tell these from others. To-device messages and key counts cannot be filtered. Source: Matrix v1.19,
 * "Filtering".
 */
export const syncFilter = JSON.stringify({
    presence: nothing,
    account_data: nothing,
    room: {
        include_leave: false,
        state: { types: stateTypes, lazy_load_members: false },
        timeline: { types: [...stateTypes, "m.room.encrypted", "m.room.message"], limit: 50 },
        ephemeral: nothing,
        account_data: nothing,
    },
});
