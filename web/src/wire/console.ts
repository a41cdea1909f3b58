// What `GET /api/console` answers. Instants are RFC 3339 text in UTC; amounts and shapes are text in the reader's language.

/** All that one organisation may see, at one instant. */
export interface View {
  now: string;
  organisation: { id: string; name: string; operator: boolean };
  roles: Role[];
  pools: Pool[];
  contracts: Contract[];
  workloads: Workload[];
  invoices: Invoice[];
  releases: Release[];
  endpoints: Endpoint[];
  /** For the operator only; a lab gets null. */
  control_plane: { cpu_milli: number; memory_bytes: number; journal_records?: number } | null;
}

export type Role = "view" | "operate" | "sign";

/** Inside the lab's guarantee, or beyond it and taken back when its owner needs it. */
export type LeaseKind = "own" | "borrowed";

/** An owner sees all cells of its pool; a lab those that it holds, and of the pool's size no more than its contracts say. */
export interface Pool {
  id: string;
  name: string;
  owner: string;
  mine: boolean;
  chips: number;
  free: number;
  /** How many have failed; for a lab, of those that it holds. */
  failed: number;
  model: string;
  cells: Cell[];
  strip: Strip;
}

export interface Cell {
  index: number;
  /** The machine's number for it, where the reader may know it. */
  device: number | null;
  holding: Holding | null;
  failed: boolean;
}

export interface Holding {
  kind: LeaseKind;
  organisation: string;
  workload: string | null;
  workload_id: string | null;
  since: string;
  leaves_by: string | null;
}

export interface Strip {
  from: string;
  to: string;
  intervals: Interval[];
}

/** A cell in one organisation's hands, from an instant to another or until now. */
export interface Interval {
  cell: number;
  from: string;
  to: string | null;
  kind: LeaseKind;
  organisation: string;
  workload: string | null;
}

export interface Contract {
  id: string;
  owner: string;
  lab: string;
  pool: string;
  standing: "offered" | "signed" | "ended";
  recall_bound: string;
  terms: Terms;
  unbilled: { guaranteed: string; borrowed: string };
  /** What of the guarantee is or was missing since cells failed; null where nothing ever was. */
  shortfall: { since: string | null; missing: string; total: string } | null;
}

export interface Terms {
  guarantee: string[];
  borrow_limit: string;
  lend_limit: string;
  notice: string;
  kill_grace: string;
  hand_over: string;
  starts: string;
  ends: string;
  guaranteed_price: string;
  borrowed_price: string;
  rounding: string;
}

export type WorkloadState = "waiting" | "running" | "leaving" | "done" | "failed" | "cancelled";

export interface Workload {
  id: string;
  name: string;
  organisation: string;
  pool: string;
  state: WorkloadState;
  least: string;
  most: string;
  chips: number;
  epoch: number;
  submitted_at: string;
  reason: { code: string; text: string } | null;
  exit: string | null;
  ended_at: string | null;
  serves: string | null;
}

export interface Invoice {
  contract: string;
  number: number;
  owner: string;
  lab: string;
  from: string;
  to: string;
  total: string;
  /** How many usage records it is made of. */
  records: number;
  lines: { kind: LineKind; used?: string; price?: string; amount: string; clause?: string }[];
}

export type LineKind =
  "guaranteed" | "borrowed" | "fee" | "commitment" | "undelivered" | "late" | "lent" | "credit" | "tax" | "prepayment";

export interface Release {
  reference: string;
  model: string;
  version: number;
  released_at: string;
  trained_by: string;
  gated_by: string;
}

export interface Endpoint {
  model: string;
  workload: string;
  state: string;
}
