// What `urlsession/testing` gives: a simulated daemon for tests of apps.

/** A simulated daemon. */
export interface Simulation {
  /** The folder of everything that it keeps, temporary. */
  readonly home: string;
  /** Milliseconds of simulated time that have passed; a second may not be counted yet. */
  readonly elapsed: number;
  /** Ends the daemon and removes its home; sessions should be invalidated before. */
  stop(): Promise<void>;
}

/**
 * Starts a daemon that simulates servers, network, disk and time as the scenario has them: one statement a line.
 * Sessions that this process and its children make from then on are its own. Rejects with the line that is wrong.
 */
export declare function simulate(scenario: string): Promise<Simulation>;
