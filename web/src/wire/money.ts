// What `GET /api/money` answers: the reader's own flows, a view for each currency. Amounts are exact text; ratios are numbers.

export interface Money {
  items: MoneyView[];
}

export interface MoneyView {
  asset: string;
  parties: string[];
  sums: Sums;
  flows: Flow[];
  figures: Figures;
}

/** Cash, promises and paper are kept apart. */
export interface Sums {
  cash: string;
  commitments: string;
  paper: string;
  total: string;
}

/** All that one party owes another, and the invoices that say so. */
export interface Flow {
  from: string;
  to: string;
  sums: Sums;
  /** Which part of all flows it is. */
  share: number;
  sources: string[];
}

export interface Figures {
  gross: string;
  netted_by_pairs: string;
  netted_by_all: string;
  netted_in_one_pot: string;
  circulating: string;
  circulating_share: number;
  balanced: string;
  balanced_share: number;
  finn: number;
  cycle_count: number;
  cycles_are_all: boolean;
}
