import type { DatabaseSync } from "node:sqlite";

/**
 * After the bot's device was replaced: clients do not open what a device that is gone told them of, so every invitee
 * who has not joined yet gets the keys once more, from the new one. Belongs inside a transaction.
 */
export function sendAllAgain(sql: DatabaseSync): void {
    sql.exec(`
        -- Encrypted copies were the old device's.
        DELETE FROM share_sends;
        DELETE FROM share_job_devices WHERE job_id IN (SELECT job_id FROM share_watches);
        UPDATE share_watches SET look_at = 0;
    `);
}
