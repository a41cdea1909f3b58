//! The sixth invariant: usage tiles each lease's life, each record is billed once, postings sum to zero.

use super::{Model, Verdict, demand};
use sinew_ledger::{Invoice, LineKind, UsageRecord};
use sinew_sched::{Account, Holding};
use sinew_types::{ContractId, Instant, Price, Rounding};

impl Model {
    pub(super) fn used(&mut self, at: Instant, record: &UsageRecord) -> Verdict {
        let id = record.workload;
        let (Some(work), Some(life)) = (self.works.get(&id), self.live.get_mut(&id)) else {
            return demand(false, 6, || format!("{id} is billed although it holds nothing"));
        };
        let now_or_before = record.from == life.reached && record.from < record.to && record.to <= at;
        let right = now_or_before && record.epoch == work.epoch;
        demand(right, 6, || {
            format!("{id} is billed {} to {}, reached {}", record.from, record.to, life.reached)
        })?;
        life.reached = record.to;
        let paid = life.failed_at.is_none();
        demand(paid, 6, || format!("{id} is billed to {} and holds failed cells", record.to))?;
        let chips = &self.pools[&work.pool].chips;
        let milli = |own: bool| -> u64 {
            let counted = life.cells.iter().filter(|(_, how)| (**how == Holding::Own) == own);
            counted.map(|(cell, _)| chips[cell]).sum()
        };
        let all = record.own_chip_milli == milli(true) && record.borrowed_chip_milli == milli(false);
        demand(all, 6, || format!("{id} is billed for other chips than it holds: {record:?}"))?;
        let contract = match work.account {
            Account::Contract(id) => Some(id),
            Account::Owner => None,
        };
        demand(record.contract == contract, 6, || format!("{id} is billed under {:?}", record.contract))?;
        let Some(contract) = contract else { return Ok(()) };
        let open = self.billed.get(&contract).is_none_or(|(_, to)| *to <= record.from);
        self.unbilled.entry(contract).or_default().push(record.clone());
        demand(open, 6, || format!("{id} is billed into an invoice that is closed already"))
    }

    pub(super) fn invoiced(&mut self, at: Instant, invoice: &Invoice) -> Verdict {
        let id = invoice.contract;
        let records = self.unbilled.remove(&id).unwrap_or_default();
        let whole = invoice.records as usize == records.len();
        demand(whole, 6, || format!("invoice {} of {id} has {} records", invoice.number, invoice.records))?;
        let before = self.billed.insert(id, (invoice.number, invoice.to));
        let follows = before.map_or(1, |(number, _)| number + 1) == invoice.number
            && before.is_none_or(|(_, to)| to == invoice.from)
            && invoice.from <= invoice.to
            && invoice.to <= at;
        demand(follows, 6, || format!("invoice {} of {id} does not follow {before:?}", invoice.number))?;
        self.lines(id, invoice, &records)?;
        for posting in &invoice.transaction.postings {
            let account = (posting.account, posting.money.asset.code().to_owned());
            *self.balances.entry(account).or_default() += posting.money.units;
        }
        let sum: i128 = invoice.transaction.postings.iter().map(|posting| posting.money.units).sum();
        demand(sum == 0, 6, || format!("the postings of invoice {} of {id} sum to {sum}", invoice.number))
    }

    /// Each line again, from the records and the terms.
    fn lines(&self, id: ContractId, invoice: &Invoice, records: &[UsageRecord]) -> Verdict {
        let terms = &self.deals[&id].terms;
        let mut total = 0;
        for line in &invoice.lines {
            let own = line.kind == LineKind::Guaranteed;
            demand(own || line.kind == LineKind::Borrowed, 6, || {
                format!("{:?} without a clause", line.kind)
            })?;
            let milli =
                |record: &UsageRecord| if own { record.own_chip_milli } else { record.borrowed_chip_milli };
            let price = if own { &terms.guaranteed_price } else { &terms.borrowed_price };
            let span = |record: &UsageRecord| i128::from(record.to.ms() - record.from.ms());
            let used: i128 = records.iter().map(|record| i128::from(milli(record)) * span(record)).sum();
            let units = line.amount.units;
            let right = rounded(price, used, terms.rounding, units);
            demand(right, 6, || format!("{used} of {:?} cost {units} on an invoice of {id}", line.kind))?;
            total += units;
        }
        let complete = invoice.lines.len() == 2 && total == invoice.total.units;
        demand(complete, 6, || format!("the lines of invoice {} of {id} are not its total", invoice.number))
    }

    pub(super) fn balances(&self) -> Verdict {
        let sum: i128 = self.balances.values().sum();
        demand(sum == 0, 6, || format!("all balances together are {sum}"))
    }
}

/// Whether `units` is what `used` costs: by how far it lies from the exact value, without computing that.
fn rounded(price: &Price, used: i128, rounding: Rounding, units: i128) -> bool {
    let per = i128::try_from(price.buys.amount).expect("a price is for a small quantity");
    let off = units * per - price.money.units * used;
    match rounding {
        Rounding::Down => -per < off && off <= 0,
        Rounding::Up => 0 <= off && off < per,
        Rounding::HalfEven => 2 * off.abs() < per || (2 * off.abs() == per && units % 2 == 0),
    }
}
