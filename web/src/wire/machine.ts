// What `GET /api/machine` answers. Names and sentences are in the reader's language.

/** The machine under the workloads. */
export interface Machine {
  protections: Protection[];
}

/** Something that a workload is kept from, and how well. */
export interface Protection {
  protection: string;
  name: string;
  support: "enforced" | "weaker" | "unavailable";
  says: string;
  /** What the system said, where it is not enforced. */
  detail: string | null;
}
