import type { DatabaseSync } from "node:sqlite";
import type { Engine } from "./engine.ts";
import { fault, storeErrorOf } from "./errors.ts";
import type { Transaction } from "./transaction.ts";

const endedEarly = "The function given to atomically() ended the transaction itself, or went on after SQLite had to.";

/** The outer transaction of `atomically`. */
interface Outer {
    running: boolean;
    begin: () => void;
    idle: (() => void) | undefined;
    /** Why it can no longer be committed. */
    failure: Error | undefined;
    /** SQLite has undone it already; what runs now runs in an empty transaction that will be undone as well. */
    undone: boolean;
}

/**
 * Who may run when. Read-only transactions need nothing of SQLite: nobody else can write, and no writer with an
 * overlapping scope runs beside them. Writers run one at a time, whatever their scope (section 2.7.2 allows that), each
 * as one SQLite transaction or, inside `atomically`, as a savepoint of the outer one.
 */
export class Scheduler {
    readonly #sql: DatabaseSync;
    readonly #engine: Engine;
    readonly #live = new Set<Transaction>();
    #writers = 0;
    #outer: Outer | undefined;

    constructor(engine: Engine) {
        this.#engine = engine;
        this.#sql = engine.sql;
    }

    /** Takes the transaction in; returns whether it belongs to the outer transaction that runs. */
    add(transaction: Transaction): boolean {
        this.#live.add(transaction);
        if (transaction.writes) this.#writers++;
        return this.#outer?.running ?? false;
    }

    mayStart(transaction: Transaction): boolean {
        if (this.#outer && !this.#outer.running && transaction.writes && transaction.waitsForOuter) return false;
        if (this.#outer?.running && !transaction.inner) return !transaction.writes && !transaction.waitsForOuter;
        if (this.#writers === 0) return true;
        for (const other of this.#live) {
            if (other === transaction) return true;
            if (this.#outer?.running && !other.inner && !other.started) continue;
            if (other.writes && transaction.writes) return false;
            if ((other.writes || transaction.writes) && other.overlaps(transaction)) return false;
        }
        return true;
    }

    get outerWaits(): boolean {
        return this.#outer !== undefined && !this.#outer.running;
    }

    begin(): void {
        this.#requireOuterIntact();
        this.#sql.exec(this.#outer?.running ? "SAVEPOINT idb" : "BEGIN IMMEDIATE");
    }

    commit(): void {
        this.#requireOuterIntact();
        if (!this.#outer?.running) this.#engine.records.filing.beforeCommit();
        this.#sql.exec(this.#outer?.running ? "RELEASE idb" : "COMMIT");
    }

    /** Undoes the writer's changes; after some faults SQLite has done so itself. */
    rollback(): void {
        if (!this.#sql.isOpen || !this.#sql.isTransaction || this.#outer?.undone) return;
        this.#sql.exec(this.#outer?.running ? "ROLLBACK TO idb; RELEASE idb" : "ROLLBACK");
    }

    /** A fault of the disk: an outer transaction must not be committed after it. */
    noteFailure(error: unknown): void {
        const failure = storeErrorOf(error);
        if (!failure || !this.#outer?.running) return;
        this.#outer.failure ??= failure;
        this.#shield(this.#outer);
    }

    /** Whether SQLite has ended the writer's transaction by itself: then it must not go on. */
    get lost(): boolean {
        return this.#sql.isOpen && !this.#sql.isTransaction;
    }

    #requireOuterIntact(): void {
        const outer = this.#outer;
        if (!outer?.running) return;
        if (!this.#sql.isTransaction) outer.failure ??= new Error(endedEarly);
        this.#shield(outer);
        if (outer.failure) throw outer.failure;
    }

    // SQLite ends a transaction by itself when the disk is full: what still comes must not be committed on its own.
    #shield(outer: Outer): void {
        if (this.#sql.isTransaction) return;
        outer.undone = true;
        this.#sql.exec("BEGIN");
    }

    remove(transaction: Transaction): void {
        if (!this.#live.delete(transaction)) return;
        if (transaction.writes) this.#writers--;
        this.#wake();
    }

    #wake(): void {
        const outer = this.#outer;
        if (outer && !outer.running && !this.#startedWriters()) outer.begin();
        if (outer?.running && outer.idle && ![...this.#live].some((t) => t.inner)) outer.idle();
        for (const transaction of this.#live)
            if (!transaction.started && this.mayStart(transaction)) transaction.wake();
    }

    #startedWriters(): boolean {
        for (const transaction of this.#live) if (transaction.writes && !transaction.waitsForOuter) return true;
        return false;
    }

    /** See `createIndexedDB`. */
    async atomically<T>(fn: (sql: DatabaseSync) => T | Promise<T>, undone: () => void): Promise<T> {
        if (this.#outer)
            throw fault("InvalidStateError", "atomically() does not nest: another call of it has not ended.");
        const outer: Outer = {
            running: false,
            begin: () => undefined,
            idle: undefined,
            failure: undefined,
            undone: false,
        };
        this.#outer = outer;
        try {
            if (this.#startedWriters()) await new Promise<void>((resolve) => (outer.begin = resolve));
            this.#sql.exec("BEGIN IMMEDIATE");
            outer.running = true;
            return await this.#runOuter(outer, fn, undone);
        } catch (error) {
            throw storeErrorOf(error) ?? error;
        } finally {
            this.#outer = undefined;
            this.#wake();
        }
    }

    async #runOuter<T>(outer: Outer, fn: (sql: DatabaseSync) => T | Promise<T>, undone: () => void): Promise<T> {
        try {
            const result = await fn(this.#sql);
            await this.#innerFinished(outer);
            if (outer.failure) throw outer.failure;
            if (!this.#sql.isTransaction) throw new Error(endedEarly);
            this.#engine.records.filing.beforeCommit();
            this.#sql.exec("COMMIT");
            return result;
        } catch (error) {
            for (const transaction of this.#live) {
                if (transaction.inner) transaction.abort(fault("AbortError", "The outer transaction was rolled back."));
            }
            if (this.#sql.isOpen && this.#sql.isTransaction) this.#sql.exec("ROLLBACK");
            if (this.#sql.isOpen) undone();
            // What the file did is the reason, whatever the function made of it.
            const reason = outer.failure ?? error;
            this.#engine.makeRoom(reason);
            throw reason;
        }
    }

    async #innerFinished(outer: Outer): Promise<void> {
        while ([...this.#live].some((transaction) => transaction.inner))
            await new Promise<void>((resolve) => (outer.idle = resolve));
    }
}
