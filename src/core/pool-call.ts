/** The call of another host's `--pool` that a command is run for. */
export interface PoolCall {
  /** Names the run of `--pool`; every call of that run has it. */
  readonly runId: string;
  /** Whether VMs that run nowhere are this host's to work on. */
  readonly includesHaltedVms: boolean;
  /**
   * Fails once the caller has given up on this call, or its time is over. To be asked with the lock held,
   * and before each batch of writes: XAPI delivers a call whenever its host is back, and cancels none.
   */
  checkCallerWaiting(): Promise<void>;
}
